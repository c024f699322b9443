//! `decoder.likelihood`: the distribution of an observation.

use elbow_core::distributions::{self, MeanIs};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// `decoder.likelihood`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LikelihoodTable {
    /// Which distribution.
    pub family: Family,
    /// Parameterization of the decoder's mean output: a word of the family.
    #[serde(default = "mean")]
    pub mean_is: String,
    /// The axis of the decoder's mean, whose batch is axis 0, that lists run along or classes lie on; where
    /// only one can be meant, it may be left out.
    pub axis: Option<usize>,
    /// Logarithm of the standard deviation (gaussian).
    pub log_sigma: Option<Parameter>,
    /// Logarithm of the scale (laplace, student_t), or of that of ln x (lognormal).
    pub log_scale: Option<Parameter>,
    /// Degrees of freedom, above 0 (student_t).
    pub df: Option<Parameter>,
    /// Logarithm of the inverse dispersion (negative binomials).
    pub log_theta: Option<Parameter>,
    /// Logit of the extra zeros (zero_inflated_negative_binomial).
    pub dropout_logit: Option<Parameter>,
}

/// The default of `mean_is`, `mean`.
fn mean() -> String {
    "mean".into()
}

/// A distribution of an observation: a row of the table of families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The word in the manifest.
    name: &'static str,
    /// The words that `mean_is` may be, and what each makes of the family; classes are filled in later.
    means: &'static [(&'static str, distributions::Family)],
    /// Keys of the parameters, in the order of [`distributions::Family::parameters`].
    keys: &'static [&'static str],
}

/// Every family.
const FAMILIES: [Family; 9] = {
    use distributions::Family as F;
    let plain = Family { name: "", means: &[], keys: &[] };
    [
        Family { name: "gaussian", means: &[("mean", F::Gaussian)], keys: &["log_sigma"] },
        Family {
            name: "bernoulli",
            means: &[
                ("mean", F::Bernoulli),
                ("probability", F::Bernoulli),
                ("logit", F::BernoulliLogit),
            ],
            ..plain
        },
        Family { name: "laplace", means: &[("mean", F::Laplace)], keys: &["log_scale"] },
        Family { name: "student_t", means: &[("mean", F::StudentT)], keys: &["df", "log_scale"] },
        Family { name: "lognormal", means: &[("loc", F::LogNormal)], keys: &["log_scale"] },
        Family {
            name: "categorical",
            means: &[
                ("mean", F::Categorical { classes: 0 }),
                ("probability", F::Categorical { classes: 0 }),
                ("logit", F::CategoricalLogit { classes: 0 }),
            ],
            ..plain
        },
        Family {
            name: "poisson",
            means: &[("mean", F::Poisson), ("rate", F::Poisson), ("log_rate", F::PoissonLog)],
            ..plain
        },
        Family {
            name: "negative_binomial",
            means: &[
                ("mean", F::NegativeBinomial),
                ("rate", F::NegativeBinomial),
                ("log_rate", F::NegativeBinomialLog),
            ],
            keys: &["log_theta"],
        },
        Family {
            name: "zero_inflated_negative_binomial",
            means: &[
                ("mean", F::ZeroInflatedNegativeBinomial),
                ("rate", F::ZeroInflatedNegativeBinomial),
                ("log_rate", F::ZeroInflatedNegativeBinomialLog),
            ],
            keys: &["log_theta", "dropout_logit"],
        },
    ]
};

impl<'de> Deserialize<'de> for Family {
    /// The family of that name; an error lists all names.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const NAMES: [&str; FAMILIES.len()] = {
            let mut names = [""; FAMILIES.len()];
            let mut at = 0;
            while at < names.len() {
                names[at] = FAMILIES[at].name;
                at += 1;
            }
            names
        };
        let name = String::deserialize(deserializer)?;
        let found = FAMILIES.into_iter().find(|family| family.name == name);
        found.ok_or_else(|| D::Error::unknown_variant(&name, &NAMES))
    }
}

/// The word of a manifest's `mean_is` for this parameterization, as `log_rate`.
pub fn mean_is_word(mean_is: MeanIs) -> &'static str {
    match mean_is {
        MeanIs::Mean => "mean",
        MeanIs::Probability => "probability",
        MeanIs::Logit => "logit",
        MeanIs::Rate => "rate",
        MeanIs::LogRate => "log_rate",
        MeanIs::Loc => "loc",
    }
}

