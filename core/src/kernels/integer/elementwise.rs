//! Functions of one value, and sums of two.

use super::{Requantize, Value};
use crate::dear::PRODUCT_IS_DEAR;

/// `y[i] = table[bits of y[i]]`, in place: any function of 8-bit values, exactly.
///
/// Bits as an unsigned number: entries 0 to 127 are those of 0 to 127, entries 128 to 255 those of -128 to
/// -1. A table of fewer than 256 entries leaves all values as they are.
#[inline(never)]
pub fn lookup(y: &mut [i8], table: &[i8]) {
    let Some(table) = table.first_chunk::<256>() else { return };
    for y in y {
        *y = table[usize::from(*y as u8)];
    }
}

/// Fractional bits of the values of a [`Piecewise`] polynomial: 2^-10 of an output step.
pub const PIECE_BITS: u32 = 10;

/// A function of 16-bit values, by a polynomial in each of its equal pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Piecewise {
    /// Least input: `-2^(bits - 1)`.
    pub start: i32,
    /// Bits of the inputs of a piece, 1 to 15: `2^piece_bits` inputs share coefficients.
    pub piece_bits: u32,
    /// Least result.
    pub low: i32,
    /// Largest result.
    pub high: i32,
}

/// `y[i] = clamp(floor((p(y[i]) + 2^9) / 2^10), low, high)`, in place, where `p` is the quadratic of the
/// input's piece in units of 2^-[`PIECE_BITS`] output steps.
///
/// With `u = y - start`, limited to what the pieces cover (0 below `start`; behind the last piece, its end),
/// the coefficients `[c0, c1, c2]` are those of piece `u >> piece_bits`, `r` is the rest of `u` as a
/// fraction of 2^31, and `p = c0 + hi(r, c1 + hi(r, c2))` with `hi(a, b) = floor(a * b / 2^32)`; sums wrap
/// outside of i32. Without any coefficients, `y` stays as it is.
///
/// Error against a function `f` of three derivatives, at pieces of `h` output units of the input and
/// coefficients from ends and middle: `0.0081 * h^3 * max |f'''|` and 0.51 output steps.
#[inline(never)]
pub fn piecewise(y: &mut [i16], coefficients: &[[i32; 3]], s: &Piecewise) {
    if let [[below, fall, 0], [above, rise, 0]] = *coefficients
        && (s.start, s.piece_bits) == (-(1 << 15), 15)
    {
        return halves(y, [[below, fall], [above, rise]], s);
    }
    let rest_mask = !(u32::MAX << (s.piece_bits & 15));
    for y in y {
        let u = i32::from(*y).wrapping_sub(s.start).max(0) as u32;
        let piece = (u >> (s.piece_bits & 15)) as usize;
        let (coefficients, rest) = match coefficients.get(piece) {
            Some(coefficients) => (coefficients, u & rest_mask),
            None => match coefficients.last() {
                Some(last) => (last, rest_mask),
                None => return,
            },
        };
        let r = (rest << (31 - (s.piece_bits & 15))) as i32;
        let [c0, c1, c2] = *coefficients;
        // Products of words are dear on a core without them, and a straight piece needs only one.
        let bend = if PRODUCT_IS_DEAR && c2 == 0 { 0 } else { high_word(r, c2) };
        let p = c0.wrapping_add(high_word(r, c1.wrapping_add(bend)));
        *y = s.value(p);
    }
}

impl Piecewise {
    /// The result that `p`, in units of 2^-[`PIECE_BITS`] output steps, stands for.
    #[inline(always)]
    fn value(&self, p: i32) -> i16 {
        let value = p.wrapping_add(1 << (PIECE_BITS - 1)) >> PIECE_BITS;
        value.max(self.low).min(self.high) as i16
    }
}

