//! Operators that move values: transpose, join, repeat.
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
use super::super::tensor::{Tensor, broadcast, checked_shape, len, resolve_axis, strides};
use super::reshape::shape_of;
use crate::ir::{Op, ValueId};
use std::rc::Rc;

/// `Transpose`: `y.shape[i] = x.shape[perm[i]]`; the axes reversed where `perm` is left out. Known integers
/// are calculated. `Err` unless `perm` holds every axis once.
pub fn transpose(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "data")?;
    let from = shape_of(scope, &x).to_vec();
    let perm = match call.ints("perm")? {
        Some(perm) => permutation(perm, from.len())?,
        None => (0..from.len()).rev().collect(),
    };
    let shape: Vec<usize> = perm.iter().map(|&axis| from[axis]).collect();
    match x {
        Operand::Float(x) => scope.emit(call, Op::Transpose { perm }, vec![x], &shape),
        Operand::Integers(x) => {
            scope.spend(x.data.len())?;
            let own = strides(&from);
            let steps: Vec<isize> = perm.iter().map(|&axis| own[axis]).collect();
            integers(x.strided(&shape, 0, &steps))
        }
    }
}

/// `perm` as axes; `Err` unless it holds each of `0..rank` once.
fn permutation(perm: &[i64], rank: usize) -> Read<Vec<usize>> {
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank as i64) {
        return invalid(format!("`perm` is {perm:?}, expected each of the {rank} axes once"));
    }
    Ok(perm.iter().map(|&axis| axis as usize).collect())
}

/// `Concat`: the operands one after another along `axis`. Known integers are calculated; data without values
/// is left out. `Err` where `axis` is missing, or where the ranks or the lengths along another axis differ.
pub fn concat(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let operands: Vec<Operand> =
        (0..call.inputs.len()).map(|i| call.operand(i, "inputs")).collect::<Read<_>>()?;
    let Some(axis) = call.int("axis")? else { return invalid("its `axis` is missing") };
    let mut shape = shape_of(scope, &operands[0]).to_vec();
    let axis = resolve_axis(axis, shape.len())?;
    for operand in &operands[1..] {
        let other = shape_of(scope, operand);
        let fits = other.len() == shape.len()
            && (0..shape.len()).all(|i| i == axis || other[i] == shape[i]);
        if !fits {
            return invalid(format!("{other:?} cannot be joined to {shape:?} along axis {axis}"));
        }
        shape[axis] += other[axis];
    }
    let shape = checked_shape(&shape.iter().map(|&size| size as i64).collect::<Vec<_>>())?;
    if operands.iter().all(|operand| matches!(operand, Operand::Integers(_))) {
        return joined(scope, &operands, axis, shape);
    }
    let inputs: Vec<ValueId> =
        (0..operands.len()).map(|i| call.data(scope, i, "inputs")).collect::<Read<_>>()?;
    let inputs = inputs.into_iter().filter(|&id| !scope.values[id].is_empty()).collect();
    scope.emit(call, Op::Concat { axis }, inputs, &shape)
}

/// Known integer operands one after another along `axis`, as the call's output of this shape; `Err` where
/// import calculates too many values.
fn joined(scope: &mut Scope, operands: &[Operand], axis: usize, shape: Vec<usize>) -> Outputs {
    scope.spend(len(&shape))?;
    let mut data = Vec::with_capacity(len(&shape));
    // Without values there may be any number of blocks.
    let blocks = if len(&shape) == 0 { 0 } else { len(&shape[..axis]) };
    for block in 0..blocks {
        for operand in operands {
            if let Operand::Integers(tensor) = operand {
                let size = len(&tensor.shape[axis..]);
                data.extend_from_slice(&tensor.data[block * size..][..size]);
            }
        }
    }
    integers(Tensor { shape, data })
}

