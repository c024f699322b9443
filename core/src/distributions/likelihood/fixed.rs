//! The Gaussian family in fixed point, for cores that have no float unit.

use super::real::precision;
use super::runs::Runs;
use super::{Likelihood, pairs};
use crate::dear::{FLOATS_ARE_DEAR, PRODUCT_IS_DEAR};
use crate::distributions::diag_normal::LN_2_PI;
use crate::distributions::sum::Sum;
use crate::pieces::pieces;

/// Bits by which a step is finer than the power of two below `1 / precision`: a scale is 2^12 to 2^13 steps.
const FRACTION_BITS: i32 = 13;
/// Largest exponent of a step, up to which its power of two is a normal float and so is its inverse.
const MOST_BITS: i32 = 100;
/// Largest left shift of a mantissa of 24 bits: values stay below 2^26 steps, and squares of distances below
/// 2^54, of which a thousand fit a sum.
const MOST_SHIFT: i32 = 2;

/// Values whose squared distances fit a sum of 64 bits: each is below 2^54.
const PIECE: usize = 512;

/// `ln p(x | mean)` of normals in nats, by distances in whole steps of at most 2^-12 of the scale; `None` where
/// the parameters do not fit, a value is not finite or is 2^13 scales and more away from 0, a scale is beyond
/// 2^87, or a sum leaves 64 bits.
///
/// Each value is rounded once to the nearest step, ties away from 0; distances, squares and their sum over the
/// values of a scale are exact integers.
#[inline(never)]
pub(super) fn gaussian(likelihood: &Likelihood<'_>, x: &[f32], mean: &[f32]) -> Option<f32> {
    let runs = Runs::of(likelihood, x.len())?;
    let mut total = Sum::ZERO;
    for ([log_scale, _], x, mean) in runs.of_values(x, mean) {
        let precision = precision(log_scale);
        let bits = FRACTION_BITS + exponent(precision);
        if precision.is_nan() || !(-MOST_BITS..=MOST_BITS).contains(&bits) {
            return None;
        }
        let squares = StepGrid::of(bits).squares(x, mean)?;
        let step = precision * f32::from_bits(((127 - bits) as u32) << 23);
        let constant = -0.5 * LN_2_PI - log_scale;
        total = total.add(x.len() as f32 * constant).add(-0.5 * step * step * squares as f32);
    }
    Some(total.value())
}

/// The exponent of a positive float: `floor(log2(value))`, at least -127; 128 for infinity and NaN.
#[inline(always)]
fn exponent(value: f32) -> i32 {
    (value.to_bits() >> 23 & 255) as i32 - 127
}

/// Whole numbers of steps of `2^-bits`.
#[derive(Clone, Copy)]
struct StepGrid {
    /// Exponent as stored, in the upper byte: from it on values are too large.
    too_large: u32,
    /// Exponent as stored of a value whose mantissa, in the upper bits of a word, is twice its steps.
    whole: u32,
    /// Twice the steps of a 1.
    halves: f32,
}

impl StepGrid {
    /// The grid of steps of `2^-bits`, for `bits` of -100 to 100.
    #[inline(always)]
    fn of(bits: i32) -> Self {
        let unit = (150 - bits) as u32; // of a value whose mantissa is its steps
        let halves = f32::from_bits(((128 + bits) as u32) << 23);
        Self { too_large: (unit + MOST_SHIFT as u32 + 1) << 24, whole: unit + 7, halves }
    }

    /// Sum of the squared distances of `x` and `mean` in steps; `None` where a value has no steps, or the sum
    /// leaves 64 bits.
    #[inline(always)]
    fn squares(self, x: &[f32], mean: &[f32]) -> Option<u64> {
        let mut sum = 0u64;
        for (x, mean) in pieces(x, PIECE).zip(pieces(mean, PIECE)) {
            let mut part = 0u64;
            for (x, mean) in pairs(x, mean) {
                part += square(self.steps(x)? - self.steps(mean)?);
            }
            sum = sum.checked_add(part)?;
        }
        Some(sum)
    }

    /// `value * 2^bits` to the nearest integer, ties away from 0; `None` from a magnitude of 2^26 on, and for NaN.
    #[inline(always)]
    fn steps(self, value: f32) -> Option<i32> {
        let word = value.to_bits();
        let magnitude = word << 1;
        if magnitude >= self.too_large {
            return None;
        }
        Some(if FLOATS_ARE_DEAR { self.by_exponent(word) } else { self.by_product(value) })
    }

    /// [`steps`](Self::steps) of a value that is not too large, by its bits.
    #[inline(always)]
    fn by_exponent(self, word: u32) -> i32 {
        // A subnormal number gets a leading bit that it has not; it is far below half a step all the same.
        let mantissa = word << 8 | 0x8000_0000;
        let shift = self.whole - (word << 1 >> 24);
        let steps = if shift < 32 { (((mantissa >> shift) + 1) >> 1) as i32 } else { 0 };
        let sign = word as i32 >> 31;
        (steps ^ sign) - sign
    }

    /// The same by half steps, cut towards 0, of which the next one is half of: the product is exact, or below one.
    #[inline(always)]
    fn by_product(self, value: f32) -> i32 {
        let halves = (value * self.halves) as i32;
        (halves + i32::from(halves >= 0)) >> 1
    }
}

/// The square; where products of 64 bits are dear, of magnitudes below 2^16 by one multiplication of words.
#[inline(always)]
fn square(distance: i32) -> u64 {
    let far = |distance: i32| (i64::from(distance) * i64::from(distance)) as u64;
    if !PRODUCT_IS_DEAR {
        return far(distance);
    }
    let magnitude = distance.unsigned_abs();
    if magnitude >> 16 == 0 { u64::from(magnitude * magnitude) } else { far_square(magnitude) }
}

/// The square of a magnitude of 2^16 and more. (A call, so that the compiler does not take it for the near ones too.)
#[cold]
#[inline(never)]
fn far_square(magnitude: u32) -> u64 {
    u64::from(magnitude) * u64::from(magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Independent: the quotient in f64, rounded by the standard library.
    #[test]
    fn steps_are_the_nearest_integers() {
        let values = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.3,
            1e-3,
            -7.25,
            0.5,
            -0.5,
            1.5,
            -2.5,
            0.499_999_97,
            123.456,
            1e-40,
            3.9e3,
            -2047.9,
        ];
        for value in values {
            for bits in [-30, -1, 0, 3, 12, 13] {
                let exact = (f64::from(value) * 2f64.powi(bits)).round();
                let expected = (exact.abs() < 2f64.powi(26)).then_some(exact as i32);
                let grid = StepGrid::of(bits);
                assert_eq!(grid.steps(value), expected, "{value} {bits}");
                if expected.is_some() {
                    assert_eq!(grid.by_exponent(value.to_bits()), grid.by_product(value));
                }
            }
        }
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            assert_eq!(StepGrid::of(13).steps(value), None);
        }
    }
}
