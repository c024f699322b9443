//! Compiled models as types, for code that works with any of them.
//!
//! A module that `elbow compile` writes has plain functions, `encode` or `score`, and implements the traits
//! of this module by them, for a type `Model` without values. Code that is generic over such a type serves
//! every model: lengths, memory and errors are known to the compiler, nothing is looked up at run time, and
//! nothing is allocated.
//!
//! | Trait | Gives | Formula |
//! |---|---|---|
//! | [`Compiled`] | outputs of a graph, of whatever kind | `y = f(x)` |
//! | [`Encoder`] | the posterior of an observation | `q(z \| x)` |
//! | [`Decoder`] | the mean of the likelihood, in the units of the observation | `E[x \| z]` |
//! | [`Scored`] | log-likelihood and divergence, in nats | `ln p(x \| z)`, `KL(q \|\| N(0, I))` |
//! | [`Refined`] | a better posterior of one observation | `argmax_q ELBO(q)`, by some steps |
//! | [`Flow`] | an invertible map with its volume, or a draw with its density, in nats | `z = f(x)`, `ln \|det dz/dx\|` |
//! | [`Density`] | the evidence of an observation, in nats | `ln p(x) = ln N(z; 0, I) + ln \|det dz/dx\|` |
//! | [`Windowed`] | observations from raw readings | `(reading - mean) / std` |
//!
//! Every method takes the weights first and the workspace second, as the plain functions do. The weights are
//! checked at every call: those of another model are refused with `WrongPack`. Inputs are checked too, for
//! infinity and, unless values may be missing, NaN; each method says what its arguments hold after an error.
//!
//! An alarm for any model that has a decoder, with all of its memory known before flashing:
//!
//! ```
//! use elbow_core::compiled::{Buffers, Scored, Windowed, Workspace};
//! use elbow_core::pack::Pack;
//!
//! struct Alarm<M: Scored + Windowed> {
//!     window: M::Window,
//!     workspace: M::Workspace,
//!     inputs: M::Inputs,
//!     q: M::Outputs,
//!     x_mean: M::Mean,
//! }
//!
//! impl<M: Scored + Windowed> Alarm<M> {
//!     const fn new() -> Self {
//!         Self {
//!             window: M::WINDOW,
//!             workspace: M::Workspace::NEW,
//!             inputs: M::Inputs::ZEROS,
//!             q: M::Outputs::ZEROS,
//!             x_mean: M::Mean::ZEROS,
//!         }
//!     }
//!
//!     /// `Some(true)` where the observation that ends with this reading is anomalous; `None` where none is
//!     /// due, after an error, and for a model without a threshold.
//!     fn push(&mut self, pack: &Pack, reading: M::Reading) -> Option<bool> {
//!         if !M::push(&mut self.window, reading).ok()? {
//!             return None;
//!         }
//!         M::observe(&self.window, &mut self.inputs).ok()?;
//!         M::encode(pack, &mut self.workspace, &self.inputs, &mut self.q).ok()?;
//!         let terms = M::score(pack, &mut self.workspace, &self.inputs, &self.q, &mut self.x_mean);
//!         Some(terms.ok()?.elbo() < M::THRESHOLD?)
//!     }
//! }
//! ```

use crate::distributions::DiagNormal;
use crate::infer::{
    DecodeError, ElboTerms, EncodeError, Gradient, Guarded, InferError, LogLikelihood, Posterior,
    RunError,
};
use crate::pack::Pack;
use crate::window::WindowError;

/// A compiled model: its name, the types of its memory, and its main function.
pub trait Compiled: Sized {
    /// Name of the model.
    const NAME: &'static str;
    /// Fingerprint of the plans that read the weights: a pack with another one is refused.
    const FINGERPRINT: u64;
    /// Which traits the model has besides: a type of [`kind`].
    type Kind;
    /// State and scratch memory.
    type Workspace: Workspace;
    /// Inputs of a call: the observation, conditions of encoder and decoder, noise; all inputs of a graph
    /// without roles.
    type Inputs: Buffers;
    /// Outputs of a call: posteriors, a [`Mapped`], or all outputs of a graph without roles.
    type Outputs: Buffers;
    /// Error of a call.
    type Error: core::error::Error + Copy;