/// `Expand`: `x` repeated along axes of length 1, and along new ones in front, as it broadcasts with a shape
/// known at import; axes that are longer in `x` stay. `x` itself where that changes nothing; constants are
/// calculated. `Err` for a computed shape, and one that does not broadcast.
pub fn expand(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (x, target) = (call.operand(0, "input")?, call.known_integers(1, "shape")?);
    let from = shape_of(scope, &x).to_vec();
    let shape = broadcast(&from, &checked_shape(&target.data)?)?;
    if shape == from {
        return Ok(vec![x]);
    }
    match x {
        Operand::Integers(x) => {
            scope.spend(len(&shape))?;
            Ok(vec![Operand::Integers(Rc::new(x.expand(&shape)))])
        }
        Operand::Float(id) => match scope.known(id) {
            Some(data) => {
                let tensor = Tensor { shape: from, data: data.to_vec() };
                scope.spend(len(&shape) + tensor.data.len())?;
                let kind = scope.kind(id);
                let expanded = scope.constant(call.output(0), tensor.expand(&shape));
                scope.set_kind(expanded, kind);
                Ok(vec![scope.given(expanded)])
            }
            None => scope.emit(call, Op::Expand, vec![id], &shape),
        },
    }
}

/// `Tile`: the whole tensor repeated `repeats[i]` times along axis i, from the last one on. `Err` for repeats
/// that are computed, negative or not one per axis.
pub fn tile(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (x, repeats) = (call.operand(0, "input")?, call.known_integers(1, "repeats")?);
    let from = shape_of(scope, &x).to_vec();
    if repeats.data.len() != from.len() || repeats.data.iter().any(|&count| count < 0) {
        return invalid(format!(
            "repeats {:?} do not fit an input of shape {from:?}",
            repeats.data
        ));
    }
    let dims = from.iter().zip(&repeats.data);
    let dims: Vec<i64> = dims.map(|(&size, &count)| (size as i64).saturating_mul(count)).collect();
    let shape = checked_shape(&dims)?;
    let axes = (0..from.len()).rev().filter(|&axis| repeats.data[axis] != 1);
    match x {
        Operand::Integers(x) => {
            scope.spend(len(&shape))?;
            if len(&shape) == 0 {
                return integers(Tensor { shape, data: Vec::new() });
            }
            // No result on the way is longer than the last one, as no axis becomes shorter.
            let mut y = Tensor::clone(&x);
            for axis in axes {
                let count = repeats.data[axis] as usize;
                let (lifted, repeated, joined) = repeat(&y.shape, axis, count);
                let data = Tensor { shape: lifted, data: y.data }.expand(&repeated).data;
                y = Tensor { shape: joined, data };
            }
            integers(y)
        }
        Operand::Float(x) => {
            let mut y = x;
            for axis in axes {
                let count = repeats.data[axis] as usize;
                let (lifted, repeated, joined) = repeat(scope.shape(y), axis, count);
                let name = |role: &str| format!("{role}{axis}");
                y = scope.step(call, Op::Reshape, &[y], &name("lifted"), &lifted)?;
                y = scope.step(call, Op::Expand, &[y], &name("repeated"), &repeated)?;
                y = scope.step(call, Op::Reshape, &[y], &name("joined"), &joined)?;
            }
            scope.emit(call, Op::Reshape, vec![y], &shape)
        }
    }
}

/// Shapes on the way to an axis that is repeated `count` times: with a new axis of length 1 in front of it,
/// with that one of length `count`, and with both as one.
fn repeat(shape: &[usize], axis: usize, count: usize) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
    let (mut lifted, mut joined) = (shape.to_vec(), shape.to_vec());
    lifted.insert(axis, 1);
    let mut repeated = lifted.clone();
    repeated[axis] = count;
    joined[axis] *= count;
    (lifted, repeated, joined)
}

/// The call's output: its operand in the shape `split`, transposed by `perm`, in the shape `shape`; this
/// moves channels to blocks of positions or back.
fn blocks(
    scope: &mut Scope,
    call: &Call<'_>,
    split: [usize; 6],
    perm: [usize; 6],
    shape: &[usize],
) -> Outputs {
    let x = call.float(0, "input")?;
    let split_apart = scope.step(call, Op::Reshape, &[x], "blocks", &split)?;
    let moved = perm.map(|axis| split[axis]);
    let perm = Op::Transpose { perm: perm.to_vec() };
    let moved = scope.step(call, perm, &[split_apart], "moved", &moved)?;
    scope.emit(call, Op::Reshape, vec![moved], shape)
}

