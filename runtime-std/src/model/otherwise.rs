//! Samples that a graph draws around a mean otherwise than its heads say.

use super::inner::{named, reached};
use super::names::is_noise;
use super::sampling::{Draw, Makers, draws, readings};
use crate::ir::{Graph, Op, ValueId};
use elbow_core::distributions::Spread;
use elbow_core::kernels::BinaryOp;

/// A sample that is not `mean + noise * scale`.
pub(crate) struct Otherwise {
    /// How the graph makes it.
    pub formula: String,
    /// What the noise is multiplied by besides, where all else is as the head says.
    pub factor: Option<f32>,
}

/// How the graph samples around the value named `mean`, where none of its samples is `mean + noise * scale`
/// or `mean - noise * scale` with the scale that `spread` has under the head. `None` where one is, where it
/// does not sample around it, or where a name is not found.
pub(crate) fn sampled_otherwise(
    graph: &Graph,
    [mean, spread]: [&str; 2],
    head: Spread,
) -> Option<Otherwise> {
    let makers = Makers::of(graph);
    let source = |name: &str| named(graph, name).map(|id| makers.source(id));
    let (loc, scale) = (source(mean)?, source(spread)?);
    let formula = |draw: &Draw| {
        let own = readings(&makers, draw.scale);
        let own = own.iter().find(|own| makers.source(own.value) == scale && own.head == head)?;
        Some(own.formula.replace("{}", spread))
    };
    let drawn = draws(graph).into_iter().filter(|draw| makers.source(draw.mean) == loc);
    let drawn: Vec<(Draw, String)> =
        drawn.filter_map(|draw| formula(&draw).map(|formula| (draw, formula))).collect();
    if drawn.iter().any(|(draw, _)| draw.factor.abs() == 1.0) {
        return None;
    }
    let name = |id: ValueId| {
        let output = graph.outputs.iter().find(|(_, own)| makers.source(*own) == id);
        output.map_or(&graph.values[id].name, |(name, _)| name)
    };
    if let Some((draw, scale)) = drawn.first() {
        let sample = format!("{} = {mean} + {} * {scale}", name(draw.z), draw.noise_term());
        return Some(Otherwise { formula: sample, factor: Some(draw.factor) });
    }
    let (z, term) = noisy_sum(graph, &makers, loc)?;
    let term = match makers.get(term) {
        Some(node) if node.op == Op::Binary(BinaryOp::Div) => {
            let divisor = makers.source(node.inputs[1]);
            let own = readings(&makers, divisor);
            let own = own.iter().find(|own| makers.source(own.value) == scale);
            let divisor = own
                .map_or_else(|| name(divisor).to_string(), |own| own.formula.replace("{}", spread));
            format!("noise / {divisor}")
        }
        _ => format!("{}, computed from noise", name(term)),
    };
    Some(Otherwise { formula: format!("{} = {mean} + {term}", name(z)), factor: None })
}

/// The first sum or difference of `mean` and a term computed from noise on which the mean does not depend,
/// and that term; `None` without one.
fn noisy_sum(graph: &Graph, makers: &Makers<'_>, mean: ValueId) -> Option<(ValueId, ValueId)> {
    let mut is_noisy = vec![false; graph.values.len()];
    for noise in graph.inputs.iter().filter(|input| is_surely_noise(graph, **input)) {
        let reached = reached(graph, *noise);
        if !reached[mean] {
            is_noisy.iter_mut().zip(reached).for_each(|(all, one)| *all |= one);
        }
    }
    let before_repeats = |value: ValueId| match makers.get(value) {
        Some(node) if node.op == Op::Expand => makers.source(node.inputs[0]),
        _ => value,
    };
    let is_sum = |op: &Op| matches!(op, Op::Binary(BinaryOp::Add | BinaryOp::Sub));
    graph.nodes.iter().filter(|node| is_sum(&node.op)).find_map(|node| {
        let [a, b] = node.inputs[..] else { return None };
        let sides = [(a, b), (b, a)].map(|(a, b)| (makers.source(a), makers.source(b)));
        let noisy = |(a, b): &(ValueId, ValueId)| before_repeats(*a) == mean && is_noisy[*b];
        let (_, term) = sides.into_iter().find(noisy)?;
        Some((node.output, term))
    })
}

/// Whether an input is the noise of a random node, or named as noise; any other may be data that the graph
/// scales, as a flow does.
pub(crate) fn is_surely_noise(graph: &Graph, input: ValueId) -> bool {
    let is_random = graph.noise.iter().any(|noise| noise.value == input);
    is_random || is_noise(&graph.values[input].name)
}
