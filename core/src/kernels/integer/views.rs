//! Words of the arena and the pack, seen as integers.
//!
//! Views cover all words of the slice, so that they may be up to three bytes longer than the tensor.
//! On big-endian machines the views of the pack's bytes would differ; no target is one.

use zerocopy::{FromBytes, IntoBytes};

/// The words as signed bytes, four per word, the low byte first.
///
/// ```
/// use elbow_core::kernels::integer::i8s;
/// assert_eq!(i8s(&[f32::from_bits(0xfe01_0203)]), [3, 2, 1, -2]);
/// ```
#[inline(always)]
pub fn i8s(words: &[f32]) -> &[i8] {
    <[i8]>::ref_from_bytes(words.as_bytes()).unwrap_or(&[])
}

/// [`i8s`] to write: what is written there changes the words.
#[inline(always)]
pub fn i8s_mut(words: &mut [f32]) -> &mut [i8] {
    <[i8]>::mut_from_bytes(words.as_mut_bytes()).unwrap_or(&mut [])
}

/// The words as unsigned bytes, four per word, the low byte first.
#[inline(always)]
pub fn bytes(words: &[f32]) -> &[u8] {
    words.as_bytes()
}

/// The words as 16-bit integers, two per word, the low half first.
#[inline(always)]
pub fn i16s(words: &[f32]) -> &[i16] {
    <[i16]>::ref_from_bytes(words.as_bytes()).unwrap_or(&[])
}

/// [`i16s`] to write: what is written there changes the words.
#[inline(always)]
pub fn i16s_mut(words: &mut [f32]) -> &mut [i16] {
    <[i16]>::mut_from_bytes(words.as_mut_bytes()).unwrap_or(&mut [])
}

/// The words two by two, as the parameters `[bias, multiplier]` of outputs; an odd last word is left out.
#[inline(always)]
pub fn pairs(words: &[f32]) -> &[[i32; 2]] {
    <[i32]>::ref_from_bytes(words.as_bytes()).unwrap_or(&[]).as_chunks().0
}

/// The words three by three, as the coefficients of the pieces of [`piecewise`](super::piecewise()); one or
/// two last words that make no triple are left out.
#[inline(always)]
pub fn triples(words: &[f32]) -> &[[i32; 3]] {
    <[i32]>::ref_from_bytes(words.as_bytes()).unwrap_or(&[]).as_chunks().0
}