    /// Runs the encoder, the flow, or the graph without roles: reads `inputs`, writes `outputs`, overwrites
    /// the scratch memory in `ws`, and updates the state there, if the model has one.
    ///
    /// # Errors
    ///
    /// The weights are not this model's, or an input, the posterior or the new state (of a model that has
    /// one) is not finite; NaN is no error in an observation that may have missing values. The outputs must
    /// then not be used, and the state is that before the call.
    fn run(
        pack: &Pack<'_>,
        ws: &mut Self::Workspace,
        inputs: &Self::Inputs,
        outputs: &mut Self::Outputs,
    ) -> Result<(), Self::Error>;
}

/// Amortized inference: an observation to its posterior `q(z | x)`, or to several.
///
/// Outputs are a [`DiagNormal`], or a struct of them: `loc` and `log_var` of each posterior, in order.
pub trait Encoder: Compiled<Error = EncodeError> {
    /// Values of an observation, the first of the inputs.
    const OBSERVED: usize;
    /// Latents of all posteriors together.
    const LATENT: usize;

    /// Writes the posteriors of the observation in `inputs` to `q`; otherwise as [`Compiled::run`].
    ///
    /// # Errors
    ///
    /// Those of [`Compiled::run`]; `q` must then not be used.
    fn encode(
        pack: &Pack<'_>,
        ws: &mut Self::Workspace,
        inputs: &Self::Inputs,
        q: &mut Self::Outputs,
    ) -> Result<(), EncodeError> {
        Self::run(pack, ws, inputs, q)
    }

    /// Posterior number `index`, from 0: arrays `2 index` and `2 index + 1` of `q`. `None` where the model
    /// has not so many.
    fn posterior(q: &Self::Outputs, index: usize) -> Option<Posterior<'_>> {
        let mut heads = q.parts().skip(2 * index);
        Some(Posterior { loc: heads.next()?, log_var: heads.next()? })
    }
}

/// A decoder: latents to the mean of the likelihood.
pub trait Decoder: Encoder {
    /// One latent vector per posterior.
    type Latents: Buffers;
    /// As long as the observation.
    type Mean: Buffers;

    /// Writes the mean of the likelihood at `z` and the conditions among `inputs` to `x_mean`.
    ///
    /// # Errors
    ///
    /// The weights are not this model's, or a latent or condition is not finite; `x_mean` is then left as it
    /// was.
    fn decode(
        pack: &Pack<'_>,
        ws: &mut Self::Workspace,
        inputs: &Self::Inputs,
        z: &Self::Latents,
        x_mean: &mut Self::Mean,
    ) -> Result<(), DecodeError>;
}

/// A decoder with one posterior, whose likelihood says how well a latent explains an observation.
pub trait Scored: Decoder {
    /// `ln p(x | z)` of one observation, for [`infer`](crate::infer).
    type Observation<'a>: LogLikelihood;
    /// Observations whose score is below it are anomalous, if the manifest says so; in nats.
    const THRESHOLD: Option<f32>;

    /// `ln p(x | z)` of the observation in `inputs`, as a function of `z`; nothing is checked or decoded yet.
    /// Each evaluation does both, overwrites the scratch memory in `ws` and writes the mean of the likelihood
    /// at its `z` to `x_mean`.
    fn observation<'a>(
        pack: &'a Pack<'a>,
        ws: &'a mut Self::Workspace,
        inputs: &'a Self::Inputs,
        x_mean: &'a mut Self::Mean,
    ) -> Self::Observation<'a>;

    /// `ln p(x | z = q.loc)` and `KL(q || N(0, I))`, in nats; writes the mean of the likelihood at `q.loc` to
    /// `x_mean`.
    ///
    /// # Errors
    ///
    /// Those of [`Decoder::decode`], where the latent is `q.loc`; `x_mean` is then left as it was.
    fn score(
        pack: &Pack<'_>,
        ws: &mut Self::Workspace,
        inputs: &Self::Inputs,
        q: &Self::Outputs,
        x_mean: &mut Self::Mean,
    ) -> Result<ElboTerms, DecodeError>;

    /// Generates an observation: with `draw = (q, eps)`, writes `q.loc + exp(q.log_var / 2) * eps` to `z`,
    /// and the mean of the likelihood at that `z` to `x_mean`.
    ///
    /// # Errors
    ///
    /// Those of [`Decoder::decode`], where the latent is `z`, which is then already written; `x_mean` is left
    /// as it was.
    fn generate(
        pack: &Pack<'_>,
        ws: &mut Self::Workspace,
        inputs: &Self::Inputs,
        draw: (&Self::Outputs, &Self::Latents),
        z: &mut Self::Latents,
        x_mean: &mut Self::Mean,
    ) -> Result<(), DecodeError>;
}

