//! Outputs that are named like heads.

use super::Heads;
use crate::ir::{Graph, ValueId};
use crate::model::names::{HeadName, Says, is_generative, is_observation, says};
use crate::model::sampling::draws;

/// Heads by names among the outputs for which `is_open` holds: each one named like a mean with the only one
/// named like a spread that has the same other words (of a single pair only unknown words count). Empty where
/// one has no such partner or several; names of a prior or decoder and unclear ones are left out.
pub(super) fn by_names(graph: &Graph, is_open: impl Fn(&str) -> bool) -> Vec<Heads> {
    let all: Vec<&str> = graph.outputs.iter().map(|(name, _)| name.as_str()).collect();
    let is_candidate =
        |name: &&str| is_open(name) && !is_generative(name) && !is_decoded(graph, name);
    let names: Vec<(&str, HeadName)> = all
        .iter()
        .copied()
        .filter(is_candidate)
        .map(|name| (name, HeadName::of(name, &all)))
        .collect();
    let is_spread = |(_, name): &&(&str, HeadName)| matches!(name.says, Says::Spread(_));
    let spreads: Vec<&(&str, HeadName)> = names.iter().filter(is_spread).collect();
    let is_mean = |(_, name): &&(&str, HeadName)| name.says == Says::Mean;
    let means: Vec<&(&str, HeadName)> = names.iter().filter(is_mean).collect();
    if means.len() != spreads.len() {
        return Vec::new();
    }
    let pair = |(mean, name): &&(&str, HeadName)| {
        let alike = |(_, spread): &&&(&str, HeadName)| match means.len() {
            1 => spread.unknown() == name.unknown(),
            _ => spread.stem == name.stem,
        };
        let mut own = spreads.iter().filter(alike);
        let (spread, name) = own.next().filter(|_| own.next().is_none())?;
        heads(mean, "the output's name says mean", spread, &name.says)
    };
    means.iter().map(pair).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The heads of a graph with two outputs of one shape, where one is named like a spread and the other one
/// says nothing of itself (no sample or score). `None` where the graph draws, or the spread's name has an
/// unknown word.
pub(super) fn beside(graph: &Graph) -> Option<Heads> {
    let [a, b] = &graph.outputs[..] else { return None };
    let all = [a.0.as_str(), b.0.as_str()];
    let is_spread = |name: &str| matches!(HeadName::of(name, &all).says, Says::Spread(_));
    let ((mean, loc), (spread, scale)) = match all.map(is_spread) {
        [true, false] => (b, a),
        [false, true] => (a, b),
        _ => return None,
    };
    let name = HeadName::of(spread, &all);
    let shape = |id: ValueId| &graph.values[id].shape;
    let is_free = HeadName::of(mean, &all).says == Says::Nothing && !says(mean, &SAMPLES);
    let fits = shape(*loc) == shape(*scale)
        && is_free
        && !is_generative(mean)
        && name.unknown().is_empty()
        && draws(graph).is_empty();
    let why = "the only other output, of the spread's shape";
    if fits { heads(mean, why, spread, &name.says) } else { None }
}

/// Names of samples and of scores.
const SAMPLES: [&str; 8] = ["z", "sample", "samples", "logit", "logits", "score", "prob", "probs"];

/// The heads of these two names, with the parameterization that the spread's name `says`; `None` where that
/// is no spread.
fn heads(mean: &str, mean_why: &str, spread: &str, says: &Says) -> Option<Heads> {
    let Says::Spread(head) = says else { return None };
    Some(Heads {
        mean: mean.to_string(),
        mean_why: mean_why.into(),
        spread: spread.to_string(),
        spread_why: format!("the output's name says {}", head.name()),
        head: *head,
        eps: 0.0,
        clamp: None,
    })
}

/// Whether an output is named like an observation, without `z` or `q` in the name, and has the shape of an
/// input.
fn is_decoded(graph: &Graph, name: &str) -> bool {
    let shape = |id: ValueId| &graph.values[id].shape;
    let output = graph.outputs.iter().find(|(own, _)| own == name);
    let of_input = |id: &ValueId| output.is_some_and(|(_, output)| shape(*id) == shape(*output));
    is_observation(name) && !says(name, &["z", "q"]) && graph.inputs.iter().any(of_input)
}
