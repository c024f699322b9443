//! Families of events: Bernoulli, by probability or by logit.
//!
//! `x` is 1 for an event, 0 for none; values between weight both. Densities are in nats.

use super::{Parameter, Terms};
use crate::math::{exp_exact, ln, log1p};

/// The Bernoulli distribution by its probability `p`.
pub(super) struct Bernoulli;

impl Terms for Bernoulli {
    /// The family; it has no parameters, and none is read.
    #[inline]
    fn of(_: [f32; 2]) -> Self {
        Self
    }

    /// `x ln p + (1 - x) ln(1 - p)`, in nats, with `0 ln 0 = 0`; NaN for `p` outside [0, 1].
    #[inline]
    fn log_prob(&self, x: f32, p: f32) -> f32 {
        weighted(x, ln(p)) + weighted(1.0 - x, log1p(-p))
    }

    /// Derivative of the log-density with respect to `p`: `x / p - (1 - x) / (1 - p)`, where a quotient with
    /// the divisor 0 is 0 if its numerator is 0, else infinite. A `p` outside [0, 1] is not refused; `wrt` is
    /// not read.
    #[inline]
    fn score(&self, x: f32, p: f32, _: Parameter) -> f32 {
        weighted(x, 1.0 / p) - weighted(1.0 - x, 1.0 / (1.0 - p))
    }
}

/// The Bernoulli distribution by its logit `l = ln(p / (1 - p))`.
pub(super) struct BernoulliLogit;

impl Terms for BernoulliLogit {
    /// The family; it has no parameters, and none is read.
    #[inline]
    fn of(_: [f32; 2]) -> Self {
        Self
    }

    /// `-(1 - x) l - ln(1 + e^-l)` for `l >= 0`, else `x l - ln(1 + e^l)`, in nats, with `0 * infinity = 0`;
    /// NaN in either gives NaN.
    #[inline]
    fn log_prob(&self, x: f32, logit: f32) -> f32 {
        let against = if logit < 0.0 { x } else { 1.0 - x };
        weighted(against, -logit.abs()) - log1p(exp_exact(-logit.abs()))
    }

    /// Derivative of the log-density with respect to the logit, `x - sigmoid(l)`; `wrt` is not read.
    ///
    /// Taken without the difference, as `x sigmoid(-l) - (1 - x) sigmoid(l)`, both of one exponential.
    #[inline]
    fn score(&self, x: f32, logit: f32, _: Parameter) -> f32 {
        let e = exp_exact(-logit.abs());
        let likely = 1.0 / (1.0 + e);
        let unlikely = e * likely;
        let (one, zero) = if logit < 0.0 { (unlikely, likely) } else { (likely, unlikely) };
        x * zero - (1.0 - x) * one
    }
}

/// `weight * value`, but 0 for a weight of 0 where `value` is infinite; NaN in either gives NaN.
#[inline]
pub(super) fn weighted(weight: f32, value: f32) -> f32 {
    if weight == 0.0 && value.is_infinite() { 0.0 } else { weight * value }
}

/// `1 / (1 + e^-x)`: 0 at minus infinity, 1 at infinity, NaN for NaN; the same bits with and without the
/// feature `fast-math`.
#[inline]
pub(super) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp_exact(-x))
}