/// [`piecewise`] of two straight halves, `[c0, c1]` of the values below 0 and of the others: a leaky rectifier.
#[inline(always)]
fn halves(y: &mut [i16], halves: [[i32; 2]; 2], s: &Piecewise) {
    const ROUNDER: i32 = 1 << (PIECE_BITS - 1);
    let [below, above] = halves.map(|[c0, c1]| [c0.wrapping_add(ROUNDER), c1]);
    let at = |[c0, c1]: [i32; 2], rest: i32| {
        let dear = PRODUCT_IS_DEAR;
        let product = if dear { by_halves(rest, c1) } else { high_word(rest << 16, c1) };
        c0.wrapping_add(product) >> PIECE_BITS
    };
    let value = |y: i16| at(if y < 0 { below } else { above }, i32::from(y) & 0x7fff);
    let ends = [at(below, 0), at(below, 0x7fff), at(above, 0), at(above, 0x7fff)];
    // A straight line stays between its ends where nothing wraps.
    let small = halves.iter().flatten().all(|c| c.unsigned_abs() < 1 << 30);
    if small && ends.iter().all(|end| (s.low..=s.high).contains(end)) {
        return y.iter_mut().for_each(|y| *y = value(*y) as i16);
    }
    y.iter_mut().for_each(|y| *y = value(*y).max(s.low).min(s.high) as i16);
}

/// `floor(a * b / 2^32)`, exact: the high word of the product.
#[inline(always)]
fn high_word(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b)) >> 32) as i32
}

/// `high_word(rest << 16, b)` for a `rest` of 15 bits, by two products of a word.
#[inline(always)]
fn by_halves(rest: i32, b: i32) -> i32 {
    let low = (rest as u32 * (b as u32 & 0xffff)) >> 16;
    (rest * (b >> 16)).wrapping_add(low as i32)
}

/// A sum of two tensors with scales of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Add {
    /// `round(scale / scale_y * 2^(32 - shift))` of both operands.
    pub multipliers: [i32; 2],
    /// `-(zero_point_a * multipliers[0] + zero_point_b * multipliers[1])`.
    pub constant: i64,
    /// From the sum to `y`.
    pub rule: Requantize,
}

/// `y = clamp(zero_point + floor(((a * Ma + b * Mb + constant) * 2^shift + 2^31) / 2^32), low, high)` for
/// each value, up to the end of the shortest slice; exact in i64, where nothing overflows for shifts up to
/// 14.
#[inline(never)]
pub fn add<A: Value, B: Value, Y: Value>(a: &[A], b: &[B], y: &mut [Y], s: &Add) {
    for ((a, b), y) in a.iter().zip(b).zip(y) {
        let term = |value: i32, multiplier: i32| i64::from(value) * i64::from(multiplier);
        let sum = term((*a).into(), s.multipliers[0]) + term((*b).into(), s.multipliers[1]);
        let sum = sum.wrapping_add(s.constant).wrapping_shl(s.rule.shift);
        let high = (sum.wrapping_add(1 << 31) >> 32) as i32;
        *y = Y::of(s.rule.clamp(s.rule.zero_point.wrapping_add(high)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Independent: the formula in i64, with the clamps of a sum that wraps where coefficients are large.
    #[test]
    fn two_straight_halves_are_what_the_formula_says() {
        let mut state = 5u64; // Knuth's generator, of which the upper half is used
        let mut word = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 32) as i32
        };
        let leaky = [[-3_355_443, 6_710_887, 0], [0, 67_108_864, 0]];
        let any: [[[i32; 3]; 2]; 20] = core::array::from_fn(|n| {
            [[word() >> n, word() >> n, 0], [word() >> n, word() >> n, 0]]
        });
        for (n, coefficients) in any.iter().chain([&leaky]).enumerate() {
            let (low, high) = if n % 2 == 0 { (-32_767, 32_767) } else { (-5, 9_000) };
            let s = Piecewise { start: -32_768, piece_bits: 15, low, high };
            for at in (-32_768..32_768).step_by(7).chain([-1, 0, 32_767]) {
                let mut y = [at as i16];
                piecewise(&mut y, coefficients, &s);
                let [c0, c1, _] = coefficients[usize::from(at >= 0)];
                let (rest, c1) = (i64::from(at & 0x7fff), i64::from(c1));
                let p = c0.wrapping_add(((rest * c1) >> 16) as i32).wrapping_add(512) >> 10;
                assert_eq!(i32::from(y[0]), p.max(low).min(high), "{coefficients:?} at {at}");
                let (rest, c1) = (rest as i32, c1 as i32);
                assert_eq!(by_halves(rest, c1), high_word(rest << 16, c1), "{rest} * {c1}");
            }
        }
    }
}
