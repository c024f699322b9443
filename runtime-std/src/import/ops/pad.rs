//! Padding: by a number, or by the values at the edge.
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

use super::super::dims::MAX_LEN;
use super::super::problem::{Read, invalid, refuse};
use super::super::scope::{Call, Operand, Outputs, Scope};
use super::super::tensor::{checked_shape, resolve_axis};
use super::pieces::Piece;
use crate::ir::{Op, ValueId};

/// What the values around the input are.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Constant,
    Edge,
    Reflect,
    Wrap,
}

/// `Pad` with `mode` constant (default), edge, reflect or wrap. Pads were an attribute before opset 11, and
/// are an input since; negative ones cut values off. `Err` for another mode, a computed fill value, and as
/// `pads` and `cut`.
pub fn pad(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.data(scope, 0, "data")?;
    let mode = match call.string("mode")? {
        None | Some("constant") => Mode::Constant,
        Some("edge") => Mode::Edge,
        Some("reflect") => Mode::Reflect,
        Some("wrap") => Mode::Wrap,
        Some(other) => {
            return call.refuse_value("mode", other, "constant, edge, reflect or wrap");
        }
    };
    let pads = pads(call, scope.shape(x).len())?;
    let x = cut(scope, call, x, &pads)?;
    let from = scope.shape(x).to_vec();
    let grown = |axis: usize| {
        let added: i64 = [pads[axis].0, pads[axis].1].iter().map(|pad| (*pad).max(0)).sum();
        (from[axis] as i64).saturating_add(added)
    };
    let shape = checked_shape(&(0..from.len()).map(grown).collect::<Vec<_>>())?;
    if mode == Mode::Constant {
        let starts = pads.iter().map(|(start, _)| (*start).max(0) as usize).collect();
        let value = value(scope, call)?;
        return scope.emit(call, Op::Pad { starts, value }, vec![x], &shape);
    }
    let mut y = x;
    for axis in 0..from.len() {
        if shape[axis] == from[axis] {
            continue;
        }
        let start = pads[axis].0.max(0);
        let source = |at: usize| source(mode, at as i64 - start, from[axis] as i64);
        scope.spend(shape[axis])?;
        let indices = (0..shape[axis]).map(source).collect();
        let mut wider = scope.shape(y).to_vec();
        wider[axis] = shape[axis];
        y = scope.step(call, Op::Take { axis, indices }, &[y], &format!("axis{axis}"), &wider)?;
    }
    scope.emit(call, Op::Reshape, vec![y], &shape)
}

/// Values to add in front of and behind each of `rank` axes; negative ones are cut off, axes that the input
/// `axes` does not name get (0, 0), and of one that it names twice the last pads count. `Err` where pads are
/// computed, missing, not two per axis, or beyond `MAX_LEN`.
fn pads(call: &Call<'_>, rank: usize) -> Read<Vec<(i64, i64)>> {
    let Some(listed) = call.moved_ints("pads", 1)? else {
        return invalid("its `pads` are missing");
    };
    let axes = match call.optional_integers(3, "axes")? {
        Some(axes) => {
            axes.data.iter().map(|&axis| resolve_axis(axis, rank)).collect::<Read<_>>()?
        }
        None => Vec::from_iter(0..rank),
    };
    if listed.len() != 2 * axes.len() {
        return invalid(format!(
            "{} pads for {} axes, expected two each",
            listed.len(),
            axes.len()
        ));
    }
    let limit = MAX_LEN as i64;
    if listed.iter().any(|pad| !(-limit..=limit).contains(pad)) {
        return invalid(format!("its pads {listed:?} are beyond any layer's"));
    }
    let mut pads = vec![(0, 0); rank];
    for (at, &axis) in axes.iter().enumerate() {
        pads[axis] = (listed[at], listed[axes.len() + at]);
    }
    Ok(pads)
}

/// The number that constant padding fills with: input 2 (0 for integers that are not a single number), else
/// the attribute `value`, else 0. `Err` where a float is computed or is no single number.
fn value(scope: &Scope, call: &Call<'_>) -> Read<f32> {
    match call.inputs.get(2) {
        Some(Some(Operand::Integers(value))) => Ok(value.single().unwrap_or(0) as f32),
        Some(Some(Operand::Float(id))) => match scope.known_number(*id) {
            Some(value) => Ok(value),
            None => refuse("its `constant_value` is no known number", "pad with a constant"),
        },
        _ => Ok(call.number("value")?.unwrap_or(0.0)),
    }
}

/// `x` without the values that negative pads cut off; `x` itself where no pad is negative. `pads` has a pair
/// for each axis. `Err` where an axis is left without values.
fn cut(scope: &mut Scope, call: &Call<'_>, x: ValueId, pads: &[(i64, i64)]) -> Read<ValueId> {
    let from = scope.shape(x).to_vec();
    let mut piece = Piece::whole(&from);
    for (axis, (start, end)) in pads.iter().enumerate() {
        let [start, end] = [start, end].map(|pad| (-pad).max(0) as usize);
        match from[axis].checked_sub(start + end) {
            Some(len @ 1..) => piece = piece.part(axis, start, len, 1),
            _ => return invalid(format!("its pads {pads:?} leave nothing of {from:?}")),
        }
    }
    if piece.shape == from {
        return Ok(x);
    }
    let shape = piece.shape.clone();
    scope.step(call, piece.op(), &[x], "cut", &shape)
}

/// Index of the input value for the place `at` of an axis of length `len`, at least 1, where both count from
/// the input's first value and `at` may be negative or beyond the end: the nearest (constant, edge), modulo
/// `len` (wrap), or mirrored at the first and last value, which are not repeated (reflect).
fn source(mode: Mode, at: i64, len: i64) -> usize {
    let inside = match mode {
        Mode::Constant | Mode::Edge => at.clamp(0, len - 1),
        Mode::Wrap => at.rem_euclid(len),
        Mode::Reflect if len == 1 => 0,
        Mode::Reflect => {
            let period = 2 * (len - 1);
            let at = at.rem_euclid(period);
            at.min(period - at)
        }
    };
    inside as usize
}
