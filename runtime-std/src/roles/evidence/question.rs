//! What the user is asked where a graph does not say which heads it has.

use super::super::{Decision, listed};
use super::{Heads, diagonal, lines};
use crate::ir::{Graph, Op, ValueId};
use crate::model::names::{HeadName, Says};
use crate::model::otherwise::Otherwise;
use crate::model::sampling::Makers;
use elbow_core::distributions::Spread;

/// The question whether the outputs `mean` and `spread`, of this head, are a further posterior beside the
/// `drawn` ones.
pub(super) fn two_readings(drawn: &[Heads], mean: &str, spread: &str, head: Spread) -> Decision {
    let known: Vec<String> = drawn.iter().map(Heads::line).collect();
    let means: Vec<String> = drawn.iter().map(|heads| format!("{:?}", heads.mean)).collect();
    let listed = |table: &str, lines: &[String]| {
        let tables = lines.iter().map(|line| format!("\n  {table} {line}"));
        tables.collect::<String>()
    };
    let table = if known.len() == 1 { "[encoder]" } else { "[[latent]]" };
    let all = [known.clone(), vec![lines(mean, spread, head)]].concat();
    Decision(format!(
        "the graph draws from {} and not from {mean:?} and {spread:?}, which may be the heads of a further posterior, as the last of a hierarchy, or of no posterior; decide, and write either{}\nor{}",
        means.join(", "),
        listed(table, &known),
        listed("[[latent]]", &all)
    ))
}

/// The question whether the spread is the one in the graph's sample (`sampled`), or what an output's name
/// says (`named`).
pub(super) fn named_otherwise(sampled: &Heads, named: &Heads) -> Decision {
    Decision(format!(
        "{}, but {:?} is named like the head {}; decide, and write one of\n  {}\n  {}",
        sampled.spread_why,
        named.spread,
        named.head.name(),
        sampled.line(),
        named.line()
    ))
}

/// The question what to do where the graph's `sample` is not that of these heads: declare them nevertheless,
/// or export another spread.
pub(super) fn other_sample(heads: &Heads, sample: &Otherwise) -> Decision {
    let Otherwise { formula, factor } = sample;
    let (mean, spread) = (&heads.mean, &heads.spread);
    let (why, cure) = match factor {
        Some(factor) => (
            format!(
                "nothing tells whether the factor {} belongs to the posterior, or only to this sample, as a temperature does",
                factor.abs()
            ),
            "export the standard deviation with the factor",
        ),
        None => (
            format!(
                "that is not what the head {} of {spread:?} says: a sample of it is {mean} + noise * its standard deviation",
                heads.head.name()
            ),
            "export the standard deviation of that sample",
        ),
    };
    Decision(format!(
        "the graph samples {formula}, and {why}; decide, and write\n  {}\ninto [encoder] of a manifest written by hand, if this is the posterior whatever the sample is, or {cure}, output_names=[\"mu\", \"sigma\"]",
        heads.line()
    ))
}

/// The question which outputs are the heads, with what to write once it is answered. Where two outputs are
/// parts of one value and other outputs show that the posterior is no diagonal normal, it is the refusal of
/// that in its place.
pub(super) fn undecided(graph: &Graph) -> Decision {
    let halves = halves(graph);
    if let Some((first, second, _)) = &halves
        && let Err(refusal) = diagonal(graph, &[[first, second]])
    {
        return refusal;
    }
    let how = match &halves {
        Some((first, second, op)) => format!(
            "{first:?} and {second:?} are parts of the result of one {op}, which does not say which is the mean"
        ),
        None => match unclear(graph) {
            Some(why) => why,
            None => "nothing tells which output is the mean and what the spread is".into(),
        },
    };
    let (mean, spread) = match halves {
        Some((first, second, _)) => (first, second),
        None => ("MEAN".into(), "SPREAD".into()),
    };
    let either = match mean.as_str() {
        "MEAN" => String::new(),
        _ => format!("\n  {}", lines(&spread, &mean, Spread::LogVar)),
    };
    Decision(format!(
        "{how}; the candidates are {}. Decide, and write the manifest by hand with lines such as\n  {}{either}\nor export with output_names=[\"mu\", \"logvar\"]",
        listed(graph),
        lines(&mean, &spread, Spread::LogVar),
    ))
}

/// What keeps the first output that looks like a spread from being one, in words; `None` where no name looks
/// like one.
fn unclear(graph: &Graph) -> Option<String> {
    let all: Vec<&str> = graph.outputs.iter().map(|(name, _)| name.as_str()).collect();
    all.iter().find_map(|name| {
        let found = HeadName::of(name, &all);
        let unknown = found.unknown();
        match &found.says {
            Says::Unclear(why) => Some(format!("{name:?} looks like a spread, but {why}")),
            Says::Spread(_) if !unknown.is_empty() => Some(format!(
                "{name:?} looks like a spread, but nothing tells what {unknown:?} in its name does to it"
            )),
            _ => None,
        }
    })
}

/// The names of two outputs that are parts of one value, as of `Split` or `chunk`, and the operator that
/// makes that value; `None` unless exactly two outputs are parts of a value, both of the same.
fn halves(graph: &Graph) -> Option<(String, String, String)> {
    let makers = Makers::of(graph);
    let whole = |id: ValueId| {
        let node = makers.get(makers.source(id))?;
        matches!(node.op, Op::Slice { .. } | Op::Take { .. }).then(|| makers.source(node.inputs[0]))
    };
    let parts: Vec<(&String, ValueId)> =
        graph.outputs.iter().filter_map(|(name, id)| Some((name, whole(*id)?))).collect();
    let [(first, a), (second, b)] = parts[..] else { return None };
    let op = makers.get(a).filter(|_| a == b)?;
    Some((first.clone(), second.clone(), op.op_type.clone()))
}
