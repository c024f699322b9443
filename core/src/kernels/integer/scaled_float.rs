//! A sum times a float scale, on cores whose floats are functions.

use crate::dear::{FLOATS_ARE_DEAR, PRODUCT_IS_DEAR};

/// `sum`, rounded to f32, times `scale`, rounded.
#[inline(always)]
pub(super) fn scaled_float(sum: i32, scale: f32) -> f32 {
    if FLOATS_ARE_DEAR && let Some(value) = by_integers(sum, scale) {
        return value;
    }
    sum as f32 * scale
}

/// `sum as f32 * scale` by a product of integers, rounded to even; `None` for sums that are 0 or have more than 24
/// bits, which are rounded before, and for scales below 2^-95, from 2^96 on, or negative.
#[inline(always)]
fn by_integers(sum: i32, scale: f32) -> Option<f32> {
    let (magnitude, word) = (sum.unsigned_abs(), scale.to_bits());
    // A sign of the scale makes its exponent too large.
    if magnitude.wrapping_sub(1) >= (1 << 24) - 1 || (word >> 23).wrapping_sub(32) > 190 {
        return None;
    }
    let (factor, exponent) = normalized(magnitude << 8, (word >> 23) + 24);
    // The product begins with the bit 63 or 62; what lies below the upper word only says whether it is exact.
    let (high, low) = product(factor, word << 8 | 0x8000_0000);
    let (high, exponent) =
        if high >> 31 == 0 { (high << 1, exponent - 1) } else { (high, exponent) };
    let mantissa = high >> 8;
    let rest = high & 0xff | u32::from(low != 0);
    let up = u32::from(rest + (mantissa & 1) > 0x80);
    // The leading bit of the mantissa counts as one more exponent, and rounding may carry into it.
    let bits = ((exponent - 1) << 23) + mantissa + up;
    Some(f32::from_bits(bits | sum as u32 & 0x8000_0000))
}

/// The value, which is not 0, shifted left until its first bit is 1, and `exponent` less the shift.
#[inline(always)]
fn normalized(value: u32, exponent: u32) -> (u32, u32) {
    if PRODUCT_IS_DEAR {
        // The core that lacks the product lacks an instruction for this too.
        return normalized_by_steps(value, exponent);
    }
    let zeros = value.leading_zeros();
    (value << zeros, exponent - zeros)
}

/// [`normalized`] by shifts alone. (A call, which leaves the caller registers.)
#[inline(never)]
fn normalized_by_steps(mut value: u32, mut exponent: u32) -> (u32, u32) {
    for step in [16, 8, 4, 2, 1] {
        if value >> (32 - step) == 0 {
            (value, exponent) = (value << step, exponent - step);
        }
    }
    (value, exponent)
}

/// The upper word of a product of words, and a word that is 0 where the lower one is.
#[inline(always)]
fn product(a: u32, b: u32) -> (u32, u32) {
    if PRODUCT_IS_DEAR {
        return product_of_halves(a, b);
    }
    let product = u64::from(a) * u64::from(b);
    ((product >> 32) as u32, product as u32)
}

/// [`product`] by four products of 16 bits. (A call, as above.)
#[inline(never)]
fn product_of_halves(a: u32, b: u32) -> (u32, u32) {
    let ([a1, a0], [b1, b0]) = ([a >> 16, a & 0xffff], [b >> 16, b & 0xffff]);
    let (across, other, low) = (a1 * b0, a0 * b1, a0 * b0);
    let middle = (low >> 16) + (across & 0xffff) + (other & 0xffff);
    let high = a1 * b1 + (across >> 16) + (other >> 16) + (middle >> 16);
    (high, low << 16 | middle << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Independent: the float operations of the host.
    #[test]
    fn integers_round_as_floats_do() {
        let mut state = 11u64; // Knuth's generator, of which the upper half is used
        let mut word = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 32) as u32
        };
        let (mut found, mut cases) = (0, 0);
        for _ in 0..200_000 {
            let sum = word() as i32 >> (word() % 32);
            // Mantissas of few bits give ties; all exponents, mostly those of scales.
            let mantissa = (word() & 0x007f_ffff) >> (word() % 24) << (word() % 8);
            let exponent = if word() % 4 == 0 { word() % 256 } else { 90 + word() % 40 };
            let scale = f32::from_bits(exponent << 23 | mantissa & 0x007f_ffff);
            for (sum, scale) in
                [(sum, scale), (-(sum.max(-1000)), scale), (sum, -scale), (0, scale)]
            {
                cases += 1;
                if let Some(value) = by_integers(sum, scale) {
                    found += 1;
                    let expected = sum as f32 * scale;
                    assert_eq!(value.to_bits(), expected.to_bits(), "{sum} * {scale:e}");
                }
            }
        }
        assert!(3 * found > cases, "{found} of {cases}");
        for _ in 0..20_000 {
            let (a, b) = (word() >> (word() % 32) | 1, word());
            let exact = u64::from(a) * u64::from(b);
            let (high, low) = product_of_halves(a, b);
            assert_eq!((high, low == 0), ((exact >> 32) as u32, exact as u32 == 0), "{a} * {b}");
            assert_eq!(
                normalized_by_steps(a, 200),
                (a << a.leading_zeros(), 200 - a.leading_zeros())
            );
        }
        for sum in [1, 2, 3, (1 << 24) - 1, -((1 << 24) - 1)] {
            assert_eq!(by_integers(sum, 0.75), Some(sum as f32 * 0.75));
        }
    }
}
