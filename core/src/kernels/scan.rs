//! Running sums.

use super::Along;
use crate::pieces::pieces_mut;

/// `y[o][k][i]` becomes the sum of `y[o][..=k][i]`, in place: without `y[o][k][i]` itself where
/// `exclusive`, from the end of the axis where `reverse`.
///
/// Order: from the first value on (the last one where `reverse`).
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

#[inline(always)]
fn accumulate<'y>(values: impl Iterator<Item = &'y mut f32>, exclusive: bool) {
    let mut sum = 0.0;
    for y in values {
        let before = sum;
        sum += *y;
        *y = if exclusive { before } else { sum };
    }
}
