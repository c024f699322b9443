//! Operators that give the same values another shape.
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

use super::super::problem::{Read, invalid};
use super::super::scope::{Call, Operand, Outputs, Scope, integers};
use super::super::tensor::{Tensor, checked_shape, len, resolve_axis};
use crate::ir::Op;

/// The operand's shape.
pub(super) fn shape_of<'a>(scope: &'a Scope, operand: &'a Operand) -> &'a [usize] {
    match operand {
        Operand::Float(id) => scope.shape(*id),
        Operand::Integers(tensor) => &tensor.shape,
    }
}

/// `x` in another shape as the call's output; that it holds as many values is not checked.
fn reshaped(scope: &mut Scope, call: &Call<'_>, x: Operand, shape: &[usize]) -> Outputs {
    match x {
        Operand::Float(x) => scope.emit(call, Op::Reshape, vec![x], shape),
        Operand::Integers(x) => {
            scope.spend(x.data.len())?;
            integers(Tensor { shape: shape.to_vec(), data: x.data.clone() })
        }
    }
}

/// `Reshape` to a shape known at import: 0 keeps an axis (unless `allowzero`), one -1 takes what is left.
/// `Err` where the number of values differs.
pub fn reshape(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (x, target) = (call.operand(0, "data")?, call.known_integers(1, "shape")?);
    let shape = resolve(shape_of(scope, &x), &target.data, call.flag("allowzero")?)?;
    reshaped(scope, call, x, &shape)
}

/// The shape that `target` means for a tensor of shape `from`: 0 keeps the length of the axis at its place,
/// unless `allow_zero`; one -1 takes what is left. `Err` for a 0 behind the last axis of `from`, two entries
/// of -1, other negative ones, and another number of values.
fn resolve(from: &[usize], target: &[i64], allow_zero: bool) -> Read<Vec<usize>> {
    let mut dims = Vec::with_capacity(target.len());
    for (axis, &size) in target.iter().enumerate() {
        dims.push(match (size, from.get(axis)) {
            (0, Some(&kept)) if !allow_zero => kept as i64,
            (0, None) if !allow_zero => {
                return invalid(format!("the shape {target:?} keeps an axis that is not there"));
            }
            _ => size,
        });
    }
    let open: Vec<usize> = (0..dims.len()).filter(|&axis| dims[axis] == -1).collect();
    if let [axis] = open[..] {
        dims[axis] = 1;
        let rest = len(&checked_shape(&dims)?);
        dims[axis] = len(from).checked_div(rest).unwrap_or(0) as i64;
    }
    let shape = checked_shape(&dims)?;
    if len(&shape) != len(from) {
        return invalid(format!(
            "{from:?} cannot be reshaped to {target:?}: {} values, expected {} (the batch is 1)",
            len(&shape),
            len(from)
        ));
    }
    Ok(shape)
}

/// `Flatten`: a matrix whose rows are the axes in front of `axis` (default 1, at most the rank) and whose
/// columns are the others.
pub fn flatten(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "input")?;
    let shape = shape_of(scope, &x);
    let axis = match call.int("axis")?.unwrap_or(1) {
        axis if axis == shape.len() as i64 => shape.len(),
        axis => resolve_axis(axis, shape.len())?,
    };
    let matrix = [len(&shape[..axis]), len(&shape[axis..])];
    reshaped(scope, call, x, &matrix)
}

/// `Squeeze`: without the axes of length 1 that `axes` names, or without all of them where it is left out.
/// `Err` for a named axis of another length, and one that is named twice.
pub fn squeeze(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "data")?;
    let shape = shape_of(scope, &x).to_vec();
    let drop = match call.moved_ints("axes", 1)? {
        Some(axes) => marked(&axes, shape.len())?,
        None => shape.iter().map(|&size| size == 1).collect(),
    };
    if let Some(axis) = (0..shape.len()).find(|&axis| drop[axis] && shape[axis] != 1) {
        return invalid(format!("axis {axis} of {shape:?} is not of length 1"));
    }
    let kept: Vec<usize> =
        (0..shape.len()).filter(|&axis| !drop[axis]).map(|axis| shape[axis]).collect();
    reshaped(scope, call, x, &kept)
}

/// `Unsqueeze`: with new axes of length 1 at the places that `axes` names, counted in the result. `Err` where
/// they are missing, outside, or named twice.
pub fn unsqueeze(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "data")?;
    let Some(axes) = call.moved_ints("axes", 1)? else { return invalid("its `axes` are missing") };
    let shape = shape_of(scope, &x).to_vec();
    let new = marked(&axes, shape.len() + axes.len())?;
    let mut rest = shape.into_iter();
    let grown: Vec<usize> =
        new.iter().filter_map(|&new| if new { Some(1) } else { rest.next() }).collect();
    reshaped(scope, call, x, &grown)
}

/// Whether the list names it, for each of `rank` axes; negative ones count from the end. `Err` for an axis
/// outside or named twice.
fn marked(axes: &[i64], rank: usize) -> Read<Vec<bool>> {
    let mut marked = vec![false; rank];
    for &axis in axes {
        if std::mem::replace(&mut marked[resolve_axis(axis, rank)?], true) {
            return invalid(format!("the axes {axes:?} name one twice"));
        }
    }
    Ok(marked)
}