/// Batch, channels, height and width of the operand, and `blocksize`, the side of a block. `Err` unless it
/// has four axes and the side is 1 to 4096.
fn image(scope: &Scope, call: &Call<'_>) -> Read<[usize; 5]> {
    let x = call.float(0, "input")?;
    let &[n, c, h, w] = scope.shape(x) else {
        return invalid(format!("its input has shape {:?}, expected four axes", scope.shape(x)));
    };
    match call.int("blocksize")?.map(usize::try_from) {
        Some(Ok(b @ 1..=4096)) => Ok([n, c, h, w, b]),
        _ => invalid("its `blocksize` is missing or is no length"),
    }
}

/// `DepthToSpace`: every `blocksize^2` channels become a block of neighbouring positions; they are
/// `channels / blocksize^2` apart in mode DCR (default), side by side in CRD. `Err` as `image`, for another
/// mode, and where the channels do not come out even.
pub fn depth_to_space(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let [n, c, h, w, b] = image(scope, call)?;
    if !c.is_multiple_of(b * b) {
        return invalid(format!("{c} channels do not make blocks of {b} times {b}"));
    }
    let shape = [n, c / (b * b), h * b, w * b];
    match call.string("mode")? {
        None | Some("DCR") => {
            blocks(scope, call, [n, b, b, c / (b * b), h, w], [0, 3, 4, 1, 5, 2], &shape)
        }
        Some("CRD") => {
            blocks(scope, call, [n, c / (b * b), b, b, h, w], [0, 1, 4, 2, 5, 3], &shape)
        }
        Some(other) => call.refuse_value("mode", other, "DCR or CRD"),
    }
}

/// `SpaceToDepth`: every block of neighbouring positions becomes `blocksize^2` channels, ordered by `mode` as
/// in `depth_to_space`. `Err` as `image`, for another mode, and where height or width do not come out even.
pub fn space_to_depth(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let [n, c, h, w, b] = image(scope, call)?;
    if !h.is_multiple_of(b) || !w.is_multiple_of(b) {
        return invalid(format!("{h} by {w} positions do not make blocks of {b} times {b}"));
    }
    let split = [n, c, h / b, b, w / b, b];
    let perm = match call.string("mode")? {
        None | Some("DCR") => [0, 3, 5, 1, 2, 4],
        Some("CRD") => [0, 1, 3, 5, 2, 4],
        Some(other) => return call.refuse_value("mode", other, "DCR or CRD"),
    };
    blocks(scope, call, split, perm, &[n, c * b * b, h / b, w / b])
}

/// `Trilu`: of every matrix over the last two axes the values with `column >= row + k` (`upper`, the
/// default), or with `column <= row + k`; 0 elsewhere. `k` is known, and 0 where it is left out or no single
/// number. Known integers are calculated. `Err` for fewer than two axes.
pub fn triangle(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "input")?;
    let shape = shape_of(scope, &x).to_vec();
    let [.., rows, columns] = shape[..] else {
        return invalid(format!("its input has shape {shape:?}, expected matrices"));
    };
    let k = match call.optional_integers(1, "k")? {
        Some(k) => k.single().unwrap_or(0).clamp(-(1 << 32), 1 << 32),
        None => 0,
    };
    let upper = call.int("upper")?.unwrap_or(1) != 0;
    let inside = |at: usize| {
        let (row, column) = ((at / columns) as i64, (at % columns) as i64);
        if upper { column >= row + k } else { column <= row + k }
    };
    match x {
        Operand::Integers(x) => {
            scope.spend(x.data.len())?;
            let size = (rows * columns).max(1);
            let keep = |(at, value): (usize, &i64)| if inside(at % size) { *value } else { 0 };
            integers(Tensor { shape, data: x.data.iter().enumerate().map(keep).collect() })
        }
        Operand::Float(x) => {
            scope.spend(rows * columns)?;
            let mask = (0..rows * columns).map(|at| f32::from(inside(at))).collect();
            let mask = Tensor { shape: vec![rows, columns], data: mask };
            let mask = scope.constant(&format!("{}/mask", call.output(0)), mask);
            let zero = scope.constant(&format!("{}/zero", call.output(0)), Tensor::scalar(0.0));
            scope.set_kind(zero, scope.kind(x));
            scope.emit(call, Op::Where, vec![mask, x, zero], &shape)
        }
    }
}
