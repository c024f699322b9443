//! Bounds of a posterior, as `Infer` asks for them.

use elbow_core::compiled::Buffers;
use elbow_core::infer::{Guarded, LogLikelihood, Posterior, Scratch, elbo, iwae};
use elbow_core::noise::Independent;
use elbow_core::wire::{Inference, Inferred, Refusal};

/// A bound of `q` from the draws `0..count` of `noise`: for [`Inference::Iwae`] the importance-weighted bound
/// and its effective sample size, else, whatever the task, the log-likelihood and the divergence of the ELBO;
/// in nats, NaN for no draws (but the divergence, which needs none). `Z` is memory for one latent, whose
/// first array is as long as that of `q`.
///
/// # Errors
///
/// The first refusal of the decoder, or the first error of the noise.
pub fn bound<Z: Buffers>(
    likelihood: &mut impl LogLikelihood,
    q: Posterior<'_>,
    task: Inference,
    count: u32,
    mut noise: Independent,
) -> Result<Inferred, Refusal> {
    let (mut eps, mut z) = (Z::ZEROS, Z::ZEROS);
    let scratch = Scratch { eps: eps.first_mut(), z: z.first_mut() };
    let values = if task == Inference::Iwae {
        let iwae = iwae(likelihood, q, &mut noise, 0..count, scratch)?;
        [iwae.bound(), iwae.ess()]
    } else {
        let terms = elbo(likelihood, q, &mut noise, 0..count, scratch)?;
        [terms.log_likelihood, terms.kl]
    };
    Ok(Inferred { values, kept_start: false })
}

/// What the guard of a refinement found, as a reply holds it: gain and standard error, and whether the start
/// was kept.
pub fn guarded(guarded: Guarded) -> Inferred {
    let Guarded { gain, se, kept_start } = guarded;
    Inferred { values: [gain, se], kept_start }
}
