//! Operators that leave no arithmetic behind: constants, shapes, copies.
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

use super::super::kind::{Kind, float_cure};
use super::super::problem::{Read, invalid, refuse};
use super::super::proto::{data_type, data_type_name};
use super::super::scope::{Call, Operand, Outputs, Scope, integers, one};
use super::super::tensor::{Initializer, Tensor, checked_shape, len};
use super::reshape::shape_of;
use crate::ir::{Op, ValueId};
use elbow_core::kernels::Unary;
use std::rc::Rc;

/// `Identity`: the operand itself, of any element type, with or without values.
pub fn identity(_: &mut Scope, call: &Call<'_>) -> Outputs {
    Ok(vec![call.operand(0, "input")?])
}

/// `Dropout` in evaluation: the operand itself; the mask, if it is asked for, is 1 everywhere, of booleans
/// since opset 10. `Err` in training mode, an input since opset 12.
pub fn dropout(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let training = call.optional_integers(2, "training_mode")?;
    if training.is_some_and(|mode| mode.data.iter().any(|&mode| mode != 0)) {
        return refuse(
            "is in training mode, expected evaluation",
            "call `model.eval()` before exporting",
        );
    }
    let x = call.float(0, "data")?;
    let mut outputs = one(x);
    if !call.output(1).is_empty() {
        let shape = scope.shape(x).to_vec();
        scope.spend(len(&shape))?;
        let mask = Tensor { data: vec![1.0; len(&shape)], shape };
        let mask = scope.constant(call.output(1), mask);
        scope.set_kind(mask, if call.opset < 10 { Kind::Float } else { Kind::Bool });
        outputs.push(Operand::Float(mask));
    }
    Ok(outputs)
}

/// `Constant`: the tensor `value`, or the number or numbers of another `value_..` attribute, which may be
/// infinite or NaN. `Err` where there is none.
pub fn constant(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let loaded = if let Some(tensor) = call.tensor("value")? {
        tensor
    } else if let Some(value) = call.any_number("value_float")? {
        Initializer::Floats(Tensor::scalar(value))
    } else if let Some(values) = call.any_numbers("value_floats")? {
        Initializer::Floats(Tensor::row(values.to_vec()))
    } else if let Some(value) = call.int("value_int")? {
        Initializer::Integers(Tensor::scalar(value))
    } else if let Some(values) = call.ints("value_ints")? {
        Initializer::Integers(Tensor::row(values.to_vec()))
    } else {
        return invalid("has no value");
    };
    Ok(vec![scope.loaded(call.output(0), loaded)])
}

/// `ConstantOfShape`: a constant of a known shape, whose values all are the only one of `value`, or float 0
/// where that is missing. `Err` for a computed shape, and where `value` holds none or several.
pub fn constant_of_shape(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let shape = checked_shape(&call.known_integers(0, "shape")?.data)?;
    scope.spend(len(&shape))?;
    let value = call.tensor("value")?.unwrap_or_else(|| Initializer::Floats(Tensor::scalar(0.0)));
    let filled = match value {
        Initializer::Floats(value) => Initializer::Floats(filled(&value, shape)?),
        Initializer::Integers(value) => Initializer::Integers(filled(&value, shape)?),
        Initializer::Other(value, kind) => Initializer::Other(filled(&value, shape)?, kind),
    };
    Ok(vec![scope.loaded(call.output(0), filled)])
}

/// A tensor of this shape with the only value of `value` everywhere; `Err` where that has none or several.
fn filled<T: Copy>(value: &Tensor<T>, shape: Vec<usize>) -> Read<Tensor<T>> {
    match value.single() {
        Some(value) => Ok(Tensor { data: vec![value; len(&shape)], shape }),
        None => invalid(format!("`value` has shape {:?}, expected one value", value.shape)),
    }
}

