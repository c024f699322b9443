//! Densities of 64 values under every kind of likelihood, with one value of each parameter.

use crate::harness::{Work, crc32};
use core::f64::consts::{PI, TAU};
use core::marker::PhantomData;
use elbow_core::distributions::{Family, Likelihood};
use elbow_kernels::workloads::Values;

const VALUES: usize = 64;
const CLASSES: usize = 8;
/// Of `max(1, |value|)`: an error of 2e-5 a term at most, of which most are far below it.
const TOLERANCE: f64 = 1e-5;

/// A likelihood and its own way to be computed.
pub trait Kind {
    /// As a generated module names it.
    const LIKELIHOOD: Likelihood<'static>;

    /// What is observed at a place, of 64; most draw it from `values`.
    fn observation(place: usize, values: &mut Values) -> f32;

    /// `ln p(x)` in f64, by the formula, in nats.
    fn truth(x: &[f64; VALUES], mean: &[f64; VALUES]) -> f64;
}

/// An observation, what the decoder made, and the sum.
pub struct LogProb<K> {
    x: [f32; VALUES],
    mean: [f32; VALUES],
    found: f32,
    kind: PhantomData<K>,
}

impl<K: Kind> LogProb<K> {
    /// Zeros, which take no flash.
    pub const fn new() -> Self {
        Self { x: [0.0; VALUES], mean: [0.0; VALUES], found: 0.0, kind: PhantomData }
    }
}

impl<K: Kind> Work for LogProb<K> {
    /// Draws what the decoder made from [-2, 2), then the observation.
    fn prepare(&mut self, values: &mut Values) {
        self.mean.fill_with(|| values.float(2.0));
        for (place, x) in self.x.iter_mut().enumerate() {
            *x = K::observation(place, values);
        }
    }

    /// Computes the log-likelihood and keeps it.
    #[inline(never)]
    fn run(&mut self) {
        self.found = K::LIKELIHOOD.log_prob(&self.x, &self.mean);
    }

    /// Whether what the last run kept is the log-likelihood in f64, but for the tolerance.
    fn is_right(&mut self) -> bool {
        let truth = K::truth(&self.x.map(f64::from), &self.mean.map(f64::from));
        truth != 0.0 && (f64::from(self.found) - truth).abs() <= TOLERANCE * truth.abs().max(1.0)
    }

    /// CRC-32 of the last log-likelihood as little-endian bytes.
    fn check(&self) -> u32 {
        crc32(self.found.to_le_bytes().into_iter())
    }
}

