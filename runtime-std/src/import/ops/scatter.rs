//! Writing values to places of a tensor.
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

mod elements;

pub use elements::scatter_elements;

use super::super::problem::{Read, invalid, refuse};
use super::super::scope::{Call, Operand, Outputs, Scope, integers};
use super::super::tensor::{Tensor, len, resolve_index, strides};
use super::reshape::shape_of;
use crate::ir::{Op, ValueId};
use elbow_core::kernels::BinaryOp;

/// `ScatterND`: the data, where each block that a tuple of known indices names is replaced by its update, or
/// combined with it by `reduction`. `Err` for computed indices, indices outside, and updates of another shape
/// than the indices and the data call for.
pub fn scatter_nd(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let reduction = reduction(call)?;
    let (data, updates) = (call.operand(0, "data")?, call.operand(2, "updates")?);
    let Operand::Integers(indices) = call.operand(1, "indices")? else {
        return refuse(
            "its indices are computed, they depend on data",
            "write to places that are known at import; values where a condition holds are a Where \
             (`torch.where(condition, new, old)`)",
        );
    };
    let places = Places::of(&indices, shape_of(scope, &data))?;
    let found = shape_of(scope, &updates);
    if found != places.updates {
        return invalid(format!(
            "its updates have shape {found:?}, expected {:?} for its indices",
            places.updates
        ));
    }
    write(scope, call, &places, reduction)
}

/// The operation that combines an update with the value that is there, by the attribute `reduction`; `None`
/// where the update replaces it. `Err` for an unknown one.
fn reduction(call: &Call<'_>) -> Read<Option<BinaryOp>> {
    match call.string("reduction")? {
        None | Some("none") => Ok(None),
        Some("add") => Ok(Some(BinaryOp::Add)),
        Some("mul") => Ok(Some(BinaryOp::Mul)),
        Some("max") => Ok(Some(BinaryOp::Max)),
        Some("min") => Ok(Some(BinaryOp::Min)),
        Some(other) => {
            call.refuse_value("reduction", other, "`none`, `add`, `mul`, `max` or `min`")
        }
    }
}

/// The call's output: its `data` with its `updates` written to `places`, or combined there by `reduction`.
/// Known integers are calculated, unless there is a reduction. The updates have the shape `places.updates`;
/// `Err` as `combine_blocks`.
fn write(
    scope: &mut Scope,
    call: &Call<'_>,
    places: &Places,
    reduction: Option<BinaryOp>,
) -> Outputs {
    let (data, updates) = (call.operand(0, "data")?, call.operand(2, "updates")?);
    if let (Operand::Integers(data), Operand::Integers(updates), None) =
        (&data, &updates, reduction)
    {
        scope.spend(data.data.len())?;
        return integers(places.written(data, updates));
    }
    let (x, updates) = (call.data(scope, 0, "data")?, call.data(scope, 2, "updates")?);
    if let Some(op) = reduction {
        return combine_blocks(scope, call, x, updates, places, op);
    }
    scope.spend(places.shape[..places.depth].iter().sum())?;
    match places.as_box() {
        Some(axes) => write_box(scope, call, x, updates, &axes, places),
        None => write_blocks(scope, call, x, updates, places),
    }
}

/// The places that updates go to: blocks of a tensor.
struct Places {
    /// Shape of the tensor.
    shape: Vec<usize>,
    /// Number of leading axes that an index tuple counts along; a block spans the remaining ones.
    depth: usize,
    /// Row-major position of each update's block among all blocks, in the order of the updates.
    blocks: Vec<usize>,
    /// The shape that updates have.
    updates: Vec<usize>,
}

impl Places {
    /// The places that `indices`, a tensor `[.., depth]` of index tuples, name in a tensor of this shape.
    /// Negative indices count from the end. `Err` where `depth` is 0 or more than the rank, or an index lies
    /// outside its axis.
    fn of(indices: &Tensor<i64>, shape: &[usize]) -> Read<Self> {
        let depth = match indices.shape.last() {
            Some(&depth) if (1..=shape.len()).contains(&depth) => depth,
            _ => {
                return invalid(format!(
                    "indices of shape {:?} do not fit data of shape {shape:?}",
                    indices.shape
                ));
            }
        };
        let (front, behind) = shape.split_at(depth);
        let steps = strides(front);
        let position = |tuple: &[i64]| {
            let axes = tuple.iter().zip(front).zip(&steps);
            axes.map(|((&index, &size), &step)| Ok(resolve_index(index, size)? * step as usize))
                .sum::<Read<usize>>()
        };
        let blocks = indices.data.chunks(depth).map(position).collect::<Read<_>>()?;
        let outer = &indices.shape[..indices.shape.len() - 1];
        let updates = outer.iter().chain(behind).copied().collect();
        Ok(Self { shape: shape.to_vec(), depth, blocks, updates })
    }

