//! Families of real values: Gaussian, log-normal, Laplace, and Student's t. Densities are in nats.

use super::{Parameter, Terms};
use crate::distributions::diag_normal::LN_2_PI;
use crate::distributions::gamma::{stirling, stirling_slope};
use crate::math::{clamp, exp_exact, ln, log1p, min, sign};
use core::f32::consts::LN_2;

/// Bounds of the degrees of freedom: from the greater on a t distribution is a normal one in f32.
const DF: [f32; 2] = [1e-30, 1e30];

/// `e^-log_scale`, but at most the largest float, since a distance of 0 times infinity would be NaN; NaN for
/// NaN.
#[inline]
pub(super) fn precision(log_scale: f32) -> f32 {
    min(exp_exact(-log_scale), f32::MAX)
}

/// The normal distribution, by the logarithm of its scale and by the inverse of the scale.
pub(super) struct Gaussian {
    log_scale: f32,
    precision: f32,
}

impl Terms for Gaussian {
    /// The family of the parameter `log_scale`; the second one is not read.
    #[inline]
    fn of([log_scale, _]: [f32; 2]) -> Self {
        Self { log_scale, precision: precision(log_scale) }
    }

    /// `-ln(2 pi) / 2 - log_scale - t^2 / 2` with `t = (x - mean) / e^log_scale`, in nats.
    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        let distance = (x - mean) * self.precision;
        -0.5 * LN_2_PI - self.log_scale - 0.5 * distance * distance
    }

    /// Derivative of the log-density: `t / e^log_scale` with respect to the mean for `Parameter::Mean`,
    /// `t^2 - 1` with respect to `log_scale` for any other `wrt`; `t` is `(x - mean) / e^log_scale`.
    #[inline]
    fn score(&self, x: f32, mean: f32, wrt: Parameter) -> f32 {
        let distance = (x - mean) * self.precision;
        match wrt {
            Parameter::Mean => distance * self.precision,
            _ => distance * distance - 1.0,
        }
    }
}

/// The distribution of a value whose logarithm has the normal distribution inside.
pub(super) struct LogNormal(Gaussian);

/// Stands for the logarithm of 0, where an infinity times a vanished precision would be NaN: less than that
/// of any float.
const LN_0: f32 = -150.0;

impl LogNormal {
    /// Natural logarithm of `x`, but -150 for `x = 0`; NaN below.
    #[inline]
    fn log(x: f32) -> f32 {
        if x == 0.0 { LN_0 } else { ln(x) }
    }
}

impl Terms for LogNormal {
    /// The family of the parameter `log_scale`, that of `ln x`; the second one is not read.
    #[inline]
    fn of(parameters: [f32; 2]) -> Self {
        Self(Gaussian::of(parameters))
    }

    /// Log-density of `x`, in nats: that of the normal at `ln x`, less `ln x`; minus infinity for `x = 0`,
    /// NaN below.
    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        let log = Self::log(x);
        let slope = if x == 0.0 { f32::INFINITY } else { log };
        self.0.log_prob(log, mean) - slope
    }

    /// Derivative of the log-density with respect to the mean of `ln x` for `Parameter::Mean`, to the
    /// `log_scale` of `ln x` for any other `wrt`. `x = 0` counts as `e^-150`; NaN for an `x` below 0.
    #[inline]
    fn score(&self, x: f32, mean: f32, wrt: Parameter) -> f32 {
        self.0.score(Self::log(x), mean, wrt)
    }
}

/// The Laplace distribution, by the logarithm of its scale and by the inverse of the scale.
pub(super) struct Laplace {
    log_scale: f32,
    rate: f32,
}

impl Terms for Laplace {
    /// The family of the parameter `log_scale`; the second one is not read.
    #[inline]
    fn of([log_scale, _]: [f32; 2]) -> Self {
        Self { log_scale, rate: precision(log_scale) }
    }

    /// `-ln 2 - log_scale - |x - mean| / e^log_scale`, in nats.
    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        -LN_2 - self.log_scale - (x - mean).abs() * self.rate
    }

    /// Derivative of the log-density: `sign(x - mean) / e^log_scale` with respect to the mean for
    /// `Parameter::Mean` (0 where they are equal), `|x - mean| / e^log_scale - 1` with respect to `log_scale`
    /// for any other `wrt`.
    #[inline]
    fn score(&self, x: f32, mean: f32, wrt: Parameter) -> f32 {
        match wrt {
            Parameter::Mean => sign(x - mean) * self.rate,
            _ => (x - mean).abs() * self.rate - 1.0,
        }
    }
}

/// Student's t distribution, with what depends on its parameters alone.
pub(super) struct StudentT {
    df: f32,
    log_scale: f32,
    precision: f32,
    /// `ln p(mean) + log_scale = ln Gamma((df + 1) / 2) - ln Gamma(df / 2) - ln(pi df) / 2`
    peak: f32,
}

impl Terms for StudentT {
    /// The family of the parameters `df`, clamped to [1e-30, 1e30], and `log_scale`; all densities are NaN
    /// for `df <= 0`.
    ///
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

    /// `peak - log_scale - (df + 1) / 2 ln(1 + t^2 / df)` with `t = (x - mean) / e^log_scale`, in nats.
    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        let t = (x - mean) * self.precision;
        self.peak - self.log_scale - (0.5 * self.df + 0.5) * self.log_spread(t)
    }

    /// Derivative of the log-density with respect to the mean for `Parameter::Mean`, to `log_scale` for
    /// `Parameter::LogScale`, to `df` for any other `wrt`.
    ///
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
    /// `ln(1 + t^2 / df)`, finite also where the quotient overflows.
    #[inline]
    fn log_spread(&self, t: f32) -> f32 {
        let ratio = t / self.df * t;
        if ratio.is_finite() { log1p(ratio) } else { 2.0 * ln(t.abs()) - ln(self.df) }
    }
}
