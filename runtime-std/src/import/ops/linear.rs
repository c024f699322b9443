//! Matrix products and normalization.
//!
//! A reader appends the operations of the ONNX node `call` to the graph in `scope` and returns the node's
//! outputs in order; operations whose operands are all constants are calculated at import instead, unless no
//! kernel computes them or the budget of import (2^24 values in all) is used up: then they are appended.
//! `Err` is a reason and an advice. Unless its doc says otherwise, a reader also fails where an operand is
//! missing or of another element type, where an operation would read or give data without values (known
//! integers may be without), where an attribute is of another type, not finite, or an axis that is not
//! there, or where the constants, known integers and lists of indices that it makes itself exceed the budget
//! of import, 2^24 values in all. Other functions fail as their docs say, and as the methods of `Scope` and
//! `Call` that they use. What was appended before an `Err` stays in the graph.

use super::super::problem::{Read, invalid, refuse};
use super::super::scope::{Call, Outputs, Scope};
use super::super::tensor::broadcast;
use crate::ir::{Op, ValueId};

/// `Gemm`: `alpha * op(A) * op(B) + beta * C`, where `op` transposes as `transA` and `transB` say; `alpha`
/// and `beta` default to 1, C is optional. `Err` unless A and B are matrices that multiply and C broadcasts
/// to the product.
pub fn gemm(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (a, b, c) = (call.float(0, "A")?, call.float(1, "B")?, call.optional_float(2, "C")?);
    let (trans_a, trans_b) = (call.flag("transA")?, call.flag("transB")?);
    let [rows, inner] = matrix(scope, a, "A", trans_a)?;
    let [inner_b, columns] = matrix(scope, b, "B", trans_b)?;
    if inner != inner_b {
        return invalid(format!("A has {inner} columns, but B has {inner_b} rows"));
    }
    let shape = [rows, columns];
    if let Some(c) =
        c.map(|c| scope.shape(c)).filter(|c| broadcast(c, &shape).ok().as_deref() != Some(&shape))
    {
        return invalid(format!("C of shape {c:?} does not broadcast to {shape:?}"));
    }
    let op = Op::Gemm {
        trans_a,
        trans_b,
        alpha: call.number("alpha")?.unwrap_or(1.0),
        beta: call.number("beta")?.unwrap_or(1.0),
    };
    scope.emit(call, op, [Some(a), Some(b), c].into_iter().flatten().collect(), &shape)
}

/// Rows and columns of the matrix `id`, exchanged where `transposed`. `Err`, which names it as `role`, for
/// another number of axes.
fn matrix(scope: &Scope, id: ValueId, role: &str, transposed: bool) -> Read<[usize; 2]> {
    match *scope.shape(id) {
        [rows, columns] if transposed => Ok([columns, rows]),
        [rows, columns] => Ok([rows, columns]),
        ref other => invalid(format!("{role} has shape {other:?}, expected a matrix")),
    }
}

/// `MatMul`: the matrix product over the last two axes, the leading ones broadcast. A vector counts as a row
/// on the left and as a column on the right, and the result lacks that axis. `Err` for a scalar or shapes
/// that do not multiply.
pub fn matmul(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (a, b) = (call.float(0, "A")?, call.float(1, "B")?);
    let (left, right) = (scope.shape(a), scope.shape(b));
    let (mut m, mut n) = (left.to_vec(), right.to_vec());
    if left.is_empty() || right.is_empty() {
        return invalid("a matrix product of a scalar");
    }
    if left.len() == 1 {
        m.insert(0, 1);
    }
    if right.len() == 1 {
        n.push(1);
    }
    let (m_lead, m_matrix) = m.split_at(m.len() - 2);
    let (n_lead, n_matrix) = n.split_at(n.len() - 2);
    if m_matrix[1] != n_matrix[0] {
        return invalid(format!("the shapes {left:?} and {right:?} do not multiply"));
    }
    let mut shape = broadcast(m_lead, n_lead)?;
    shape.extend((left.len() > 1).then_some(m_matrix[0]));
    shape.extend((right.len() > 1).then_some(n_matrix[1]));
    scope.emit(call, Op::MatMul, vec![a, b], &shape)
}

/// `BatchNormalization` in evaluation: `(x - mean) / sqrt(var + epsilon) * scale + B` per channel (axis 1),
/// `epsilon` 1e-5 by default. `Err` in training mode, for an input without axis 1, for `spatial` of 0 with
/// more than two axes, and for operands that are not of shape `[channels]`.
pub fn batch_normalization(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    if call.flag("training_mode")? {
        return refuse(
            "is in training mode, expected evaluation",
            "call `model.eval()` before exporting",
        );
    }
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    let Some(&channels) = shape.get(1) else {
        return invalid(format!("its input has shape {shape:?}, expected channels on axis 1"));
    };
    if call.int("spatial")? == Some(0) && shape.len() > 2 {
        return call.refuse_value("spatial", "0", "1 (one mean per channel)");
    }
    let mut inputs = vec![x];
    for (index, role) in ["scale", "B", "mean", "var"].into_iter().enumerate() {
        let id = call.float(index + 1, role)?;
        if scope.shape(id) != [channels] {
            return invalid(format!(
                "`{role}` has shape {:?}, expected [{channels}]",
                scope.shape(id)
            ));
        }
        inputs.push(id);
    }
    let epsilon = call.number("epsilon")?.unwrap_or(1e-5);
    scope.emit(call, Op::BatchNormalization { epsilon }, inputs, &shape)
}
