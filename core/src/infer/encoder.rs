//! From raw heads to a posterior: the errors and checks at the border of generated code.

use crate::distributions::{Spread, clamp, to_log_var};

/// Why an observation has no posterior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError {
    /// The weights belong to another plan: compile the model again, or flash the matching pack.
    WrongPack,
    /// An input holds a NaN or an infinity.
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
    /// Shifts the latent's index by `before`, to count through all posteriors of a hierarchy.
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

/// Makes a posterior of an encoder's raw heads, in place: `spread` becomes the log-variance.
///
/// [`to_log_var`] by `head` and `eps`, then the clamp to `bounds`, if there are any. Returns how many
/// log-variances the clamp moved.
///
/// # Errors
///
/// A raw value is NaN or infinite, or a log-variance still is after the clamp (a standard deviation
/// of zero has one of minus infinity, which bounds cure and count).
#[inline]
pub fn to_posterior(
    loc: &[f32],
    spread: &mut [f32],
    head: Spread,
    eps: f32,
    bounds: Option<(f32, f32)>,
) -> Result<u32, EncodeError> {
    let non_finite = |index| EncodeError::NonFinitePosterior { index };
    let raw = first_non_finite(loc).or_else(|| first_non_finite(spread));
    raw.map_or(Ok(()), |index| Err(non_finite(index)))?;
    to_log_var(spread, head, eps);
    let hits = bounds.map_or(0, |(low, high)| clamp(spread, low, high));
    first_non_finite(spread).map_or(Ok(hits), |index| Err(non_finite(index)))
}

/// Index of the first value that is NaN or infinite.
#[must_use]
pub fn first_non_finite(values: &[f32]) -> Option<usize> {
    values.iter().position(|v| !v.is_finite())
}

/// Index of the first value that is infinite, where NaN stands for what is missing.
#[must_use]
pub fn first_infinite(values: &[f32]) -> Option<usize> {
    values.iter().position(|v| v.is_infinite())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clamp_hides_no_infinite_head() {
        let bounds = Some((-14.0, 6.0));
        let made = |loc: f32, spread: f32, head| {
            let mut spread = [0.5, spread];
            let hits = to_posterior(&[0.0, loc], &mut spread, head, 0.0, bounds);
            hits.map(|hits| (hits, spread[1]))
        };
        let refused = Err(EncodeError::NonFinitePosterior { index: 1 });
        assert_eq!(made(0.0, f32::INFINITY, Spread::LogVar), refused);
        assert_eq!(made(0.0, f32::NAN, Spread::LogVar), refused);
        assert_eq!(made(f32::NEG_INFINITY, 0.0, Spread::LogVar), refused);
        assert_eq!(made(0.0, -1.0, Spread::Sigma), refused, "no logarithm of a negative number");
        assert_eq!(made(0.0, 1e30, Spread::LogVar), Ok((1, 6.0)));
        assert_eq!(made(0.0, 0.0, Spread::Sigma), Ok((1, -14.0)));
        assert_eq!(made(0.0, -2.0, Spread::LogVar), Ok((0, -2.0)));
    }
}
