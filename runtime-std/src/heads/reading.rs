//! What two head outputs and a decoder's mean may mean.

use crate::ir::Graph;
use crate::manifest::mean_is_word;
use crate::model::range::ranges;
use elbow_core::distributions::{Family, MeanIs, Spread};

/// One way to read the outputs of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whether the declared mean is the spread, and the declared spread the mean.
    pub swapped: bool,
    /// Parameterization of the spread output.
    pub head: Spread,
    /// The likelihood, with the parameterization of the decoder's mean.
    pub family: Family,
}

/// All twelve pairs of `swapped` and head: first the declared order of the outputs, then the other.
pub(super) fn heads() -> impl Iterator<Item = (bool, Spread)> {
    [false, true].into_iter().flat_map(|swapped| Spread::ALL.map(|head| (swapped, head)))
}

/// Why the decoder's graph cannot make what `family` takes its output `mean` (a position) for, by its sign;
/// `None` where it can, or there is no such output.
pub(super) fn contradicts(graph: &Graph, mean: usize, family: Family) -> Option<String> {
    let (name, value) = graph.outputs.get(mean)?;
    let range = &ranges(graph)[*value];
    let (word, op) = (mean_is_word(family.mean_is()), &range.op);
    match family.mean_is() {
        MeanIs::Probability | MeanIs::Rate => range.goes_negative.then(|| {
            format!("the decoder's graph makes {name:?} with {op}, so it can be negative, which no {word} is")
        }),
        MeanIs::Logit | MeanIs::LogRate => range.is_never_negative().then(|| {
            format!(
                "the decoder's graph makes {name:?} with {op}, so it is never negative, which no {word} need be"
            )
        }),
        MeanIs::Mean | MeanIs::Loc => None,
    }
}
