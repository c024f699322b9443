//! The Gaussian family in fixed point, for cores that have no float unit.

use super::real::precision;
use super::runs::Runs;
use super::{Likelihood, pairs};
use crate::distributions::diag_normal::LN_2_PI;
use crate::distributions::sum::Sum;

/// Bits by which a step is finer than the power of two below `1 / precision`: a scale is 2^12 to 2^13 steps.
const FRACTION_BITS: i32 = 13;
/// Largest exponent of a step, up to which its power of two is a normal float and so is its inverse.
const MOST_BITS: i32 = 100;
/// Largest left shift of a mantissa of 24 bits: values stay below 2^26 steps, and squares of distances below
/// 2^54, of which a thousand fit a sum.
const MOST_SHIFT: i32 = 2;

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
        let mut squares = 0u64;
        for (x, mean) in pairs(x, mean) {
            squares = squares.checked_add(square(steps(x, bits)? - steps(mean, bits)?))?;
        }
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

/// `value * 2^bits` to the nearest integer, ties away from 0; `None` from a magnitude of 2^26 on, and for NaN.
/// `bits` is -100 to 100.
#[inline(always)]
fn steps(value: f32, bits: i32) -> Option<i32> {
    let word = value.to_bits();
    let shift = (word >> 23 & 255) as i32 - 150 + bits;
    if shift > MOST_SHIFT {
        return None;
    }
    // A subnormal number gets a leading bit that it has not; it is far below half a step all the same.
    let mantissa = (word & 0x007f_ffff | 0x0080_0000) as i32;
    let magnitude = match shift {
        0.. => mantissa << shift,
        -24..=-1 => ((mantissa >> (-shift - 1)) + 1) >> 1,
        _ => 0,
    };
    Some(if word >> 31 == 0 { magnitude } else { -magnitude })
}

/// The square; of magnitudes below 2^16 by one multiplication of words.
#[inline(always)]
fn square(distance: i32) -> u64 {
    let distance = distance.unsigned_abs();
    match distance >> 16 {
        0 => u64::from(distance * distance),
        _ => u64::from(distance) * u64::from(distance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Independent: the quotient in f64, rounded by the standard library.
    #[test]
    fn steps_are_the_nearest_integers() {
        let values = [0.0, -0.0, 1.0, -1.0, 0.3, 1e-3, -7.25, 123.456, 1e-40, 3.9e3, -2047.9];
        for value in values {
            for bits in [-30, -1, 0, 3, 12, 13] {
                let exact = (f64::from(value) * 2f64.powi(bits)).round();
                let expected = (exact.abs() < 2f64.powi(26)).then_some(exact as i32);
                assert_eq!(steps(value, bits), expected, "{value} {bits}");
            }
        }
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            assert_eq!(steps(value, 13), None);
        }
    }
}
