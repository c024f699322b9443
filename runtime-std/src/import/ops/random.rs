//! Random nodes: their noise becomes an input of the graph.
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

use super::super::kind::float_cure;
use super::super::problem::{Read, invalid, refuse};
use super::super::proto::{data_type, data_type_name};
use super::super::scope::{Call, Outputs, Scope, one};
use super::super::tensor::{Tensor, checked_shape};
use super::reshape::shape_of;
use crate::ir::{Noise, NoiseKind, Op};
use elbow_core::kernels::BinaryOp;

/// `RandomNormal`, `RandomNormalLike`: `mean + scale * noise` of standard normal noise; 0 and 1 by default.
/// `Err` as `noise`.
pub fn normal(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let shift = call.number("mean")?.unwrap_or(0.0);
    let scale = call.number("scale")?.unwrap_or(1.0);
    noise(scope, call, NoiseKind::Normal, scale, shift)
}

/// `RandomUniform`, `RandomUniformLike`: `low + (high - low) * noise` of noise in 0..1; 0 and 1 by default.
/// `Err` as `noise`.
pub fn uniform(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let low = call.number("low")?.unwrap_or(0.0);
    let high = call.number("high")?.unwrap_or(1.0);
    noise(scope, call, NoiseKind::Uniform, high - low, low)
}

/// The call's output `shift + scale * noise`, where the noise is a new input of the graph, recorded in
/// `scope.noise`; it carries the output's name where it is used as it is, else `OUTPUT/noise`. `Err` for a
/// `dtype` other than float32 or an unknown shape.
fn noise(scope: &mut Scope, call: &Call<'_>, kind: NoiseKind, scale: f32, shift: f32) -> Outputs {
    match call.int("dtype")?.map(i32::try_from) {
        None | Some(Ok(data_type::FLOAT)) => {}
        Some(Ok(other)) => {
            let found = data_type_name(other);
            return refuse(format!("draws {found}, expected float32"), float_cure(other));
        }
        Some(Err(_)) => return invalid("its `dtype` is no element type"),
    }
    let shape = shape(scope, call)?;
    let output = call.output(0).to_string();
    let plain = scale == 1.0 && shift == 0.0;
    let name = if plain { output.clone() } else { format!("{output}/noise") };
    let mut value = scope.variable(&name, &shape)?;
    scope.noise.push(Noise { value, output: output.clone(), kind });
    if plain {
        return Ok(one(value));
    }
    for (op, number, role) in [(BinaryOp::Mul, scale, "scale"), (BinaryOp::Add, shift, "shift")] {
        let name = if role == "shift" { output.clone() } else { format!("{output}/scaled") };
        let number = scope.constant(&format!("{output}/{role}"), Tensor::scalar(number));
        value = scope.node(call, Op::Binary(op), vec![value, number], &name, &shape)?;
    }
    Ok(one(value))
}

/// Shape of the output: that of the operand for the operators that have one, else the attribute `shape`.
/// `Err` where that is missing.
fn shape(scope: &Scope, call: &Call<'_>) -> Read<Vec<usize>> {
    match call.inputs.first() {
        Some(_) => Ok(shape_of(scope, &call.operand(0, "input")?).to_vec()),
        None => match call.ints("shape")? {
            Some(dims) => checked_shape(dims),
            None => invalid("its `shape` is missing"),
        },
    }
}
