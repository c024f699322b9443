//! Layer and root-mean-square normalization that exporters spell out.

use super::super::links::Links;
use super::uniform;
use crate::ir::{Graph, Node, Op, ValueId};
use elbow_core::kernels::{BinaryOp, Reduction, Unary};

/// `d / sqrt(mean(d * d) + epsilon)` over the last axes, with `d = x - mean(x)` or `d = x`.
pub(super) fn normalize(graph: &mut Graph, links: &Links, index: usize) -> Option<Node> {
    let node = &graph.nodes[index];
    let (d, root) = quotient(graph, links, node)?;
    let sum = operand(graph, links, root, |op| *op == Op::Unary(Unary::Sqrt))?;
    let [a, b] = pair(graph, links, sum, BinaryOp::Add)?;
    let (variance, epsilon) = [(a, b), (b, a)]
        .into_iter()
        .find_map(|(variance, epsilon)| Some((variance, uniform(graph, epsilon)?)))?;
    let (squares, axis) = mean(graph, links, variance)?;
    if !is_square(graph, links, squares, d)
        || graph.values[d].shape != graph.values[node.output].shape
    {
        return None;
    }
    let centred = pair(graph, links, d, BinaryOp::Sub)
        .and_then(|[x, m]| (mean(graph, links, m)? == (x, axis)).then_some([x, m]));
    if !is_read_here_alone(graph, links, &[root, sum, variance, squares], d, centred) {
        return None;
    }
    let centred = centred.map(|[x, _]| x);
    let op = Op::Normalize { axis, epsilon: epsilon as f32, rms: centred.is_none() };
    let op_type = if centred.is_some() { "LayerNormalization" } else { "RMSNormalization" };
    let inputs = vec![centred.unwrap_or(d)];
    Some(Node { op_type: op_type.into(), op, inputs, ..node.clone() })
}

/// Whether nothing else needs what lies between the nodes, which would then be computed as well. Behind
/// `d` are the quotient and the square.
fn is_read_here_alone(
    graph: &Graph,
    links: &Links,
    between: &[ValueId],
    d: ValueId,
    centred: Option<[ValueId; 2]>,
) -> bool {
    let squares = between.last().and_then(|squares| links.producer(graph, *squares));
    let own = 1 + squares.map_or(0, |node| node.inputs.len());
    let once = |value: &ValueId| links.uses(*value) == 1;
    between.iter().all(once) && centred.is_none_or(|[_, m]| links.uses(d) == own && once(&m))
}

/// Dividend and divisor of `d / r` or `d * (1 / r)`.
fn quotient(graph: &Graph, links: &Links, node: &Node) -> Option<(ValueId, ValueId)> {
    let [a, b] = node.inputs[..] else { return None };
    let reciprocal = |value| operand(graph, links, value, |op| *op == Op::Unary(Unary::Reciprocal));
    match node.op {
        Op::Binary(BinaryOp::Div) => Some((a, b)),
        Op::Binary(BinaryOp::Mul) => {
            [(a, b), (b, a)].into_iter().find_map(|(d, inverse)| Some((d, reciprocal(inverse)?)))
        }
        _ => None,
    }
}

/// What a mean over the last axes, kept as ones, is taken of, and the first of those axes.
fn mean(graph: &Graph, links: &Links, value: ValueId) -> Option<(ValueId, usize)> {
    let node = links.producer(graph, value)?;
    let Op::Reduce { reduction: Reduction::Mean, axes } = &node.op else { return None };
    let rank = graph.values[node.inputs[0]].shape.len();
    let axis = *axes.first()?;
    let last = axes.iter().copied().eq(axis..rank) && graph.values[value].shape.len() == rank;
    last.then_some((node.inputs[0], axis))
}

fn is_square(graph: &Graph, links: &Links, value: ValueId, of: ValueId) -> bool {
    links.producer(graph, value).is_some_and(|node| match node.op {
        Op::Unary(Unary::Square) => node.inputs == [of],
        Op::Binary(BinaryOp::Mul) => node.inputs == [of, of],
        _ => false,
    })
}

fn operand(
    graph: &Graph,
    links: &Links,
    value: ValueId,
    is: impl Fn(&Op) -> bool,
) -> Option<ValueId> {
    links.producer(graph, value).filter(|node| is(&node.op))?.inputs.first().copied()
}

fn pair(graph: &Graph, links: &Links, value: ValueId, op: BinaryOp) -> Option<[ValueId; 2]> {
    let node = links.producer(graph, value).filter(|node| node.op == Op::Binary(op))?;
    node.inputs[..].try_into().ok()
}
