//! Likelihoods of an observation under the decoder's output.

use super::diag_normal::LN_2_PI;
use super::sum::{Sum, sum};
use crate::math::{exp_exact, ln, log1p};
use crate::pieces::pieces;

/// A family `p(x | z)` with the parameters that the decoder does not answer.
///
/// Every family is a variant, its own parameters are borrowed slices, and the decoder's output
/// comes in as `mean`; what it holds is said per variant.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Likelihood<'a> {
    /// Independent normals around `mean`.
    Gaussian {
        /// Natural logarithms of the standard deviations: one for all, one per channel (its length
        /// divides that of `x`, whose channels come first), or one per value.
        log_scale: &'a [f32],
    },
    /// Independent events; `mean` holds probabilities.
    Bernoulli,
    /// Independent events; `mean` holds logits `ln(p / (1 - p))`.
    BernoulliLogit,
}

impl Likelihood<'_> {
    /// `ln p(x | z)` in nats, summed over all of `x`.
    ///
    /// | Family | Term |
    /// |---|---|
    /// | Gaussian | `-ln(2 pi) / 2 - log_scale - ((x - mean) / e^log_scale)^2 / 2` |
    /// | Bernoulli | `x ln p + (1 - x) ln(1 - p)`, with `0 ln 0 = 0` |
    /// | Bernoulli, logits `l` | `-(1 - x) l - ln(1 + e^-l)` for `l >= 0`, else `x l - ln(1 + e^l)`, with `0 * infinity = 0` |
    ///
    /// `x` of the Bernoulli families is 0 or 1; values between give the (negative) cross entropy.
    /// Probabilities are not clamped: an impossible `x` gives minus infinity, a probability outside
    /// [0, 1] NaN. NaN in any argument gives NaN, and so do lengths that do not fit: `mean` must be
    /// as long as `x`, and `log_scale` as said there.
    ///
    /// Error at most 5e-7 of the sum of the magnitudes of all parts of all terms.
    #[inline]
    pub fn log_prob(&self, x: &[f32], mean: &[f32]) -> f32 {
        if x.len() != mean.len() {
            return f32::NAN;
        }
        match self {
            Self::Gaussian { log_scale } => gaussian(x, mean, log_scale),
            Self::Bernoulli => sum(pairs(x, mean).map(|(x, p)| bernoulli(x, p))),
            Self::BernoulliLogit => sum(pairs(x, mean).map(|(x, l)| bernoulli_logit(x, l))),
        }
    }
}

#[inline]
fn pairs<'a>(x: &'a [f32], mean: &'a [f32]) -> impl Iterator<Item = (f32, f32)> + 'a {
    x.iter().copied().zip(mean.iter().copied())
}

/// Channel by channel, so that each scale is evaluated once.
#[inline]
fn gaussian(x: &[f32], mean: &[f32], log_scale: &[f32]) -> f32 {
    let inner = x.len().checked_div(log_scale.len()).unwrap_or(0);
    if inner * log_scale.len() != x.len() || log_scale.is_empty() {
        return f32::NAN;
    }
    let channels = pieces(x, inner).zip(pieces(mean, inner)).zip(log_scale);
    let total = channels.fold(Sum::ZERO, |total, ((x, mean), log_scale)| {
        let precision = exp_exact(-log_scale);
        pairs(x, mean).fold(total, |total, (x, mean)| {
            let distance = (x - mean) * precision;
            total.add(-0.5 * LN_2_PI - log_scale - 0.5 * distance * distance)
        })
    });
    total.value()
}

#[inline]
fn bernoulli(x: f32, p: f32) -> f32 {
    weighted(x, ln(p)) + weighted(1.0 - x, log1p(-p))
}

#[inline]
fn bernoulli_logit(x: f32, logit: f32) -> f32 {
    let against = if logit < 0.0 { x } else { 1.0 - x };
    weighted(against, -logit.abs()) - log1p(exp_exact(-logit.abs()))
}

/// `weight * value`, 0 for a weight of 0 even where `value` is infinite; a NaN stays.
#[inline]
fn weighted(weight: f32, value: f32) -> f32 {
    if weight == 0.0 && value.is_infinite() { 0.0 } else { weight * value }
}
