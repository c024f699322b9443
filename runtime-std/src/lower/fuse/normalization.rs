//! Layer and root-mean-square normalization that exporters spell out.

use super::super::links::Links;
use super::uniform;
use crate::ir::{Graph, Node, Op, ValueId};
use elbow_core::kernels::{BinaryOp, Reduction, Unary};

/// The node of this index as one layer or RMS normalization, where it is the last of
/// `d / sqrt(mean(d * d) + epsilon)` over the last axes, with `d = x - mean(x)` or `d = x`. `None` for any
/// other node, and where something else reads a value of the pattern (a reciprocal aside); the graph is not
/// changed.
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

/// Whether nothing outside of the pattern reads the values `between` (root, sum, variance and squares, in
/// this order) and, where the pattern is centred, `d` and the mean: they would be computed a second time.
/// Readers of `d` in the pattern are the quotient and the square.
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

/// Dividend and divisor of `d / r` or `d * Reciprocal(r)`; `None` for any other node.
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

/// The operand, and the first reduced axis, of the mean over the last axes (kept with length 1) that computes
/// `value`; `None` where something else computes it.
fn mean(graph: &Graph, links: &Links, value: ValueId) -> Option<(ValueId, usize)> {
    let node = links.producer(graph, value)?;
    let Op::Reduce { reduction: Reduction::Mean, axes } = &node.op else { return None };
    let rank = graph.values[node.inputs[0]].shape.len();
    let axis = *axes.first()?;
    let last = axes.iter().copied().eq(axis..rank) && graph.values[value].shape.len() == rank;
    last.then_some((node.inputs[0], axis))
}

/// Whether `value` is computed as `of * of` or as the square of `of`.
fn is_square(graph: &Graph, links: &Links, value: ValueId, of: ValueId) -> bool {
    links.producer(graph, value).is_some_and(|node| match node.op {
        Op::Unary(Unary::Square) => node.inputs == [of],
        Op::Binary(BinaryOp::Mul) => node.inputs == [of, of],
        _ => false,
    })
}

/// The first operand of the node that computes `value`, if `is` holds for its operation; otherwise `None`,
/// also for inputs and constants.
fn operand(
    graph: &Graph,
    links: &Links,
    value: ValueId,
    is: impl Fn(&Op) -> bool,
) -> Option<ValueId> {
    links.producer(graph, value).filter(|node| is(&node.op))?.inputs.first().copied()
}

/// Both operands of the binary operation `op` that computes `value`; `None` where something else computes it.
fn pair(graph: &Graph, links: &Links, value: ValueId, op: BinaryOp) -> Option<[ValueId; 2]> {
    let node = links.producer(graph, value).filter(|node| node.op == Op::Binary(op))?;
    node.inputs[..].try_into().ok()
}
