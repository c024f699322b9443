//! Which outputs are the heads, and whether the graph contradicts what was declared of them.

use super::names::is_mean;
use super::otherwise::sampled_otherwise;
use super::range::ranges;
use super::sampling::{Draw, Makers, Reading, draws, readings};
use super::{Role, Source, family, inner};
use crate::ir::{Graph, ValueId};
use crate::manifest::{SpreadTable, TensorRef};
use elbow_core::distributions::Spread;
use elbow_core::kernels::Unary;

/// Heads named on the command line in place of a manifest.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The mean output.
    pub mean: TensorRef,
    /// The spread output.
    pub spread: TensorRef,
    /// Parameterization of the spread output.
    pub head: Spread,
}

/// Heads of a bare graph whose names leave no doubt: the only output among mu, mean and z_mean, with the only
/// one among logvar, log_var and z_log_var. `None` otherwise, where shapes differ, where the graph has an
/// input beside observation and noise, is of another family or samples otherwise.
pub fn unmistakable(graph: &Graph) -> Option<Declared> {
    let find = |names: [&str; 3]| {
        let mut found = graph.outputs.iter().filter(|(name, _)| names.contains(&name.as_str()));
        let (name, value) = found.next()?;
        found.next().is_none().then_some((name.clone(), *value))
    };
    let (mean, loc) = find(["mu", "mean", "z_mean"])?;
    let (spread, scale) = find(["logvar", "log_var", "z_log_var"])?;
    let same_shape = graph.values[loc].shape == graph.values[scale].shape;
    let is_diagonal = family::other_than_diagonal(graph, &[[&mean, &spread]]).is_none();
    let is_sampled = sampled_otherwise(graph, [&mean, &spread], Spread::LogVar).is_none();
    let one_input = graph.inputs.len() == 1 + graph.noise.len();
    (one_input && same_shape && is_diagonal && is_sampled).then_some(Declared {
        mean: TensorRef::Name(mean),
        spread: TensorRef::Name(spread),
        head: Spread::LogVar,
    })
}

/// Why the graph cannot make the value `spread` as `head` says (its sign is impossible), and the cure; `None`
/// where it can.
pub fn contradiction(graph: &Graph, spread: ValueId, head: Spread) -> Option<String> {
    let range = &ranges(graph)[spread];
    let op = &range.op;
    match head {
        Spread::LogVar | Spread::LogSigma if range.is_never_negative() => Some(format!(
            "the graph makes it with {op}, so it is never negative, which no logarithm is: declare head = \"sigma\" or \"var\", as the model was trained"
        )),
        Spread::SoftplusSigma | Spread::SoftplusVar if range.is_never_negative() => Some(format!(
            "the graph makes it with {op}, so it is positive already: declare head = \"sigma\" or \"var\", as the model was trained"
        )),
        Spread::Sigma | Spread::Var if range.goes_negative => Some(format!(
            "the graph makes it with {op}, so it can be negative: declare head = \"logvar\", \"log_sigma\", \"softplus_sigma\" or \"softplus_var\", as the model was trained"
        )),
        _ => None,
    }
}

/// Why the graph of a loaded model contradicts these outputs (positions among all) as mean and spread with
/// this head: by sign, by places that are changed, or by how it samples. `None` where it does not.
pub fn contradicts(source: &Source, [mean, spread]: [usize; 2], head: Spread) -> Option<String> {
    let output = TensorRef::Index(spread);
    let table = SpreadTable { output, head, eps: 0.0, clamp: None };
    contradiction(&source.graph, source.graph.outputs[spread].1, head)
        .or_else(|| changed_places(&source.graph, [mean, spread], &table))
        .or_else(|| drawn_otherwise(source, [mean, spread], head))
}

/// Why outputs (positions among all) declared as mean and as a spread before `exp` or softplus are exchanged:
/// the mean is made as spreads are, or clipped as their logarithms are, while the spread takes both signs.
/// `None` where they are not, and where a draw from the mean, its name, or declared bounds of the spread
/// settle it.
pub(super) fn changed_places(
    graph: &Graph,
    [mean, spread]: [usize; 2],
    table: &SpreadTable,
) -> Option<String> {
    let makers = Makers::of(graph);
    let value = |output: usize| makers.source(graph.outputs[output].1);
    let (loc, scale) = (value(mean), value(spread));
    let (name, other) = (&graph.outputs[mean].0, &graph.outputs[spread].0);
    let is_logarithm = !matches!(table.head, Spread::Sigma | Spread::Var);
    let is_free = ranges(graph)[scale].goes_negative
        && table.clamp.is_none()
        && !matches!(makers.unary(scale), Some((Unary::Clip(..), _)));
    let is_settled = || is_mean(name) || draws(graph).iter().any(|draw| draw.mean == loc);
    if !is_logarithm || !is_free || is_settled() {
        return None;
    }
    let (made, heads) = match spread_like(&makers, loc)? {
        Unary::Clip(low, high) => (
            format!(
                "clips {name:?} to [{low}, {high}], as the logarithm of a spread, and leaves {other:?} free"
            ),
            "logvar or log_sigma",
        ),
        f => (
            format!(
                "makes {name:?} by {f:?}, as a spread, and {other:?} takes both signs, as a mean"
            ),
            "sigma or var",
        ),
    };
    Some(format!(
        "the graph {made}, so they have changed places: declare {other:?} as the mean and {name:?} as the spread with the head {heads}, as the model was trained; if {name:?} is a mean nevertheless, give the output a name that says so, such as \"mu\""
    ))
}

