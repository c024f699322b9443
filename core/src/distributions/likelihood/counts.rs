//! Families of counts: Poisson, negative binomial, and zero-inflated negative binomial.
//!
//! A count `x` is at least 0 and need not be whole. `mean` is the decoder's output: the rate, or with `LOG`
//! its natural logarithm. Densities are in nats.

use super::events::{logistic, weighted};
use super::{Parameter, Terms};
use crate::distributions::diag_normal::LN_2_PI;
use crate::distributions::gamma::{log_excess, stirling, stirling_slope};
use crate::distributions::spread::log_add_exp;
use crate::math::{clamp, exp_exact, ln, log1p, min, softplus};

/// Bounds of `ln theta`.
const LOG_THETA: f32 = 60.0;
/// A rate that leaves room for sums and products of finite numbers; greater ones count by their logarithm.
const LARGE: f32 = 1e35;

/// The decoder's output: a rate, or with `LOG` its natural logarithm.
#[derive(Clone, Copy)]
struct Rate<const LOG: bool>(f32);

impl<const LOG: bool> Rate<LOG> {
    /// The rate, infinite where the exponential of its logarithm overflows; NaN for a rate below 0.
    #[inline]
    fn value(self) -> f32 {
        match LOG {
            true => exp_exact(self.0),
            false if self.0 < 0.0 => f32::NAN,
            false => self.0,
        }
    }

    /// Natural logarithm of the rate; minus infinity for a rate of 0, NaN below.
    #[inline]
    fn ln(self) -> f32 {
        if LOG { self.0 } else { ln(self.0) }
    }
}

/// The Poisson distribution, without parameters besides the mean.
pub(super) struct Poisson<const LOG: bool>;

impl<const LOG: bool> Terms for Poisson<LOG> {
    /// The family; it has no parameters, and none is read.
    #[inline]
    fn of(_: [f32; 2]) -> Self {
        Self
    }

    /// `x ln mean - mean - ln Gamma(x + 1)`, in nats; NaN for a count or rate below 0.
    ///
    /// Evaluated, with `d = (mean - x) / x`, as `-ln(2 pi x) / 2 - S(x) - x (d - ln(1 + d))`, and as `-mean`
    /// for `x = 0`.
    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        let mean = Rate::<LOG>(mean);
        if x == 0.0 {
            return -mean.value();
        }
        let ln_x = ln(x);
        let d = (mean.value() - x) / x;
        let distance = x * log_excess(d, || mean.ln() - ln_x);
        -0.5 * (LN_2_PI + ln_x) - stirling(x) - distance
    }

    /// Derivative of the log-density with respect to the decoder's output: `x - mean` for the logarithm of
    /// the rate, `(x - mean) / mean` for the rate itself, which is -1 for `x = 0`. NaN for a count or rate
    /// below 0; `wrt` is not read.
    #[inline]
    fn score(&self, x: f32, mean: f32, _: Parameter) -> f32 {
        let mean = Rate::<LOG>(mean).value();
        match LOG {
            _ if x < 0.0 => f32::NAN,
            true => x - mean,
            false if x == 0.0 && mean >= 0.0 => -1.0,
            false => (x - mean) / mean,
        }
    }
}

/// The negative binomial distribution of variance `mean + mean^2 / theta`, with what depends on `theta`
/// alone.
pub(super) struct NegativeBinomial<const LOG: bool> {
    log_theta: f32,
    theta: f32,
    /// `S(theta)`
    stirling: f32,
}

/// A rate relative to `theta`.
struct Compared {
    /// The rate, at most [`LARGE`].
    mean: f32,
    /// `theta / (theta + mean)`
    share: f32,
    /// `ln(1 + mean / theta)`
    log: f32,
}

impl<const LOG: bool> Terms for NegativeBinomial<LOG> {
    /// The family of the parameter `log_theta`, clamped to [-60, 60]; the second parameter is not read.
    #[inline]
    fn of([log_theta, _]: [f32; 2]) -> Self {
        let log_theta = clamp(log_theta, -LOG_THETA, LOG_THETA);
        let theta = exp_exact(log_theta);
        Self { log_theta, theta, stirling: stirling(theta) }
    }

