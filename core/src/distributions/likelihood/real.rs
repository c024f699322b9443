//! Families of real values.

use super::{Parameter, Terms};
use crate::distributions::diag_normal::LN_2_PI;
use crate::distributions::gamma::{stirling, stirling_slope};
use crate::math::{clamp, exp_exact, ln, log1p, min, sign};
use core::f32::consts::LN_2;

/// Bounds of the degrees of freedom: from the greater on a t distribution is a normal one in f32.
const DF: [f32; 2] = [1e-30, 1e30];

/// `e^-log_scale`, at most the largest float: the distance 0 times infinity would be NaN.
#[inline]
fn precision(log_scale: f32) -> f32 {
    min(exp_exact(-log_scale), f32::MAX)
}

pub(super) struct Gaussian {
    log_scale: f32,
    precision: f32,
}

impl Terms for Gaussian {
    #[inline]
    fn of([log_scale, _]: [f32; 2]) -> Self {
        Self { log_scale, precision: precision(log_scale) }
    }

    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        let distance = (x - mean) * self.precision;
        -0.5 * LN_2_PI - self.log_scale - 0.5 * distance * distance
    }

    #[inline]
    fn score(&self, x: f32, mean: f32, wrt: Parameter) -> f32 {
        let distance = (x - mean) * self.precision;
        match wrt {
            Parameter::Mean => distance * self.precision,
            _ => distance * distance - 1.0,
        }
    }
}

pub(super) struct LogNormal(Gaussian);

/// Stands for the logarithm of 0, where an infinity times a vanished precision would be NaN: less than that of
/// any float.
const LN_0: f32 = -150.0;

impl LogNormal {
    #[inline]
    fn log(x: f32) -> f32 {
        if x == 0.0 { LN_0 } else { ln(x) }
    }
}

impl Terms for LogNormal {
    #[inline]
    fn of(parameters: [f32; 2]) -> Self {
        Self(Gaussian::of(parameters))
    }

    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        let log = Self::log(x);
        let slope = if x == 0.0 { f32::INFINITY } else { log };
        self.0.log_prob(log, mean) - slope
    }

    #[inline]
    fn score(&self, x: f32, mean: f32, wrt: Parameter) -> f32 {
        self.0.score(Self::log(x), mean, wrt)
    }
}

pub(super) struct Laplace {
    log_scale: f32,
    rate: f32,
}

impl Terms for Laplace {
    #[inline]
    fn of([log_scale, _]: [f32; 2]) -> Self {
        Self { log_scale, rate: precision(log_scale) }
    }

    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        -LN_2 - self.log_scale - (x - mean).abs() * self.rate
    }

    #[inline]
    fn score(&self, x: f32, mean: f32, wrt: Parameter) -> f32 {
        match wrt {
            Parameter::Mean => sign(x - mean) * self.rate,
            _ => (x - mean).abs() * self.rate - 1.0,
        }
    }
}

pub(super) struct StudentT {
    df: f32,
    log_scale: f32,
    precision: f32,
    /// `ln p(mean) + log_scale`
    peak: f32,
}

impl Terms for StudentT {
    /// With `h = df / 2`, `ln Gamma(h + 1/2) - ln Gamma(h) - ln(pi df) / 2` is
    /// `h ln(1 + 1/df) - 1/2 - ln(2 pi) / 2 + S(h + 1/2) - S(h)`.
    #[inline]
    fn of([df, log_scale]: [f32; 2]) -> Self {
        let df = if df > 0.0 { clamp(df, DF[0], DF[1]) } else { f32::NAN };
        let half = 0.5 * df;
        let shape = half * log1p(1.0 / df) - 0.5;
        let peak = shape - 0.5 * LN_2_PI + (stirling(half + 0.5) - stirling(half));
        Self { df, log_scale, precision: precision(log_scale), peak }
    }

    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        let t = (x - mean) * self.precision;
        self.peak - self.log_scale - (0.5 * self.df + 0.5) * self.log_spread(t)
    }

    /// With `share = t^2 / (df + t^2)`, written so that no square overflows into NaN.
    #[inline]
    fn score(&self, x: f32, mean: f32, wrt: Parameter) -> f32 {
        let Self { df, precision, .. } = *self;
        let t = (x - mean) * precision;
        let share = 1.0 / (1.0 + 1.0 / (t / df * t));
        match wrt {
            Parameter::Mean => (1.0 + 1.0 / df) / (1.0 / t + t / df) * precision,
            Parameter::LogScale => (df + 1.0) * share - 1.0,
            _ => {
                let half = 0.5 * df;
                let shape = log1p(1.0 / df) - 1.0 / (df + 1.0);
                let gamma = stirling_slope(half + 0.5) - stirling_slope(half);
                0.5 * (shape + gamma - self.log_spread(t) + (1.0 + 1.0 / df) * share)
            }
        }
    }
}

impl StudentT {
    /// `ln(1 + t^2 / df)`
    #[inline]
    fn log_spread(&self, t: f32) -> f32 {
        let ratio = t / self.df * t;
        if ratio.is_finite() { log1p(ratio) } else { 2.0 * ln(t.abs()) - ln(self.df) }
    }
}
