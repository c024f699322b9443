//! Values picked or mixed along an axis.

use super::Along;
use crate::pieces::{pieces, pieces_mut};

/// `y[o][k][i] = x[o][indices[k]][i]`; `y` is `[outer][indices.len()][inner]`.
#[inline(never)]
pub fn take(x: &[f32], indices: &[u32], y: &mut [f32], s: &Along) {
    let blocks = pieces(x, s.len * s.inner).zip(pieces_mut(y, indices.len() * s.inner));
    for (x, y) in blocks {
        for (index, y) in indices.iter().zip(pieces_mut(y, s.inner)) {
            copy_line(x, *index as usize, y, s.inner);
        }
    }
}

/// [`take`] by computed indices: negative ones first count from the end, then fractions are cut off; those
/// outside take the nearest value, NaN the first. Returns how many of them this changed.
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

/// `y[o][k][i] = x[o][indices[o][k][i]][i]` by computed indices, which [`take_by`] reads alike; `y` and
/// `indices` are `[outer][outputs][inner]`. Returns the number of indices that were replaced, as `take_by`.
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

/// Number of indices that [`nearest`] changes, NaN included: those with a fraction, which it cuts off, and those
/// outside `-len..len`.
fn outside(indices: &[f32], len: f32, s: &Along) -> u32 {
    let is_outside = |index: &&f32| {
        let from_front = if **index < 0.0 { **index + len } else { **index };
        nearest(**index, len, s) as f32 != from_front
    };
    indices.iter().filter(is_outside).fold(0, |hits, _| hits.saturating_add(1))
}

/// The position inside the axis nearest to an index, after negative ones are counted from the end.
#[inline(always)]
fn nearest(index: f32, len: f32, s: &Along) -> usize {
    let from_front = if index < 0.0 { index + len } else { index };
    (from_front as usize).min(s.len.saturating_sub(1)) // saturates, NaN is 0
}

/// `y[o][k][i] = sum_t weights[k * taps + t] * x[o][indices[k * taps + t]][i]` with
/// `taps = indices.len() / outputs`; `y` is `[outer][outputs][inner]`.
///
/// Order: each value starts at its first product and adds the others in the order of the taps.
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

#[inline(always)]
fn copy_line(x: &[f32], index: usize, y: &mut [f32], inner: usize) {
    y.iter_mut().zip(line(x, index, inner)).for_each(|(y, x)| *y = *x);
}

/// The values at an index of the axis.
#[inline(always)]
fn line(x: &[f32], index: usize, inner: usize) -> &[f32] {
    x.get(index.saturating_mul(inner)..).unwrap_or(&[])
}
