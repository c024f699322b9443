//! Conversion between floats and integers, and copies into padded buffers.

use super::Value;
use crate::dear::FLOATS_ARE_DEAR;
use crate::math;

/// Shape of a copy that transposes and pads: a box of values, and its places in `x` and `y`, in values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PaddedCopy {
    /// Height, width and channels walked.
    pub dims: [usize; 3],
    /// Steps in `x`.
    pub from: [usize; 3],
    /// Index in `x` of the first value.
    pub from_start: usize,
    /// Steps in `y`; whatever they skip is padding.
    pub to: [usize; 3],
    /// Index in `y` of the first value.
    pub to_start: usize,
    /// Values of `y` with its padding; what lies behind is left alone. May be 0 where nothing is padded.
    pub len: usize,
}

impl PaddedCopy {
    /// The same copy with fewer, longer lines: where a line of channels follows directly on the one before,
    /// in `x` and in `y`, the two axes become one, and the height likewise.
    ///
    /// For the compiler, which merges a box before it writes it down: kernels take boxes as they are. Where
    /// nothing can be merged, the copy is unchanged.
    pub const fn merged(mut self) -> Self {
        let mut axis = 0;
        while axis < 2 {
            let [_, width, channels] = self.dims;
            let next =
                self.from[1] == channels * self.from[2] && self.to[1] == channels * self.to[2];
            if next {
                self.dims = [1, self.dims[0], width * channels];
                self.from = [0, self.from[0], self.from[2]];
                self.to = [0, self.to[0], self.to[2]];
            }
            axis += 1;
        }
        self
    }

    /// The same box with its columns as channels and its channels as columns where there are more columns, so that
    /// there are fewer lines; steps of 0 along the last axis as 1.
    #[inline(always)]
    fn with_long_lines(&self) -> Self {
        let mut turned = *self;
        turned.from[2] = self.from[2].max(1);
        turned.to[2] = self.to[2].max(1);
        if self.dims[1] > self.dims[2] {
            turned.dims.swap(1, 2);
            turned.from.swap(1, 2);
            turned.to.swap(1, 2);
        }
        turned
    }

    /// Whether `y` has no padding to fill: `len` is 0, or the box covers all of `y[..len]`.
    #[inline(always)]
    const fn is_dense(&self) -> bool {
        let [height, width, channels] = self.dims;
        let lines = self.to[2] == 1 && (width == 1 || self.to[1] == channels);
        let dense = lines && (height == 1 || self.to[0] == width * channels);
        self.len == 0 || dense && self.to_start == 0 && self.len <= height * width * channels
    }
}

/// `y[to(i)] = clamp(round(x[from(i)] / scale) + zero_point, low, high)` for every index `i` of the box,
/// and the zero point in `y`'s padding.
///
/// The quotient is an f32 and rounds to the nearest integer, ties to even: ONNX's QuantizeLinear. Infinities
/// are clamped, NaN becomes the zero point. `low` and `high` are values of `y`'s type. Places outside of `x`
/// or `y` are left out; values of `y` from `s.len` on that are not in the box stay. Gives the number of values
/// that `low` or `high` has cut off.
#[inline(never)]
pub fn quantize<Y: Value>(
    x: &[f32],
    y: &mut [Y],
    scale: f32,
    zero_point: i32,
    [low, high]: [i32; 2],
    s: &PaddedCopy,
) -> u32 {
    if !s.is_dense() {
        pad(y, Y::of(zero_point), s);
    }
    let mut saturated = 0;
    let divisor = Divisor::of(scale);
    each(x, y, s, |x| {
        let value = divisor.nearest(x) + zero_point;
        let kept = value.max(low).min(high);
        saturated += u32::from(kept != value);
        Y::of(kept)
    });
    saturated
}

/// The nearest integer, ties to even; limited to `-2^17..=2^17`, 0 for NaN.
///
/// Adding 1.5 * 2^23 leaves an f32 no bits for fractions: the addition rounds.
#[inline(always)]
fn round(x: f32) -> i32 {
    const LIMIT: f32 = 131_072.0;
    const ROUNDER: f32 = 12_582_912.0;
    let near = |x: f32| (x + ROUNDER).to_bits() as i32 - ROUNDER.to_bits() as i32;
    if x.to_bits() << 1 < LIMIT.to_bits() << 1 {
        return near(x);
    }
    if x.is_nan() { 0 } else { near(math::clamp(x, -LIMIT, LIMIT)) }
}

