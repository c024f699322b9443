//! Integer layers: 8-bit weights, 8- or 16-bit activations, 32-bit sums, one rounding rule.
//!
//! A value stands for a real number: `r = scale * (q - zero_point)`. Weights are i8 in `-127..=127`
//! with a scale per output channel and no zero point; activations are i8 with one scale and zero
//! point per tensor (`int8x8`), or i16 with zero point 0 (`int8x16`). With real multipliers folded
//! into integers offline, inference is integer arithmetic throughout (Jacob et al. 2018, "Quantization
//! and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
//! <https://arxiv.org/abs/1712.05877>).
//!
//! # The rule
//!
//! A sum of products becomes a value of the next tensor by [`Requantize::apply`], and in no other way:
//! `y = clamp(zero_point + floor((acc * M + 2^31) / 2^32), low, high)`, with `M = round(m * 2^32)` for
//! the real multiplier `m = scale_x * scale_w / scale_y` below 1/2. Ties round towards plus infinity.
//! Everything is exact integer arithmetic, so that the order of a sum does not matter and every form
//! of a kernel gives the same bytes on every machine.
//!
//! The zero point of `x` is folded into the bias: `bias' = round(bias / (scale_x * scale_w)) -
//! zero_point_x * sum(w)`. That sums stay inside i32 is proved offline; sums wrap where that is broken.
//!
//! # Memory
//!
//! The arena and the pack are words ([`f32`] slices); [`i8s`], [`i16s`] and [`pairs`] view them as
//! integers in place. Activations are channels last. A slice may be longer than its tensor. Of
//! one that is too short nothing is promised but that no other memory is touched: a definition computes
//! what there is, machine code nothing. Kernels that multiply do not pad: [`padded_copy`] or [`quantize`] has
//! put `x` into a buffer where every patch lies inside.
//!
//! # Forms
//!
//! A [`Form`] is an order of weights, made by [`pack_weights`]. Each has a definition in plain Rust
//! ([`portable`]) that runs everywhere, and machine code on the cores that it is made for; a kernel's
//! name says its form ([`linear_plain`], [`linear_paired`], [`linear_wide`], [`linear_helium`]).

pub(super) mod convert;
mod depthwise;
mod elementwise;
pub(super) mod linear;
mod packing;
mod pool;
mod scaled_float;
mod views;

pub use convert::{PaddedCopy, dequantize, padded_copy, quantize};
pub use depthwise::{Depthwise, depthwise};
pub use elementwise::{Add, PIECE_BITS, Piecewise, add, lookup, piecewise};
pub use linear::{Linear, linear_helium, linear_paired, linear_plain, linear_wide};
pub use packing::{
    ALWAYS_EXACT, EXACT_WITH_128, Form, PackingError, pack_depthwise, pack_weights,
    packed_depthwise_len, packed_len, paired_segment,
};
pub use pool::{RoundedMean, average_pool, max_pool};
use scaled_float::scaled_float;
pub use views::{bytes, i8s, i8s_mut, i16s, i16s_mut, pairs, triples};

pub use super::arch::native;

/// The definitions of the kernels that also exist as machine code.
pub mod portable {
    pub use super::convert::portable as padded_copy;
    pub use super::depthwise::portable as depthwise;
    pub use super::linear::portable::{helium, paired, plain, wide};
}

/// The rule by which a sum becomes a value of the output tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(C)]
pub struct Requantize {
    /// The integer that represents the real number 0.
    pub zero_point: i32,
    /// Least value of the result, a value of the output's type; the zero point where a ReLU follows.
    pub low: i32,
    /// Largest value of the result, a value of the output's type.
    pub high: i32,
    /// Bits by which the sum is shifted left first, 0 to 31: for real multipliers of 1/2 and more. What is
    /// shifted out of i32 is lost; the compiler makes sure that nothing is.
    pub shift: u32,
}

