//! Running sums.

use super::Along;
use crate::pieces::pieces_mut;

/// `y[o][k][i]` becomes the sum of `y[o][..=k][i]`, or with `reverse` of `y[o][k..][i]`, in place; with
/// `exclusive`, without `y[o][k][i]` itself.
///
/// Order: sums start at 0 and run from the first value of the axis on, with `reverse` from the last one back.
#[inline(never)]
pub fn cumsum(y: &mut [f32], exclusive: bool, reverse: bool, s: &Along) {
    for y in pieces_mut(y, s.len * s.inner) {
        for column in 0..s.inner {
            let values = y.iter_mut().skip(column).step_by(s.inner.max(1));
            if reverse {
                accumulate(values.rev(), exclusive);
            } else {
                accumulate(values, exclusive);
            }
        }
    }
}

/// Replaces each value by the sum of it and all before it, in the iterator's order; with `exclusive`, by the
/// sum of those before it, which is 0 for the first.
#[inline(always)]
fn accumulate<'y>(values: impl Iterator<Item = &'y mut f32>, exclusive: bool) {
    let mut sum = 0.0;
    for y in values {
        let before = sum;
        sum += *y;
        *y = if exclusive { before } else { sum };
    }
}
