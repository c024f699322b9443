//! Operators that take values by their indices.
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
use super::super::scope::{Call, Operand, Outputs, Scope, integers};
use super::super::tensor::{Tensor, len, resolve_index, strides};
use super::pieces::Piece;
use super::reshape::shape_of;
use crate::ir::{Op, ValueId};

/// `Gather`: the values at `indices` along `axis` (default 0); in the shape, the axes of the indices replace
/// this one. Known indices that are evenly spaced become a slice; known data is calculated. `Err` for a known
/// index outside, and for computed indices that are no integers; computed ones outside take the nearest
/// value.
pub fn gather(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "data")?;
    let from = shape_of(scope, &x).to_vec();
    let axis = call.axis("axis", 0, from.len())?;
    let joined = |indices: &[usize]| -> Vec<usize> {
        from[..axis].iter().chain(indices).chain(&from[axis + 1..]).copied().collect()
    };
    let indices = match call.operand(1, "indices")? {
        Operand::Integers(indices) => indices,
        Operand::Float(indices) => {
            whole_indices(scope, indices)?;
            let shape = joined(scope.shape(indices));
            let x = call.data(scope, 0, "data")?;
            return scope.emit(call, Op::TakeBy { axis }, vec![x, indices], &shape);
        }
    };
    scope.spend(indices.data.len())?;
    let chosen: Vec<usize> =
        indices.data.iter().map(|&index| resolve_index(index, from[axis])).collect::<Read<_>>()?;
    let shape = joined(&indices.shape);
    match x {
        Operand::Integers(x) => {
            let block = from[axis + 1..].iter().product::<usize>();
            scope.spend(chosen.len().saturating_mul(len(&from[..axis])).saturating_mul(block))?;
            let mut data = Vec::new();
            // Without values there may be any number of blocks.
            let blocks = if len(&shape) == 0 { 0 } else { len(&from[..axis]) };
            for outer in 0..blocks {
                for &index in &chosen {
                    let start = (outer * from[axis] + index) * block;
                    data.extend_from_slice(&x.data[start..][..block]);
                }
            }
            integers(Tensor { shape, data })
        }
        Operand::Float(x) => {
            let mut taken = from.clone();
            taken[axis] = chosen.len();
            shaped(scope, call, picked(&from, axis, chosen), x, &taken, &shape)
        }
    }
}

/// The call's output by `op` of `x`, which gives the shape `own`, reshaped to `shape` where that is another
/// one.
fn shaped(
    scope: &mut Scope,
    call: &Call<'_>,
    op: Op,
    x: ValueId,
    own: &[usize],
    shape: &[usize],
) -> Outputs {
    if own == shape {
        return scope.emit(call, op, vec![x], shape);
    }
    let taken = scope.step(call, op, &[x], "taken", own)?;
    scope.emit(call, Op::Reshape, vec![taken], shape)
}

/// The operation that takes `indices` along `axis` of a tensor of shape `from`: a slice where they are evenly
/// spaced, else `Take`. That they lie inside is not checked.
fn picked(from: &[usize], axis: usize, indices: Vec<usize>) -> Op {
    match progression(&indices) {
        Some((start, step)) => Piece::whole(from).part(axis, start, indices.len(), step).op(),
        None => Op::Take { axis, indices },
    }
}

/// Start and step of evenly spaced indices, with step 1 for a single one; `None` without indices, for uneven
/// ones and for equal ones.
fn progression(indices: &[usize]) -> Option<(usize, isize)> {
    let (&start, rest) = indices.split_first()?;
    let Some(&second) = rest.first() else { return Some((start, 1)) };
    let step = second as isize - start as isize;
    let even = indices.windows(2).all(|pair| pair[1] as isize - pair[0] as isize == step);
    (even && step != 0).then_some((start, step))
}

