//! A scale and a shift per channel: batch normalization that could not be folded away.

use crate::pieces::pieces_mut;

/// `y[c][i] = y[c][i] * scale[c] + shift[c]`, in place, the product rounded first; `y` is
/// `[scale.len()][inner]`, and `shift` is as long as `scale`.
#[inline(never)]
pub fn affine(y: &mut [f32], scale: &[f32], shift: &[f32]) {
    let inner = y.len() / scale.len().max(1);
    for ((y, scale), shift) in pieces_mut(y, inner).zip(scale).zip(shift) {
        y.iter_mut().for_each(|y| *y = *y * scale + shift);
    }
}