impl Requantize {
    /// `clamp(zero_point + floor((acc * 2^shift * multiplier + 2^31) / 2^32), low, high)`. `acc * 2^shift`
    /// has to be an i32; it and the sum with the zero point wrap otherwise.
    ///
    /// ```
    /// use elbow_core::kernels::integer::Requantize;
    /// let rule = Requantize { zero_point: 3, low: -128, high: 127, shift: 0 };
    /// let quarter = 1 << 30;
    /// assert_eq!([9, 10, 11].map(|acc| rule.apply(acc, quarter)), [5, 6, 6]); // 2.25, 2.5, 2.75
    /// assert_eq!([-9, -10, -11].map(|acc| rule.apply(acc, quarter)), [1, 1, 0]);
    /// assert_eq!([i32::MIN, i32::MAX].map(|acc| rule.apply(acc, quarter)), [-128, 127]);
    /// ```
    #[inline(always)]
    pub fn apply(&self, acc: i32, multiplier: i32) -> i32 {
        self.clamp(self.zero_point.wrapping_add(scaled(acc.wrapping_shl(self.shift), multiplier)))
    }

    /// `y` limited to `low..=high`; `high` where `low > high`.
    #[inline(always)]
    fn clamp(&self, y: i32) -> i32 {
        y.max(self.low).min(self.high)
    }
}

/// `floor((acc * multiplier + 2^31) / 2^32)`, exact: the high word of the product, rounded, ties towards plus
/// infinity.
#[inline(always)]
fn scaled(acc: i32, multiplier: i32) -> i32 {
    ((i64::from(acc) * i64::from(multiplier) + (1 << 31)) >> 32) as i32
}

mod sealed {
    use zerocopy::{FromBytes, Immutable, IntoBytes};

    pub trait Sealed: FromBytes + Immutable + IntoBytes {}
    impl Sealed for i8 {}
    impl Sealed for i16 {}
    impl Sealed for f32 {}
}

/// An integer activation: i8 or i16.
pub trait Value: sealed::Sealed + Copy + Into<i32> + 'static {
    /// The low 8 or 16 bits of `value`: the same number where the type holds it.
    fn of(value: i32) -> Self;
}

impl Value for i8 {
    /// The low byte of `value`.
    #[inline(always)]
    fn of(value: i32) -> Self {
        value as i8
    }
}

impl Value for i16 {
    /// The low 16 bits of `value`.
    #[inline(always)]
    fn of(value: i32) -> Self {
        value as i16
    }
}

/// What a layer writes: i8, i16, or f32 for heads.
pub trait Output: sealed::Sealed + Copy + 'static {
    /// Bytes of one.
    const SIZE: usize = size_of::<Self>();

    /// The output of a row with the sum `acc`, bias included, and the row's parameter.
    ///
    /// Integers: [`Requantize::apply`] with the parameter as the multiplier, cut to the type's low bits.
    /// Floats: the sum, rounded to f32, times the parameter, whose bits are those of an f32 scale; `rule`
    /// does not matter.
    fn finish(acc: i32, parameter: i32, rule: &Requantize) -> Self;

    /// The output, where `self` is what machine code has written in its place. Integers are written finished;
    /// for f32 the bits of `self` are those of the i32 sum with its bias, which is multiplied by the scale in
    /// the bits of `parameter`.
    #[doc(hidden)]
    #[inline(always)]
    fn settled(self, _parameter: i32) -> Self {
        self
    }
}

impl Output for i8 {
    /// The low byte of [`Requantize::apply`] with the parameter as the multiplier.
    #[inline(always)]
    fn finish(acc: i32, parameter: i32, rule: &Requantize) -> Self {
        rule.apply(acc, parameter) as i8
    }
}

impl Output for i16 {
    /// The low 16 bits of [`Requantize::apply`] with the parameter as the multiplier.
    #[inline(always)]
    fn finish(acc: i32, parameter: i32, rule: &Requantize) -> Self {
        rule.apply(acc, parameter) as i16
    }
}

impl Output for f32 {
    /// `acc`, rounded to f32, times the scale whose bits are the parameter.
    #[inline(always)]
    fn finish(acc: i32, parameter: i32, _: &Requantize) -> Self {
        scaled_float(acc, f32::from_bits(parameter as u32))
    }

    /// `sum * scale`, where the bits of `self` are the i32 sum and those of the scale are the parameter.
    #[inline(always)]
    fn settled(self, parameter: i32) -> Self {
        Self::finish(self.to_bits() as i32, parameter, &Requantize::default())
    }
}

#[cfg(test)]
mod tests;
