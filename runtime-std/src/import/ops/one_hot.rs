//! Ones at the places that indices name.
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

use super::super::kind::Kind;
use super::super::problem::{Read, invalid, refuse};
use super::super::scope::{Call, Operand, Outputs, Scope};
use super::super::tensor::{Tensor, len, resolve_axis};
use crate::ir::{Op, ValueId};
use elbow_core::kernels::{BinaryOp, Unary};

const EQUAL: Op = Op::Binary(BinaryOp::Equal);

/// `OneHot`: along a new axis (`axis`, default -1: the last one) of length `depth`, `values[1]` at the place
/// that the index names and `values[0]` elsewhere. Negative indices count from the end, an index outside
/// chooses no place, fractions are cut off. `Err` unless `depth` is known and positive and there are two
/// values.
pub fn one_hot(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let depth = depth(scope, call)?;
    let values = call.data(scope, 2, "values")?;
    if scope.shape(values) != [2] {
        return invalid(format!("its `values` have shape {:?}, expected [2]", scope.shape(values)));
    }
    let indices = call.data(scope, 0, "indices")?;
    let mut shape = scope.shape(indices).to_vec();
    let axis = resolve_axis(call.int("axis")?.unwrap_or(-1), shape.len() + 1)?;
    let indices = whole(scope, call, indices)?;
    let indices = from_front(scope, call, indices, depth)?;
    shape.insert(axis, 1);
    let indices = scope.step(call, Op::Reshape, &[indices], "lifted", &shape)?;
    let places = places(scope, call, axis, depth, shape.len())?;
    shape[axis] = depth;
    let chosen = scope.step(call, EQUAL, &[indices, places], "chosen", &shape)?;
    if scope.known(values) == Some(&[0.0, 1.0]) {
        return scope.emit_as(call, Op::Reshape, vec![chosen], &shape, scope.kind(values));
    }
    let [off, on] = [0, 1].map(|at| {
        let op = Op::Slice { starts: vec![at], steps: vec![1] };
        scope.step(call, op, &[values], &format!("value{at}"), &[1])
    });
    scope.emit(call, Op::Where, vec![chosen, on?, off?], &shape)
}

/// Length of the new axis, a fraction cut off; `Err` unless it is a single number, known at import and at
/// least 1.
fn depth(scope: &Scope, call: &Call<'_>) -> Read<usize> {
    let depth = match call.operand(1, "depth")? {
        Operand::Integers(depth) => depth.single(),
        Operand::Float(id) => scope.known_number(id).map(|depth| depth as i64),
    };
    match depth.map(usize::try_from) {
        Some(Ok(depth @ 1..)) => Ok(depth),
        Some(_) => invalid("its `depth` is no positive number"),
        None => {
            refuse("its `depth` is not known at import", "give the number of classes as a constant")
        }
    }
}

/// `indices` with the fractions cut off where they are floats, as ONNX casts them; other kinds unchanged.
fn whole(scope: &mut Scope, call: &Call<'_>, indices: ValueId) -> Read<ValueId> {
    if scope.kind(indices) != Kind::Float {
        return Ok(indices);
    }
    let shape = scope.shape(indices).to_vec();
    let whole = scope.step(call, Op::Unary(Unary::Trunc), &[indices], "whole", &shape)?;
    scope.set_kind(whole, Kind::Integer);
    Ok(whole)
}

/// `indices` with `size` added to the negative ones, so that they count from the front; those outside
/// `-size..size` stay outside.
fn from_front(scope: &mut Scope, call: &Call<'_>, indices: ValueId, size: usize) -> Read<ValueId> {
    let shape = scope.shape(indices).to_vec();
    let name = |role: &str| format!("{}/{role}", call.output(0));
    let zero = scope.data_of(&name("zero"), &Tensor::scalar(0))?;
    let size = scope.data_of(&name("size"), &Tensor::scalar(size as i64))?;
    let less = Op::Binary(BinaryOp::Less);
    let behind = scope.step(call, less, &[indices, zero], "negative", &shape)?;
    let moved = scope.step(call, Op::Binary(BinaryOp::Add), &[indices, size], "moved", &shape)?;
    scope.step(call, Op::Where, &[behind, moved, indices], "from_front", &shape)
}

/// The constant `0, 1, ..., size - 1` along `axis`, of length 1 along all other axes; `rank` is the number of
/// axes, above `axis`. It is named `OUTPUT/places`. `Err` where import calculates too many values.
pub(super) fn places(
    scope: &mut Scope,
    call: &Call<'_>,
    axis: usize,
    size: usize,
    rank: usize,
) -> Read<ValueId> {
    // Every place is a whole number below 2^24 then, which a float holds.
    scope.spend(size)?;
    let mut shape = vec![1; rank];
    shape[axis] = size;
    let data = (0..size).map(|place| place as f32).collect();
    let places = scope.constant(&format!("{}/places", call.output(0)), Tensor { shape, data });
    scope.set_kind(places, Kind::Integer);
    Ok(places)
}

/// `Hardmax`: 1 at the first maximum along `axis`, 0 elsewhere. Since opset 13 along that axis alone (default
/// -1); before, along the columns of a matrix whose rows are the axes in front of `axis` (default 1) and
/// whose columns are the others.
pub fn hardmax(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.float(0, "input")?;
    let shape = scope.shape(x).to_vec();
    let (x, axis) = if call.opset >= 13 {
        (x, call.axis("axis", -1, shape.len())?)
    } else {
        let axis = call.axis("axis", 1, shape.len().max(1))?;
        let matrix = [len(&shape[..axis]), len(&shape[axis..])];
        (scope.step(call, Op::Reshape, &[x], "flat", &matrix)?, 1)
    };
    let own = scope.shape(x).to_vec();
    let mut kept = own.clone();
    kept[axis] = 1;
    let op = Op::ArgExtreme { axis, largest: true, last: false };
    let at = scope.step(call, op, &[x], "index", &kept)?;
    let places = places(scope, call, axis, own[axis], own.len())?;
    let chosen = scope.step(call, EQUAL, &[at, places], "chosen", &own)?;
    scope.emit_as(call, Op::Reshape, vec![chosen], &shape, Kind::Float)
}