    /// Number of values of a block.
    fn block(&self) -> usize {
        len(&self.shape[self.depth..])
    }

    /// The updates in rounds, each of which updates a block at most once: per round one entry for every block
    /// of the tensor, 1 + the position of its update, or 0 for none. Empty without updates. `Err` for more
    /// than 64 updates of one block, or where import calculates too many values.
    fn rounds(&self, scope: &mut Scope) -> Read<Vec<Vec<usize>>> {
        const MOST: usize = 64;
        let blocks = len(&self.shape[..self.depth]);
        scope.spend(blocks)?;
        let mut met = vec![0; blocks];
        let mut rounds = Vec::new();
        for (at, &block) in self.blocks.iter().enumerate() {
            if rounds.len() == met[block] {
                if rounds.len() == MOST {
                    return refuse(
                        format!("has more than {MOST} updates for one place"),
                        "reduce them before they are scattered (a sum along an axis, or a product by a matrix)",
                    );
                }
                scope.spend(blocks)?;
                rounds.push(vec![0; blocks]);
            }
            rounds[met[block]][block] = at + 1;
            met[block] += 1;
        }
        Ok(rounds)
    }

    /// `x` with the blocks of `updates` copied to their places; of two for one place the later one counts.
    fn written(&self, x: &Tensor<i64>, updates: &Tensor<i64>) -> Tensor<i64> {
        let mut y = x.clone();
        let size = self.block();
        for (at, block) in self.blocks.iter().enumerate() {
            y.data[block * size..][..size].copy_from_slice(&updates.data[at * size..][..size]);
        }
        y
    }

    /// The indices along each of the first `depth` axes, in the order of the updates, where the blocks are
    /// all combinations of them in row-major order; `None` otherwise and without updates.
    fn as_box(&self) -> Option<Vec<Vec<usize>>> {
        let front = &self.shape[..self.depth];
        let steps = strides(front);
        let along = |axis: usize, block: usize| block / steps[axis] as usize % front[axis];
        let mut axes = vec![Vec::new(); self.depth];
        let mut seen: Vec<Vec<bool>> = front.iter().map(|&size| vec![false; size]).collect();
        for &block in &self.blocks {
            for axis in 0..self.depth {
                let index = along(axis, block);
                if !std::mem::replace(&mut seen[axis][index], true) {
                    axes[axis].push(index);
                }
            }
        }
        let sizes: Vec<usize> = axes.iter().map(Vec::len).collect();
        let own = strides(&sizes);
        let is_there = |at: usize, block: usize| {
            (0..self.depth)
                .all(|axis| along(axis, block) == axes[axis][at / own[axis] as usize % sizes[axis]])
        };
        let whole = len(&sizes) == self.blocks.len() && !self.blocks.is_empty();
        let mut blocks = self.blocks.iter().enumerate();
        (whole && blocks.all(|(at, &block)| is_there(at, block))).then_some(axes)
    }
}

