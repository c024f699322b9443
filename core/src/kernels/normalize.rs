//! Normalization by statistics of the values themselves.

use super::Along;
use crate::math;
use crate::pieces::pieces_mut;

/// `y = (y - mean) / sqrt(variance + epsilon)` for every row `y[o]` of `len * inner` values, in place (Ba et
/// al., 2016); the variance divides by the number of values. NaN where variance and `epsilon` are 0; one NaN
/// or infinity makes its whole row NaN. `s.outer` is not read.
///
/// Order: the mean's sum from the front, then the sum of the squared differences from the front, then
/// each difference divided by the root.
#[inline(never)]
pub fn normalize(y: &mut [f32], epsilon: f32, s: &Along) {
    let len = s.len * s.inner;
    for y in pieces_mut(y, len) {
        let mean = y.iter().fold(0.0, |sum, y| sum + y) / len as f32;
        let mut squares = 0.0;
        for y in y.iter_mut() {
            *y -= mean;
            squares += *y * *y;
        }
        let root = math::sqrt(squares / len as f32 + epsilon);
        y.iter_mut().for_each(|y| *y /= root);
    }
}

/// `y = y / sqrt(mean(y * y) + epsilon)` for every row `y[o]` of `len * inner` values, in place (Zhang and
/// Sennrich, 2019). NaN where the row and `epsilon` are 0; one NaN makes its whole row NaN, an infinity
/// becomes NaN and makes the finite values of its row 0. `s.outer` is not read.
///
/// Order: the sum of the squares from the front, then each value divided by the root.
#[inline(never)]
pub fn rms_normalize(y: &mut [f32], epsilon: f32, s: &Along) {
    let len = s.len * s.inner;
    for y in pieces_mut(y, len) {
        let squares = y.iter().fold(0.0, |sum, y| sum + y * y);
        let root = math::sqrt(squares / len as f32 + epsilon);
        y.iter_mut().for_each(|y| *y /= root);
    }
}
