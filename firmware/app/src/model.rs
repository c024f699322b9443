//! What a compiled model does for the program.

use elbow_core::infer::ElboTerms;
use elbow_core::wire::{Described, Floats, Inference, Inferred, Refusal};

/// What a model computes on what was loaded; each call is measured by itself.
pub trait Calls {
    /// Runs the encoder, the flow, or the graph without roles.
    ///
    /// # Errors
    ///
    /// What the generated code found at its border.
    fn infer(&mut self) -> Result<(), Refusal>;

    /// Decodes the posterior mean and scores the observation; `None` without a decoder, or with
    /// several posteriors.
    ///
    /// # Errors
    ///
    /// What the generated code found at its border.
    fn score(&mut self) -> Option<Result<ElboTerms, Refusal>>;

    /// Goes on from the posterior of [`infer`](Self::infer) with the decoder, and so many samples or steps
    /// of the stream of key and datapoint; a refinement changes the posterior. `None` without a decoder,
    /// with several posteriors, or for a refinement that the model was not compiled for.
    ///
    /// # Errors
    ///
    /// What the generated code found at its border.
    fn explain(
        &mut self,
        task: (Inference, u32),
        stream: (u64, u64),
    ) -> Option<Result<Inferred, Refusal>>;

    /// `ln p(x)` of the observation, in nats; `None` unless it is a flow whose latent is standard normal.
    ///
    /// # Errors
    ///
    /// What the generated code found at its border.
    fn log_prob(&mut self) -> Option<Result<f32, Refusal>>;
}

/// A compiled model with its weights and the memory it works in.
///
/// One inference is [`load`](Self::load), [`infer`](Calls::infer), then [`output`](Self::output).
pub trait Model: Calls {
    /// Verifies the weights; to be called before anything else.
    ///
    /// # Errors
    ///
    /// [`Refusal::DamagedPack`]
    fn open(&mut self) -> Result<(), Refusal>;

    /// Name, sizes, kind.
    fn describe(&self) -> Described<'static>;

    /// Zeros what the model keeps between calls, if it does.
    fn reset(&mut self);

    /// Takes over all inputs, one after another.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongLength`]
    fn load(&mut self, values: Floats<'_>) -> Result<(), Refusal>;

    /// Results of [`infer`](Calls::infer): mean and log-variance of every posterior, or the outputs in
    /// order.
    fn output(&self, index: u32) -> Option<&[f32]>;

    /// Log-variances that the clamp changed in the last inference; none without a posterior.
    fn clamp_hits(&self) -> u32;

    /// Checksums of what the steps of the last inference wrote, or when they ended; empty unless it was
    /// compiled for it.
    fn trace(&self) -> &[u32];

    /// The clock that says when a step ended, if it was compiled for that.
    fn set_clock(&mut self, now: fn() -> u32);

    /// The part of the workspace that inference may overwrite.
    fn arena(&mut self) -> &mut [f32];
}

/// The models of an image, by number.
pub trait Models {
    /// How many there are.
    const COUNT: u32;

    /// Model number `index`.
    fn get(&mut self, index: u32) -> Option<&mut dyn Model>;
}
