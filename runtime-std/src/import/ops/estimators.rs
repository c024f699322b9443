//! Preprocessing steps of scikit-learn, as skl2onnx writes them: operators of `ai.onnx.ml`.
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
use super::super::tensor::Tensor;
use super::along::{Over, reduced_shape, reduction_node};
use super::normalize::lp_norm;
use crate::ir::{Op, ValueId};
use elbow_core::kernels::{BinaryOp, Reduction};

/// `Scaler`: `(x - offset) * scale`, feature by feature; they default to 0 and 1. `Err` as `rows` and
/// `features`.
pub fn scaler(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (x, shape) = rows(scope, call)?;
    let offset = features(scope, call, "offset", 0.0, &shape)?;
    let scale = features(scope, call, "scale", 1.0, &shape)?;
    let shifted = Op::Binary(BinaryOp::Sub);
    let shifted = scope.step(call, shifted, &[x, offset], "shifted", &shape)?;
    scope.emit(call, Op::Binary(BinaryOp::Mul), vec![shifted, scale], &shape)
}

/// `Normalizer`: each row divided by its maximum (`norm` of `MAX`, the default), L1 or L2 norm; a row where
/// that is 0 stays as it is. `Err` for another `norm`, and as `rows`.
pub fn normalizer(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (x, shape) = rows(scope, call)?;
    let axis = shape.len() - 1;
    let divisor = match call.string("norm")?.unwrap_or("MAX") {
        "MAX" => {
            let kept = reduced_shape(&shape, &[axis], true);
            let name = format!("{}/largest", call.output(0));
            let largest = reduction_node(
                scope,
                call,
                x,
                Over { reduction: Reduction::Max, axes: &[axis] },
                &name,
                &kept,
            )?;
            let one = scope.constant(&format!("{}/one", call.output(0)), Tensor::scalar(1.0));
            scope.step(call, Op::Where, &[largest, largest, one], "divisor", &kept)?
        }
        "L1" => lp_norm(scope, call, x, axis, 1)?,
        "L2" => lp_norm(scope, call, x, axis, 2)?,
        other => return call.refuse_value("norm", other, "`MAX`, `L1` or `L2`"),
    };
    scope.emit(call, Op::Binary(BinaryOp::Div), vec![x, divisor], &shape)
}

/// `Imputer`: `imputed_value_floats` (one for all features, or one each) in the place of every value that
/// equals `replaced_value_float` (default 0), or is NaN where that is NaN. `Err` without replacements, and as
/// `rows` and `features`.
pub fn imputer(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (x, shape) = rows(scope, call)?;
    if call.numbers("imputed_value_floats")?.is_none_or(<[f32]>::is_empty) {
        return invalid("its `imputed_value_floats` are missing");
    }
    let values = features(scope, call, "imputed_value_floats", 0.0, &shape)?;
    let replaced = call.any_number("replaced_value_float")?.unwrap_or(0.0);
    let equal = Op::Binary(BinaryOp::Equal);
    if replaced.is_nan() {
        let number = scope.step(call, equal, &[x, x], "number", &shape)?;
        return scope.emit(call, Op::Where, vec![number, x, values], &shape);
    }
    let name = format!("{}/replaced", call.output(0));
    let replaced = scope.constant(&name, Tensor::scalar(replaced));
    let missing = scope.step(call, equal, &[x, replaced], "missing", &shape)?;
    scope.emit(call, Op::Where, vec![missing, values, x], &shape)
}

/// The operand `X` and its shape, one row of features or several, the features on the last axis. `Err` unless
/// it has one or two axes.
fn rows(scope: &mut Scope, call: &Call<'_>) -> Read<(ValueId, Vec<usize>)> {
    let x = call.data(scope, 0, "X")?;
    let shape = scope.shape(x).to_vec();
    match shape.len() {
        1 | 2 => Ok((x, shape)),
        _ => refuse(
            format!("its input has shape {shape:?}, expected rows of features"),
            "give it one row of features per observation, as scikit-learn does",
        ),
    }
}

/// The numbers of the attribute `name` as a constant: one for every feature (the last axis of `shape`), or
/// one for all; `neutral` where it is missing or empty. `Err` for another count, or a number that is not
/// finite.
fn features(
    scope: &mut Scope,
    call: &Call<'_>,
    name: &str,
    neutral: f32,
    shape: &[usize],
) -> Read<ValueId> {
    let given = call.numbers(name)?.filter(|values| !values.is_empty());
    let values = given.map_or_else(|| vec![neutral], <[f32]>::to_vec);
    let count = shape.last().copied().unwrap_or(1);
    if ![1, count].contains(&values.len()) {
        let found = values.len();
        return invalid(format!("`{name}` holds {found} numbers for {count} features"));
    }
    Ok(scope.constant(&format!("{}/{name}", call.output(0)), Tensor::row(values)))
}
