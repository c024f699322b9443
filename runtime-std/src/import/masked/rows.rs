//! Which operations work on each row alone.

use super::in_front;
use crate::ir::{Node, Op, Value};

/// The axis of rows, if a value has any.
pub(super) type RowAxis = Option<usize>;

/// Whether each row of a node's result follows from the same row of its operands alone. `inputs` and `output`
/// have the axis of rows of each operand and of the result; an operand without rows (`None`) is the same for
/// all rows. A result without rows needs operands without rows. False for operations that are not listed
/// here.
pub(super) fn same_rows(
    values: &[Value],
    node: &Node,
    inputs: &[RowAxis],
    output: RowAxis,
) -> bool {
    let result = &values[node.output];
    let value = |input: usize| &values[node.inputs[input]];
    let any = inputs.iter().any(Option::is_some);
    let Some(out) = output else { return !any };
    // The axis of a broadcast operand is counted from the back.
    let aligned = |input: usize| {
        inputs[input].is_none_or(|axis| axis + result.shape.len() == out + value(input).shape.len())
    };
    let all_aligned = || (0..inputs.len()).all(aligned);
    // Operands of the result's form, each with rows.
    let along = |axis: usize| inputs.iter().all(|row| *row == output) && axis != out;
    match &node.op {
        Op::Unary(_) | Op::Binary(_) | Op::Where | Op::Expand => all_aligned(),
        Op::Reshape => {
            inputs[0].is_some_and(|axis| in_front(value(0), axis) == in_front(result, out))
        }
        Op::Transpose { perm } => inputs[0] == Some(perm[out]),
        Op::Concat { axis } => along(*axis),
        Op::Slice { starts, steps } => inputs[0] == output && (starts[out], steps[out]) == (0, 1),
        Op::Pad { starts, .. } => inputs[0] == output && starts[out] == 0,
        Op::Softmax { axis, .. } | Op::CumSum { axis, .. } | Op::Take { axis, .. } => along(*axis),
        Op::TakeAlong { axis } => along(*axis),
        Op::Normalize { axis, .. } => inputs[0] == output && out < *axis,
        Op::Reduce { axes, .. } => kept(value(0), inputs[0], axes, result, out),
        Op::ArgExtreme { axis, .. } => kept(value(0), inputs[0], &[*axis], result, out),
        Op::TakeBy { axis } => {
            inputs[0].is_none() && inputs[1].is_some_and(|row| row + axis == out)
        }
        Op::Gemm { trans_a, .. } => {
            inputs[0] == Some(usize::from(*trans_a)) && inputs[1..].iter().all(Option::is_none)
        }
        Op::MatMul => {
            let columns = value(0).shape.len() - 1;
            aligned(0) && inputs[0].is_some_and(|axis| axis < columns) && inputs[1].is_none()
        }
        _ => false,
    }
}

/// Whether a reduction over `axes` keeps the operand's axis of rows (`row`) and puts it at the axis `out` of
/// its result: as many values lie in front of it as before, without those that are reduced. False where there
/// are no rows.
fn kept(value: &Value, row: RowAxis, axes: &[usize], result: &Value, out: usize) -> bool {
    let Some(row) = row.filter(|row| !axes.contains(row)) else { return false };
    let in_front: usize =
        (0..row).filter(|axis| !axes.contains(axis)).map(|axis| value.shape[axis]).product();
    in_front == super::in_front(result, out)
}