    /// Log-density of the count `x`, in nats; `-theta ln(1 + mean / theta)` for `x = 0`, NaN for a count or
    /// rate below 0.
    ///
    /// With `d = (x - mean) / (theta + mean)`, `e = (mean - x) theta / ((theta + mean) x)` and
    /// `D(d) = d - ln(1 + d)` it is
    /// `-ln(2 pi x (1 + x / theta)) / 2 + S(theta + x) - S(theta) - S(x) - theta D(d) - x D(e)`.
    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        let compared = self.compared(mean);
        if x == 0.0 {
            return -self.theta * compared.log;
        }
        let (ln_x, log) = (ln(x), log1p(x / self.theta));
        let e = (compared.mean - x) * compared.share / x;
        let of_mean = || Rate::<LOG>(mean).ln() - ln_x + (log - compared.log);
        let distance = self.distance(x, &compared) + x * log_excess(e, of_mean);
        let gamma = stirling(self.theta + x) - self.stirling - stirling(x);
        gamma - 0.5 * (LN_2_PI + ln_x + log) - distance
    }

    /// Derivative of the log-density with respect to the decoder's output (the rate or its logarithm) for
    /// `Parameter::Mean`, with respect to `log_theta` for any other `wrt`. NaN for a count or rate below 0.
    #[inline]
    fn score(&self, x: f32, mean: f32, wrt: Parameter) -> f32 {
        let compared = self.compared(mean);
        let pull = (x - compared.mean) * compared.share;
        match wrt {
            _ if x < 0.0 => f32::NAN,
            Parameter::Mean if LOG => pull,
            Parameter::Mean if x == 0.0 => -compared.share,
            Parameter::Mean => pull / compared.mean,
            _ => {
                let sum = self.theta + x;
                let gamma = stirling_slope(sum) - stirling_slope(self.theta);
                0.5 * x / sum + self.theta * gamma - self.distance(x, &compared)
            }
        }
    }
}

impl<const LOG: bool> NegativeBinomial<LOG> {
    /// The decoder's output `mean` relative to `theta`; all fields are NaN for a rate that is below 0 or NaN.
    /// `log` is finite also where `mean / theta` overflows but the rate's logarithm is finite.
    #[inline]
    fn compared(&self, mean: f32) -> Compared {
        let (theta, rate) = (self.theta, Rate::<LOG>(mean));
        let (mean, ratio) = (min(rate.value(), LARGE), rate.value() / theta);
        let log = if ratio.is_finite() { log1p(ratio) } else { rate.ln() - self.log_theta };
        Compared { mean, share: theta / (theta + mean), log }
    }

    /// `theta (d - ln(1 + d))` with `d = (x - mean) / (theta + mean)`, for the result of
    /// [`compared`](Self::compared) of the mean; NaN where the mean is NaN.
    #[inline]
    fn distance(&self, x: f32, compared: &Compared) -> f32 {
        let d = (x - compared.mean) / (self.theta + compared.mean);
        self.theta * log_excess(d, || log1p(x / self.theta) - compared.log)
    }
}

/// Negative binomial counts of which each is replaced by 0 with the probability `sigmoid(logit)`.
pub(super) struct ZeroInflated<const LOG: bool> {
    counts: NegativeBinomial<LOG>,
    logit: f32,
}

impl<const LOG: bool> Terms for ZeroInflated<LOG> {
    /// The family of the parameters `log_theta`, clamped to [-60, 60], and the logit of the dropout.
    #[inline]
    fn of([log_theta, logit]: [f32; 2]) -> Self {
        Self { counts: NegativeBinomial::of([log_theta, 0.0]), logit }
    }

    /// Log-density of the count `x`, in nats, with `nb` that of the negative binomial:
    /// `ln(sigmoid(logit) + sigmoid(-logit) e^nb)` for `x = 0`, else `ln sigmoid(-logit) + nb`. NaN for a
    /// count or rate below 0.
    #[inline]
    fn log_prob(&self, x: f32, mean: f32) -> f32 {
        let (counts, logit) = (self.counts.log_prob(x, mean), self.logit);
        if x != 0.0 {
            counts - softplus(logit)
        } else if logit < 0.0 {
            log_add_exp(counts, logit) - softplus(logit)
        } else {
            softplus(counts - logit) - softplus(-logit)
        }
    }

    /// Derivative of the log-density with respect to the decoder's output for `Parameter::Mean`, to the logit
    /// of the dropout for `Parameter::DropoutLogit`, to `log_theta` for any other `wrt`. NaN for a count
    /// below 0, and for a rate below 0, except that the derivative with respect to the logit for `x > 0` does
    /// not depend on the rate.
    #[inline]
    fn score(&self, x: f32, mean: f32, wrt: Parameter) -> f32 {
        let logit = self.logit;
        if x != 0.0 {
            return match wrt {
                Parameter::DropoutLogit if x > 0.0 => -logistic(logit),
                _ => self.counts.score(x, mean, wrt),
            };
        }
        // The probability that a zero was counted.
        let counted = logistic(self.counts.log_prob(x, mean) - logit);
        match wrt {
            Parameter::DropoutLogit => logistic(-logit) - counted,
            _ => weighted(counted, self.counts.score(x, mean, wrt)),
        }
    }
}