/// `GatherND`: the blocks that tuples of indices into the axes behind the first `batch_dims` (default 0)
/// name, batch by batch. `Err` for shapes that do not fit and known indices outside; computed indices:
/// `gather_by`.
pub fn gather_nd(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.data(scope, 0, "data")?;
    let indices = match call.operand(1, "indices")? {
        Operand::Integers(indices) => indices,
        Operand::Float(indices) => return gather_by(scope, call, x, indices),
    };
    let from = scope.shape(x).to_vec();
    let batch = usize::try_from(call.int("batch_dims")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let Some((&depth, outer)) = indices.shape.split_last() else {
        return invalid("its indices are a scalar, expected tuples of indices");
    };
    let fits = batch <= outer.len() && batch.saturating_add(depth) <= from.len();
    if !fits || depth == 0 || from[..batch] != outer[..batch] {
        return invalid(format!(
            "indices of shape {:?} do not fit data of shape {from:?}",
            indices.shape
        ));
    }
    scope.spend(indices.data.len())?;
    let (front, behind) = from.split_at(batch + depth);
    let steps = strides(front);
    let per_batch = len(&outer[batch..]);
    let mut chosen = Vec::with_capacity(len(outer));
    for (at, tuple) in indices.data.chunks(depth).enumerate() {
        let mut position = at.checked_div(per_batch).unwrap_or(0) * len(&front[batch..]);
        for (axis, &index) in tuple.iter().enumerate() {
            position += resolve_index(index, front[batch + axis])? * steps[batch + axis] as usize;
        }
        chosen.push(position);
    }
    let shape: Vec<usize> = outer.iter().chain(behind).copied().collect();
    flat_take(scope, call, x, chosen, len(behind), &shape)
}

/// `gather_nd` by computed indices: into the first axis, each a tuple of one. `Err` for longer tuples, a
/// batch, and indices that are no integers.
fn gather_by(scope: &mut Scope, call: &Call<'_>, x: ValueId, indices: ValueId) -> Outputs {
    let lone = scope.shape(indices).last() == Some(&1) && call.int("batch_dims")?.unwrap_or(0) == 0;
    if !lone || scope.kind(indices) != Kind::Integer || scope.shape(x).is_empty() {
        return refuse(
            "its computed indices are more than one whole number each",
            "look up by one index along the first axis, or by indices known at import",
        );
    }
    let (outer, from) = (scope.shape(indices).to_vec(), scope.shape(x).to_vec());
    let outer = &outer[..outer.len() - 1];
    let flat = scope.step(call, Op::Reshape, &[indices], "indices", outer)?;
    let shape: Vec<usize> = outer.iter().chain(&from[1..]).copied().collect();
    scope.emit(call, Op::TakeBy { axis: 0 }, vec![x, flat], &shape)
}

/// `GatherElements`: for every index the value at the index's own position, but for `axis` (default 0), along
/// which the index counts. `Err` unless indices have the data's number of axes, fit into it along the other
/// axes, and are known or computed integers. A known index outside is an `Err`, a computed one takes the
/// nearest value.
pub fn gather_elements(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (x, indices) = (call.data(scope, 0, "data")?, call.operand(1, "indices")?);
    let from = scope.shape(x).to_vec();
    let axis = call.axis("axis", 0, from.len())?;
    let shape = shape_of(scope, &indices);
    let fits =
        shape.len() == from.len() && (0..from.len()).all(|i| i == axis || shape[i] <= from[i]);
    if !fits {
        return invalid(format!("indices of shape {shape:?} do not fit data of shape {from:?}"));
    }
    let indices = match indices {
        Operand::Integers(indices) => indices,
        Operand::Float(indices) => return elements_by(scope, call, x, indices, axis),
    };
    scope.spend(indices.data.len())?;
    let (own, steps) = (strides(&indices.shape), strides(&from));
    let mut chosen = Vec::with_capacity(indices.data.len());
    for (at, &index) in indices.data.iter().enumerate() {
        let mut position = resolve_index(index, from[axis])? * steps[axis] as usize;
        for other in (0..from.len()).filter(|&other| other != axis) {
            position += at / own[other] as usize % indices.shape[other] * steps[other] as usize;
        }
        chosen.push(position);
    }
    flat_take(scope, call, x, chosen, 1, &indices.shape)
}

/// `gather_elements` by computed indices: of the data's first values along each other axis, as many as there
/// are indices. `Err` for indices that are no integers.
fn elements_by(
    scope: &mut Scope,
    call: &Call<'_>,
    mut x: ValueId,
    indices: ValueId,
    axis: usize,
) -> Outputs {
    whole_indices(scope, indices)?;
    let (mut part, shape) = (scope.shape(x).to_vec(), scope.shape(indices).to_vec());
    (0..part.len()).filter(|&other| other != axis).for_each(|other| part[other] = shape[other]);
    if part != scope.shape(x) {
        x = scope.step(call, Piece::whole(&part).op(), &[x], "part", &part)?;
    }
    scope.emit(call, Op::TakeAlong { axis }, vec![x, indices], &shape)
}

/// `Err` unless the value holds computed integers.
pub(super) fn whole_indices(scope: &Scope, indices: ValueId) -> Read<()> {
    match scope.kind(indices) {
        Kind::Integer => Ok(()),
        _ => refuse(
            "its indices are no integers",
            "give it an integer input, or what ArgMax or ArgMin computes",
        ),
    }
}

/// The call's output of this shape: the blocks of `block` values of `x` at the positions `chosen`, which
/// count blocks and lie inside.
fn flat_take(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    chosen: Vec<usize>,
    block: usize,
    shape: &[usize],
) -> Outputs {
    let blocks = len(scope.shape(x)).checked_div(block).unwrap_or(0);
    let flat = scope.step(call, Op::Reshape, &[x], "flat", &[blocks, block])?;
    let own = [chosen.len(), block];
    shaped(scope, call, picked(&[blocks, block], 0, chosen), flat, &own, shape)
}
