//! Softmax and its logarithm.

use super::Along;
use crate::math;
use crate::pieces::pieces_mut;

/// `y[k] = exp(y[k] - m) / sum_j exp(y[j] - m)` along an axis, in place, with `m = max y`.
///
/// One NaN or positive infinity makes all values along its axis NaN, and so do minus infinities only. Order:
/// the sum runs from the front.
#[inline(never)]
pub fn softmax(y: &mut [f32], s: &Along) {
    each_line(y, s, |line| {
        let largest = line.largest();
        let mut sum = 0.0;
        line.each(|y| {
            *y = math::exp(*y - largest);
            sum += *y;
        });
        line.each(|y| *y /= sum);
    });
}

/// `y[k] = y[k] - m - ln(sum_j exp(y[j] - m))` along an axis, in place, with `m = max y`; as
/// [`softmax`] otherwise.
#[inline(never)]
pub fn log_softmax(y: &mut [f32], s: &Along) {
    each_line(y, s, |line| {
        let largest = line.largest();
        let mut sum = 0.0;
        line.each(|y| {
            *y -= largest;
            sum += math::exp(*y);
        });
        let log_sum = math::ln(sum);
        line.each(|y| *y -= log_sum);
    });
}

/// Values along the axis, `step` apart.
struct AxisValues<'y> {
    values: &'y mut [f32],
    step: usize,
}

impl AxisValues<'_> {
    /// Calls `f` with each value along the axis, from the front, to read and write.
    #[inline(always)]
    fn each(&mut self, f: impl FnMut(&mut f32)) {
        self.values.iter_mut().step_by(self.step).for_each(f);
    }

    /// The largest value along the axis; NaN where one is NaN, minus infinity where there is none.
    #[inline(always)]
    fn largest(&self) -> f32 {
        self.values.iter().step_by(self.step).fold(f32::NEG_INFINITY, |m, y| math::max(m, *y))
    }
}

/// Calls `f` with the values along the axis of `s`, once for each index of the other axes.
#[inline(always)]
fn each_line(y: &mut [f32], s: &Along, mut f: impl FnMut(&mut AxisValues<'_>)) {
    for y in pieces_mut(y, s.len * s.inner) {
        for column in 0..s.inner {
            let values = y.get_mut(column..).unwrap_or(&mut []);
            f(&mut AxisValues { values, step: s.inner.max(1) });
        }
    }
}
