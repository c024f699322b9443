//! What models of one kind do besides running: a kind is a type, so that each image holds what its models do.

use crate::{Memory, bound, guarded};
use elbow_core::compiled::{
    Buffers, Compiled, Decoder, Density, Encoder, Flow, Refined, Scored, kind,
};
use elbow_core::infer::ElboTerms;
use elbow_core::noise::Independent;
use elbow_core::wire::{Inference, Inferred, Kind, Refusal};

/// A kind, for a model `M` of it; `None` is the answer of a model that does not do this.
pub trait Serves<M: Compiled>: Sized {
    /// What its decoder answers, `()` without one that scores.
    type Mean: Buffers;
    /// How it is described.
    const KIND: Kind;
    /// Latents that are drawn: all of them together.
    const LATENT: usize = 0;
    /// Bytes of the longest payload: all inputs, two arrays of the outputs, a sample with its noise, the
    /// name.
    const PAYLOAD: usize = largest(&[
        4 * total(M::Inputs::LENS),
        4 * largest(M::Outputs::LENS),
        8 * Self::LATENT,
        M::NAME.len(),
    ]);

    /// [`Calls::score`](crate::Calls::score); `None` unless the kind has its own.
    fn score(_: &mut Memory<M, Self::Mean>) -> Option<Result<ElboTerms, Refusal>> {
        None
    }

    /// [`Model::explains`](crate::Model::explains); `false` unless the kind has its own.
    fn explains(_: Inference) -> bool {
        false
    }

    /// [`Calls::explain`](crate::Calls::explain); `None` unless the kind has its own.
    fn explain(
        _: &mut Memory<M, Self::Mean>,
        _: (Inference, u32),
        _: (u64, u64),
    ) -> Option<Result<Inferred, Refusal>> {
        None
    }

    /// [`Calls::log_prob`](crate::Calls::log_prob); `None` unless the kind has its own.
    fn log_prob(_: &mut Memory<M, Self::Mean>) -> Option<Result<f32, Refusal>> {
        None
    }
}

impl<M: Compiled> Serves<M> for kind::GraphModel {
    type Mean = ();
    const KIND: Kind = bare::<M>();
}

impl<M: Flow> Serves<M> for kind::FlowModel {
    type Mean = ();
    const KIND: Kind = bare::<M>();
}

impl<M: Density> Serves<M> for kind::DensityModel {
    type Mean = ();
    const KIND: Kind = bare::<M>();

    /// `ln p(x)` of the loaded inputs in nats; writes the latent to `outputs.z`. `None` before the model is
    /// opened.
    #[inline(always)]
    fn log_prob(memory: &mut Memory<M, ()>) -> Option<Result<f32, Refusal>> {
        let Memory { pack, workspace, inputs, outputs, .. } = memory;
        let value = M::log_prob(pack.as_ref()?, workspace, inputs, &mut outputs.z);
        Some(value.map_err(Refusal::from))
    }
}

impl<M: Encoder> Serves<M> for kind::EncoderModel {
    type Mean = ();
    const KIND: Kind = amortized::<M>(false);
    const LATENT: usize = M::LATENT;
}

impl<M: Decoder> Serves<M> for kind::DecoderModel {
    type Mean = ();
    const KIND: Kind = amortized::<M>(false);
    const LATENT: usize = M::LATENT;
}

impl<M: Scored> Serves<M> for kind::ScoredModel {
    type Mean = M::Mean;
    const KIND: Kind = amortized::<M>(true);
    const LATENT: usize = M::LATENT;

    /// The score of the loaded inputs at the mean of the posterior in `outputs`; writes what that decodes to
    /// to `x_mean`. `None` before the model is opened.
    #[inline(always)]
    fn score(memory: &mut Memory<M, M::Mean>) -> Option<Result<ElboTerms, Refusal>> {
        let Memory { pack, workspace, inputs, outputs: q, x_mean } = memory;
        let terms = M::score(pack.as_ref()?, workspace, inputs, q, x_mean);
        Some(terms.map_err(Refusal::from))
    }

