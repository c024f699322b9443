//! Likelihoods of an observation under the decoder's output.

mod categorical;
mod counts;
mod events;
mod fixed;
mod real;
mod runs;

use super::sum::Sum;
use crate::listed::listed;
use crate::pieces::pieces_mut;
use counts::{NegativeBinomial, Poisson, ZeroInflated};
use events::{Bernoulli, BernoulliLogit};
use real::{Gaussian, Laplace, LogNormal, StudentT};
use runs::{Runs, pairs};

/// Distributions of the values of an observation, independent of each other but for the categorical.
///
/// The decoder's output comes in as `mean`; the name says what it holds. Formulas are those of
/// [`Likelihood::log_prob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Family {
    /// Normals around `mean`; has [`Parameter::LogScale`].
    Gaussian,
    /// Events; `mean` holds probabilities.
    Bernoulli,
    /// Events; `mean` holds logits `ln(p / (1 - p))`.
    BernoulliLogit,
    /// Laplace distributions around `mean`; has [`Parameter::LogScale`].
    Laplace,
    /// Student's t distributions around `mean`; has [`Parameter::Df`] and [`Parameter::LogScale`].
    StudentT,
    /// One of several classes at every place; `mean` holds probabilities. Classes lie on the leading
    /// axis: the probabilities of one place are `len / classes` apart.
    Categorical {
        /// Number of classes; it has to divide the length of the observation.
        classes: usize,
    },
    /// Classes as for `Categorical`; `mean` holds logits, up to a constant per place.
    CategoricalLogit {
        /// Number of classes; it has to divide the length of the observation.
        classes: usize,
    },
    /// Counts; `mean` holds rates.
    Poisson,
    /// Counts; `mean` holds logarithms of rates.
    PoissonLog,
    /// Overdispersed counts of the mean `mean` and the variance `mean + mean^2 / theta`; has
    /// [`Parameter::LogTheta`].
    NegativeBinomial,
    /// Counts as for `NegativeBinomial`; `mean` holds natural logarithms of means.
    NegativeBinomialLog,
    /// Negative binomial counts, some of which were lost and are 0; has [`Parameter::LogTheta`] and
    /// [`Parameter::DropoutLogit`].
    ZeroInflatedNegativeBinomial,
    /// Counts as for `ZeroInflatedNegativeBinomial`; `mean` holds natural logarithms of means.
    ZeroInflatedNegativeBinomialLog,
    /// Log-normal distributions: `ln x` is normal around `mean`; has [`Parameter::LogScale`], that of `ln x`.
    LogNormal,
}

/// A parameter of a family, with respect to which [`Likelihood::score`] can differentiate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Parameter {
    /// The decoder's first output; every family has it.
    Mean,
    /// Natural logarithm of the scale: of a normal, its standard deviation.
    LogScale,
    /// Degrees of freedom, above 0; from 1e30 on a normal.
    Df,
    /// Natural logarithm of the inverse dispersion `theta`; taken as at -60 and 60 beyond these, where
    /// no count differs from 0, or the distribution from Poisson's.
    LogTheta,
    /// Logit of the probability that a count was lost.
    DropoutLogit,
}

/// Parameterization of `mean`: how the expectation of an observed value follows from it.
///
/// All its variants are matched where an expectation is calculated, so that a new one is not overlooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MeanIs {
    /// The expectation, or where there is none (Student's t with `df <= 1`) the centre.
    Mean,
    /// The probability of an event, or of a class.
    Probability,
    /// `ln(p / (1 - p))` of an event; of classes, `ln p` up to a constant per place.
    Logit,
    /// The expected count.
    Rate,
    /// Natural logarithm of the expected count.
    LogRate,
    /// The mean of `ln x`: the expectation is `e^(loc + scale^2 / 2)`, the median `e^loc`.
    Loc,
}

