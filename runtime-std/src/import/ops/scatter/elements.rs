//! One place along an axis for every update.
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

use super::super::super::problem::{Read, invalid, refuse};
use super::super::super::scope::{Call, Operand, Outputs, Scope};
use super::super::super::tensor::{Tensor, resolve_index, strides};
use super::super::gather::whole_indices;
use super::super::one_hot::places;
use super::super::pieces::Piece;
use super::super::reshape::shape_of;
use super::{Places, reduction, write};
use crate::ir::{Op, ValueId};
use elbow_core::kernels::BinaryOp;

/// Most computed indices along the axis: each costs a few passes over the data.
const MOST: usize = 32;

/// `ScatterElements`: the data, where every update replaces the value (or is combined with it by `reduction`)
/// at the update's own position, but for `axis` (default 0), along which its index counts. `Err` unless
/// updates and indices have one shape that fits into the data's along the other axes; limits of computed
/// indices: `by_computed`.
pub fn scatter_elements(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let reduction = reduction(call)?;
    let (data, indices) = (call.operand(0, "data")?, call.operand(1, "indices")?);
    let updates = call.operand(2, "updates")?;
    let shape = shape_of(scope, &data).to_vec();
    let own = shape_of(scope, &indices);
    let axis = call.axis("axis", 0, shape.len())?;
    let fits = own.len() == shape.len()
        && (0..shape.len()).all(|other| other == axis || own[other] <= shape[other]);
    if !fits || shape_of(scope, &updates) != own {
        return invalid(format!(
            "indices of shape {own:?} and updates of shape {:?} do not fit data of shape {shape:?}",
            shape_of(scope, &updates)
        ));
    }
    match indices {
        Operand::Integers(indices) => {
            write(scope, call, &known_places(&indices, &shape, axis)?, reduction)
        }
        Operand::Float(indices) => by_computed(scope, call, indices, axis, reduction),
    }
}

/// The places of known indices in a tensor of this shape: blocks of one value, one for each index. The
/// indices have as many axes as the tensor, and are not longer than it along the others. Negative ones count
/// from the end; `Err` for one outside the axis.
fn known_places(indices: &Tensor<i64>, shape: &[usize], axis: usize) -> Read<Places> {
    let (own, steps) = (strides(&indices.shape), strides(shape));
    let block = |(at, &index): (usize, &i64)| {
        let others = (0..shape.len()).filter(|&other| other != axis);
        let others = others
            .map(|other| at / own[other] as usize % indices.shape[other] * steps[other] as usize);
        Ok(others.sum::<usize>() + resolve_index(index, shape[axis])? * steps[axis] as usize)
    };
    let blocks = indices.data.iter().enumerate().map(block).collect::<Read<_>>()?;
    let (depth, updates) = (shape.len(), indices.shape.clone());
    Ok(Places { shape: shape.to_vec(), depth, blocks, updates })
}

/// The call's output for computed indices: for each index along the axis, in order, one selection over the
/// data where the place equals the index, so that of two updates for one place the later one counts. An index
/// is looked up in `0, 1, ...` first, so that negative ones count from the end and those outside become the
/// nearest place. `Err` for indices that are no whole numbers, more than 32 along the axis, or fewer than the
/// data has along another axis.
fn by_computed(
    scope: &mut Scope,
    call: &Call<'_>,
    indices: ValueId,
    axis: usize,
    reduction: Option<BinaryOp>,
) -> Outputs {
    whole_indices(scope, indices)?;
    let (x, updates) = (call.data(scope, 0, "data")?, call.data(scope, 2, "updates")?);
    let (shape, own) = (scope.shape(x).to_vec(), scope.shape(indices).to_vec());
    let whole = (0..shape.len()).all(|other| other == axis || own[other] == shape[other]);
    if !whole || own[axis] > MOST {
        return refuse(
            format!(
                "its computed indices of shape {own:?} meet data of shape {shape:?}, expected at most \
                 {MOST} along the axis {axis}, and as many as the data along the others"
            ),
            "write to places that are known at import, or choose values by a condition \
             (`torch.where(condition, new, old)`)",
        );
    }
    let places = places(scope, call, axis, shape[axis], shape.len())?;
    let table = scope.step(call, Op::Reshape, &[places], "axis", &[shape[axis]])?;
    let indices = scope.step(call, Op::TakeBy { axis: 0 }, &[table, indices], "found", &own)?;
    let mut y = x;
    for at in 0..own[axis] {
        let role = |what: &str| format!("{what}{at}");
        let piece = || Piece::whole(&own).part(axis, at, 1, 1);
        let line = piece().shape;
        let index = scope.step(call, piece().op(), &[indices], &role("index"), &line)?;
        let mut update = scope.step(call, piece().op(), &[updates], &role("update"), &line)?;
        let equal = Op::Binary(BinaryOp::Equal);
        let chosen = scope.step(call, equal, &[index, places], &role("chosen"), &shape)?;
        if let Some(op) = reduction {
            update = scope.step(call, Op::Binary(op), &[y, update], &role("combined"), &shape)?;
        }
        y = scope.step(call, Op::Where, &[chosen, update, y], &role("written"), &shape)?;
    }
    scope.emit(call, Op::Reshape, vec![y], &shape)
}