/// A model that was compiled for refinement: semi-amortized inference.
pub trait Refined: for<'a> Scored<Observation<'a>: Gradient> {
    /// Number of steps in the manifest.
    const STEPS: u32;

    /// Refines `q` by `steps` steps of refinement with the noise of `stream = (key, datapoint)`, and returns
    /// the estimated gain with its standard error. Where the gain is not above four standard errors, `q` is
    /// unchanged. The memory that `observation` borrows is overwritten.
    ///
    /// # Errors
    ///
    /// The first error of the decoder, or a gradient that is not finite; `q` is then unchanged.
    fn refine(
        observation: &mut Self::Observation<'_>,
        q: &mut Self::Outputs,
        steps: u32,
        stream: (u64, u64),
    ) -> Result<Guarded, InferError>;
}

/// An invertible map, or the draw of a posterior that is a flow.
pub trait Flow: Compiled<Outputs = Mapped<<Self as Flow>::Latent>, Error = RunError> {
    /// What an observation is mapped to.
    type Latent: Buffers;

    /// Writes `f(x)` to `z` and returns `ln |det dz/dx|`; or, for a posterior that is a flow, writes a draw
    /// to `z` and returns `ln q(z | x)`. In nats; infinite or NaN, as `z` is, where the map overflows.
    ///
    /// # Errors
    ///
    /// The weights are not this model's, or an input is not finite; `z` is then left as it was.
    fn flow(
        pack: &Pack<'_>,
        ws: &mut Self::Workspace,
        inputs: &Self::Inputs,
        z: &mut Self::Latent,
    ) -> Result<f32, RunError>;
}

/// A flow whose latent is standard normal, so that the density of an observation is known.
pub trait Density: Flow {
    /// `ln p(x) = ln N(z; 0, I) + ln |det dz/dx|`, in nats; writes `f(x)` to `z`. Infinite or NaN where the
    /// map overflows.
    ///
    /// # Errors
    ///
    /// Those of [`Flow::flow`].
    fn log_prob(
        pack: &Pack<'_>,
        ws: &mut Self::Workspace,
        inputs: &Self::Inputs,
        z: &mut Self::Latent,
    ) -> Result<f32, RunError>;
}

/// A model of windows of readings: how raw readings become its observation.
pub trait Windowed: Compiled {
    /// The last readings, a [`Window`](crate::window::Window) of the model's size.
    type Window;
    /// One reading, in raw units: `[f32; CHANNELS]`.
    type Reading;
    /// An empty window.
    const WINDOW: Self::Window;
    /// Readings of a second; `None` where the manifest does not say.
    const RATE: Option<f32> = None;
    /// Unit of the values, as the manifest writes it, such as `mg`; `None` where it does not.
    const UNIT: Option<&'static str> = None;
    /// Least and largest value that the training data's sensor could give; `None` where the manifest does not say.
    const RANGE: Option<[f32; 2]> = None;

    /// Stores one reading; `true` where an observation is due now.
    ///
    /// # Errors
    ///
    /// Those of [`Window::push`](crate::window::Window::push): no observation may hold the reading, which keeps
    /// its place in the window.
    fn push(window: &mut Self::Window, reading: Self::Reading) -> Result<bool, WindowError>;

    /// Writes the normalized observation to the first of the inputs; the other inputs stay as they are.
    ///
    /// # Errors
    ///
    /// Those of [`Window::observation`](crate::window::Window::observation); the inputs are untouched.
    fn observe(window: &Self::Window, inputs: &mut Self::Inputs) -> Result<(), WindowError>;
}

/// Which traits a model has: [`Compiled::Kind`] is one of these types, by which generic code can choose what
/// it does with the model, as the firmware does.
pub mod kind {
    /// A graph without roles: [`Compiled`](super::Compiled) alone.
    #[derive(Clone, Copy, Debug)]
    pub struct GraphModel;
    /// [`Encoder`](super::Encoder)
    #[derive(Clone, Copy, Debug)]
    pub struct EncoderModel;
    /// [`Decoder`](super::Decoder) of several posteriors.
    #[derive(Clone, Copy, Debug)]
    pub struct DecoderModel;
    /// [`Scored`](super::Scored)
    #[derive(Clone, Copy, Debug)]
    pub struct ScoredModel;
    /// [`Refined`](super::Refined)
    #[derive(Clone, Copy, Debug)]
    pub struct RefinedModel;
    /// [`Flow`](super::Flow)
    #[derive(Clone, Copy, Debug)]
    pub struct FlowModel;
    /// [`Density`](super::Density)
    #[derive(Clone, Copy, Debug)]
    pub struct DensityModel;
}

