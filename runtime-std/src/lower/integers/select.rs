//! Which nodes of a graph compute with integers.

use super::absorbed;
use crate::ir::{Graph, Node, Op, Pooling, ValueId};
use crate::lower::layer::Layer;
use crate::lower::links::Links;
use elbow_core::kernels::BinaryOp;

/// The integer part of a fused graph.
pub(crate) struct Selection {
    /// Layers with integer weights, with the index of their node in the graph.
    pub(crate) layers: Vec<(usize, Layer)>,
    /// Results of the layers that stay in floats because calibration does not show their input.
    pub(crate) unseen: Vec<ValueId>,
    /// For each value, whether it is held as integers.
    pub(crate) integer: Vec<bool>,
}

impl Selection {
    /// The layers of constant weights whose input satisfies `seen`, and the values that are held as integers:
    /// the inputs of these layers, and every value between two of them that only integer kernels compute. A
    /// result that no integer layer reads, directly or through integer kernels, is a float.
    pub(crate) fn of(graph: &Graph, seen: impl Fn(ValueId) -> bool) -> Self {
        let links = Links::of(graph);
        let nodes = graph.nodes.iter().enumerate();
        let all = nodes.filter_map(|(index, node)| Some((index, Layer::of(graph, node)?)));
        let (layers, unseen): (Vec<_>, Vec<_>) = all.partition(|(_, layer)| seen(layer.x));
        let unseen = unseen.iter().map(|(index, _)| graph.nodes[*index].output).collect();
        let mut is_layer = vec![false; graph.nodes.len()];
        layers.iter().for_each(|(index, _)| is_layer[*index] = true);
        let wanted = wanted(graph, &is_layer, &layers);
        let mut integer = vec![false; graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            if is_layer[index] {
                let gives = absorbed(graph, &links, node).unwrap_or(node).output;
                integer[gives] = wanted[gives];
            } else if is_between(graph, node) && !integer[node.output] {
                let held = node.inputs.iter().all(|&input| integer[input]);
                integer[node.output] = held && wanted[node.output];
            }
        }
        // An input in floats is quantized in front of the layer.
        layers.iter().for_each(|(_, layer)| integer[layer.x] = true);
        Self { layers, unseen, integer }
    }
}

/// For each value, whether an integer layer reads it, directly or through nodes with an integer kernel.
fn wanted(graph: &Graph, is_layer: &[bool], layers: &[(usize, Layer)]) -> Vec<bool> {
    let mut wanted = vec![false; graph.values.len()];
    layers.iter().for_each(|(_, layer)| wanted[layer.x] = true);
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        if !is_layer[index] && wanted[node.output] && is_between(graph, node) {
            node.inputs.iter().for_each(|&input| wanted[input] = true);
        }
    }
    wanted
}

/// Whether a node that is no layer has an integer kernel: `Reshape` or an elementwise function of a computed
/// value, a pooling, or a sum of computed values of the result's shape.
pub(super) fn is_between(graph: &Graph, node: &Node) -> bool {
    let computed = |value: ValueId| graph.values[value].constant.is_none();
    let same_shape = |a: ValueId, b: ValueId| graph.values[a].shape == graph.values[b].shape;
    match &node.op {
        Op::Reshape | Op::Unary(_) => computed(node.inputs[0]),
        Op::Pool { kind: Pooling::Max | Pooling::Average(_), .. } => true,
        Op::Binary(BinaryOp::Add) => {
            node.inputs.iter().all(|&input| computed(input) && same_shape(input, node.output))
        }
        _ => false,
    }
}

/// Whether the result of a node that is no layer is held in the format of its operand.
pub(crate) fn keeps_format(node: &Node) -> bool {
    matches!(node.op, Op::Reshape | Op::Pool { .. })
}
