//! Pass 3: several nodes that one kernel computes become one node.

mod activation;
mod batch_norm;
mod bias;
mod normalization;
mod recurrent;
mod view;

pub(super) use batch_norm::Affine;

use super::links::Links;
use crate::ir::{Graph, Node, Value, ValueId};

/// From a graph and the index of a node: a node with the same result that computes the whole pattern which
/// that node ends; `None` where it ends none. A rule may add constants to the graph, and changes nothing
/// else.
type Rule = fn(&mut Graph, &Links, usize) -> Option<Node>;

/// The rules in the order in which they are applied: a bias must be in place before a normalization moves
/// into the layer.
const RULES: [Rule; 6] = [
    activation::gelu,
    activation::silu,
    activation::softplus,
    normalization::normalize,
    bias::gemm,
    batch_norm::into_layer,
];

/// Replaces the last node of each of these patterns in `graph` by one node that computes the pattern:
///
/// | Pattern | Becomes |
/// |---|---|
/// | `x / 2 * (1 + Erf(x / sqrt(2)))`, factors in any order | `Gelu` |
/// | `x * Sigmoid(x)` | `Silu` |
/// | `Where(x > threshold, x, Softplus(x))`, also with a factor | `Softplus` |
/// | `(x - mean) / sqrt(mean((x - mean)^2) + epsilon)` over the last axes | `LayerNormalization` |
/// | `x / sqrt(mean(x^2) + epsilon)` over the last axes | `RMSNormalization` |
/// | the step that a recurrent layer ends or begins with, of its sequence | the layer's state then |
/// | `MatMul` and `Add` of a constant row | `Gemm` |
/// | `Gemm`, `MatMul`, `Conv` or `ConvTranspose`, and `BatchNormalization` | the layer, with other weights |
///
/// A value between the nodes of a pattern must have no other reader, for which it would have to be
/// computed as well; what a softplus or a recurrent layer consists of may, since they need none of it. Nodes
/// that are no longer needed remain; [`prune`](super::prune()) removes them.
pub fn fuse(graph: &mut Graph) {
    recurrent::ends(graph);
    for rule in RULES {
        let mut links = Links::of(graph);
        for index in 0..graph.nodes.len() {
            if let Some(node) = rule(graph, &links, index) {
                links.replace(&graph.nodes[index], &node);
                graph.nodes[index] = node;
            }
        }
    }
}

/// The number that all values of a constant equal; `None` where `value` is not constant or empty, and where
/// values differ or are NaN.
fn uniform(graph: &Graph, value: ValueId) -> Option<f64> {
    let values = graph.values[value].constant.as_ref()?;
    let first = *values.first()?;
    values.iter().all(|value| *value == first).then_some(f64::from(first))
}

/// Id of a new constant, which is appended to the values of `graph`.
fn constant(graph: &mut Graph, name: String, shape: Vec<usize>, values: Vec<f32>) -> ValueId {
    graph.values.push(Value { name, shape, constant: Some(values) });
    graph.values.len() - 1
}
