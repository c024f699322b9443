//! The log-likelihood of one observation as a function of the latent, and its gradient.

use super::DecodeError;
use crate::noise::NoiseError;

/// `ln p(x | z)` of one observation `x`, as a function of the latent `z`.
///
/// Generated modules implement it with their weights and workspace, the desktop with a twin; a closure
/// or a formula serves as well. `z` has the length of the latent.
pub trait LogLikelihood {
    /// `ln p(x | z)` in nats; may be infinite or NaN. It may overwrite memory that the implementation
    /// borrows.
    ///
    /// # Errors
    ///
    /// Where the decoder refuses `z`: other weights than its own, a value that is not finite, or a wrong
    /// length.
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError>;
}

/// [`LogLikelihood`] with its gradient, which refinement follows.
pub trait Gradient: LogLikelihood {
    /// `ln p(x | z)` in nats; writes `d ln p(x | z) / dz` to `grad`, which is as long as `z`.
    ///
    /// # Errors
    ///
    /// As for [`LogLikelihood::log_likelihood`]; `grad` must then not be used.
    fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> Result<f32, InferError>;
}

/// Why nothing could be inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum InferError {
    /// The decoder refused a latent.
    Decode(DecodeError),
    /// No noise could be drawn.
    Noise(NoiseError),
    /// A latent, or its gradient, has another length than the decoder's.
    WrongLength {
        /// Values of the decoder's latent.
        expected: usize,
        /// Values that were given.
        found: usize,
    },
    /// The gradient overflowed or is NaN; the posterior is as it was.
    NonFiniteGradient {
        /// The latent.
        index: usize,
    },
}

impl From<DecodeError> for InferError {
    /// The decoder's error as it is.
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<NoiseError> for InferError {
    /// The error of the noise as it is.
    fn from(error: NoiseError) -> Self {
        Self::Noise(error)
    }
}

impl core::fmt::Display for InferError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Decode(error) => write!(f, "the decoder refused: {error}"),
            Self::Noise(error) => write!(f, "no noise: {error}"),
            Self::WrongLength { expected, found } => {
                write!(f, "the latent has {expected} values, {found} were given")
            }
            Self::NonFiniteGradient { index } => {
                write!(f, "the gradient by z[{index}] is not finite")
            }
        }
    }
}

impl core::error::Error for InferError {}
