//! What two head outputs and a decoder's mean may mean.

use crate::ir::Graph;
use crate::model::range::ranges;
use elbow_core::distributions::{Family, Spread};

/// One way to read the outputs of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whether the declared mean is the spread, and the declared spread the mean.
    pub swapped: bool,
    /// What the spread holds.
    pub head: Spread,
    /// The likelihood, by what the decoder's mean holds.
    pub family: Family,
}

/// Every head in both orders of the outputs.
pub(super) fn heads() -> impl Iterator<Item = (bool, Spread)> {
    [false, true].into_iter().flat_map(|swapped| Spread::ALL.map(|head| (swapped, head)))
}

/// The family as declared, and where there is one that with the other `mean_is`.
pub(super) fn families(declared: Family) -> Vec<Family> {
    use Family as F;
    let other = match declared {
        F::Bernoulli => F::BernoulliLogit,
        F::BernoulliLogit => F::Bernoulli,
        F::Categorical { classes } => F::CategoricalLogit { classes },
        F::CategoricalLogit { classes } => F::Categorical { classes },
        F::Poisson => F::PoissonLog,
        F::PoissonLog => F::Poisson,
        F::NegativeBinomial => F::NegativeBinomialLog,
        F::NegativeBinomialLog => F::NegativeBinomial,
        F::ZeroInflatedNegativeBinomial => F::ZeroInflatedNegativeBinomialLog,
        F::ZeroInflatedNegativeBinomialLog => F::ZeroInflatedNegativeBinomial,
        only => return vec![only],
    };
    vec![declared, other]
}

/// The manifest's word for what the decoder's mean holds.
pub(super) fn mean_is(family: Family) -> &'static str {
    use Family as F;
    match family {
        F::Bernoulli | F::Categorical { .. } => "probability",
        F::BernoulliLogit | F::CategoricalLogit { .. } => "logit",
        F::Poisson | F::NegativeBinomial | F::ZeroInflatedNegativeBinomial => "rate",
        F::PoissonLog | F::NegativeBinomialLog | F::ZeroInflatedNegativeBinomialLog => "log_rate",
        _ => "mean",
    }
}

/// Why the decoder's graph cannot make what `family` takes its mean output (a position) for.
pub(super) fn contradicts(graph: &Graph, mean: usize, family: Family) -> Option<String> {
    let (name, value) = graph.outputs.get(mean)?;
    let range = &ranges(graph)[*value];
    let (word, op) = (mean_is(family), &range.op);
    match word {
        "probability" | "rate" if range.goes_negative => Some(format!(
            "the decoder's graph makes {name:?} with {op}, so it can be negative, which no {word} is"
        )),
        "logit" | "log_rate" if range.is_never_negative() => Some(format!(
            "the decoder's graph makes {name:?} with {op}, so it is never negative, which no {word} need be"
        )),
        _ => None,
    }
}