    /// Bounds are explained, refinements are not.
    fn explains(task: Inference) -> bool {
        matches!(task, Inference::Elbo | Inference::Iwae)
    }

    /// A bound of the posterior in `outputs`, from `task.1` draws; overwrites `x_mean`. `None` for a
    /// refinement, and before the model is opened.
    #[inline(always)]
    fn explain(
        memory: &mut Memory<M, M::Mean>,
        task: (Inference, u32),
        stream: (u64, u64),
    ) -> Option<Result<Inferred, Refusal>> {
        let Memory { pack, workspace, inputs, outputs: q, x_mean } = memory;
        let mut observation = M::observation(pack.as_ref()?, workspace, inputs, x_mean);
        match task.0 {
            Inference::Elbo | Inference::Iwae => {
                let q = M::posterior(q, 0)?;
                let noise = Independent { key: stream.0, datapoint: stream.1 };
                Some(bound::<M::Latents>(&mut observation, q, task.0, task.1, noise))
            }
            Inference::Refine | Inference::RefinePrior => None,
        }
    }
}

impl<M: Refined> Serves<M> for kind::RefinedModel {
    type Mean = M::Mean;
    const KIND: Kind = amortized::<M>(true);
    const LATENT: usize = M::LATENT;

    /// As [`kind::ScoredModel`] does.
    #[inline(always)]
    fn score(memory: &mut Memory<M, M::Mean>) -> Option<Result<ElboTerms, Refusal>> {
        kind::ScoredModel::score(memory)
    }

    /// Every task is explained.
    fn explains(_: Inference) -> bool {
        true
    }

    /// A bound as [`kind::ScoredModel`] gives it, or the refinement of the posterior in `outputs` by `task.1`
    /// steps of refinement; for [`Inference::RefinePrior`] `outputs` are first set to the prior. `None`
    /// before the model is opened.
    #[inline(always)]
    fn explain(
        memory: &mut Memory<M, M::Mean>,
        task: (Inference, u32),
        stream: (u64, u64),
    ) -> Option<Result<Inferred, Refusal>> {
        match task.0 {
            Inference::Elbo | Inference::Iwae => {
                return kind::ScoredModel::explain(memory, task, stream);
            }
            Inference::Refine => {}
            Inference::RefinePrior => memory.outputs = M::Outputs::ZEROS,
        }
        let Memory { pack, workspace, inputs, outputs: q, x_mean } = memory;
        let mut observation = M::observation(pack.as_ref()?, workspace, inputs, x_mean);
        let refined = M::refine(&mut observation, q, task.1, stream);
        Some(refined.map(guarded).map_err(Refusal::from))
    }
}

/// The largest of some sizes, 0 for none; usable in constants.
pub const fn largest(sizes: &[usize]) -> usize {
    match sizes {
        [] => 0,
        [size, rest @ ..] => {
            let rest = largest(rest);
            if *size > rest { *size } else { rest }
        }
    }
}

/// The sum of some lengths, 0 for none; usable in constants.
const fn total(lens: &[usize]) -> usize {
    match lens {
        [] => 0,
        [len, rest @ ..] => *len + total(rest),
    }
}

/// The description of a model whose outputs have no further meaning to the host: the length of all inputs
/// together, and the number of outputs.
const fn bare<M: Compiled>() -> Kind {
    Kind::Bare { inputs: total(M::Inputs::LENS) as u32, outputs: M::Outputs::LENS.len() as u32 }
}

/// The description of a model with posteriors, of which each is two outputs: the length of all inputs
/// together, that of all latents together, and the number of posteriors. `scored` is taken over.
const fn amortized<M: Encoder>(scored: bool) -> Kind {
    Kind::Amortized {
        inputs: total(M::Inputs::LENS) as u32,
        latent: M::LATENT as u32,
        posteriors: M::Outputs::LENS.len() as u32 / 2,
        scored,
    }
}
