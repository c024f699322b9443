//! Products of two computed matrices.

use crate::pieces::{pieces, pieces_mut};

/// Shapes of a stack of matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MatMul {
    /// Products.
    pub batch: usize,
    /// Rows of `a` and of the result.
    pub rows: usize,
    /// Columns of `a`, rows of `b`.
    pub inner: usize,
    /// Columns of `b` and of the result.
    pub columns: usize,
    /// Floats between neighbouring matrices of `a`; 0 repeats one.
    pub a_step: usize,
    /// Floats between neighbouring matrices of `b`; 0 repeats one.
    pub b_step: usize,
}

/// `y[n][r][c] = sum_k a[n][r][k] * b[n][k][c]`; all row-major.
///
/// Order: each value starts at 0 and adds its products by `k`.
#[inline(never)]
pub fn matmul(a: &[f32], b: &[f32], y: &mut [f32], s: &MatMul) {
    for (n, y) in pieces_mut(y, s.rows * s.columns).take(s.batch).enumerate() {
        let (a, b) = (tail(a, n * s.a_step), tail(b, n * s.b_step));
        for (a, y) in pieces(a, s.inner).zip(pieces_mut(y, s.columns)) {
            y.fill(0.0);
            for (a, b) in a.iter().zip(pieces(b, s.columns)) {
                y.iter_mut().zip(b).for_each(|(y, b)| *y += a * b);
            }
        }
    }
}

#[inline(always)]
fn tail(values: &[f32], start: usize) -> &[f32] {
    values.get(start..).unwrap_or(&[])
}
