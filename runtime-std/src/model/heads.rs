//! Which outputs are the heads, and whether the graph contradicts what was declared of them.

use super::range::ranges;
use super::sampling::{Draw, Makers, Reading, draws, readings};
use super::{Role, Source};
use crate::import::{Graph, ValueId};
use crate::manifest::{Head, TensorRef};
use elbow_core::distributions::Spread;

/// Heads named on the command line in place of a manifest.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Output that holds the mean.
    pub mean: TensorRef,
    /// Output that holds the spread.
    pub spread: TensorRef,
    /// What the spread output holds.
    pub head: Head,
}

/// Heads whose names leave no doubt: mu, mean or z_mean with logvar, log_var or z_log_var.
pub fn unmistakable(graph: &Graph) -> Option<Declared> {
    let find = |names: [&str; 3]| {
        let mut found = graph.outputs.iter().filter(|(name, _)| names.contains(&name.as_str()));
        let (name, value) = found.next()?;
        found.next().is_none().then_some((name.clone(), *value))
    };
    let (mean, loc) = find(["mu", "mean", "z_mean"])?;
    let (spread, scale) = find(["logvar", "log_var", "z_log_var"])?;
    let same_shape = graph.values[loc].shape == graph.values[scale].shape;
    (graph.inputs.len() == 1 + graph.noise.len() && same_shape).then_some(Declared {
        mean: TensorRef::Name(mean),
        spread: TensorRef::Name(spread),
        head: Head::LogVar,
    })
}

/// Why the graph cannot mean what was declared of its spread output, and the cure.
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

/// Why the graph, which draws from its posterior itself, contradicts the outputs (positions among all)
/// that were declared as mean and spread.
pub(super) fn drawn_otherwise(
    source: &Source,
    [mean, spread]: [usize; 2],
    head: Spread,
) -> Option<String> {
    let graph = &source.graph;
    let makers = Makers::of(graph);
    let may_be_noise = |draw: &Draw| {
        let input = graph.inputs.iter().position(|input| *input == draw.noise);
        input.is_some_and(|at| matches!(source.input_roles[at], Some(Role::Eps) | None))
    };
    let value = |output: usize| makers.source(graph.outputs[output].1);
    let name = |output: usize| &graph.outputs[output].0;
    let (loc, scale) = (value(mean), value(spread));
    draws(graph).into_iter().filter(may_be_noise).find_map(|draw| {
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
        (Spread::from(reading.head) != head).then(|| {
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
