//! Refinement as a device does it, from the encoder's posterior.

use super::normal::Normal;
use elbow_core::infer::{FLOATS, Gradient, InferError, Pairs, Posterior, Refiner, Stein};

/// A posterior after some steps and the guard.
#[derive(Clone, Debug)]
pub struct Refined {
    /// What the guard let through.
    pub posterior: Normal,
    /// The guard sent it back to its start.
    pub kept: bool,
}

/// Refines `q` by the default rule, with the noise of `(key, row)`; one posterior for each of `steps`.
///
/// A gradient that is not finite ends the steps, as on a device; the guard judges what there is then.
///
/// # Errors
///
/// What the decoder refused.
pub fn refine<L: Gradient + ?Sized>(
    likelihood: &mut L,
    q: Posterior<'_>,
    steps: &[u32],
    (key, row): (u64, u64),
) -> Result<Vec<Refined>, InferError> {
    let refined = |steps: &u32| {
        let floats = vec![0.0; FLOATS * q.loc.len()];
        let mut refiner = Refiner::in_buffer(floats, q, Stein::DEFAULT, Pairs::DEFAULT);
        let mut noise = Pairs::DEFAULT.noise(key, row);
        for _ in 0..*steps {
            match refiner.step(likelihood, &mut noise) {
                Ok(_) => {}
                Err(InferError::NonFiniteGradient { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        let (mut loc, mut log_var) = (q.loc.to_vec(), q.log_var.to_vec());
        let guarded = refiner.finish_slices(likelihood, &mut noise, &mut loc, &mut log_var)?;
        Ok(Refined {
            posterior: Normal::of_encoder(Posterior { loc: &loc, log_var: &log_var }),
            kept: guarded.kept_start,
        })
    };
    steps.iter().map(refined).collect()
}