/// A scale that floats are divided by.
#[derive(Clone, Copy)]
struct Divisor {
    scale: f32,
    /// Exponent of the scale as stored; 0 where only the float quotient will do.
    exponent: i32,
    /// Halves of `2^54 / mantissa`, which has 31 bits.
    inverse: [u32; 2],
}

impl Divisor {
    /// The divisor of a scale; the float quotient alone is used for one that is not positive, below 2^-124 or
    /// from 2^112 on.
    #[inline(always)]
    fn of(scale: f32) -> Self {
        let bits = scale.to_bits();
        let (exponent, mantissa) = ((bits >> 23) as i32, bits & 0x007f_ffff | 0x0080_0000);
        let inverse = ((1u64 << 54) / u64::from(mantissa)) as u32;
        let exponent = if (3..=238).contains(&exponent) { exponent } else { 0 };
        Self { scale, exponent, inverse: [inverse >> 16, inverse & 0xffff] }
    }

    /// `round(x / scale)`: without a division of floats on a core that has none.
    #[inline(always)]
    fn nearest(&self, x: f32) -> i32 {
        let found = if FLOATS_ARE_DEAR { self.by_product(x) } else { None };
        found.unwrap_or_else(|| round(x / self.scale))
    }

    /// `round(x / scale)` by three products of 16 bits; `None` where the quotient is so near to half an integer that
    /// its rounding to f32 or the error of the product may decide, from 2^17 on, and for all that is not finite.
    ///
    /// The product is the quotient of the mantissas times 2^30, less up to 5 for the halves that it leaves out and
    /// for the rounding of the inverse; the float quotient differs from the exact one by at most 2^-24 of it, 128.
    #[inline(always)]
    fn by_product(&self, x: f32) -> Option<i32> {
        const UNSURE: u32 = 136;
        let bits = x.to_bits();
        let fraction = 30 + self.exponent - (bits << 1 >> 24) as i32;
        if self.exponent == 0 || fraction < 14 {
            return None;
        }
        if fraction >= 32 {
            return Some(0); // zeros and subnormal numbers too, by the least exponent of a scale
        }
        let mantissa = bits << 8 | 0x8000_0000;
        let ([high, low], [own_high, own_low]) =
            (self.inverse, [mantissa >> 16, mantissa & 0xffff]);
        let product = own_high * high + ((own_high * low) >> 16) + ((own_low * high) >> 16);
        let unit = 1u32.wrapping_shl(fraction as u32);
        let rounded = product + (1u32 << (fraction - 1));
        if (rounded + UNSURE) & unit.wrapping_sub(1) <= 2 * UNSURE {
            return None;
        }
        let magnitude = (rounded >> fraction) as i32;
        Some(if bits >> 31 == 0 { magnitude } else { -magnitude })
    }
}

/// `y[to(i)] = x[from(i)]` for every index `i` of the box, and `fill` in `y`'s padding.
///
/// Values and `fill` have to fit into `Y`: from i16 to i8, only the low byte is kept. Places outside of `x`
/// or `y` are left out; values of `y` from `s.len` on that are not in the box stay.
#[inline(always)]
pub fn padded_copy<X: Value, Y: Value>(x: &[X], y: &mut [Y], fill: i32, s: &PaddedCopy) {
    if !s.is_dense() {
        pad(y, Y::of(fill), s);
    }
    crate::kernels::arch::integer::padded_copy(x, y, s);
}

/// Definition of [`padded_copy`] in plain Rust, without the padding: `y[to(i)] = x[from(i)]` for every index
/// `i` of the box; the rest of `y` is left alone. Of values that do not fit into `Y` only the low byte is
/// kept.
#[inline(never)]
pub fn portable<X: Value, Y: Value>(x: &[X], y: &mut [Y], s: &PaddedCopy) {
    each(x, y, s, |x| Y::of(x.into()));
}

/// `y[to(i)] = (x[from(i)] - zero_point) * scale` for every index `i` of the box, rounded once.
///
/// Padding of `y` is left alone, whatever `s.len` is, and places outside of `x` or `y` are left out.
#[inline(never)]
pub fn dequantize<X: Value>(x: &[X], y: &mut [f32], scale: f32, zero_point: i32, s: &PaddedCopy) {
    each(x, y, s, |x| (x.into() - zero_point) as f32 * scale);
}

