//! What a graph's structure and names say about its outputs.

use super::names::{is_mean, spread_of, stem};
use super::{Decision, listed, quoted};
use crate::import::{Graph, Op, ValueId};
use crate::manifest::Head;
use crate::model::contradiction;
use crate::model::range::ranges;
use crate::model::sampling::{Draw, Makers, Reading, draws, readings};
use elbow_core::kernels::Unary;

/// The two heads of a posterior, and why they are these.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    pub mean: String,
    pub mean_why: String,
    pub spread: String,
    pub spread_why: String,
    pub head: Head,
    pub eps: f32,
    pub clamp: Option<[f32; 2]>,
}

/// The posteriors of an encoder, first to last.
pub(super) fn posteriors(graph: &Graph) -> Result<Vec<Heads>, Decision> {
    let mut found = by_draws(graph);
    if found.is_empty() {
        found = by_names(graph);
    }
    if found.is_empty() {
        found = by_structure(graph)?.into_iter().collect();
    }
    if found.is_empty() {
        return Err(undecided(graph));
    }
    for heads in &mut found {
        check(graph, heads)?;
        bounds(graph, heads);
    }
    Ok(found)
}

/// Names and shapes agree, and the graph does not contradict the head.
fn check(graph: &Graph, heads: &Heads) -> Result<(), Decision> {
    let (Some(loc), Some(scale)) = (value(graph, &heads.mean), value(graph, &heads.spread)) else {
        return Ok(());
    };
    if graph.values[loc].shape != graph.values[scale].shape {
        return Err(Decision(format!(
            "{:?} and {:?} are named like heads but have unequal shapes; the candidates are {}. Write the manifest by hand",
            heads.mean,
            heads.spread,
            listed(graph)
        )));
    }
    match contradiction(graph, scale, heads.head.into()) {
        Some(why) => Err(Decision(format!(
            "output {:?} is named like {}, but {why}. Write the manifest by hand",
            heads.spread,
            heads.head.name()
        ))),
        None => Ok(()),
    }
}

/// A clip that makes the spread output, as bounds of the log-variance.
fn bounds(graph: &Graph, heads: &mut Heads) {
    let Some(scale) = value(graph, &heads.spread) else { return };
    let factor = match heads.head {
        Head::LogVar => 1.0,
        Head::LogSigma => 2.0,
        _ => return,
    };
    let makers = Makers::of(graph);
    if let Some((Unary::Clip(low, high), _)) = makers.unary(makers.source(scale))
        && heads.clamp.is_none()
        && low.is_finite()
        && high.is_finite()
    {
        heads.clamp = Some([factor * low, factor * high]);
        heads.spread_why += &format!("; the graph clips it to [{low}, {high}]");
    }
}

fn value(graph: &Graph, output: &str) -> Option<ValueId> {
    graph.outputs.iter().find(|(name, _)| name == output).map(|(_, id)| *id)
}

/// Heads from which the graph draws itself; a draw whose heads are no outputs says nothing.
fn by_draws(graph: &Graph) -> Vec<Heads> {
    let makers = Makers::of(graph);
    let output = |wanted: ValueId| {
        let same = |(_, id): &&(String, ValueId)| makers.source(*id) == makers.source(wanted);
        graph.outputs.iter().find(same).map(|(name, _)| name.clone())
    };
    let heads = |draw: Draw| {
        let mean = output(draw.mean)?;
        let noise = draw.noise_term();
        let z = output(draw.z).unwrap_or_else(|| graph.values[draw.z].name.clone());
        readings(&makers, draw.scale).into_iter().find_map(|reading| {
            let Reading { value, head, eps, clamp, formula } = reading;
            let spread = output(value)?;
            let formula = formula.replace("{}", &spread);
            let why = format!("the graph samples {z} = {mean} + {noise} * {formula}");
            Some(Heads {
                mean: mean.clone(),
                mean_why: why.clone(),
                spread,
                spread_why: why,
                head,
                eps,
                clamp,
            })
        })
    };
    let mut found: Vec<Heads> = Vec::new();
    for heads in draws(graph).into_iter().filter_map(heads) {
        if found.iter().all(|other| other.mean != heads.mean) {
            found.push(heads);
        }
    }
    found
}

