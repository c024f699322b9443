//! From the outputs of an encoder to a posterior, with the checks of generated modules.

use super::EncodeError;
use crate::distributions::{DiagNormal, Spread, clamp, to_log_var};

/// A diagonal normal of any length: what algorithms read of a posterior.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Posterior<'a> {
    /// Means.
    pub loc: &'a [f32],
    /// Natural logarithms of the variances, as long as `loc`.
    pub log_var: &'a [f32],
}

impl<'a, const D: usize> From<&'a DiagNormal<D>> for Posterior<'a> {
    /// The same distribution, borrowed.
    fn from(q: &'a DiagNormal<D>) -> Self {
        Self { loc: &q.loc, log_var: &q.log_var }
    }
}

/// Turns an encoder's raw `spread` head into log-variances, in place, and returns how many of them the clamp
/// moved.
///
/// The conversion is [`to_log_var`] by `head` and `eps`, then the clamp to `bounds`, if there are any. `loc`
/// is only checked.
///
/// # Errors
///
/// [`EncodeError::NonFinitePosterior`] with the index of the first value of `loc` that is NaN or infinite,
/// else of the first such raw value of `spread` (which is then unchanged), else of the first log-variance
/// that still is after the clamp (`spread` is then converted). A standard deviation of zero has a
/// log-variance of minus infinity, which bounds clamp and count.
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

/// Index of the first value that is NaN or infinite; `None` where all are finite.
#[must_use]
pub fn first_non_finite(values: &[f32]) -> Option<usize> {
    values.iter().position(|v| !v.is_finite())
}

/// Index of the first value that is infinite; `None` where there is none. NaN, which stands for a missing
/// value, is passed over.
#[must_use]
pub fn first_infinite(values: &[f32]) -> Option<usize> {
    values.iter().position(|v| v.is_infinite())
}

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
