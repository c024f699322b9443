//! Which values are NaN or infinite.
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

use super::super::scope::{Call, Outputs, Scope};
use super::super::tensor::Tensor;
use crate::ir::{Op, ValueId};
use elbow_core::kernels::{BinaryOp, Unary};

const EQUAL: Op = Op::Binary(BinaryOp::Equal);

/// `IsNaN`: a boolean for every value, true where it is NaN, that is, does not equal itself.
pub fn is_nan(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    let number = scope.step(call, EQUAL, &[x, x], "number", &shape)?;
    scope.emit(call, Op::Unary(Unary::Not), vec![number], &shape)
}

/// `IsInf`: a boolean for every value, true where it is positive or negative infinity, each only if
/// `detect_positive` or `detect_negative` is not 0 (default 1); false for NaN.
pub fn is_inf(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    let detects = |name: &str| Ok(call.int(name)?.unwrap_or(1) != 0);
    match (detects("detect_positive")?, detects("detect_negative")?) {
        (true, true) => {
            let size = scope.step(call, Op::Unary(Unary::Abs), &[x], "size", &shape)?;
            equal_to(scope, call, size, f32::INFINITY)
        }
        (true, false) => equal_to(scope, call, x, f32::INFINITY),
        (false, true) => equal_to(scope, call, x, f32::NEG_INFINITY),
        (false, false) => scope.emit(call, Op::Binary(BinaryOp::Less), vec![x, x], &shape),
    }
}

/// The call's output `x == number`, a boolean for every value.
fn equal_to(scope: &mut Scope, call: &Call<'_>, x: ValueId, number: f32) -> Outputs {
    let shape = scope.shape(x).to_vec();
    let number = scope.constant(&format!("{}/infinity", call.output(0)), Tensor::scalar(number));
    scope.emit(call, EQUAL, vec![x, number], &shape)
}