/// Outputs named like a mean, each with the one that is named like its spread; nothing if one has
/// none, or several.
fn by_names(graph: &Graph) -> Vec<Heads> {
    let names = || graph.outputs.iter().map(|(name, _)| name);
    let spreads: Vec<&String> = names().filter(|name| spread_of(name).is_some()).collect();
    let means: Vec<&String> = names().filter(|name| is_mean(name)).collect();
    if means.len() != spreads.len() {
        return Vec::new();
    }
    let pair = |mean: &&String| {
        let alike = |spread: &&&String| means.len() == 1 || stem(spread) == stem(mean);
        let mut own = spreads.iter().filter(alike);
        let spread = own.next().filter(|_| own.next().is_none())?;
        let head = spread_of(spread)?;
        Some(Heads {
            mean: mean.to_string(),
            mean_why: "the output's name says mean".into(),
            spread: spread.to_string(),
            spread_why: format!("the output's name says {}", head.name()),
            head,
            eps: 0.0,
            clamp: None,
        })
    };
    means.iter().map(pair).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Two outputs of one shape of which one is never negative and can only be a spread.
fn by_structure(graph: &Graph) -> Result<Option<Heads>, Decision> {
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
    let op = &ranges[scale].op;
    let Some((head, why)) = positive_head(graph, spread, scale) else {
        return Err(Decision(format!(
            "{mean:?} is the mean and {spread:?}, made by {op}, the spread, but nothing tells whether that is the standard deviation or the variance; decide, and write one of\n  {}\n  {}",
            lines(mean, spread, Head::Sigma),
            lines(mean, spread, Head::Var)
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

/// One of two outputs of one shape is clipped from below zero on: the logarithm of a spread, but of
/// which is not known.
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
    let line = |head: Head, factor: f32| {
        let plain = lines(mean, spread, head);
        let bounds = format!(", clamp = [{:?}, {:?}] }}", factor * low, factor * high);
        plain.strip_suffix(" }").map_or(plain.clone(), |plain| format!("{plain}{bounds}"))
    };
    if spread_of(spread).is_some() || graph.values[*a].shape != graph.values[*b].shape {
        return Ok(None);
    }
    Err(Decision(format!(
        "{spread:?} is clipped to [{low}, {high}] and so the logarithm of a spread, {mean:?} the mean, but nothing tells whether it is that of the variance or of the standard deviation; decide, and write one of\n  {}\n  {}",
        line(Head::LogVar, 1.0),
        line(Head::LogSigma, 2.0)
    )))
}

/// Whether a positive output is a standard deviation or a variance: `exp(0.5 * h)` and roots are the
/// former, and a name may say so.
fn positive_head(graph: &Graph, name: &str, value: ValueId) -> Option<(Head, String)> {
    let named = spread_of(name).filter(|head| matches!(head, Head::Sigma | Head::Var));
    if let Some(head) = named {
        return Some((head, format!("the output's name says {}", head.name())));
    }
    let makers = Makers::of(graph);
    let value = makers.source(value);
    let inner = makers.plus(value).map_or(value, |(inner, _)| inner);
    match makers.unary(inner)? {
        (Unary::Exp, exponent) => {
            makers.half(exponent).map(|_| (Head::Sigma, "it is exp(0.5 * h)".into()))
        }
        (Unary::Sqrt, _) => Some((Head::Sigma, "it is a square root".into())),
        _ => None,
    }
}

/// What a manifest says of these heads.
fn lines(mean: &str, spread: &str, head: Head) -> String {
    format!(
        "mean = {}, spread = {{ output = {}, head = \"{}\" }}",
        quoted(mean),
        quoted(spread),
        head.name()
    )
}

/// The candidates, and what to write once it is known which is which.
fn undecided(graph: &Graph) -> Decision {
    let halves = halves(graph);
    let how = match &halves {
        Some((first, second, op)) => format!(
            "{first:?} and {second:?} are parts of the result of one {op}, which does not say which is the mean"
        ),
        None => "nothing tells which output is the mean and what the spread is".into(),
    };
    let (mean, spread) = match halves {
        Some((first, second, _)) => (first, second),
        None => ("MEAN".into(), "SPREAD".into()),
    };
    let either = match mean.as_str() {
        "MEAN" => String::new(),
        _ => format!("\n  {}", lines(&spread, &mean, Head::LogVar)),
    };
    Decision(format!(
        "{how}; the candidates are {}. Decide, and write the manifest by hand with lines such as\n  {}{either}\nor export with output_names=[\"mu\", \"logvar\"]",
        listed(graph),
        lines(&mean, &spread, Head::LogVar),
    ))
}

/// Two outputs that are parts of one value, and what makes it: `Split` and `chunk`.
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
