//! `decoder.likelihood`: the distribution of an observation.

use elbow_core::distributions;
use serde::Deserialize;

/// `decoder.likelihood`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LikelihoodTable {
    /// Which distribution.
    pub family: Family,
    /// What the decoder's mean output holds.
    #[serde(default)]
    pub mean_is: MeanIs,
    /// The axis of the decoder's mean, whose batch is axis 0, that lists run along or classes lie on; where
    /// only one can be meant, it may be left out.
    pub axis: Option<usize>,
    /// Logarithm of the standard deviation (gaussian).
    pub log_sigma: Option<Parameter>,
    /// Logarithm of the scale (laplace, student_t).
    pub log_scale: Option<Parameter>,
    /// Degrees of freedom, above 0 (student_t).
    pub df: Option<Parameter>,
    /// Logarithm of the inverse dispersion (negative binomials).
    pub log_theta: Option<Parameter>,
    /// Logit of the extra zeros (zero_inflated_negative_binomial).
    pub dropout_logit: Option<Parameter>,
}

/// Distributions of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Independent normals.
    Gaussian,
    /// Independent events.
    Bernoulli,
    /// Independent Laplace distributions.
    Laplace,
    /// Independent Student's t distributions.
    StudentT,
    /// One of several classes.
    Categorical,
    /// Counts.
    Poisson,
    /// Overdispersed counts.
    NegativeBinomial,
    /// Overdispersed counts with extra zeros.
    ZeroInflatedNegativeBinomial,
}

/// What a decoder's mean output holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeanIs {
    /// The mean itself.
    #[default]
    Mean,
    /// Probabilities.
    Probability,
    /// Logits `ln(p / (1 - p))`.
    Logit,
    /// Rates.
    Rate,
    /// Logarithms of rates.
    LogRate,
}

/// A parameter of a likelihood.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, a list of numbers or the name of a decoder output"
)]
pub enum Parameter {
    /// One for all values.
    Number(f32),
    /// One per place of an axis, as of the channels, or one per value.
    List(Vec<f32>),
    /// The decoder's output of this name, as long as a list.
    Output(String),
}

impl Family {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Bernoulli => "bernoulli",
            Self::Laplace => "laplace",
            Self::StudentT => "student_t",
            Self::Categorical => "categorical",
            Self::Poisson => "poisson",
            Self::NegativeBinomial => "negative_binomial",
            Self::ZeroInflatedNegativeBinomial => "zero_inflated_negative_binomial",
        }
    }

    /// Keys of the family's parameters, in their order.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Gaussian => &["log_sigma"],
            Self::Laplace => &["log_scale"],
            Self::StudentT => &["df", "log_scale"],
            Self::NegativeBinomial => &["log_theta"],
            Self::ZeroInflatedNegativeBinomial => &["log_theta", "dropout_logit"],
            Self::Bernoulli | Self::Categorical | Self::Poisson => &[],
        }
    }
}

impl LikelihoodTable {
    /// The family as the decoder's mean output has it, of so many `classes` if it has any; none where
    /// `mean_is` does not fit.
    pub fn family(&self, classes: usize) -> Option<distributions::Family> {
        use distributions::Family as F;
        let plain = self.mean_is == MeanIs::Mean;
        let logit = match self.mean_is {
            MeanIs::Mean | MeanIs::Probability => Some(false),
            MeanIs::Logit => Some(true),
            MeanIs::Rate | MeanIs::LogRate => None,
        };
        let log = match self.mean_is {
            MeanIs::Mean | MeanIs::Rate => Some(false),
            MeanIs::LogRate => Some(true),
            MeanIs::Probability | MeanIs::Logit => None,
        };
        let either =
            |which: Option<bool>, [no, yes]: [F; 2]| which.map(|is| if is { yes } else { no });
        match self.family {
            Family::Gaussian => plain.then_some(F::Gaussian),
            Family::Laplace => plain.then_some(F::Laplace),
            Family::StudentT => plain.then_some(F::StudentT),
            Family::Bernoulli => either(logit, [F::Bernoulli, F::BernoulliLogit]),
            Family::Categorical => {
                either(logit, [F::Categorical { classes }, F::CategoricalLogit { classes }])
            }
            Family::Poisson => either(log, [F::Poisson, F::PoissonLog]),
            Family::NegativeBinomial => either(log, [F::NegativeBinomial, F::NegativeBinomialLog]),
            Family::ZeroInflatedNegativeBinomial => {
                either(log, [F::ZeroInflatedNegativeBinomial, F::ZeroInflatedNegativeBinomialLog])
            }
        }
    }

    /// Whether the mean's values belong to classes.
    pub fn has_classes(&self) -> bool {
        self.family == Family::Categorical
    }

    /// What `mean_is` may be.
    fn means(&self) -> &'static str {
        match self.family {
            Family::Gaussian | Family::Laplace | Family::StudentT => "\"mean\"",
            Family::Bernoulli | Family::Categorical => "\"mean\", \"probability\" or \"logit\"",
            Family::Poisson | Family::NegativeBinomial | Family::ZeroInflatedNegativeBinomial => {
                "\"mean\", \"rate\" or \"log_rate\""
            }
        }
    }

    /// The family's parameters with their keys, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &Parameter)> {
        let all = self.all();
        self.family.keys().iter().filter_map(move |own| {
            let (key, given) = all.into_iter().find(|(key, _)| key == own)?;
            Some((key, given.as_ref()?))
        })
    }

    fn all(&self) -> [(&'static str, &Option<Parameter>); 5] {
        [
            ("log_sigma", &self.log_sigma),
            ("log_scale", &self.log_scale),
            ("df", &self.df),
            ("log_theta", &self.log_theta),
            ("dropout_logit", &self.dropout_logit),
        ]
    }

    pub(super) fn check(&self, problems: &mut Vec<String>) {
        const KEY: &str = "decoder.likelihood";
        let family = self.family.name();
        for (key, given) in self.all() {
            match given {
                Some(_) if !self.family.keys().contains(&key) => {
                    problems.push(format!("{KEY}.{key}: {family} has no such parameter; remove it"))
                }
                Some(given) => {
                    problems.extend(given.problem(key).map(|what| format!("{KEY}.{key}: {what}")))
                }
                None => {}
            }
        }
        if self.family(1).is_none() {
            problems.push(format!("{KEY}.mean_is: {family} expects {}", self.means()));
        }
    }
}

impl Parameter {
    /// What is wrong with its numbers.
    fn problem(&self, key: &str) -> Option<String> {
        let numbers = match self {
            Self::Number(value) => std::slice::from_ref(value),
            Self::List(list) => list,
            Self::Output(_) => return None,
        };
        let wrong = |value: &&f32| !value.is_finite() || (key == "df" && **value <= 0.0);
        let expected = if key == "df" { "finite numbers above 0" } else { "finite numbers" };
        numbers.iter().find(wrong).map(|value| format!("found {value}, expected {expected}"))
    }
}