impl Family {
    /// Every family; those of classes have two.
    pub const ALL: &[Self] = listed! { Family:
        Gaussian => [Gaussian],
        Bernoulli => [Bernoulli],
        BernoulliLogit => [BernoulliLogit],
        Laplace => [Laplace],
        StudentT => [StudentT],
        LogNormal => [LogNormal],
        Categorical { .. } => [Categorical { classes: 2 }],
        CategoricalLogit { .. } => [CategoricalLogit { classes: 2 }],
        Poisson => [Poisson],
        PoissonLog => [PoissonLog],
        NegativeBinomial => [NegativeBinomial],
        NegativeBinomialLog => [NegativeBinomialLog],
        ZeroInflatedNegativeBinomial => [ZeroInflatedNegativeBinomial],
        ZeroInflatedNegativeBinomialLog => [ZeroInflatedNegativeBinomialLog],
    };

    /// What `mean` holds; of zero-inflated counts, that without the extra zeros.
    pub const fn mean_is(self) -> MeanIs {
        match self {
            Self::Gaussian | Self::Laplace | Self::StudentT => MeanIs::Mean,
            Self::LogNormal => MeanIs::Loc,
            Self::Bernoulli | Self::Categorical { .. } => MeanIs::Probability,
            Self::BernoulliLogit | Self::CategoricalLogit { .. } => MeanIs::Logit,
            Self::Poisson | Self::NegativeBinomial | Self::ZeroInflatedNegativeBinomial => {
                MeanIs::Rate
            }
            Self::PoissonLog
            | Self::NegativeBinomialLog
            | Self::ZeroInflatedNegativeBinomialLog => MeanIs::LogRate,
        }
    }

    /// The parameters besides [`Parameter::Mean`], in the order of [`Likelihood::parameters`].
    pub const fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::Gaussian | Self::Laplace | Self::LogNormal => &[Parameter::LogScale],
            Self::StudentT => &[Parameter::Df, Parameter::LogScale],
            Self::NegativeBinomial | Self::NegativeBinomialLog => &[Parameter::LogTheta],
            Self::ZeroInflatedNegativeBinomial | Self::ZeroInflatedNegativeBinomialLog => {
                &[Parameter::LogTheta, Parameter::DropoutLogit]
            }
            Self::Bernoulli
            | Self::BernoulliLogit
            | Self::Categorical { .. }
            | Self::CategoricalLogit { .. }
            | Self::Poisson
            | Self::PoissonLog => &[],
        }
    }

    /// Number of classes that share a place; `None` for a family whose values are independent of each other.
    pub const fn classes(self) -> Option<usize> {
        match self {
            Self::Categorical { classes } | Self::CategoricalLogit { classes } => Some(classes),
            Self::Gaussian
            | Self::Bernoulli
            | Self::BernoulliLogit
            | Self::Laplace
            | Self::StudentT
            | Self::LogNormal
            | Self::Poisson
            | Self::PoissonLog
            | Self::NegativeBinomial
            | Self::NegativeBinomialLog
            | Self::ZeroInflatedNegativeBinomial
            | Self::ZeroInflatedNegativeBinomialLog => None,
        }
    }
}

/// A family `p(x | z)` with its parameters, fixed ones or outputs of the decoder.
///
/// ```
/// use elbow_core::distributions::{Family, Likelihood, Parameter};
/// let likelihood = Likelihood::gaussian(&[0.0]);
/// assert!((likelihood.log_prob(&[1.0], &[1.0]) + 0.918_938_5).abs() < 1e-6);
/// let mut grad = [0.0];
/// likelihood.score(&[3.0], &[1.0], Parameter::Mean, &mut grad);
/// assert_eq!(grad, [2.0]);
/// let counts = Likelihood { family: Family::PoissonLog, parameters: [&[], &[]] };
/// assert_eq!(counts.log_prob(&[0.0], &[0.0]), -1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Likelihood<'a> {
    /// The family.
    pub family: Family,
    /// Its parameters as [`Family::parameters`] lists them, each with one value for all, one per
    /// channel (the length divides that of `x`, whose channels come first), or one per value; of two
    /// lengths the greater is a multiple of the other. What a family does not have is not read.
    pub parameters: [&'a [f32]; 2],
}

