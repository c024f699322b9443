//! Spread heads: what an encoder's second output means, and how it becomes a log-variance.

use crate::math::{self, exp_exact, ln, log1p, softplus};

/// What the values `h` of a spread head stand for. `eps >= 0` is added where the model was trained
/// with one (0 otherwise).
///
/// A wrong head gives wrong variances without any error; therefore the manifest has to declare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Spread {
    /// `variance = e^h + eps`
    LogVar,
    /// `scale = e^h + eps`
    LogSigma,
    /// `scale = h + eps`
    Sigma,
    /// `variance = h + eps`
    Var,
    /// `scale = ln(1 + e^h) + eps`
    SoftplusSigma,
    /// `variance = ln(1 + e^h) + eps`
    SoftplusVar,
}

impl Spread {
    /// All heads.
    pub const ALL: [Self; 6] = [
        Self::LogVar,
        Self::LogSigma,
        Self::Sigma,
        Self::Var,
        Self::SoftplusSigma,
        Self::SoftplusVar,
    ];

    /// The name in a manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogVar => "logvar",
            Self::LogSigma => "log_sigma",
            Self::Sigma => "sigma",
            Self::Var => "var",
            Self::SoftplusSigma => "softplus_sigma",
            Self::SoftplusVar => "softplus_var",
        }
    }

    /// The head of this [`name`](Self::name); `None` for any other text, also in another case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|head| head.name() == name)
    }
}

/// Below this `h`, `ln softplus(h)` is `h` in f32: it differs by `e^h / 2`.
const SOFTPLUS_IS_EXP: f32 = -15.0;

/// Turns the values of a head into log-variances, in place.
///
/// [`Spread`] gives the formula per head. Logarithms of sums are taken without leaving the
/// logarithm (`ln(e^h + eps) = max + ln(1 + e^-|h - ln eps|)`), so that no `h` of the four
/// exponential heads in [-1e38, 1e38] overflows or becomes minus infinity. With `eps = 0`,
/// [`Spread::LogVar`] leaves every bit as it is and [`Spread::LogSigma`] doubles. Error at most
/// 3.5e-7 of `max(1, |log_var|)`, as long as `h` and `h + eps` are normal f32 values.
///
/// A variance of 0 gives minus infinity, a negative one (or a negative `eps`) NaN; infinities map
/// to their limits, NaN stays NaN.
#[inline]
pub fn to_log_var(values: &mut [f32], head: Spread, eps: f32) {
    let ln_eps = ln(eps);
    match head {
        Spread::LogVar if eps == 0.0 => {}
        Spread::LogVar => map(values, |h| log_add_exp(h, ln_eps)),
        Spread::LogSigma if eps == 0.0 => map(values, |h| 2.0 * h),
        Spread::LogSigma => map(values, |h| 2.0 * log_add_exp(h, ln_eps)),
        Spread::Sigma => map(values, |h| 2.0 * ln(h + eps)),
        Spread::Var => map(values, |h| ln(h + eps)),
        Spread::SoftplusSigma => map(values, |h| 2.0 * log_softplus(h, eps)),
        Spread::SoftplusVar => map(values, |h| log_softplus(h, eps)),
    }
}

/// Replaces each value by `f` of it, in place.
#[inline(always)]
fn map(values: &mut [f32], f: impl Fn(f32) -> f32) {
    values.iter_mut().for_each(|h| *h = f(*h));
}

/// `ln(e^a + e^b)` for a finite `b`, without overflow; `b` where `a` is minus infinity, infinity where it is
/// plus infinity, NaN where one is NaN.
#[inline]
pub(super) fn log_add_exp(a: f32, b: f32) -> f32 {
    let tail = log1p(exp_exact(-(a - b).abs()));
    if a > b { a + tail } else { b + tail }
}

/// `ln(softplus(h) + eps)` for `eps >= 0`; with `eps = 0` it is `h` below -15, where both are equal in f32.
/// NaN where `h` or `eps` is NaN.
#[inline]
fn log_softplus(h: f32, eps: f32) -> f32 {
    if eps == 0.0 && h < SOFTPLUS_IS_EXP { h } else { ln(softplus(h) + eps) }
}

/// Number of values outside `[low, high]`, each of which is set to the nearer bound, in place.
///
/// NaN stays NaN and is not counted. Where `low > high`, every value becomes `high`.
#[inline]
pub fn clamp(values: &mut [f32], low: f32, high: f32) -> u32 {
    let mut hits = 0;
    for value in values {
        hits += u32::from(*value < low || *value > high);
        *value = math::clamp(*value, low, high);
    }
    hits
}