/// State and scratch memory of a model; one serves every call, with state one for every sequence of calls.
pub trait Workspace {
    /// Zeros.
    const NEW: Self;

    /// Zeros the state: the next call is the first of a sequence. Does nothing for a model without state.
    fn reset(&mut self) {}

    /// Number of log-variances that the last call clamped, plus that of ids outside their table that it
    /// replaced by the nearest inside; 0 for a model that does neither.
    fn clamp_hits(&self) -> u32 {
        0
    }

    /// Number of floats, in the last call of the model and those of its decoder since then, that were beyond the
    /// range of the integers that had to hold them: nothing that was computed with them can be trusted, and a score
    /// may look better than it is. 0 for a model in floats.
    fn saturated(&self) -> u32 {
        0
    }

    /// Memory of intermediate values, which every call overwrites.
    fn arena(&mut self) -> &mut [f32];

    /// One number per step of the last call, in order: the checksum of what it wrote, or the clock at its
    /// end; empty unless the model was compiled for one of them.
    fn trace(&self) -> &[u32] {
        &[]
    }

    /// Sets the function whose value is recorded in [`trace`](Self::trace) at the end of each step. Does
    /// nothing unless the model was compiled for it.
    fn set_clock(&mut self, _now: fn() -> u32) {}
}

/// Arrays of floats that a call reads or writes, each of a fixed length.
pub trait Buffers {
    /// Zeros; a posterior of zeros is standard normal.
    const ZEROS: Self;
    /// Length of each array.
    const LENS: &'static [usize];

    /// The arrays, in order.
    fn parts(&self) -> impl Iterator<Item = &[f32]>;

    /// The arrays in order, mutable.
    fn parts_mut(&mut self) -> impl Iterator<Item = &mut [f32]>;

    /// The first array: the observation among inputs. Empty where there is none.
    fn first(&self) -> &[f32] {
        self.parts().next().unwrap_or_default()
    }

    /// As [`first`](Self::first), but mutable.
    fn first_mut(&mut self) -> &mut [f32] {
        self.parts_mut().next().unwrap_or_default()
    }
}

impl Buffers for () {
    const ZEROS: Self = ();
    const LENS: &'static [usize] = &[];

    /// No arrays.
    fn parts(&self) -> impl Iterator<Item = &[f32]> {
        core::iter::empty()
    }

    /// No arrays.
    fn parts_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        core::iter::empty()
    }
}

impl<const N: usize> Buffers for [f32; N] {
    const ZEROS: Self = [0.0; N];
    const LENS: &'static [usize] = &[N];

    /// One array: all of it.
    fn parts(&self) -> impl Iterator<Item = &[f32]> {
        core::iter::once(&self[..])
    }

    /// One array: all of it.
    fn parts_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        core::iter::once(&mut self[..])
    }
}

/// `loc`, then `log_var`.
impl<const D: usize> Buffers for DiagNormal<D> {
    const ZEROS: Self = Self::standard();
    const LENS: &'static [usize] = &[D, D];

    fn parts(&self) -> impl Iterator<Item = &[f32]> {
        [&self.loc[..], &self.log_var].into_iter()
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        [&mut self.loc[..], &mut self.log_var].into_iter()
    }
}

/// Outputs of a flow: the latent, and the logarithm of a density or a volume.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mapped<Z> {
    /// The latent that the observation is mapped to.
    pub z: Z,
    /// `ln |det dz/dx|` or `ln q(z | x)`, in nats.
    pub log: [f32; 1],
}

/// A latent of one array, then the logarithm.
impl<const D: usize> Buffers for Mapped<[f32; D]> {
    const ZEROS: Self = Self { z: [0.0; D], log: [0.0] };
    const LENS: &'static [usize] = &[D, 1];

    fn parts(&self) -> impl Iterator<Item = &[f32]> {
        [&self.z[..], &self.log].into_iter()
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        [&mut self.z[..], &mut self.log].into_iter()
    }
}