/// `Shape`: the operand's shape from axis `start` (default 0) to before axis `end` (default: the rank), as
/// known integers. Negative ones count from the end; both are clamped to the rank. Empty where `end` lies in
/// front of `start`.
pub fn shape(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "data")?;
    let shape = shape_of(scope, &x);
    let rank = shape.len() as i64;
    let bound = |index: i64| {
        (if index < 0 { index.saturating_add(rank) } else { index }).clamp(0, rank) as usize
    };
    let (start, end) =
        (bound(call.int("start")?.unwrap_or(0)), bound(call.int("end")?.unwrap_or(rank)));
    let part = shape.get(start..end).unwrap_or_default();
    integers(Tensor::row(part.iter().map(|&size| size as i64).collect()))
}

/// `Size`: the operand's number of values, as a known integer.
pub fn size(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "data")?;
    integers(Tensor::scalar(len(shape_of(scope, &x)) as i64))
}

/// `CastLike`: `Cast` to the type of the second operand; `Err` where that is of quantized integers.
pub fn cast_like(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let to = match call.operand(1, "target_type")? {
        Operand::Integers(_) => data_type::INT64,
        Operand::Float(id) => match scope.kind(id) {
            Kind::Float => data_type::FLOAT,
            Kind::Integer => data_type::INT64,
            Kind::Bool => data_type::BOOL,
            Kind::Double | Kind::Rounded => data_type::DOUBLE,
            Kind::Stored(data_type) => data_type,
            kind => {
                return refuse(
                    format!("casts to the type of {kind}"),
                    "let a DequantizeLinear stand in front of it",
                );
            }
        },
    };
    match call.operand(0, "input")? {
        Operand::Integers(x) => cast_integers(scope, call, &x, to),
        Operand::Float(x) => cast_data(scope, call, x, to),
    }
}

/// `Cast` to the element type `to`: float32, int32, int64 or bool, and float16 and float64 for rounding.
/// `Err` for other types, and where `to` is missing.
pub fn cast(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let Some(to) = call.int("to")?.and_then(|to| i32::try_from(to).ok()) else {
        return invalid("its `to` is missing");
    };
    match call.operand(0, "input")? {
        Operand::Integers(x) => cast_integers(scope, call, &x, to),
        Operand::Float(x) => cast_data(scope, call, x, to),
    }
}

/// Known integers as `to`, the call's output: a constant of float32, or integers (of bool: 0 or 1). `Err` for
/// a cast to int32 of an integer that does not fit, and for other types.
fn cast_integers(scope: &mut Scope, call: &Call<'_>, x: &Rc<Tensor<i64>>, to: i32) -> Outputs {
    match to {
        data_type::FLOAT => {
            scope.spend(x.data.len())?;
            let data = x.data.iter().map(|&value| value as f32).collect();
            Ok(one(scope.constant(call.output(0), Tensor { shape: x.shape.clone(), data })))
        }
        data_type::INT64 => Ok(vec![Operand::Integers(x.clone())]),
        data_type::INT32 => {
            if x.data.iter().any(|&value| i32::try_from(value).is_err()) {
                return invalid("a value does not fit int32");
            }
            Ok(vec![Operand::Integers(x.clone())])
        }
        data_type::BOOL => {
            scope.spend(x.data.len())?;
            let data = x.data.iter().map(|&value| i64::from(value != 0)).collect();
            integers(Tensor { shape: x.shape.clone(), data })
        }
        other => refuse_cast(other),
    }
}

