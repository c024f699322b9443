//! A model: its graphs with the roles of their tensors, lowered to plans.
//!
//! [`Loaded::read`] takes an `.onnx` file, a manifest or a folder, holds the manifest against the
//! graphs, and lowers them.

mod axis;
mod calibration;
mod decoder;
mod encoder;
pub(crate) mod family;
mod flow;
mod heads;
mod ids;
pub(crate) mod inner;
mod integers;
mod likelihood;
mod load;
pub(crate) mod names;
pub(crate) mod otherwise;
mod parts;
pub mod range;
mod refine;
pub mod sampling;
mod signature;
mod source;
pub(crate) mod time;
mod window;

pub use calibration::{Aggregate, Calibration, DriftMoments, RankTables};
pub use heads::{Declared, contradiction, contradicts, unmistakable};
pub use integers::Covered;
pub use likelihood::{Likelihood, ParameterSource};
pub use load::Loaded;
pub use parts::{Part, PartName, Parts};
pub use refine::Refine;
pub use signature::{Argument, EncoderOutput, Input, Offered, Signature, offered};
pub use source::Source;

use crate::lower::Plan;
use crate::manifest::{Score, Window};
use elbow_core::distributions::{Parameter, Spread};
use serde::Serialize;

/// Role of a tensor of a graph; reports and files spell it in small letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Mean of the posterior.
    Mean,
    /// `ln(sigma^2)` of the posterior.
    LogVar,
    /// `ln(sigma)` of the posterior.
    LogSigma,
    /// `sigma` of the posterior.
    Sigma,
    /// `sigma^2` of the posterior.
    Var,
    /// Observation.
    X,
    /// The decoder's mean output.
    XMean,
    /// Logarithm of the likelihood's scale, by the decoder.
    LogScale,
    /// The likelihood's degrees of freedom, by the decoder.
    Df,
    /// Logarithm of the likelihood's inverse dispersion, by the decoder.
    LogTheta,
    /// Logit of the likelihood's extra zeros, by the decoder.
    DropoutLogit,
    /// Latent.
    Z,
    /// Standard normal noise.
    Eps,
    /// Logarithm of the absolute Jacobian determinant.
    LogDet,
    /// Logarithm of the posterior density.
    LogQ,
    /// What the posterior is conditioned on besides the observation.
    Condition,
    /// Kept between calls.
    State,
}

impl Role {
    /// The name in reports and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::LogVar => "log_var",
            Self::LogSigma => "log_sigma",
            Self::Sigma => "sigma",
            Self::Var => "var",
            Self::X => "x",
            Self::XMean => "x_mean",
            Self::LogScale => "log_scale",
            Self::Df => "df",
            Self::LogTheta => "log_theta",
            Self::DropoutLogit => "dropout_logit",
            Self::Z => "z",
            Self::Eps => "eps",
            Self::LogDet => "log_det",
            Self::LogQ => "log_q",
            Self::Condition => "condition",
            Self::State => "state",
        }
    }

    /// Role of a spread output with this head; `None` for `softplus_sigma` and `softplus_var`, which have no
    /// role of their own.
    pub fn of_spread(head: Spread) -> Option<Self> {
        match head {
            Spread::LogVar => Some(Self::LogVar),
            Spread::LogSigma => Some(Self::LogSigma),
            Spread::Sigma => Some(Self::Sigma),
            Spread::Var => Some(Self::Var),
            Spread::SoftplusSigma | Spread::SoftplusVar => None,
        }
    }

    /// The role of an output that is a parameter of the likelihood.
    pub fn of_parameter(parameter: Parameter) -> Self {
        match parameter {
            Parameter::Mean => Self::XMean,
            Parameter::LogScale => Self::LogScale,
            Parameter::Df => Self::Df,
            Parameter::LogTheta => Self::LogTheta,
            Parameter::DropoutLogit => Self::DropoutLogit,
        }
    }
}

/// The model that a manifest, or an ONNX file alone, describes.
#[derive(Clone, Debug)]
pub struct Model {
    /// Name of the generated module.
    pub name: String,
    /// The graphs.
    pub graphs: Graphs,
    /// From raw readings to an observation.
    pub window: Option<Window>,
    /// The threshold of the score below which an observation counts as anomalous.
    pub score: Option<Score>,
    /// Names of the inputs that may hold NaN, for values that are missing.
    pub missing: Vec<String>,
    /// What a detector of the model needs; `None` where it is not calibrated, or for another precision. Set by
    /// `detect::with_calibration`.
    pub calibration: Option<Calibration>,
}

/// The graphs of a model, by whether their roles are known.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // there is one per model
pub enum Graphs {
    /// A posterior, and what goes with it.
    Amortized {
        /// Observation to posterior.
        encoder: Encoder,
        /// Latent to observation.
        decoder: Option<Decoder>,
        /// A flow of the same model.
        flow: Option<Flow>,
    },
    /// A flow alone.
    Flow(Flow),
    /// A graph whose roles nobody declared: inputs to outputs.
    Bare(Plan),
}

/// An encoder. Its plan's inputs are the observation, conditions, noise, then states, each where it is
/// needed; its outputs are mean and spread head of every posterior, then the states of the next call.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// Heads from observation.
    pub plan: Plan,
    /// Roles of the plan's inputs.
    pub inputs: Vec<Role>,
    /// One per posterior.
    pub latents: Vec<Latent>,
    /// Number of states that are kept between calls.
    pub states: usize,
}

/// A posterior: its length, and how its log-variance follows from the spread output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latent {
    /// Number of values.
    pub len: usize,
    /// Parameterization of the spread output.
    pub head: Spread,
    /// Added inside the logarithm, as the formula of the head says.
    pub eps: f32,
    /// Bounds of the log-variance.
    pub clamp: Option<(f32, f32)>,
}

/// A decoder: the plan's inputs are the latents and conditions, its first output is the mean, and the
/// others are the parameters of the likelihood that it computes, in the likelihood's order.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Observation from latent.
    pub plan: Plan,
    /// Roles of the plan's inputs.
    pub inputs: Vec<Role>,
    /// Family of the observation.
    pub likelihood: Likelihood,
    /// Refinement, where the manifest asks for it.
    pub refine: Option<Refine>,
}

/// A flow: the plan's inputs are `x`, conditions and noise, its outputs `z` and one number.
#[derive(Clone, Debug)]
pub struct Flow {
    /// `z` and a density from `x`.
    pub plan: Plan,
    /// Roles of the plan's inputs.
    pub inputs: Vec<Role>,
    /// Meaning of the second output.
    pub density: Density,
}

/// Density that a flow computes besides `z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// `ln |det dz/dx|`; with a standard normal `z` also the density of `x`.
    LogDet {
        /// Whether `z` is standard normal.
        standard_normal: bool,
    },
    /// `ln q(z | x)`
    LogQ,
}

impl Encoder {
    /// Pairs of plan input and plan output of each state, by their positions; empty without states.
    pub fn state_pairs(&self) -> Vec<(usize, usize)> {
        self.part().state_pairs()
    }

    /// Number of values of all posteriors together.
    pub fn latent(&self) -> usize {
        self.latents.iter().map(|latent| latent.len).sum()
    }
}

impl Flow {
    /// Whether it gives `ln p(x)`: it has a log-determinant, and `z` is standard normal.
    pub fn has_log_prob(&self) -> bool {
        self.density == Density::LogDet { standard_normal: true }
    }
}