/// What a decoder's mean output holds under this family, in words for a report.
pub fn mean_is_in_words(family: distributions::Family) -> String {
    let what = match family.mean_is() {
        MeanIs::Mean => "the mean of the likelihood",
        MeanIs::Probability => "probabilities",
        MeanIs::Logit => "logits",
        MeanIs::Rate => "rates",
        MeanIs::LogRate => "logarithms of rates",
        MeanIs::Loc => "means of `ln x`",
    };
    let inflated = family.parameters().contains(&distributions::Parameter::DropoutLogit);
    what.to_string() + if inflated { " without the extra zeros" } else { "" }
}

/// The families that differ from `declared` at most in the parameterization of the mean output, `declared`
/// first, each once.
pub fn readings(declared: distributions::Family) -> Vec<distributions::Family> {
    let classes = declared.classes().unwrap_or_default();
    let of = |family: &Family| -> Vec<_> {
        family.means.iter().map(|(_, reading)| with_classes(*reading, classes)).collect()
    };
    let all = FAMILIES.iter().map(of).find(|all| all.contains(&declared)).unwrap_or_default();
    let mut found = vec![declared];
    for reading in all {
        if !found.contains(&reading) {
            found.push(reading);
        }
    }
    found
}

/// The same family with `classes` classes where it is categorical; every other one unchanged.
fn with_classes(family: distributions::Family, classes: usize) -> distributions::Family {
    use distributions::Family as F;
    match family {
        F::Categorical { .. } => F::Categorical { classes },
        F::CategoricalLogit { .. } => F::CategoricalLogit { classes },
        other => other,
    }
}

impl Family {
    /// The word in the manifest.
    pub(super) fn name(self) -> &'static str {
        self.name
    }

    /// Keys of the family's parameters, in the order of [`distributions::Family::parameters`].
    pub(super) fn keys(self) -> &'static [&'static str] {
        self.keys
    }
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

impl LikelihoodTable {
    /// The family in the parameterization `mean_is`, with `classes` classes where it is categorical; `None`
    /// where the family has no such `mean_is`.
    pub fn family(&self, classes: usize) -> Option<distributions::Family> {
        let (_, family) = self.family.means.iter().find(|(word, _)| *word == self.mean_is)?;
        Some(with_classes(*family, classes))
    }

    /// Whether the family is categorical.
    pub fn has_classes(&self) -> bool {
        self.family.means.iter().any(|(_, family)| family.classes().is_some())
    }

    /// The words that `mean_is` may be, quoted, as a list for a message.
    fn means(&self) -> String {
        let words: Vec<String> =
            self.family.means.iter().map(|(word, _)| format!("{word:?}")).collect();
        match &words[..] {
            [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            words => words.concat(),
        }
    }

    /// The family's parameters that are given, each with its key, in the family's order; parameters of other
    /// families are left out.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &Parameter)> {
        let all = self.all();
        self.family.keys().iter().filter_map(move |own| {
            let (key, given) = all.into_iter().find(|(key, _)| key == own)?;
            Some((key, given.as_ref()?))
        })
    }

    /// Every parameter that a table may have, given or not, with its key.
    fn all(&self) -> [(&'static str, &Option<Parameter>); 5] {
        [
            ("log_sigma", &self.log_sigma),
            ("log_scale", &self.log_scale),
            ("df", &self.df),
            ("log_theta", &self.log_theta),
            ("dropout_logit", &self.dropout_logit),
        ]
    }

    /// Adds to `problems` each parameter that the family does not have, numbers that are not finite (or a
    /// `df` not above 0), and a `mean_is` that does not fit. Missing parameters are checked elsewhere.
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
    /// What is wrong with the numbers of the parameter `key`: one that is not finite, or a `df` that is not
    /// above 0. `None` where all are right, and for an output.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The table has a word for every family, and a key for each of its parameters.
    #[test]
    fn every_family_has_a_row() {
        let rows = || FAMILIES.iter().flat_map(|row| row.means.iter().map(move |mean| (row, mean)));
        for family in distributions::Family::ALL {
            let own = std::mem::discriminant(family);
            let mut found = rows().filter(|(_, (_, other))| std::mem::discriminant(other) == own);
            let (row, _) = found.next().unwrap_or_else(|| panic!("{family:?} has no row"));
            assert_eq!(row.keys.len(), family.parameters().len(), "{family:?}");
        }
    }
}
