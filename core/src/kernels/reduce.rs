//! Reductions along an axis, and the index of the extreme value.

use super::Along;
use crate::math;
use crate::pieces::{pieces, pieces_mut};

/// What is computed from the `n` values along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reduction {
    /// `sum x`
    Sum,
    /// `sum x / n`
    Mean,
    /// The largest value; NaN where one is NaN.
    Max,
    /// The smallest value; NaN where one is NaN.
    Min,
    /// `prod x`
    Product,
    /// `sum x * x`
    SumOfSquares,
    /// `sum |x|`
    SumOfMagnitudes,
}

/// `y[o][i]` is the reduction of `x[o][..][i]`; `y` is `[outer][inner]`, and what it holds before does not
/// matter.
///
/// Order: along the axis from the front, sums from 0, products from 1, extremes from the infinities;
/// a mean divides its sum last. An empty axis gives these starts, and NaN for a mean.
///
/// Inlined, so that an image holds only the reductions that its model uses.
#[inline(always)]
pub fn reduce(x: &[f32], y: &mut [f32], reduction: Reduction, s: &Along) {
    match reduction {
        Reduction::Sum => gather(x, y, s, 0.0, |sum, x| sum + x),
        Reduction::Mean => {
            gather(x, y, s, 0.0, |sum, x| sum + x);
            let len = s.len as f32;
            y.iter_mut().for_each(|y| *y /= len);
        }
        Reduction::Max => gather(x, y, s, f32::NEG_INFINITY, math::max),
        Reduction::Min => gather(x, y, s, f32::INFINITY, math::min),
        Reduction::Product => gather(x, y, s, 1.0, |product, x| product * x),
        Reduction::SumOfSquares => gather(x, y, s, 0.0, |sum, x| sum + x * x),
        Reduction::SumOfMagnitudes => gather(x, y, s, 0.0, |sum, x| sum + x.abs()),
    }
}

/// Left fold along the axis: `y[o][i]` is set to `start` and becomes `f(y[o][i], x[o][k][i])` for each `k`,
/// from the front.
#[inline(never)]
fn gather(x: &[f32], y: &mut [f32], s: &Along, start: f32, f: impl Fn(f32, f32) -> f32) {
    y.fill(start);
    for (x, y) in pieces(x, s.len * s.inner).zip(pieces_mut(y, s.inner)) {
        for x in pieces(x, s.inner) {
            y.iter_mut().zip(x).for_each(|(y, x)| *y = f(*y, *x));
        }
    }
}

/// `y[o][i]` is the index along the axis, as a float, of the largest value of `x[o][..][i]`, or the smallest
/// without `largest`; of equal ones, the last with `last`, else the first.
///
/// NaN counts as extreme, as in NumPy. `y` is `[outer][inner]`; it stays as it is where the axis is empty.
#[inline(never)]
pub fn arg_extreme(x: &[f32], y: &mut [f32], largest: bool, last: bool, s: &Along) {
    let beats = |new: f32, old: f32| {
        let (a, b) = if largest { (new, old) } else { (old, new) };
        (new.is_nan() && !old.is_nan())
            || a > b
            || (last && (a == b || (new.is_nan() && old.is_nan())))
    };
    for (x, y) in pieces(x, s.len * s.inner).zip(pieces_mut(y, s.inner)) {
        for (column, y) in y.iter_mut().enumerate() {
            let mut values = x.iter().skip(column).step_by(s.inner.max(1));
            let Some(mut extreme) = values.next() else { continue };
            let mut at = 0;
            for (index, value) in values.enumerate() {
                if beats(*value, *extreme) {
                    (extreme, at) = (value, index + 1);
                }
            }
            *y = at as f32;
        }
    }
}