/// The call's output: `x` with the updates written to all combinations of the indices `axes`. The updates are
/// spread along each axis (`Take`), and a constant mask chooses between them and `x` (`Where`). `axes` are
/// those of `as_box`; where they cover all of `x`, they are the result. Axes stay apart: none is flattened
/// with another.
fn write_box(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    updates: ValueId,
    axes: &[Vec<usize>],
    places: &Places,
) -> Outputs {
    let shape = &places.shape;
    let mut own: Vec<usize> = axes.iter().map(Vec::len).collect();
    own.extend(&shape[places.depth..]);
    let mut y = scope.step(call, Op::Reshape, &[updates], "updates", &own)?;
    let mut masked = vec![1; shape.len()];
    let mut sources: Vec<Vec<Option<usize>>> = Vec::with_capacity(axes.len());
    for (axis, indices) in axes.iter().enumerate() {
        let mut source = vec![None; shape[axis]];
        indices.iter().enumerate().for_each(|(at, &index)| source[index] = Some(at));
        if !indices.iter().copied().eq(0..shape[axis]) {
            masked[axis] = shape[axis];
            if indices.len() > 1 {
                own[axis] = shape[axis];
                let indices = source.iter().map(|at| at.unwrap_or(0)).collect();
                let role = format!("along{axis}");
                y = scope.step(call, Op::Take { axis, indices }, &[y], &role, &own)?;
            }
        }
        sources.push(source);
    }
    let steps = strides(&masked);
    let is_written = |at: usize| {
        let index = |axis: usize| at / steps[axis] as usize % masked[axis];
        (0..axes.len()).all(|axis| masked[axis] == 1 || sources[axis][index(axis)].is_some())
    };
    scope.spend(len(&masked))?;
    let mask: Vec<f32> = (0..len(&masked)).map(|at| f32::from(is_written(at))).collect();
    if mask.iter().all(|&written| written != 0.0) && own == *shape {
        return scope.emit(call, Op::Reshape, vec![y], shape);
    }
    let mask = Tensor { shape: masked, data: mask };
    let mask = scope.constant(&format!("{}/places", call.output(0)), mask);
    scope.emit(call, Op::Where, vec![mask, y, x], shape)
}

/// The call's output: `x` with the updates written to any blocks. Old and new blocks are concatenated, and
/// each place takes one of them: the last update for it, else its old block. A reshape of `x` alone without
/// updates.
fn write_blocks(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    updates: ValueId,
    places: &Places,
) -> Outputs {
    let (size, shape) = (places.block(), &places.shape);
    let blocks = len(&shape[..places.depth]);
    if places.blocks.is_empty() {
        return scope.emit(call, Op::Reshape, vec![x], shape);
    }
    scope.spend(blocks)?;
    let (old, new) = ([blocks, size], [places.blocks.len(), size]);
    let joined = [old[0] + new[0], size];
    let old = scope.step(call, Op::Reshape, &[x], "old", &old)?;
    let new = scope.step(call, Op::Reshape, &[updates], "new", &new)?;
    let both = scope.step(call, Op::Concat { axis: 0 }, &[old, new], "both", &joined)?;
    let mut indices: Vec<usize> = (0..blocks).collect();
    for (at, &block) in places.blocks.iter().enumerate() {
        indices[block] = blocks + at;
    }
    let taken =
        scope.step(call, Op::Take { axis: 0, indices }, &[both], "written", &[blocks, size])?;
    scope.emit(call, Op::Reshape, vec![taken], shape)
}

/// The call's output: `x` with the updates combined into its blocks by `op` (`Add`, `Mul` or `Max`, else
/// `Min`), in as many rounds as the most updated block has updates; in a round, blocks without an update get
/// the neutral element. A reshape of `x` alone without updates. `Err` for more than 64 updates of one block.
fn combine_blocks(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    updates: ValueId,
    places: &Places,
    op: BinaryOp,
) -> Outputs {
    let (size, shape) = (places.block(), &places.shape);
    let neutral = match op {
        BinaryOp::Add => 0.0,
        BinaryOp::Mul => 1.0,
        BinaryOp::Max => f32::NEG_INFINITY,
        _ => f32::INFINITY,
    };
    let rounds = places.rounds(scope)?;
    if rounds.is_empty() {
        return scope.emit(call, Op::Reshape, vec![x], shape);
    }
    scope.spend(size)?;
    let neutral = Tensor { shape: vec![1, size], data: vec![neutral; size] };
    let neutral = scope.constant(&format!("{}/neutral", call.output(0)), neutral);
    scope.set_kind(neutral, scope.kind(updates));
    let count = places.blocks.len();
    let new = scope.step(call, Op::Reshape, &[updates], "new", &[count, size])?;
    let joined = [count + 1, size];
    let new = scope.step(call, Op::Concat { axis: 0 }, &[neutral, new], "both", &joined)?;
    let mut y = x;
    for (round, indices) in rounds.into_iter().enumerate() {
        let role = |what: &str| format!("{what}{round}");
        let own = [indices.len(), size];
        let take = Op::Take { axis: 0, indices };
        let taken = scope.step(call, take, &[new], &role("taken"), &own)?;
        let taken = scope.step(call, Op::Reshape, &[taken], &role("updates"), shape)?;
        y = scope.step(call, Op::Binary(op), &[y, taken], &role("combined"), shape)?;
    }
    scope.emit(call, Op::Reshape, vec![y], shape)
}