/// The function by which a value is made as spreads are: `exp`, softplus or a root, maybe with a number added
/// and clipped from below at 0 or above; or a clip to finite bounds from below zero, as of a logarithm.
/// `None` otherwise.
fn spread_like(makers: &Makers<'_>, value: ValueId) -> Option<Unary> {
    let (f, inner) = makers.unary(makers.plus(value).map_or(value, |(inner, _)| inner))?;
    match f {
        Unary::Exp | Unary::Softplus | Unary::Sqrt => Some(f),
        Unary::Clip(low, high) if low < 0.0 && low.is_finite() && high.is_finite() => {
            makers.plus(value).is_none().then_some(f)
        }
        Unary::Clip(low, _) if low >= 0.0 => match makers.unary(inner)? {
            (f @ (Unary::Exp | Unary::Softplus | Unary::Sqrt), _) => Some(f),
            _ => None,
        },
        _ => None,
    }
}

/// Why a declared head (a position among all outputs) is no head: it is the sample that the graph draws; with
/// the cure. `None` where it is not.
pub(super) fn drawn(source: &Source, head: usize) -> Option<String> {
    let graph = &source.graph;
    let makers = Makers::of(graph);
    let name = &graph.outputs[head].0;
    let value = makers.source(graph.outputs[head].1);
    let draw =
        draws(graph).into_iter().find(|draw| draw.z == value && may_be_noise(source, draw))?;
    let output = |wanted: ValueId| {
        let mut outputs = graph.outputs.iter();
        outputs.find(|(_, id)| makers.source(*id) == wanted).map(|(name, _)| name)
    };
    let inside = |wanted: ValueId| {
        let name = &graph.values[wanted].name;
        (inner::inner(graph, name) == Some(wanted)).then_some(name)
    };
    let readings = readings(&makers, draw.scale).into_iter().filter(Reading::can_be_declared);
    let readings: Vec<Reading> = readings.collect();
    let of_output = readings.iter().find_map(|reading| Some((output(reading.value)?, reading)));
    let of_inner =
        || readings.iter().rev().find_map(|reading| Some((inside(reading.value)?, reading)));
    let reading = of_output.or_else(of_inner);
    let mean = output(draw.mean).or_else(|| inside(draw.mean));
    let cure = match (mean, reading) {
        (Some(mean), Some((spread, reading))) => format!(
            "{mean:?} + {} * {}: declare {mean:?} as the mean and {spread:?} as the spread with the head {}",
            draw.noise_term(),
            reading.formula.replace("{}", &format!("{spread:?}")),
            reading.head.name()
        ),
        _ => "and it changes with the noise: export mean and spread as outputs, and declare those"
            .into(),
    };
    Some(format!("output {name:?} is the sample that the graph draws itself, {cure}"))
}

/// Whether the noise of a draw is an input with the role of noise or without a role; false for any other
/// value.
fn may_be_noise(source: &Source, draw: &Draw) -> bool {
    let input = source.graph.inputs.iter().position(|input| *input == draw.noise);
    input.is_some_and(|at| matches!(source.input_roles[at], Some(Role::Eps) | None))
}

/// Why the outputs (positions among all) declared as mean and spread contradict the graph's own draw: they
/// are exchanged, or the draw uses the spread with another head. `None` where it does not draw from them or
/// agrees.
pub(super) fn drawn_otherwise(
    source: &Source,
    [mean, spread]: [usize; 2],
    head: Spread,
) -> Option<String> {
    let graph = &source.graph;
    let makers = Makers::of(graph);
    let value = |output: usize| makers.source(graph.outputs[output].1);
    let name = |output: usize| &graph.outputs[output].0;
    let (loc, scale) = (value(mean), value(spread));
    let drawn = draws(graph).into_iter().filter(|draw| may_be_noise(source, draw));
    drawn.into_iter().find_map(|draw| {
        let readings = readings(&makers, draw.scale);
        let reads = |value: ValueId| readings.iter().find(|reading| reading.value == value);
        let formula = |reading: &Reading, output: usize| reading.formula.replace("{}", name(output));
        if draw.mean == scale
            && let Some(reading) = reads(loc)
        {
            return Some(format!(
                "{:?} and {:?} have changed places: the graph draws {} + {} * {}; declare {:?} as the mean and {:?} as the spread",
                name(mean),
                name(spread),
                name(spread),
                formula(reading, mean),
                draw.noise_term(),
                name(spread),
                name(mean)
            ));
        }
        let reading = reads(scale).filter(|_| draw.mean == loc)?;
        (reading.head != head).then(|| {
            format!(
                "the graph draws {} + {} * {}, so {:?} is the head \"{}\": declare it so, or correct the outputs",
                name(mean),
                formula(reading, spread),
                draw.noise_term(),
                name(spread),
                reading.head.name()
            )
        })
    })
}