impl<'a> Likelihood<'a> {
    /// Normals with these natural logarithms of the standard deviations: one for all values, one per channel
    /// or one per value. No length is checked here; one that does not fit gives NaN where it is used.
    pub const fn gaussian(log_scale: &'a [f32]) -> Self {
        Self { family: Family::Gaussian, parameters: [log_scale, &[]] }
    }

    /// Events; `mean` holds their probabilities.
    pub const fn bernoulli() -> Self {
        Self { family: Family::Bernoulli, parameters: [&[], &[]] }
    }

    /// Events; `mean` holds their logits `ln(p / (1 - p))`.
    pub const fn bernoulli_logit() -> Self {
        Self { family: Family::BernoulliLogit, parameters: [&[], &[]] }
    }

    /// `ln p(x | z)` in nats, summed over all of `x`.
    ///
    /// | Family | Term |
    /// |---|---|
    /// | Gaussian | `-ln(2 pi) / 2 - log_scale - t^2 / 2` with `t = (x - mean) / e^log_scale` |
    /// | Bernoulli | `x ln p + (1 - x) ln(1 - p)`, with `0 ln 0 = 0` |
    /// | Bernoulli, logits `l` | `-(1 - x) l - ln(1 + e^-l)` for `l >= 0`, else `x l - ln(1 + e^l)`, with `0 * infinity = 0` |
    /// | Laplace | `-ln 2 - log_scale - abs(t)` |
    /// | Student's t | `ln Gamma((df + 1) / 2) - ln Gamma(df / 2) - ln(pi df) / 2 - log_scale - (df + 1) / 2 ln(1 + t^2 / df)` |
    /// | log-normal | `-ln(2 pi) / 2 - log_scale - ln x - t^2 / 2` with `t = (ln x - mean) / e^log_scale` |
    /// | categorical | `x ln p`, with `0 ln 0 = 0` |
    /// | categorical, logits `l` | `x (l - max l - ln sum e^(l - max l))`, over the classes of a place |
    /// | Poisson | `x ln mean - mean - ln Gamma(x + 1)` |
    /// | negative binomial | `ln Gamma(x + theta) - ln Gamma(theta) - ln Gamma(x + 1) + theta ln(theta / (theta + mean)) + x ln(mean / (theta + mean))` |
    /// | zero-inflated, `d` the dropout's logit | `ln(sigmoid(d) + sigmoid(-d) e^nb)` for `x = 0`, else `ln sigmoid(-d) + nb` |
    ///
    /// `x` of the Bernoulli families is 0 or 1; values between give the (negative) cross entropy. That of the
    /// categorical is 1 for the class of a place and 0 for the others, or weights. Counts are at least 0 and
    /// need not be whole. A log-normal value is above 0; 0 is impossible. Probabilities are not clamped, nor
    /// normalized. An impossible `x` gives minus infinity. A Bernoulli probability outside [0, 1], a
    /// categorical one below 0, a rate, a count or a log-normal value below 0, `df <= 0`, and a categorical
    /// logit of plus infinity give NaN. NaN in any argument gives NaN, and so do lengths that do not fit:
    /// `mean` must be as long as `x`, parameters as [`parameters`](Self::parameters) says. Other arguments of
    /// magnitudes up to 1e38 give no NaN.
    ///
    /// Gamma functions are taken by the remainder of Stirling's formula, and counts by their distance from
    /// the mean (the saddle point of Loader, 2000), so that nothing large is subtracted: a negative binomial
    /// with `theta = 1e6` has no greater error than one with `theta = 1`. Error at most 5e-7 of the sum of
    /// the magnitudes of all parts of all terms; of counts up to 3e4, and of Student's t, at most
    /// `2e-5 + 1e-6 abs(term)` per term. A log-normal term has in addition the error of its `t`, that of
    /// [`ln`](crate::math::ln) divided by the scale.
    #[inline(always)] // a caller that names its family links that one alone
    pub fn log_prob(&self, x: &[f32], mean: &[f32]) -> f32 {
        if x.len() != mean.len() {
            return f32::NAN;
        }
        let value = match self.family {
            Family::Gaussian => self.sum::<Gaussian>(x, mean),
            Family::Bernoulli => self.sum::<Bernoulli>(x, mean),
            Family::BernoulliLogit => self.sum::<BernoulliLogit>(x, mean),
            Family::Laplace => self.sum::<Laplace>(x, mean),
            Family::StudentT => self.sum::<StudentT>(x, mean),
            Family::LogNormal => self.sum::<LogNormal>(x, mean),
            Family::Categorical { classes } => categorical::log_prob(x, mean, classes),
            Family::CategoricalLogit { classes } => categorical::logit_log_prob(x, mean, classes),
            Family::Poisson => self.sum::<Poisson<false>>(x, mean),
            Family::PoissonLog => self.sum::<Poisson<true>>(x, mean),
            Family::NegativeBinomial => self.sum::<NegativeBinomial<false>>(x, mean),
            Family::NegativeBinomialLog => self.sum::<NegativeBinomial<true>>(x, mean),
            Family::ZeroInflatedNegativeBinomial => self.sum::<ZeroInflated<false>>(x, mean),
            Family::ZeroInflatedNegativeBinomialLog => self.sum::<ZeroInflated<true>>(x, mean),
        };
        value.unwrap_or(f32::NAN)
    }

