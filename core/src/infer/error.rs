//! Errors of the functions of generated modules.

/// Why an observation has no posterior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError {
    /// The weights belong to another plan: compile the model again, or flash the matching pack.
    WrongPack,
    /// An input holds an infinity, or a NaN and may have no missing values.
    NonFiniteInput {
        /// Its index, counted through observation, conditions and noise.
        index: usize,
    },
    /// A mean or log-variance overflowed or became NaN; `q` must not be used.
    NonFinitePosterior {
        /// The latent, counted through all posteriors.
        index: usize,
    },
    /// The state for the next call overflowed or became NaN; the one before is kept.
    NonFiniteState {
        /// Its index, counted through all states.
        index: usize,
    },
}

impl EncodeError {
    /// The same error for a model whose earlier posteriors have `before` latents: the index of a
    /// [`NonFinitePosterior`](Self::NonFinitePosterior) grows by `before`, so that it counts through all
    /// posteriors; other errors stay as they are.
    #[must_use]
    pub fn behind(self, before: usize) -> Self {
        match self {
            Self::NonFinitePosterior { index } => {
                Self::NonFinitePosterior { index: before.saturating_add(index) }
            }
            other => other,
        }
    }
}

/// Why a latent was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeError {
    /// The weights belong to another plan.
    WrongPack,
    /// An input holds a NaN or an infinity.
    NonFiniteInput {
        /// Its index, counted through latents and conditions.
        index: usize,
    },
}

/// Why a graph without roles was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RunError {
    /// The weights belong to another plan.
    WrongPack,
    /// An input holds a NaN or an infinity.
    NonFiniteInput {
        /// Its index, counted through all inputs in their order.
        index: usize,
    },
}

impl core::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::WrongPack => f.write_str("the weights belong to another plan"),
            Self::NonFiniteInput { index } => write!(f, "input[{index}] is not finite"),
            Self::NonFinitePosterior { index } => {
                write!(f, "the posterior of z[{index}] is not finite")
            }
            Self::NonFiniteState { index } => write!(f, "state[{index}] is not finite"),
        }
    }
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::WrongPack => f.write_str("the weights belong to another plan"),
            Self::NonFiniteInput { index } => write!(f, "input[{index}] is not finite"),
        }
    }
}

impl core::fmt::Display for RunError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::WrongPack => f.write_str("the weights belong to another plan"),
            Self::NonFiniteInput { index } => write!(f, "input[{index}] is not finite"),
        }
    }
}

impl core::error::Error for EncodeError {}
impl core::error::Error for DecodeError {}
impl core::error::Error for RunError {}