/// Data as `to`, the call's output: floats are truncated to integers and become 0 or 1 as booleans (integers
/// likewise); float16 rounds to its values, float64 changes nothing but the type. Constants become known
/// integers (NaN 0, beyond int64 the nearest) or booleans. `Err` for other types, and for float64 constants
/// beyond float32 that are cast to integers or booleans.
fn cast_data(scope: &mut Scope, call: &Call<'_>, x: ValueId, to: i32) -> Outputs {
    let shape = scope.shape(x).to_vec();
    if matches!(Kind::of(to), Some(Kind::Integer | Kind::Bool)) {
        scope.check_exact(x)?;
    }
    let x = match scope.kind(x) {
        Kind::Stored(data_type::DOUBLE) | Kind::Rounded if to == data_type::DOUBLE => {
            return Ok(one(x));
        }
        Kind::Stored(_) | Kind::Rounded | Kind::Double => {
            let floats = scope.step(call, Op::Reshape, &[x], "float32", &shape)?;
            scope.set_kind(floats, Kind::Float);
            floats
        }
        _ => x,
    };
    let kind = scope.kind(x);
    if let (Some(values), Some(Kind::Integer | Kind::Bool)) = (scope.known(x), Kind::of(to)) {
        let truth = to == data_type::BOOL;
        let cast = |&value: &f32| if truth { i64::from(value != 0.0) } else { value as i64 };
        let data: Vec<i64> = values.iter().map(cast).collect();
        scope.spend(data.len())?;
        return integers(Tensor { shape, data });
    }
    match (kind, Kind::of(to)) {
        (Kind::Float | Kind::Integer | Kind::Bool, None) if to == data_type::FLOAT16 => {
            scope.emit_as(call, Op::Unary(Unary::Half), vec![x], &shape, Kind::Stored(to))
        }
        (Kind::Float, None) if to == data_type::DOUBLE => {
            scope.emit_as(call, Op::Reshape, vec![x], &shape, Kind::Double)
        }
        (_, None) => refuse_cast(to),
        (Kind::Float, Some(Kind::Float)) => Ok(one(x)),
        (Kind::Float, Some(Kind::Integer)) => {
            scope.emit_as(call, Op::Unary(Unary::Trunc), vec![x], &shape, Kind::Integer)
        }
        (Kind::Float | Kind::Integer, Some(Kind::Bool)) => {
            let zero = scope.step(call, Op::Unary(Unary::Not), &[x], "zero", &shape)?;
            scope.emit_as(call, Op::Unary(Unary::Not), vec![zero], &shape, Kind::Bool)
        }
        (_, Some(kind)) => scope.emit_as(call, Op::Reshape, vec![x], &shape, kind),
    }
}

/// `Err`: a cast to this type is not supported.
fn refuse_cast(to: i32) -> Outputs {
    refuse(format!("casts to {}, expected float32", data_type_name(to)), float_cure(to))
}

/// `Range`: `start, start + delta, ...` up to but without `limit`, a constant of floats or known integers;
/// empty where `limit` lies on the other side. `Err` for computed or NaN limits, or a `delta` of 0.
pub fn range(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    if matches!(call.operand(0, "start")?, Operand::Integers(_)) {
        return integer_range(scope, call);
    }
    let [start, limit, delta] =
        [known(scope, call, 0)?, known(scope, call, 1)?, known(scope, call, 2)?];
    let count = ((f64::from(limit) - f64::from(start)) / f64::from(delta)).ceil();
    if delta == 0.0 || count.is_nan() {
        return invalid("its `delta` is zero");
    }
    let count = count.max(0.0) as usize;
    scope.spend(count)?;
    let data = (0..count).map(|i| start + i as f32 * delta).collect();
    Ok(one(scope.constant(call.output(0), Tensor::row(data))))
}

/// The number that operand `index` is; `Err` where it is computed, holds several values, or is a float64
/// constant that float32 does not hold.
fn known(scope: &Scope, call: &Call<'_>, index: usize) -> Read<f32> {
    let id = call.float(index, "limit")?;
    scope.check_exact(id)?;
    match scope.known_number(id) {
        Some(value) => Ok(value),
        None => refuse(
            "a limit is not known at import",
            "let ranges depend on shapes only, never on data",
        ),
    }
}

/// `range` of known integers. `Err` for a `delta` of 0, an operand of several values, or more values than
/// import may calculate.
fn integer_range(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let mut limits = [0i128; 3];
    for (index, limit) in limits.iter_mut().enumerate() {
        *limit = match call.known_integers(index, "limit")?.single() {
            Some(value) => i128::from(value),
            None => return invalid("a limit is no single number"),
        };
    }
    let [start, limit, delta] = limits;
    if delta == 0 {
        return invalid("its `delta` is zero");
    }
    let distance = (limit - start) * delta.signum();
    let count = (distance.max(0) + delta.abs() - 1) / delta.abs();
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    scope.spend(count)?;
    let data = (0..count as i128).map(|i| (start + i * delta) as i64).collect();
    integers(Tensor::row(data))
}
