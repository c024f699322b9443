//! Why a device does not do what it was asked.

use super::FLOAT;
use crate::infer::{DecodeError, EncodeError, InferError, RunError};
use serde::{Deserialize, Serialize};

/// Why a request was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// The frame is whole but holds no request of this protocol.
    Malformed,
    /// No model was selected.
    NothingSelected,
    /// The image has no model of this number.
    UnknownModel {
        /// Models in the image.
        models: u32,
    },
    /// The request does not fit the kind of the selected model.
    WrongKind,
    /// The request carries another number of floats than the model reads.
    WrongLength {
        /// Floats that the model reads.
        expected: u32,
        /// Bytes that came.
        found_bytes: u32,
    },
    /// The model's weights are damaged.
    DamagedPack,
    /// The model's weights belong to another plan.
    WrongPack,
    /// An input is NaN or infinite.
    NonFiniteInput {
        /// Its index.
        index: u32,
    },
    /// A mean or log-variance is NaN or infinite.
    NonFinitePosterior {
        /// The latent.
        index: u32,
    },
    /// The noise source failed.
    NoNoise,
    /// A state for the next call is NaN or infinite.
    NonFiniteState {
        /// Its index.
        index: u32,
    },
    /// The gradient of the log-likelihood is NaN or infinite.
    NonFiniteGradient {
        /// The latent.
        index: u32,
    },
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a request of this protocol"),
            Self::NothingSelected => f.write_str("no model is selected"),
            Self::UnknownModel { models } => write!(f, "the image holds {models} models only"),
            Self::WrongKind => f.write_str("the selected model does not do this"),
            Self::WrongLength { expected, found_bytes } => {
                write!(f, "the model reads {expected} floats, {found_bytes} bytes came")
            }
            Self::DamagedPack => f.write_str("the weights are damaged"),
            Self::WrongPack => f.write_str("the weights belong to another plan"),
            Self::NonFiniteInput { index } => write!(f, "input[{index}] is not finite"),
            Self::NonFinitePosterior { index } => {
                write!(f, "the posterior of z[{index}] is not finite")
            }
            Self::NoNoise => f.write_str("the noise source failed"),
            Self::NonFiniteState { index } => write!(f, "state[{index}] is not finite"),
            Self::NonFiniteGradient { index } => {
                write!(f, "the gradient by z[{index}] is not finite")
            }
        }
    }
}

impl core::error::Error for Refusal {}

impl From<EncodeError> for Refusal {
    /// The refusal of the same name; an index keeps its low 32 bits.
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::WrongPack => Self::WrongPack,
            EncodeError::NonFiniteInput { index } => Self::NonFiniteInput { index: index as u32 },
            EncodeError::NonFinitePosterior { index } => {
                Self::NonFinitePosterior { index: index as u32 }
            }
            EncodeError::NonFiniteState { index } => Self::NonFiniteState { index: index as u32 },
        }
    }
}

impl From<DecodeError> for Refusal {
    /// The refusal of the same name; an index keeps its low 32 bits.
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::WrongPack => Self::WrongPack,
            DecodeError::NonFiniteInput { index } => Self::NonFiniteInput { index: index as u32 },
        }
    }
}

impl From<InferError> for Refusal {
    /// The refusal of the decoder's error, or of the same name; a length in values becomes one in bytes.
    /// Numbers keep their low 32 bits.
    fn from(error: InferError) -> Self {
        match error {
            InferError::Decode(error) => error.into(),
            InferError::Noise(_) => Self::NoNoise,
            InferError::WrongLength { expected, found } => Self::WrongLength {
                expected: expected as u32,
                found_bytes: found.saturating_mul(FLOAT) as u32,
            },
            InferError::NonFiniteGradient { index } => {
                Self::NonFiniteGradient { index: index as u32 }
            }
        }
    }
}

impl From<RunError> for Refusal {
    /// The refusal of the same name; an index keeps its low 32 bits.
    fn from(error: RunError) -> Self {
        match error {
            RunError::WrongPack => Self::WrongPack,
            RunError::NonFiniteInput { index } => Self::NonFiniteInput { index: index as u32 },
        }
    }
}
