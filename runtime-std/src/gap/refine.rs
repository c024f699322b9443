//! Refinement as a device does it, from the encoder's posterior or from the prior.

use super::normal::Normal;
use crate::manifest::RefineTable;
use crate::twin;
use elbow_core::infer::{Gradient, InferError, Posterior};

/// Log-variances of the prior's starts; all means are 0.
pub const PRIOR: [f32; 2] = [0.0, -2.0];

/// A posterior after some steps and the guard.
#[derive(Clone, Debug)]
pub struct Refined {
    /// What the guard let through.
    pub posterior: Normal,
    /// The guard sent it back to its start.
    pub kept: bool,
}

/// Refines `q` by `steps` steps of `settings`, with the noise of `(key, row)`: the generated `refine`.
///
/// A gradient that is not finite leaves `q` as it is, as on a device.
///
/// # Errors
///
/// What the decoder refused.
pub fn refine<L: Gradient + ?Sized>(
    likelihood: &mut L,
    q: Posterior<'_>,
    (settings, steps): (&RefineTable, u32),
    stream: (u64, u64),
) -> Result<Refined, InferError> {
    let (mut loc, mut log_var) = (q.loc.to_vec(), q.log_var.to_vec());
    let kept = twin::refine_or_keep(likelihood, settings, steps, stream, &mut loc, &mut log_var)?;
    let posterior = Normal::of_encoder(Posterior { loc: &loc, log_var: &log_var });
    Ok(Refined { posterior, kept })
}

/// [`refine`] from each of the two starts of the prior, without an encoder: `N(0, I)` and a narrower one,
/// since either alone gets stuck where the other does not.
///
/// # Errors
///
/// What the decoder refused.
pub fn refine_prior<L: Gradient + ?Sized>(
    likelihood: &mut L,
    latent: usize,
    by: (&RefineTable, u32),
    stream: (u64, u64),
) -> Result<[Normal; 2], InferError> {
    let loc = vec![0.0; latent];
    let mut refined = |log_var: f32| {
        let log_var = vec![log_var; latent];
        let start = Posterior { loc: &loc, log_var: &log_var };
        refine(likelihood, start, by, stream).map(|refined| refined.posterior)
    };
    let [wide, narrow] = PRIOR;
    Ok([refined(wide)?, refined(narrow)?])
}
