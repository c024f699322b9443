//! Which tables the values of an input index.

use crate::ir::{Graph, Node, Op, ValueId};
use crate::twin::evaluate;
use elbow_core::kernels::Unary;

/// For each value of `input`, the length of the shortest table it indexes without arithmetic in between;
/// `None` where it indexes none.
///
/// The kernels run on the positions 0, 1, .. in place of the values; whichever positions arrive at an index
/// are those of values that index that table.
pub(super) fn tables(graph: &Graph, input: ValueId) -> Vec<Option<usize>> {
    let mut tables = vec![None; graph.values[input].len()];
    let index = |node: &Node| match node.op {
        Op::TakeBy { axis } | Op::TakeAlong { axis } => {
            Some((node.inputs[1], graph.values[node.inputs[0]].shape[axis]))
        }
        _ => None,
    };
    if graph.nodes.iter().all(|node| index(node).is_none()) {
        return tables;
    }
    let mut values = graph.values.clone();
    let mut numbered = vec![false; values.len()];
    numbered[input] = true;
    values[input].constant = Some((0..tables.len()).map(|number| number as f32).collect());
    for node in &graph.nodes {
        if let Some((indices, len)) = index(node).filter(|(indices, _)| numbered[*indices]) {
            for number in values[indices].constant.iter().flatten().filter(|n| **n >= 0.0) {
                let own: &mut Option<usize> = &mut tables[*number as usize];
                *own = Some(own.map_or(len, |other| other.min(len)));
            }
        }
        if moves(&node.op) && node.inputs.iter().any(|id| numbered[*id]) {
            for id in node.inputs.iter().filter(|id| !numbered[**id]) {
                values[*id].constant = Some(vec![OTHER; values[*id].len()]);
            }
            values[node.output].constant = evaluate(&values, node);
            numbered[node.output] = values[node.output].constant.is_some();
        }
    }
    tables
}

/// Stands for a value of another tensor.
const OTHER: f32 = -1.0;

/// Whether an operation only moves, copies or rounds values, and so leaves whole numbers as they are.
fn moves(op: &Op) -> bool {
    matches!(
        op,
        Op::Reshape
            | Op::Transpose { .. }
            | Op::Expand
            | Op::Concat { .. }
            | Op::Slice { .. }
            | Op::Take { .. }
            | Op::Unary(Unary::Trunc | Unary::Floor | Unary::Ceil | Unary::Round)
    )
}
