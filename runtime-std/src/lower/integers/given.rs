//! The integers of a quantized file: its scales and weights, unchanged.

use super::select::is_between;
use super::{Core, IntegerLayer, Integers, Width};
use crate::ir::{Format, Graph, Node, Op, Pooling, ValueId};
use crate::lower::layer::Layer;
use crate::lower::links::Links;
use crate::lower::quantize::ScaleBias;
use std::collections::HashMap;

/// Reason why a mean is computed in floats: quantizers give it the scale of its window and round its ties to
/// even, as float kernels do; the integer kernels round ties up.
const TIES: &str = "the file rounds ties of a mean to even";

/// Formats and integer weights that `QuantizeLinear` and `DequantizeLinear` of a fused graph give; `None` for
/// a graph without them.
///
/// A layer takes its integers where its input is quantized and its weights are stored so, one scale
/// for all or one per output, in eight bits from their zero point ([`Integers::floats`] says why where not).
/// Everything else is computed with the floats that the integers stand for, and rounded where the file says so.
pub fn given(graph: &Graph) -> Option<Integers> {
    let links = Links::of(graph);
    let rounds = |node: &Node| matches!(node.op, Op::Round(_));
    if !graph.nodes.iter().any(rounds) {
        return None;
    }
    let mut integers = Integers {
        formats: HashMap::new(),
        layers: Vec::new(),
        floats: HashMap::new(),
        width: Width::Eight,
        core: Core::default(),
    };
    let mut formats: Vec<Option<Format>> = vec![None; graph.values.len()];
    for node in &graph.nodes {
        formats[node.output] = match &node.op {
            Op::Round(format) => Some(*format),
            _ => rounded_next(graph, &links, node),
        };
        let largest = matches!(node.op, Op::Pool { kind: Pooling::Max, .. } | Op::Reshape);
        if formats[node.output].is_none() && largest {
            formats[node.output] = formats[node.inputs[0]];
        }
    }
    for node in &graph.nodes {
        let name = |value: ValueId| graph.values[value].name.clone();
        if matches!(node.op, Op::Pool { kind: Pooling::Average(_), .. }) {
            integers.floats.insert(name(node.output), TIES);
            continue;
        }
        let layer = Layer::of(graph, node);
        if layer.is_some() || is_between(graph, node) || rounds(node) {
            integers.formats.extend(formats[node.output].map(|format| (name(node.output), format)));
        }
        let Some(layer) = layer else { continue };
        let from = formats[layer.x].ok_or("the file does not quantize its input");
        match from.and_then(|from| stored(graph, node, &layer, from)) {
            Ok((weights, lines)) => {
                let (node, reads, gives) = (node.name.clone(), name(layer.x), name(node.output));
                integers.layers.push(IntegerLayer { node, reads, gives, weights, lines });
            }
            Err(reason) => {
                integers.floats.insert(name(node.output), reason);
            }
        }
    }
    Some(integers)
}

/// The format of the `Round` that alone reads a node's result; `None` where it has another reader, or
/// several.
fn rounded_next(graph: &Graph, links: &Links, node: &Node) -> Option<Format> {
    match links.reader(graph, node.output)?.op {
        Op::Round(format) => Some(format),
        _ => None,
    }
}

/// Integer weights, and scale and bias of each output, of a layer whose weights the file stores as integers
/// and whose input has the format `from`.
///
/// # Errors
///
/// The reason why the layer must compute with floats: no stored integers, other scales than one or one per
/// output, weights beyond i8, or floats that are not `scale * integer`.
fn stored(
    graph: &Graph,
    node: &Node,
    layer: &Layer,
    from: Format,
) -> Result<(Vec<i8>, Vec<ScaleBias>), &'static str> {
    let own = graph.quantized.get(&graph.values[node.inputs[1]].name);
    let own = own.ok_or("the file does not quantize its weights")?;
    let outputs = layer.outputs();
    if own.scales.len() != 1 && own.scales.len() != outputs {
        return Err("the scales of its weights are not those of its outputs");
    }
    // The same layer with the integers in place of its weights: they come out in the layer's order.
    let integers: Vec<f32> = own.integers.iter().map(|q| *q as f32).collect();
    let integers = Layer::with(graph, node, &integers).map(|layer| layer.weights);
    let integers = integers.ok_or("its integer weights have another shape than its weights")?;
    if integers.iter().any(|q| f32::from(*q as i8) != *q) {
        return Err(
            "its weights, counted from their zero point, leave eight signed bits: quantize \
                    them as S8 with zero point 0 (onnxruntime: weight_type=QuantType.QInt8)",
        );
    }
    let weights: Vec<i8> = integers.iter().map(|q| *q as i8).collect();
    let scale = |output: usize| own.scales[output % own.scales.len()];
    let lines = layer.bias.iter().enumerate().map(|(output, bias)| ScaleBias {
        scale: f64::from(from.scale) * f64::from(scale(output)),
        bias: f64::from(*bias),
    });
    // They must be what the floats are made of, times the scale of their own output.
    let rows = weights.chunks(layer.inputs.max(1)).zip(layer.weights.chunks(layer.inputs.max(1)));
    let fits = rows.enumerate().all(|(output, (row, floats))| {
        row.iter().zip(floats).all(|(q, real)| f32::from(*q) * scale(output) == *real)
    });
    if fits { Ok((weights, lines.collect())) } else { Err("its weights are scaled once more") }
}
