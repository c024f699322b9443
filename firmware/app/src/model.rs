//! What a compiled model does for the program.

use elbow_core::detect::Verdict;
use elbow_core::infer::ElboTerms;
use elbow_core::wire::{Described, Floats, Inference, Inferred, Refusal};

/// What a model computes on what was loaded; each call is measured by itself.
pub trait Calls {
    /// Verifies the weights; to be called before anything else, and allowed again.
    ///
    /// # Errors
    ///
    /// [`Refusal::DamagedPack`] where the weights are no intact pack. That they are another model's is found
    /// by the calls.
    fn open(&mut self) -> Result<(), Refusal>;

    /// Runs the encoder, the flow, or the graph without roles, on the inputs of [`load`](Model::load); for
    /// [`output`](Model::output) and [`score`](Self::score).
    ///
    /// # Errors
    ///
    /// [`Refusal::NothingSelected`] before [`open`](Self::open); else what the generated code refused, after
    /// which the outputs must not be used.
    fn infer(&mut self) -> Result<(), Refusal>;

    /// Decodes the posterior mean of the last [`infer`](Self::infer) and scores the observation; `None`
    /// without a decoder, with several posteriors, or before [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// What the generated code refused.
    fn score(&mut self) -> Option<Result<ElboTerms, Refusal>>;

    /// Goes on from the posterior of [`infer`](Self::infer) with the decoder: `task` is what is asked for and
    /// the number of draws or steps of refinement, `stream` key and datapoint of the noise. A refinement
    /// changes the posterior, unless its guard keeps the start. `None` without a decoder, with several
    /// posteriors, for a refinement that the model was not compiled for, or before [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// What the generated code refused.
    fn explain(
        &mut self,
        task: (Inference, u32),
        stream: (u64, u64),
    ) -> Option<Result<Inferred, Refusal>>;

    /// `ln p(x)` of the inputs of [`load`](Model::load), in nats; `None` unless the model is a flow whose
    /// latent is standard normal, and before [`open`](Self::open). Needs no [`infer`](Self::infer), and
    /// overwrites the latent of one.
    ///
    /// # Errors
    ///
    /// What the generated code refused.
    fn log_prob(&mut self) -> Option<Result<f32, Refusal>>;

    /// Hands the reading of [`take`](Model::take), which came at `t_us`, to the detector; `None` for a model without
    /// one.
    ///
    /// # Errors
    ///
    /// What the generated code refused, after which the detector goes on; [`Refusal::NothingSelected`] before
    /// [`watch`](Model::watch).
    fn judge(&mut self, t_us: u64) -> Option<Result<Verdict, Refusal>>;
}

/// A compiled model with its weights and the memory it works in.
///
/// One inference is [`load`](Self::load), [`infer`](Calls::infer), then [`output`](Self::output).
pub trait Model: Calls {
    /// Name, fingerprint, kind and sizes; also before [`open`](Calls::open).
    fn describe(&self) -> Described<'static>;

    /// Whether [`explain`](Calls::explain) does this task; also before [`open`](Calls::open).
    fn explains(&self, task: Inference) -> bool;

    /// Zeros the state that the model keeps between calls; does nothing for a model without state.
    fn reset(&mut self);

    /// Takes over the values of all inputs, one input after another; they are checked by the calls.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongLength`] for another number of values than all inputs have; the inputs are then those
    /// before.
    fn load(&mut self, values: Floats<'_>) -> Result<(), Refusal>;

    /// Result number `index` of [`infer`](Calls::infer): mean and log-variance of every posterior in turn, or
    /// the outputs in order; `None` where there are not so many. Zeros before the first inference.
    fn output(&self, index: u32) -> Option<&[f32]>;

    /// Number of log-variances that the last inference clamped, plus that of ids that it replaced; 0 for a
    /// model that does neither.
    fn clamp_hits(&self) -> u32;

    /// Checksums of what the steps of the last inference wrote, or when they ended; empty unless it was
    /// compiled for it.
    fn trace(&self) -> &[u32];

    /// Sets the clock that says when a step ended; does nothing unless the model was compiled for that.
    fn set_clock(&mut self, now: fn() -> u32);

    /// Makes the detector as it is at the start, with the weights; gives its bytes, `None` for a model without one.
    ///
    /// # Errors
    ///
    /// [`Refusal::DamagedPack`] and [`Refusal::WrongPack`] where the weights are not the model's.
    fn watch(&mut self) -> Option<Result<u32, Refusal>>;

    /// Takes over a reading, for [`judge`](Calls::judge).
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongLength`] for another number of values than there are channels, [`Refusal::WrongKind`] without a
    /// detector; the reading is then the one before.
    fn take(&mut self, values: Floats<'_>) -> Result<(), Refusal>;

    /// Sum of the alarm and statistic of the drift; zeros without a detector.
    fn sums(&self) -> [f32; 2];

    /// The memory of intermediate values, which every call overwrites.
    fn arena(&mut self) -> &mut [f32];
}

/// The models of an image, by number.
pub trait Models {
    /// How many there are.
    const COUNT: u32;

    /// Model number `index`; `None` where the image has not so many.
    fn get(&mut self, index: u32) -> Option<&mut dyn Model>;
}