/// The likelihood of a family with these parameters.
const fn family(family: Family, parameters: [&'static [f32]; 2]) -> Likelihood<'static> {
    Likelihood { family, parameters }
}

/// A number from [-4, 4).
fn number(values: &mut Values) -> f32 {
    values.float(4.0)
}

/// A whole number from 0 to 7.
fn count(values: &mut Values) -> f32 {
    (values.word() >> 29) as f32
}

/// The sum of `term(x, mean)` over all values.
fn sum(x: &[f64; VALUES], mean: &[f64; VALUES], term: impl Fn(f64, f64) -> f64) -> f64 {
    x.iter().zip(mean).map(|(x, mean)| term(*x, *mean)).sum()
}

const LOG_SCALE: f32 = -0.5;

/// Distance of `x` from the mean, in scales.
fn standardized(x: f64, mean: f64) -> f64 {
    (x - mean) / libm::exp(LOG_SCALE.into())
}

/// Normals.
pub struct Gaussian;

impl Kind for Gaussian {
    const LIKELIHOOD: Likelihood<'static> = Likelihood::gaussian(&[LOG_SCALE]);

    /// A number, drawn at every place alike.
    fn observation(_: usize, values: &mut Values) -> f32 {
        number(values)
    }

    /// `ln p(x)` of all values by the formula, in nats.
    fn truth(x: &[f64; VALUES], mean: &[f64; VALUES]) -> f64 {
        sum(x, mean, |x, mean| {
            let t = standardized(x, mean);
            -0.5 * libm::log(TAU) - f64::from(LOG_SCALE) - 0.5 * t * t
        })
    }
}

/// Events, by their logits.
pub struct Bernoulli;

impl Kind for Bernoulli {
    const LIKELIHOOD: Likelihood<'static> = Likelihood::bernoulli_logit();

    /// An event, 1, or none, 0.
    fn observation(_: usize, values: &mut Values) -> f32 {
        f32::from(values.float(1.0) > 0.0)
    }

    /// `ln p(x)` of all values by the formula, in nats.
    fn truth(x: &[f64; VALUES], mean: &[f64; VALUES]) -> f64 {
        sum(x, mean, |x, logit| x * logit - libm::log1p(libm::exp(logit)))
    }
}

/// Laplace distributions.
pub struct Laplace;

impl Kind for Laplace {
    const LIKELIHOOD: Likelihood<'static> = family(Family::Laplace, [&[LOG_SCALE], &[]]);

    /// A number.
    fn observation(_: usize, values: &mut Values) -> f32 {
        number(values)
    }

    /// `ln p(x)` of all values by the formula, in nats.
    fn truth(x: &[f64; VALUES], mean: &[f64; VALUES]) -> f64 {
        let term = |x, mean| -libm::log(2.0) - f64::from(LOG_SCALE) - standardized(x, mean).abs();
        sum(x, mean, term)
    }
}

const DF: f32 = 5.0;

/// Student's t distributions.
pub struct StudentT;

impl Kind for StudentT {
    const LIKELIHOOD: Likelihood<'static> = family(Family::StudentT, [&[DF], &[LOG_SCALE]]);

    /// A number.
    fn observation(_: usize, values: &mut Values) -> f32 {
        number(values)
    }

    /// `ln p(x)` of all values by the formula, in nats.
    fn truth(x: &[f64; VALUES], mean: &[f64; VALUES]) -> f64 {
        let df = f64::from(DF);
        let half = 0.5 * (df + 1.0);
        let constant = libm::lgamma(half) - libm::lgamma(0.5 * df) - 0.5 * libm::log(PI * df);
        sum(x, mean, |x, mean| {
            let t = standardized(x, mean);
            constant - f64::from(LOG_SCALE) - half * libm::log1p(t * t / df)
        })
    }
}

/// One of eight classes at eight places, by their logits.
pub struct Categorical;

impl Kind for Categorical {
    const LIKELIHOOD: Likelihood<'static> =
        family(Family::CategoricalLogit { classes: CLASSES }, [&[], &[]]);

    /// 1 for the class of the place, 0 for the others; each place has another class, and nothing is drawn.
    fn observation(place: usize, _: &mut Values) -> f32 {
        f32::from(place / (VALUES / CLASSES) == place % (VALUES / CLASSES))
    }

    /// `ln p(x)` of all values by the formula, in nats.
    fn truth(x: &[f64; VALUES], mean: &[f64; VALUES]) -> f64 {
        const PLACES: usize = VALUES / CLASSES;
        let at = |place: usize| (0..CLASSES).map(move |class| class * PLACES + place);
        let term = |place: usize| {
            let total: f64 = at(place).map(|i| libm::exp(mean[i])).sum();
            at(place).map(|i| x[i] * (mean[i] - libm::log(total))).sum::<f64>()
        };
        (0..PLACES).map(term).sum()
    }
}

/// Counts, by the logarithms of their rates.
pub struct Poisson;

impl Kind for Poisson {
    const LIKELIHOOD: Likelihood<'static> = family(Family::PoissonLog, [&[], &[]]);

    /// A count.
    fn observation(_: usize, values: &mut Values) -> f32 {
        count(values)
    }

    /// `ln p(x)` of all values by the formula, in nats.
    fn truth(x: &[f64; VALUES], mean: &[f64; VALUES]) -> f64 {
        sum(x, mean, |x, log_rate| x * log_rate - libm::exp(log_rate) - libm::lgamma(x + 1.0))
    }
}

const LOG_THETA: f32 = 0.5;

/// Log-density of a count in nats, by the formula; `log_mean` is the logarithm of its mean.
fn negative_binomial(x: f64, log_mean: f64) -> f64 {
    let theta = libm::exp(LOG_THETA.into());
    let log_total = libm::log(theta + libm::exp(log_mean));
    let ways = libm::lgamma(x + theta) - libm::lgamma(theta) - libm::lgamma(x + 1.0);
    ways + theta * (f64::from(LOG_THETA) - log_total) + x * (log_mean - log_total)
}

/// Overdispersed counts, by the logarithms of their means.
pub struct NegativeBinomial;

impl Kind for NegativeBinomial {
    const LIKELIHOOD: Likelihood<'static> =
        family(Family::NegativeBinomialLog, [&[LOG_THETA], &[]]);

    /// A count.
    fn observation(_: usize, values: &mut Values) -> f32 {
        count(values)
    }

    /// `ln p(x)` of all values by the formula, in nats.
    fn truth(x: &[f64; VALUES], mean: &[f64; VALUES]) -> f64 {
        sum(x, mean, negative_binomial)
    }
}

const DROPOUT_LOGIT: f32 = -1.0;

/// The same, of which some were lost.
pub struct ZeroInflated;

impl Kind for ZeroInflated {
    const LIKELIHOOD: Likelihood<'static> =
        family(Family::ZeroInflatedNegativeBinomialLog, [&[LOG_THETA], &[DROPOUT_LOGIT]]);

    /// A count.
    fn observation(_: usize, values: &mut Values) -> f32 {
        count(values)
    }

    /// `ln p(x)` of all values by the formula, in nats.
    fn truth(x: &[f64; VALUES], mean: &[f64; VALUES]) -> f64 {
        let lost = 1.0 / (1.0 + libm::exp(-f64::from(DROPOUT_LOGIT)));
        sum(x, mean, |x, log_mean| {
            let kept = (1.0 - lost) * libm::exp(negative_binomial(x, log_mean));
            libm::log(kept + if x == 0.0 { lost } else { 0.0 })
        })
    }
}
