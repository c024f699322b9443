//! Bounds of a posterior, as `Infer` asks for them.

use elbow_core::distributions::DiagNormal;
use elbow_core::infer::{Guarded, LogLikelihood, Scratch, elbo, iwae};
use elbow_core::noise::Independent;
use elbow_core::wire::{Inference, Inferred, Refusal};

/// A bound of `q` by so many independent draws of the stream of `key` and datapoint: the
/// importance-weighted one for [`Inference::Iwae`], else the ELBO.
///
/// # Errors
///
/// What the decoder refused.
pub fn bound<const D: usize>(
    likelihood: &mut impl LogLikelihood,
    q: &DiagNormal<D>,
    (task, count): (Inference, u32),
    (key, datapoint): (u64, u64),
) -> Result<Inferred, Refusal> {
    let scratch = Scratch { eps: &mut [0.0; D], z: &mut [0.0; D] };
    let mut noise = Independent { key, datapoint };
    let values = if task == Inference::Iwae {
        let iwae = iwae(likelihood, q.into(), &mut noise, 0..count, scratch)?;
        [iwae.bound(), iwae.ess()]
    } else {
        let terms = elbo(likelihood, q.into(), &mut noise, 0..count, scratch)?;
        [terms.log_likelihood, terms.kl]
    };
    Ok(Inferred { values, kept_start: false })
}

/// What the guard of a refinement found.
pub fn guarded(guarded: Guarded) -> Inferred {
    let Guarded { gain, se, kept_start } = guarded;
    Inferred { values: [gain, se], kept_start }
}
