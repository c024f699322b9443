//! Families of events.

use super::{Parameter, Terms};
use crate::math::{exp_exact, ln, log1p};

pub(super) struct Bernoulli;

impl Terms for Bernoulli {
    #[inline]
    fn of(_: [f32; 2]) -> Self {
        Self
    }

    #[inline]
    fn log_prob(&self, x: f32, p: f32) -> f32 {
        weighted(x, ln(p)) + weighted(1.0 - x, log1p(-p))
    }

    #[inline]
    fn score(&self, x: f32, p: f32, _: Parameter) -> f32 {
        weighted(x, 1.0 / p) - weighted(1.0 - x, 1.0 / (1.0 - p))
    }
}

pub(super) struct BernoulliLogit;

impl Terms for BernoulliLogit {
    #[inline]
    fn of(_: [f32; 2]) -> Self {
        Self
    }

    #[inline]
    fn log_prob(&self, x: f32, logit: f32) -> f32 {
        let against = if logit < 0.0 { x } else { 1.0 - x };
        weighted(against, -logit.abs()) - log1p(exp_exact(-logit.abs()))
    }

    /// `x - sigmoid(l)`, without the difference: `x sigmoid(-l) - (1 - x) sigmoid(l)`, both of one
    /// exponential.
    #[inline]
    fn score(&self, x: f32, logit: f32, _: Parameter) -> f32 {
        let e = exp_exact(-logit.abs());
        let likely = 1.0 / (1.0 + e);
        let unlikely = e * likely;
        let (one, zero) = if logit < 0.0 { (unlikely, likely) } else { (likely, unlikely) };
        x * zero - (1.0 - x) * one
    }
}

/// `weight * value`, 0 for a weight of 0 even where `value` is infinite; a NaN stays.
#[inline]
pub(super) fn weighted(weight: f32, value: f32) -> f32 {
    if weight == 0.0 && value.is_infinite() { 0.0 } else { weight * value }
}

/// `1 / (1 + e^-x)`, the same under every feature.
#[inline]
pub(super) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp_exact(-x))
}
