//! A model as the user means it: graphs with roles, lowered.
//!
//! [`Loaded::read`] takes an `.onnx` file, a manifest or a folder, holds the manifest against the
//! graphs, and lowers them.

mod decoder;
mod encoder;
mod heads;
mod load;

pub use heads::{Declared, contradiction, unmistakable};
pub use load::{Loaded, Source};

use crate::lower::Plan;
use crate::manifest::{Score, Window};
use elbow_core::distributions::Spread;
use serde::Serialize;

/// What a tensor of a graph is; in reports and files the name in small letters.
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
            Self::Z => "z",
            Self::Eps => "eps",
            Self::LogDet => "log_det",
            Self::LogQ => "log_q",
            Self::Condition => "condition",
            Self::State => "state",
        }
    }

    /// The role of a spread output; none where it still has to pass through softplus.
    pub fn of_spread(head: Spread) -> Option<Self> {
        match head {
            Spread::LogVar => Some(Self::LogVar),
            Spread::LogSigma => Some(Self::LogSigma),
            Spread::Sigma => Some(Self::Sigma),
            Spread::Var => Some(Self::Var),
            Spread::SoftplusSigma | Spread::SoftplusVar => None,
        }
    }
}

/// What a manifest, or a bare ONNX file, describes.
#[derive(Clone, Debug)]
pub struct Model {
    /// Name of the generated module.
    pub name: String,
    /// The graphs.
    pub graphs: Graphs,
    /// From raw readings to an observation.
    pub window: Option<Window>,
    /// When an observation counts as anomalous.
    pub score: Option<Score>,
}

/// With roles, or without.
#[derive(Clone, Debug)]
pub enum Graphs {
    /// A posterior, and what goes with it.
    Amortized {
        /// Observation to posterior.
        encoder: Encoder,
        /// Latent to observation.
        decoder: Option<Decoder>,
    },
    /// A graph whose roles nobody declared: inputs to outputs.
    Bare(Plan),
}

/// An encoder: the plan's outputs are exactly the mean and the spread head, in this order.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// One input, two outputs.
    pub plan: Plan,
    /// What the second output means.
    pub head: Spread,
    /// Added as the head says.
    pub eps: f32,
    /// Bounds of the log-variance.
    pub clamp: Option<(f32, f32)>,
}

/// A decoder: the plan has one input, the latent, and its first output is the mean.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// One input; the first output is the mean.
    pub plan: Plan,
    /// Family of the observation.
    pub likelihood: Likelihood,
}

/// Likelihoods that the runtime scores; mirrors `elbow_core::distributions::Likelihood`.
#[derive(Clone, Debug, PartialEq)]
pub enum Likelihood {
    /// Mean given by the decoder, scale fixed.
    Gaussian {
        /// One, one per leading channel, or one per value.
        log_scale: Vec<f32>,
    },
    /// The decoder gives logits.
    BernoulliLogits,
    /// The decoder gives probabilities.
    BernoulliProbabilities,
}
