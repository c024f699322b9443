//! What a graph's structure and names say about its outputs.

use super::inputs::reached;
use super::{Decision, listed, quoted};
use crate::import::{Graph, Op, ValueId};
use crate::manifest::Head;
use crate::model::contradiction;
use crate::model::names::{is_mean, is_state, spread_of, stem, unnumbered};
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
    match found.is_empty() {
        true => found = by_names(graph, |_| true),
        false => found.extend(undrawn(graph, &found)?),
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

/// Posteriors beside those from which the graph draws, which need not draw from the last of a
/// hierarchy: outputs that are named like heads, and like those that are known but for a number.
fn undrawn(graph: &Graph, drawn: &[Heads]) -> Result<Vec<Heads>, Decision> {
    let rest = rest(graph, drawn);
    let is_observed = |name: &str| {
        let shape = |id: ValueId| &graph.values[id].shape;
        let noise = |id: &&ValueId| graph.noise.iter().any(|noise| noise.value == **id);
        let mut inputs = graph.inputs.iter().filter(|id| !noise(id));
        value(graph, name).is_some_and(|id| inputs.any(|input| shape(*input) == shape(id)))
    };
    let mut named = by_names(graph, |name| rest.contains(&name));
    if named.is_empty() {
        named = by_names(graph, |name| rest.contains(&name) && !is_observed(name));
    }
    for heads in &mut named {
        let alike = |other: &&Heads| unnumbered(&other.mean) == unnumbered(&heads.mean);
        match drawn.iter().find(alike) {
            Some(other) => {
                heads.mean_why +=
                    &format!(", as that of {:?}, which the graph draws from", other.mean);
            }
            None if is_observed(&heads.mean) => return Ok(Vec::new()), // a decoder's
            None => return Err(two_readings(drawn, &heads.mean, &heads.spread, heads.head)),
        }
    }
    let sampled = sampled(graph, drawn);
    let alike = |a: &str, b: &str| match (value(graph, a), value(graph, b)) {
        (Some(a), Some(b)) => {
            sampled[a] && sampled[b] && graph.values[a].shape == graph.values[b].shape
        }
        _ => false,
    };
    let taken = |name: &str| {
        named.iter().any(|heads| [&heads.mean, &heads.spread].contains(&&name.to_string()))
    };
    let open: Vec<&str> =
        rest.iter().copied().filter(|name| !taken(name) && !is_observed(name)).collect();
    for (at, first) in open.iter().enumerate() {
        if let Some(second) = open[at + 1..].iter().find(|second| alike(first, second)) {
            return Err(two_readings(drawn, first, second, Head::LogVar));
        }
    }
    Ok(named)
}

/// Outputs that no draw explains, and that are more than one number.
fn rest<'g>(graph: &'g Graph, drawn: &[Heads]) -> Vec<&'g str> {
    let makers = Makers::of(graph);
    let explained: Vec<ValueId> = draws(graph)
        .into_iter()
        .flat_map(|draw| {
            let scales = readings(&makers, draw.scale).into_iter().map(|reading| reading.value);
            scales.chain([draw.z, draw.mean, draw.noise]).collect::<Vec<_>>()
        })
        .collect();
    let is_open = |(name, id): &&(String, ValueId)| {
        let known = drawn.iter().any(|heads| [&heads.mean, &heads.spread].contains(&name));
        !known
            && !explained.contains(&makers.source(*id))
            && graph.values[*id].len() > 1
            && !is_state(name)
    };
    graph.outputs.iter().filter(is_open).map(|(name, _)| name.as_str()).collect()
}

/// Which values depend on a sample of these posteriors.
fn sampled(graph: &Graph, drawn: &[Heads]) -> Vec<bool> {
    let makers = Makers::of(graph);
    let mut sampled = vec![false; graph.values.len()];
    for draw in draws(graph) {
        let is_mean = |heads: &Heads| {
            value(graph, &heads.mean)
                .is_some_and(|id| makers.source(id) == makers.source(draw.mean))
        };
        if drawn.iter().any(is_mean) {
            let reached = reached(graph, draw.z);
            sampled.iter_mut().zip(reached).for_each(|(all, one)| *all |= one);
        }
    }
    sampled
}

/// The question whether two outputs are a further posterior.
fn two_readings(drawn: &[Heads], mean: &str, spread: &str, head: Head) -> Decision {
    let known: Vec<String> =
        drawn.iter().map(|heads| lines(&heads.mean, &heads.spread, heads.head)).collect();
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

/// Outputs that `is_open` holds to be open and that are named like a mean, each with the one that is
/// named like its spread; nothing if one has none, or several.
fn by_names(graph: &Graph, is_open: impl Fn(&str) -> bool) -> Vec<Heads> {
    let names = || graph.outputs.iter().map(|(name, _)| name).filter(|name| is_open(name));
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