/// Fills at least the padding of `y[..s.len]`, before the box is copied: what lies in front of, between and
/// behind the box's rows, where each is one gapless piece and they are in order, else all `s.len` values.
#[inline(never)]
fn pad<Y: Copy>(y: &mut [Y], fill: Y, s: &PaddedCopy) {
    let [width, channels] = [s.dims[1], s.dims[2]];
    let lines = s.to[2] == 1 && (width == 1 || s.to[1] == channels);
    if !lines || s.dims[0] > 1 && s.to[0] < width * channels {
        let len = s.len.min(y.len());
        return y.get_mut(..len).unwrap_or(&mut []).fill(fill);
    }
    let mut filled = 0;
    for row in 0..s.dims[0] {
        let line = s.to_start + row * s.to[0];
        fill_range(y, filled, line.min(s.len), fill);
        filled = line + width * channels;
    }
    fill_range(y, filled, s.len, fill);
}

/// `y[start..end] = fill`, as far as `y` reaches; nothing where `start` is not below `end`.
fn fill_range<Y: Copy>(y: &mut [Y], start: usize, end: usize, fill: Y) {
    let end = end.min(y.len());
    y.get_mut(start..end).unwrap_or(&mut []).fill(fill);
}

/// `y[to(i)] = f(x[from(i)])` for every index `i` of the box that both slices hold; steps of 0 along the last
/// axis count as 1.
#[inline(always)]
fn each<X: Copy, Y>(x: &[X], y: &mut [Y], s: &PaddedCopy, mut f: impl FnMut(X) -> Y) {
    if [s.from[2], s.to[2]] == [1, 1] {
        // A loop of its own: it becomes a copy where nothing is computed.
        return each_line(x, y, s, |xs, ys| {
            let lines = xs.iter().zip(ys.iter_mut()).take(s.dims[2]);
            lines.for_each(|(x, y)| *y = f(*x));
        });
    }
    let s = &s.with_long_lines();
    let [from_step, to_step] = [s.from[2], s.to[2]];
    each_line(x, y, s, |xs, ys| {
        let (mut from, mut to) = (0, 0);
        for _ in 0..s.dims[2] {
            if let (Some(x), Some(y)) = (xs.get(from), ys.get_mut(to)) {
                *y = f(*x);
            }
            (from, to) = (from + from_step, to + to_step);
        }
    });
}

/// Calls `f` for each line of the box, with the rest of `x` and of `y` from the line's first value to the end
/// of the slice; lines that start outside are skipped.
#[inline(always)]
pub(crate) fn each_line<X, Y>(
    x: &[X],
    y: &mut [Y],
    s: &PaddedCopy,
    mut f: impl FnMut(&[X], &mut [Y]),
) {
    for row in 0..s.dims[0] {
        for column in 0..s.dims[1] {
            let at_x = s.from_start + row * s.from[0] + column * s.from[1];
            let at_y = s.to_start + row * s.to[0] + column * s.to[1];
            if let (Some(x), Some(y)) = (x.get(at_x..), y.get_mut(at_y..)) {
                f(x, y);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Independent: the float quotient.
    #[test]
    fn a_product_rounds_as_the_quotient() {
        let mut state = 7u64; // Knuth's generator, of which the upper half is used
        let mut word = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 32) as u32
        };
        let (mut sure, mut cases) = (0, 0);
        for _ in 0..40_000 {
            let [a, b, c, d] = [word(), word(), word(), word()];
            let scale = f32::from_bits((120 + a % 9) << 23 | b >> 9);
            let near = (d % 4096) as f32 * 0.5 * scale;
            let any = f32::from_bits(c & 0x807f_ffff | (100 + d % 40) << 23);
            let nearly = f32::from_bits((near.to_bits() + c % 5).saturating_sub(2));
            for x in [near, -near, any, nearly, 0.0, -0.0, f32::NAN, 1e30, 1e-42] {
                cases += 1;
                if let Some(found) = Divisor::of(scale).by_product(x) {
                    sure += 1;
                    assert_eq!(found, round(x / scale), "{x:e} / {scale:e}");
                }
            }
        }
        assert!(2 * sure > cases, "{sure} of {cases}");
        for scale in [0.0, -1.0, 1e-42, f32::INFINITY, f32::NAN] {
            assert!(
                Divisor::of(scale).by_product(3.0).is_none_or(|found| found == round(3.0 / scale))
            );
        }
    }
}