    /// [`log_prob`](Self::log_prob), of a Gaussian by integers: what a model with an integer decoder answers.
    ///
    /// `x` and `mean` are rounded to steps of between 2^-13 and 2^-12 of their scale, and the rest is exact until
    /// the squares of a scale are summed: a term errs by less than `2^-12 (1 + abs(t))`, both ways alike, which
    /// a core without float unit computes in a tenth of the instructions. Where a value is not finite or is 2^13
    /// scales and more away from 0, and of every other family, it is `log_prob`: `x` is never cut off.
    #[inline(always)] // as log_prob
    pub fn log_prob_in_steps(&self, x: &[f32], mean: &[f32]) -> f32 {
        let found = match self.family {
            Family::Gaussian if x.len() == mean.len() => fixed::gaussian(self, x, mean),
            _ => None,
        };
        found.unwrap_or_else(|| self.log_prob(x, mean))
    }

    /// Writes `d ln p(x | z) / d wrt`, the score of one parameter, to `grad`, which is as long as that
    /// parameter; a value that stands for many gets the sum over them.
    ///
    /// For `Parameter::Mean` it is the derivative with respect to what `mean` holds: logits, rates, or
    /// logarithms of rates. That of the Laplace distribution is 0 where `x` is `mean`; a log-normal `x` of 0
    /// counts as `e^-150`. All of `grad` becomes NaN where the family has no such parameter or lengths do not
    /// fit. Where a score depends on a NaN, a count, a rate or a log-normal value below 0, or on `df <= 0`,
    /// it is NaN.
    ///
    /// Error at most `3e-6 max(1, abs(score))` per term; of counts whose `mean` is a logarithm, and up to
    /// 3e4, `3e-6 max(1, abs(score), x)`; of a log-normal value, that of its `t` besides.
    #[inline(always)] // as log_prob
    pub fn score(&self, x: &[f32], mean: &[f32], wrt: Parameter, grad: &mut [f32]) {
        let of_mean = wrt == Parameter::Mean && grad.len() == x.len() && x.len() == mean.len();
        let done = match self.family {
            Family::Gaussian => self.slope::<Gaussian>(x, mean, wrt, grad),
            Family::Bernoulli => self.slope::<Bernoulli>(x, mean, wrt, grad),
            Family::BernoulliLogit => self.slope::<BernoulliLogit>(x, mean, wrt, grad),
            Family::Laplace => self.slope::<Laplace>(x, mean, wrt, grad),
            Family::StudentT => self.slope::<StudentT>(x, mean, wrt, grad),
            Family::LogNormal => self.slope::<LogNormal>(x, mean, wrt, grad),
            Family::Categorical { classes } if of_mean => {
                categorical::score(x, mean, classes, grad)
            }
            Family::CategoricalLogit { classes } if of_mean => {
                categorical::logit_score(x, mean, classes, grad)
            }
            Family::Categorical { .. } | Family::CategoricalLogit { .. } => None,
            Family::Poisson => self.slope::<Poisson<false>>(x, mean, wrt, grad),
            Family::PoissonLog => self.slope::<Poisson<true>>(x, mean, wrt, grad),
            Family::NegativeBinomial => self.slope::<NegativeBinomial<false>>(x, mean, wrt, grad),
            Family::NegativeBinomialLog => self.slope::<NegativeBinomial<true>>(x, mean, wrt, grad),
            Family::ZeroInflatedNegativeBinomial => {
                self.slope::<ZeroInflated<false>>(x, mean, wrt, grad)
            }
            Family::ZeroInflatedNegativeBinomialLog => {
                self.slope::<ZeroInflated<true>>(x, mean, wrt, grad)
            }
        };
        if done.is_none() {
            grad.fill(f32::NAN);
        }
    }

