//! Outputs that are made as only a spread is.

use super::super::Decision;
use super::{Heads, diagonal, lines};
use crate::ir::{Graph, ValueId};
use crate::model::names::{HeadName, Says};
use crate::model::range::ranges;
use crate::model::sampling::Makers;
use elbow_core::distributions::Spread;
use elbow_core::kernels::Unary;

/// The heads of the only pair of outputs of one shape where one can be negative and the other never is;
/// without such a pair, or with several, what [`clipped`] says, which is never heads. The error is a question
/// where nothing tells standard deviation from variance.
pub(super) fn by_structure(graph: &Graph) -> Result<Option<Heads>, Decision> {
    let ranges = ranges(graph);
    let shape = |id: ValueId| &graph.values[id].shape;
    let mut pairs = Vec::new();
    for (mean, loc) in &graph.outputs {
        for (spread, scale) in &graph.outputs {
            let fits = shape(*loc) == shape(*scale)
                && ranges[*loc].goes_negative
                && ranges[*scale].is_never_negative();
            if fits {
                pairs.push((mean, spread, *scale));
            }
        }
    }
    let [(mean, spread, scale)] = pairs[..] else { return clipped(graph) };
    diagonal(graph, &[[mean, spread]])?;
    let op = &ranges[scale].op;
    let Some((head, why)) = positive_head(graph, spread, scale) else {
        let all: Vec<&str> = graph.outputs.iter().map(|(name, _)| name.as_str()).collect();
        let why = match HeadName::of(spread, &all).says {
            Says::Unclear(why) => why,
            _ => "nothing tells whether that is the standard deviation or the variance".into(),
        };
        return Err(Decision(format!(
            "{mean:?} is the mean and {spread:?}, made by {op}, the spread, but {why}; decide, and write one of\n  {}\n  {}",
            lines(mean, spread, Spread::Sigma),
            lines(mean, spread, Spread::Var)
        )));
    };
    Ok(Some(Heads {
        mean: mean.clone(),
        mean_why: format!("it takes both signs, {spread} does not"),
        spread: spread.clone(),
        spread_why: format!("{why}, and never negative"),
        head,
        eps: 0.0,
        clamp: None,
    }))
}

/// `None`; or a question as the error, where exactly one of two outputs of one shape is clipped to finite
/// bounds from below zero and its name says no spread: it is the logarithm of a spread, but nothing tells of
/// which.
fn clipped(graph: &Graph) -> Result<Option<Heads>, Decision> {
    let makers = Makers::of(graph);
    let [(first, a), (second, b)] = &graph.outputs[..] else { return Ok(None) };
    let clip = |value: ValueId| match makers.unary(makers.source(value)) {
        Some((Unary::Clip(low, high), _)) if low < 0.0 && low.is_finite() && high.is_finite() => {
            Some([low, high])
        }
        _ => None,
    };
    let (mean, spread, [low, high]) = match (clip(*a), clip(*b)) {
        (None, Some(clip)) => (first, second, clip),
        (Some(clip), None) => (second, first, clip),
        _ => return Ok(None),
    };
    let line = |head: Spread, factor: f32| {
        let plain = lines(mean, spread, head);
        let bounds = format!(", clamp = [{:?}, {:?}] }}", factor * low, factor * high);
        plain.strip_suffix(" }").map_or(plain.clone(), |plain| format!("{plain}{bounds}"))
    };
    if matches!(HeadName::of(spread, &[]).says, Says::Spread(_))
        || graph.values[*a].shape != graph.values[*b].shape
    {
        return Ok(None);
    }
    Err(Decision(format!(
        "{spread:?} is clipped to [{low}, {high}] and so the logarithm of a spread, {mean:?} the mean, but nothing tells whether it is that of the variance or of the standard deviation; decide, and write one of\n  {}\n  {}",
        line(Spread::LogVar, 1.0),
        line(Spread::LogSigma, 2.0)
    )))
}

/// The parameterization of a positive output and why: what its name says, else a standard deviation where it
/// is `exp(0.5 * h)` or a root. `None` where neither decides.
fn positive_head(graph: &Graph, name: &str, value: ValueId) -> Option<(Spread, String)> {
    let all: Vec<&str> = graph.outputs.iter().map(|(name, _)| name.as_str()).collect();
    let own = HeadName::of(name, &all);
    match own.says {
        Says::Spread(head @ (Spread::Sigma | Spread::Var)) if own.unknown().is_empty() => {
            return Some((head, format!("the output's name says {}", head.name())));
        }
        Says::Nothing => {}
        _ => return None,
    }
    made_as_sigma(graph, value).map(|why| (Spread::Sigma, why))
}

/// Why a positive value is a standard deviation, in words: it is `exp(0.5 * h)` or a square root, maybe with
/// a number added. `None` otherwise.
pub(super) fn made_as_sigma(graph: &Graph, value: ValueId) -> Option<String> {
    let makers = Makers::of(graph);
    let value = makers.source(value);
    let inner = makers.plus(value).map_or(value, |(inner, _)| inner);
    match makers.unary(inner)? {
        (Unary::Exp, exponent) => makers.half(exponent).map(|_| "it is exp(0.5 * h)".into()),
        (Unary::Sqrt, _) => Some("it is a square root".into()),
        _ => None,
    }
}
