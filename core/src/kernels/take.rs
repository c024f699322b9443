//! Values picked or mixed along an axis.

use super::Along;
use crate::pieces::{pieces, pieces_mut};

/// `y[o][k][i] = x[o][indices[k]][i]`; `y` is `[outer][indices.len()][inner]`. Where an index lies outside of
/// the axis, its values of `y` stay as they are.
#[inline(never)]
pub fn take(x: &[f32], indices: &[u32], y: &mut [f32], s: &Along) {
    let blocks = pieces(x, s.len * s.inner).zip(pieces_mut(y, indices.len() * s.inner));
    for (x, y) in blocks {
        for (index, y) in indices.iter().zip(pieces_mut(y, s.inner)) {
            copy_line(x, *index as usize, y, s.inner);
        }
    }
}

/// [`take`] with computed indices, which are floats; returns the number of indices that are not whole numbers
/// in `-len..len`.
///
/// Each index counts once, whatever `outer` and `inner` are. A negative index first gets `len`, the length of
/// the axis, added. Then its fraction is cut off, an index outside of the axis becomes the nearest one
/// inside, and NaN becomes 0; those that this second step changes are counted.
#[inline(never)]
pub fn take_by(x: &[f32], indices: &[f32], y: &mut [f32], s: &Along) -> u32 {
    let len = s.len as f32;
    let blocks = pieces(x, s.len * s.inner).zip(pieces_mut(y, indices.len() * s.inner));
    for (x, y) in blocks {
        for (index, y) in indices.iter().zip(pieces_mut(y, s.inner)) {
            copy_line(x, nearest(*index, len, s), y, s.inner);
        }
    }
    outside(indices, len, s)
}

/// `y[o][k][i] = x[o][indices[o][k][i]][i]` with computed indices, which are corrected and counted as in
/// [`take_by`]; `y` and `indices` are `[outer][outputs][inner]`. Returns the number of corrected indices.
#[inline(never)]
pub fn take_along(x: &[f32], indices: &[f32], y: &mut [f32], outputs: usize, s: &Along) -> u32 {
    let len = s.len as f32;
    let block = outputs.saturating_mul(s.inner);
    let blocks = pieces(x, s.len.saturating_mul(s.inner)).zip(pieces(indices, block));
    for ((x, indices), y) in blocks.zip(pieces_mut(y, block)) {
        let lines = pieces(indices, s.inner).zip(pieces_mut(y, s.inner));
        for (indices, y) in lines {
            for (at, (index, y)) in indices.iter().zip(y).enumerate() {
                let from = nearest(*index, len, s).saturating_mul(s.inner).saturating_add(at);
                *y = x.get(from).copied().unwrap_or(*y);
            }
        }
    }
    outside(indices, len, s)
}

/// Number of indices that [`nearest`] changes, NaN included: those with a fraction, which it cuts off, and
/// those outside `-len..len`.
fn outside(indices: &[f32], len: f32, s: &Along) -> u32 {
    let is_outside = |index: &&f32| {
        let from_front = if **index < 0.0 { **index + len } else { **index };
        nearest(**index, len, s) as f32 != from_front
    };
    indices.iter().filter(is_outside).fold(0, |hits, _| hits.saturating_add(1))
}

/// The position `0..s.len` nearest to an index, after a negative one has got `len` added: its fraction is cut
/// off, NaN gives 0. 0 for an empty axis. `len` is `s.len` as a float.
#[inline(always)]
fn nearest(index: f32, len: f32, s: &Along) -> usize {
    let from_front = if index < 0.0 { index + len } else { index };
    (from_front as usize).min(s.len.saturating_sub(1)) // saturates, NaN is 0
}

/// `y[o][k][i] = sum_t weights[k * taps + t] * x[o][indices[k * taps + t]][i]` with
/// `taps = indices.len() / outputs`; `y` is `[outer][outputs][inner]`.
///
/// Order: each value starts at its first product and adds the others in the order of the taps. Indices have
/// to lie inside the axis: another one leaves its product out, or as a first tap keeps what `y` held.
#[inline(never)]
pub fn resample(
    x: &[f32],
    indices: &[u32],
    weights: &[f32],
    y: &mut [f32],
    outputs: usize,
    s: &Along,
) {
    let taps = indices.len() / outputs.max(1);
    for (x, y) in pieces(x, s.len * s.inner).zip(pieces_mut(y, outputs * s.inner)) {
        let mixes = pieces(indices, taps).zip(pieces(weights, taps));
        for ((indices, weights), y) in mixes.zip(pieces_mut(y, s.inner)) {
            for (tap, (index, weight)) in indices.iter().zip(weights).enumerate() {
                let line = line(x, *index as usize, s.inner);
                let line = y.iter_mut().zip(line);
                if tap == 0 {
                    line.for_each(|(y, x)| *y = weight * x);
                } else {
                    line.for_each(|(y, x)| *y += weight * x);
                }
            }
        }
    }
}

/// Writes the `inner` values of `x` at an index of the axis to `y`, which has as many; nothing where the
/// index lies outside.
#[inline(always)]
fn copy_line(x: &[f32], index: usize, y: &mut [f32], inner: usize) {
    y.iter_mut().zip(line(x, index, inner)).for_each(|(y, x)| *y = *x);
}

/// The values of `x`, which is `[len][inner]`, from an index of the axis on, up to the end of `x`; empty
/// where it lies outside.
#[inline(always)]
fn line(x: &[f32], index: usize, inner: usize) -> &[f32] {
    x.get(index.saturating_mul(inner)..).unwrap_or(&[])
}