    /// `ln p(x | z)` in nats: the compensated sum of the terms, run by run, so that what depends on
    /// parameters alone is evaluated once per run. `T` is the family of `self`, and `mean` is as long as `x`.
    /// `None` where the lengths of the parameters do not fit that of `x`.
    #[inline]
    fn sum<T: Terms>(&self, x: &[f32], mean: &[f32]) -> Option<f32> {
        let runs = Runs::of(self, x.len())?;
        let total = runs.of_values(x, mean).fold(Sum::ZERO, |total, (parameters, x, mean)| {
            let terms = T::of(parameters);
            pairs(x, mean).fold(total, |total, (x, mean)| total.add(terms.log_prob(x, mean)))
        });
        Some(total.value())
    }

    /// Writes the derivative with respect to `wrt` to `grad`, which is as long as that parameter (`x` for the
    /// mean); a parameter's value gets the sum over all values of `x` that it stands for. `T` is the family
    /// of `self`. `None`, with `grad` unchanged, where the family has no such parameter or lengths do not
    /// fit.
    #[inline]
    fn slope<T: Terms>(
        &self,
        x: &[f32],
        mean: &[f32],
        wrt: Parameter,
        grad: &mut [f32],
    ) -> Option<()> {
        let runs = Runs::of(self, x.len()).filter(|_| x.len() == mean.len())?;
        let (len, each) = (runs.len, runs.each);
        let mut all = runs.of_values(x, mean);
        if wrt == Parameter::Mean {
            if grad.len() != x.len() {
                return None;
            }
            for ((parameters, x, mean), grad) in all.zip(pieces_mut(grad, len)) {
                let terms = T::of(parameters);
                for ((x, mean), grad) in pairs(x, mean).zip(grad) {
                    *grad = terms.score(x, mean, wrt);
                }
            }
            return Some(());
        }
        let own = self.family.parameters().iter().position(|parameter| *parameter == wrt)?;
        let (each, parameter) = (each.get(own)?, self.parameters.get(own)?);
        if grad.len() != parameter.len() {
            return None;
        }
        for grad in grad {
            let total = all.by_ref().take(*each).fold(Sum::ZERO, |total, (parameters, x, mean)| {
                let terms = T::of(parameters);
                pairs(x, mean).fold(total, |total, (x, mean)| total.add(terms.score(x, mean, wrt)))
            });
            *grad = total.value();
        }
        Some(())
    }
}

/// Log-density and score of one value, of a family whose values are independent, under fixed parameters.
trait Terms {
    /// The family with these parameters, in the order of [`Family::parameters`]; those that it does not have
    /// are 0.
    fn of(parameters: [f32; 2]) -> Self;

    /// Log-density of the value `x` in nats; `mean` is the decoder's output for it. NaN where
    /// [`Likelihood::log_prob`] says so.
    fn log_prob(&self, x: f32, mean: f32) -> f32;

    /// Derivative of the log-density of the value `x` with respect to the parameter `wrt`, at the decoder's
    /// output `mean`. It is not checked that the family has `wrt`: the callers do that.
    fn score(&self, x: f32, mean: f32, wrt: Parameter) -> f32;
}
