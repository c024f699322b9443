//! Products of two computed matrices.

use super::PANEL;
use super::arch::{Factors, Steps, Walk, float};
use crate::pieces::pieces_mut;

/// Shapes of a stack of matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MatMul {
    /// Number of products.
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

/// `y[n][r][c] = sum_k a[n][r][k] * b[n][k][c]`, all row-major; 0 where `inner` is 0. `y` is
/// `[batch][rows][columns]`, without a step between its matrices.
///
/// Order: each value starts at 0 and adds its products by `k`.
#[inline(never)]
pub fn matmul(a: &[f32], b: &[f32], y: &mut [f32], s: &MatMul) {
    let [a_row, b_row] = [s.inner, s.columns];
    let products = Steps { count: s.inner, x: 1, w: b_row };
    let walk = Walk::new([products, Steps::ONCE, Steps::ONCE], a_row);
    for (n, y) in pieces_mut(y, s.rows * s.columns).take(s.batch).enumerate() {
        let product = Product { a: tail(a, n * s.a_step), b: tail(b, n * s.b_step), walk, s };
        each_tile(s.rows, |row, whole_row| {
            each_tile(s.columns, |column, whole_column| match (whole_column, whole_row) {
                (true, true) => product.sums::<TILE>([row, column], PANEL, y),
                (true, false) => product.sums::<1>([row, column], PANEL, y),
                (false, true) => product.sums::<TILE>([row, column], 1, y),
                (false, false) => product.sums::<1>([row, column], 1, y),
            });
        });
    }
}

/// Rows and columns of the result that are computed together.
const TILE: usize = PANEL;

/// Calls `visit(start, true)` for each full tile of [`TILE`] indices in `0..len`, then `visit(index, false)`
/// for each index behind the last of them.
#[inline(always)]
fn each_tile(len: usize, mut visit: impl FnMut(usize, bool)) {
    let mut at = 0;
    while at < len {
        let whole = len - at >= TILE;
        visit(at, whole);
        at += if whole { TILE } else { 1 };
    }
}

/// One product of the stack.
struct Product<'a> {
    a: &'a [f32],
    b: &'a [f32],
    walk: Walk,
    s: &'a MatMul,
}

impl Product<'_> {
    /// Computes the result's values in `lanes` columns, [`PANEL`] or 1, from `column` and `N` rows from `row`
    /// on, all of which have to exist, and writes them to `y`, the product's matrix.
    #[inline(always)]
    fn sums<const N: usize>(&self, [row, column]: [usize; 2], lanes: usize, y: &mut [f32]) {
        let x = tail(self.a, row * self.s.inner);
        let factors = Factors { x, w: self.b, first: column };
        let mut acc = [[0.0; N]; PANEL];
        float::tile(&self.walk, factors, &[0.0; PANEL], lanes, &mut acc);
        for (p, acc) in acc.iter().take(lanes).enumerate() {
            let start = row * self.s.columns + column + p;
            let ys = y.get_mut(start..).unwrap_or(&mut []).iter_mut();
            ys.step_by(self.s.columns.max(1)).zip(acc).for_each(|(y, acc)| *y = *acc);
        }
    }
}

/// `values` from `start` on; empty where there are fewer.
#[inline(always)]
fn tail(values: &[f32], start: usize) -> &[f32] {
    values.get(start..).unwrap_or(&[])
}
