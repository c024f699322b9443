//! A sum times a float scale, on cores whose floats are functions.

use crate::kernels::arch::integer::{FLOATS_ARE_DEAR, PRODUCT_IS_DEAR};

/// `sum`, rounded to f32, times `scale`, rounded.
#[inline(always)]
pub(super) fn scaled_float(sum: i32, scale: f32) -> f32 {
    let found = if FLOATS_ARE_DEAR { by_integers(sum, scale) } else { None };
    found.unwrap_or_else(|| sum as f32 * scale)
}

/// `sum as f32 * scale` by a product of integers, rounded to even; `None` for sums that are 0 or have more than 24
/// bits, which are rounded before, and where scale or product is not positive and normal in magnitude.
#[inline(always)]
fn by_integers(sum: i32, scale: f32) -> Option<f32> {
    let magnitude = sum.unsigned_abs();
    if magnitude.wrapping_sub(1) >= (1 << 24) - 1 {
        return None;
    }
    let word = scale.to_bits();
    let zeros = leading_zeros(magnitude);
    let (high, low) = product(magnitude << zeros, word << 8 | 0x8000_0000);
    // The product begins with the bit 63 or 62; what lies below the upper word only says whether it is exact.
    let short = u32::from(high >> 31 == 0);
    let high = high << short | u32::from(low != 0);
    let exponent = (word >> 23).wrapping_add(32 - zeros).wrapping_sub(short);
    // A sign of the scale makes both numbers too large.
    if (word >> 23).wrapping_sub(1) >= 254 || exponent.wrapping_sub(1) >= 253 {
        return None;
    }
    let mantissa = high >> 8;
    let up = u32::from((high & 0xff) + (mantissa & 1) > 0x80);
    // The leading bit of the mantissa counts as one more exponent, and rounding may carry into it.
    let bits = ((exponent - 1) << 23) + mantissa + up;
    Some(f32::from_bits(bits | sum as u32 & 0x8000_0000))
}

/// The number of leading zeros of a word from 1 to 2^24 - 1.
#[inline(always)]
fn leading_zeros(value: u32) -> u32 {
    if !PRODUCT_IS_DEAR {
        return value.leading_zeros();
    }
    // The core that lacks the product lacks the instruction for this too.
    let (mut value, mut zeros) = (value << 8, 8);
    for step in [16, 8, 4, 2, 1] {
        if value >> (32 - step) == 0 {
            (value, zeros) = (value << step, zeros + step);
        }
    }
    zeros
}

/// The upper word of a product of words, and a word that is 0 where the lower one is.
#[inline(always)]
fn product(a: u32, b: u32) -> (u32, u32) {
    if !PRODUCT_IS_DEAR {
        let product = u64::from(a) * u64::from(b);
        return ((product >> 32) as u32, product as u32);
    }
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
        for sum in [1, 2, 3, (1 << 24) - 1, -((1 << 24) - 1)] {
            assert_eq!(by_integers(sum, 0.75), Some(sum as f32 * 0.75));
        }
    }
}
