//! Refinement as a device does it, from the encoder's posterior or from the prior.

use super::bound::{Effort, elbos, largest};
use super::normal::Normal;
use super::sobol::Sobol;
use crate::infer;
use crate::manifest::RefineTable;
use crate::rows::StreamKey;
use elbow_core::infer::{Gradient, InferError, Posterior};
use elbow_core::noise::Draws;

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

/// The posterior after `steps` steps of `settings` from `q` with the noise of `stream`, as the generated
/// `refine` computes it.
///
/// Where a gradient is not finite, or the guard rejects the result, that is `q` itself.
///
/// # Errors
///
/// What the decoder refused.
pub fn refine<L: Gradient + ?Sized>(
    likelihood: &mut L,
    q: Posterior<'_>,
    settings: &RefineTable,
    steps: u32,
    stream: StreamKey,
) -> Result<Refined, InferError> {
    let (mut loc, mut log_var) = (q.loc.to_vec(), q.log_var.to_vec());
    let kept = infer::refine_or_keep(likelihood, settings, steps, stream, &mut loc, &mut log_var)?;
    let posterior = Normal::of_encoder(Posterior { loc: &loc, log_var: &log_var });
    Ok(Refined { posterior, kept })
}

/// Draws of the prior from which a start is the likeliest.
const TRIED: u32 = 8;
/// Starts at draws of the prior, beside those of [`PRIOR`].
const DRAWN: u32 = 6;
/// Number of starts, and the fraction of the steps that each gets before the best one continues: 45 of 500.
const STARTS: u32 = DRAWN + PRIOR.len() as u32;
const SHARE: f64 = 0.09;
/// What tells the starts' ends apart.
const CHOICE: Effort = Effort { se: 0.003, draws: 512 };

/// Posterior of one observation without an encoder: [`refine`] by 9 % of `steps` from each of eight starts,
/// then by the rest from the end with the largest ELBO. It has as many latents as `sobol` has dimensions.
/// `choice` is the noise of that comparison, which no step uses. Starts whose gradient is not finite stay
/// where they are.
///
/// # Errors
///
/// What the decoder refused.
pub fn refine_prior<L: Gradient + ?Sized>(
    likelihood: &mut L,
    sobol: &Sobol,
    settings: &RefineTable,
    steps: u32,
    stream: StreamKey,
    choice: StreamKey,
) -> Result<Normal, InferError> {
    let each = (SHARE * f64::from(steps)) as u32;
    let climb = |likelihood: &mut L, start: &mut Start, steps| {
        infer::refine_or_keep(
            likelihood,
            settings,
            steps,
            stream,
            &mut start.loc,
            &mut start.log_var,
        )
    };
    let mut all = starts(likelihood, sobol.dimensions(), settings, stream)?;
    for start in &mut all {
        climb(likelihood, start, each)?;
    }
    let ends: Vec<Normal> = all.iter().map(normal).collect();
    let bounds = elbos(likelihood, &ends.iter().collect::<Vec<_>>(), sobol, choice, CHOICE)?;
    let mut best = all.swap_remove(largest(&bounds.elbo));
    climb(likelihood, &mut best, steps - STARTS * each)?;
    Ok(normal(&best))
}

/// Means and log-variances of all latents.
struct Start {
    loc: Vec<f32>,
    log_var: Vec<f32>,
}

/// The posterior with these means and log-variances, in f64.
fn normal(start: &Start) -> Normal {
    Normal::of_encoder(Posterior { loc: &start.loc, log_var: &start.log_var })
}

/// The eight starts: the two of [`PRIOR`], and six with the narrower log-variance whose mean is the likeliest
/// of [`TRIED`] draws of the prior each, or 0 where all have the likelihood 0. An error is the likelihood's.
fn starts<L: Gradient + ?Sized>(
    likelihood: &mut L,
    latent: usize,
    settings: &RefineTable,
    stream: StreamKey,
) -> Result<Vec<Start>, InferError> {
    let mut starts: Vec<Start> = PRIOR
        .map(|log_var| Start { loc: vec![0.0; latent], log_var: vec![log_var; latent] })
        .into();
    let mut noise = settings.pairs().noise(stream.seed, stream.row);
    for start in 0..DRAWN {
        let mut likeliest = (f32::NEG_INFINITY, vec![0.0; latent]);
        for draw in TRIED * start..TRIED * (start + 1) {
            let mut z = vec![0.0; latent];
            noise.draw(draw, &mut z)?;
            let log_likelihood = likelihood.log_likelihood(&z)?;
            if log_likelihood > likeliest.0 {
                likeliest = (log_likelihood, z);
            }
        }
        let [_, narrow] = PRIOR;
        starts.push(Start { loc: likeliest.1, log_var: vec![narrow; latent] });
    }
    Ok(starts)
}
