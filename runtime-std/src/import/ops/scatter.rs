//! Writing values to places of a tensor.

mod elements;

pub use elements::scatter_elements;

use super::super::problem::{Read, invalid, refuse};
use super::super::scope::{Call, Operand, Outputs, Scope, integers};
use super::super::tensor::{Tensor, len, resolve_index, strides};
use super::reshape::shape_of;
use crate::ir::{Op, ValueId};
use elbow_core::kernels::BinaryOp;

/// Writes updates to blocks of a tensor, whose places are known.
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

/// How updates meet what is there; `None` where they take its place.
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

/// Writes the call's updates into its data.
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
    match places.as_box() {
        Some(axes) => write_box(scope, call, x, updates, &axes, places),
        None => write_blocks(scope, call, x, updates, places),
    }
}

/// Where blocks are written.
struct Places {
    /// Of the tensor.
    shape: Vec<usize>,
    /// How many of its axes an index has; blocks are of the others.
    depth: usize,
    /// Positions of the blocks, in the order of the updates.
    blocks: Vec<usize>,
    /// The shape that updates have.
    updates: Vec<usize>,
}

impl Places {
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

    /// Splits the updates into rounds in which each block is updated at most once; an entry is 1 + the
    /// update's position, 0 for none.
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

    fn written(&self, x: &Tensor<i64>, updates: &Tensor<i64>) -> Tensor<i64> {
        let mut y = x.clone();
        let size = self.block();
        for (at, block) in self.blocks.iter().enumerate() {
            y.data[block * size..][..size].copy_from_slice(&updates.data[at * size..][..size]);
        }
        y
    }

    /// The indices along each axis, if the blocks are all combinations of them, in this order.
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

/// Writes to all combinations of indices along axes: the updates take the places' form, and a mask
/// chooses. No axis is joined to another, so that each stays what it is.
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

/// Writes to any blocks: old and new values are joined, and each place takes its own.
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

/// Reduces updates into blocks, one round per repeated update; blocks without an update get the neutral
/// element.
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
