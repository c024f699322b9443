//! Operators that take boxes of a tensor: slice, split.
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
use super::super::tensor::{Tensor, len, resolve_axis, strides};
use super::reshape::shape_of;
use crate::ir::{Op, ValueId};

/// A box of a tensor: `y[i] = x[start + i * step]` along every axis.
pub(super) struct Piece {
    pub shape: Vec<usize>,
    starts: Vec<usize>,
    steps: Vec<isize>,
}

impl Piece {
    /// The box that is all of a tensor of this shape.
    pub fn whole(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), starts: vec![0; shape.len()], steps: vec![1; shape.len()] }
    }

    /// The same box, but along `axis` the `size` indices `start`, `start + step`, ...; they are not checked.
    pub fn part(mut self, axis: usize, start: usize, size: usize, step: isize) -> Self {
        (self.shape[axis], self.starts[axis], self.steps[axis]) = (size, start, step);
        self
    }

    /// The `Slice` operation that takes this box.
    pub fn op(self) -> Op {
        Op::Slice { starts: self.starts, steps: self.steps }
    }

    /// The values of the box, taken from `x`, which has the shape that was given to `whole`. Panics where the
    /// box reaches outside.
    pub fn of<T: Copy>(&self, x: &Tensor<T>) -> Tensor<T> {
        let own = strides(&x.shape);
        let start = self.starts.iter().zip(&own).map(|(&start, &own)| start * own as usize).sum();
        let steps: Vec<isize> =
            self.steps.iter().zip(&own).map(|(&step, &own)| step * own).collect();
        x.strided(&self.shape, start, &steps)
    }
}

/// `Slice`: `data[start..end]` by `step` along the listed axes (the first ones where `axes` is left out),
/// limits clamped as ONNX does. `starts`, `ends` and `axes` were attributes before opset 10, and are inputs
/// since; steps default to 1, negative ones go backwards. `Err` for missing limits, lists of unequal length,
/// an axis named twice or a step of 0.
pub fn slice(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "data")?;
    let (Some(starts), Some(ends)) = (call.moved_ints("starts", 1)?, call.moved_ints("ends", 2)?)
    else {
        return invalid("its `starts` or `ends` are missing");
    };
    let axes = call.moved_ints("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call
        .optional_integers(4, "steps")?
        .map_or_else(|| vec![1; starts.len()], |steps| steps.data.clone());
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return invalid("its `starts`, `ends`, `axes` and `steps` are of unequal length");
    }
    let from = shape_of(scope, &x).to_vec();
    let mut piece = Piece::whole(&from);
    let mut seen = vec![false; from.len()];
    for (i, &axis) in axes.iter().enumerate() {
        let axis = resolve_axis(axis, from.len())?;
        if std::mem::replace(&mut seen[axis], true) {
            return invalid(format!("the axes {axes:?} name one twice"));
        }
        let (start, size, step) = limits(starts[i], ends[i], steps[i], from[axis])?;
        piece = piece.part(axis, start, size, step);
    }
    taken(scope, call, x, piece)
}

/// First index, count and step of `start..end` by `step` within an axis of length `size`, clamped as ONNX
/// does; (0, 0, 1) where `size` is 0. The step is clamped to the axis's length, which changes no index. `Err`
/// for a step of 0.
fn limits(start: i64, end: i64, step: i64, size: usize) -> Read<(usize, usize, isize)> {
    if step == 0 {
        return invalid("a step of zero");
    }
    if size == 0 {
        return Ok((0, 0, 1));
    }
    let size = size as i64;
    let from_front = |index: i64| if index < 0 { index.saturating_add(size) } else { index };
    let (start, end) = (from_front(start), from_front(end));
    let (start, distance) = match step {
        1.. => (start.clamp(0, size), end.clamp(0, size) - start.clamp(0, size)),
        _ => {
            let start = start.clamp(0, size - 1);
            (start, start - end.clamp(-1, size - 1))
        }
    };
    let count = distance.max(0).unsigned_abs().div_ceil(step.unsigned_abs());
    // A step longer than the axis reads one value; clamped, it cannot overflow the kernels' arithmetic.
    let step = step.clamp(-size, size);
    Ok((start as usize, count as usize, step as isize))
}

/// The box `piece` of `x` as the call's only output: calculated for known integers, a `Slice` for data.
fn taken(scope: &mut Scope, call: &Call<'_>, x: Operand, piece: Piece) -> Outputs {
    match x {
        Operand::Integers(x) => {
            scope.spend(len(&piece.shape))?;
            integers(piece.of(&x))
        }
        Operand::Float(x) => {
            let shape = piece.shape.clone();
            scope.emit(call, piece.op(), vec![x], &shape)
        }
    }
}

/// `Split`: one slice along `axis` (default 0) per output. The sizes were an attribute before opset 13, are
/// an input since, and are those of `even` where neither is there. `Err` where sizes are negative, do not add
/// up to the axis, or are not as many as the outputs.
pub fn split(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.data(scope, 0, "input")?;
    let from = scope.shape(x).to_vec();
    let axis = call.axis("axis", 0, from.len())?;
    let count = call.node.output.len();
    let sizes = match call.moved_ints("split", 1)? {
        Some(sizes) => sizes,
        None => even(call, from[axis], count)?,
    };
    let total = sizes.iter().try_fold(0i64, |sum, &size| sum.checked_add(size));
    if sizes.len() != count
        || sizes.iter().any(|&size| size < 0)
        || total != Some(from[axis] as i64)
    {
        return invalid(format!(
            "parts of {sizes:?} do not fit {count} outputs and an axis of length {}",
            from[axis]
        ));
    }
    let mut start = 0;
    let mut outputs = Vec::with_capacity(count);
    for (index, &size) in sizes.iter().enumerate() {
        let piece = Piece::whole(&from).part(axis, start, size as usize, 1);
        let shape = piece.shape.clone();
        let id: ValueId = scope.node(call, piece.op(), vec![x], call.output(index), &shape)?;
        outputs.push(scope.given(id));
        start += size as usize;
    }
    Ok(outputs)
}

/// Sizes of `count` parts, at least one, of an axis of length `size`: `size / count` rounded up, the last
/// ones smaller or 0 where that does not come out even. `Err` where it does not and the attribute
/// `num_outputs` is missing, or where `num_outputs` is not `count`.
fn even(call: &Call<'_>, size: usize, count: usize) -> Read<Vec<i64>> {
    match call.int("num_outputs")? {
        Some(parts) if parts != count as i64 => {
            return invalid(format!("`num_outputs` is {parts}, but it has {count}"));
        }
        None if !size.is_multiple_of(count) => {
            return invalid(format!("an axis of length {size} has no {count} equal parts"));
        }
        _ => {}
    }
    let part = size.div_ceil(count);
    let length = |index: usize| part.min(size.saturating_sub(index * part)) as i64;
    Ok((0..count).map(length).collect())
}
