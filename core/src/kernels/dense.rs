//! Fully connected layers.

use super::arch::float;
use crate::pieces::{pieces, pieces_mut};

/// Outputs computed together: weights are stored in panels of this many rows.
pub const PANEL: usize = 4;

/// `y[o] = bias[o] + sum_i x[i] * w[o][i]`.
///
/// `weights` holds panels of [`PANEL`] rows, interleaved (`[out / PANEL][in][PANEL]`, the last panel
/// padded with zeros): one pass over `x` serves four outputs. `bias` has a value per output. An empty `x`
/// leaves `y` as it is, as it has no weights; import refuses a layer that reads no values.
///
/// Order: each output starts at its bias and adds its products in the order of the inputs.
#[inline(never)]
pub fn dense(x: &[f32], weights: &[f32], bias: &[f32], y: &mut [f32]) {
    const LANES: usize = 2 * PANEL;
    let panels = pieces(weights, LANES * x.len());
    for ((panels, bias), y) in panels.zip(pieces(bias, LANES)).zip(pieces_mut(y, LANES)) {
        let mut acc = first_values(bias);
        float::panels(x, panels, &mut acc);
        match y.first_chunk_mut() {
            Some(y) => *y = acc,
            None => y.iter_mut().zip(acc).for_each(|(y, acc)| *y = acc),
        }
    }
}

/// [`dense`] for each of `rows` rows of `x`, which share weights and biases: a matrix product, written to
/// `y`.
///
/// `x` is `[rows][in]`, `y` is `[rows][out]`, both with exactly `rows` rows, at least one.
#[inline(never)]
pub fn dense_rows(x: &[f32], weights: &[f32], bias: &[f32], y: &mut [f32], rows: usize) {
    let (inputs, outputs) = (x.len() / rows.max(1), y.len() / rows.max(1));
    for (x, y) in pieces(x, inputs).zip(pieces_mut(y, outputs)) {
        dense(x, weights, bias, y);
    }
}

/// `y[i] = sum_o g[o] * w[o][i]` for each of `rows` rows of `g`: the backward pass of [`dense`], by the
/// same weights.
///
/// `g` is `[rows][out]`, `y` is `[rows][in]`, both with exactly `rows` rows, at least one; what `y` holds
/// before does not matter.
///
/// Order: each sum starts at 0 and adds its products in the order of the outputs, then, where the last
/// panel is not full, zeros.
#[inline(never)]
pub fn dense_transposed(g: &[f32], weights: &[f32], y: &mut [f32], rows: usize) {
    let (outputs, inputs) = (g.len() / rows.max(1), y.len() / rows.max(1));
    for (g, y) in pieces(g, outputs).zip(pieces_mut(y, inputs)) {
        y.fill(0.0);
        for (g, panels) in pieces(g, 2 * PANEL).zip(pieces(weights, 2 * PANEL * inputs)) {
            let [g0, g1, g2, g3, g4, g5, g6, g7] = first_values(g);
            let (front, back) = ([g0, g1, g2, g3], [g4, g5, g6, g7]);
            let (first, second) = panels.split_at_checked(PANEL * inputs).unwrap_or((panels, &[]));
            let (first, second) = (first.as_chunks().0, second.as_chunks().0);
            if second.is_empty() {
                y.iter_mut().zip(first).for_each(|(y, w)| *y = add_products(*y, &front, w));
                continue;
            }
            for ((y, w), v) in y.iter_mut().zip(first).zip(second) {
                *y = add_products(add_products(*y, &front, w), &back, v);
            }
        }
    }
}

/// `sum + g[0] * w[0] + g[1] * w[1] + g[2] * w[2] + g[3] * w[3]`, added from the left, each product rounded
/// first.
#[inline(always)]
fn add_products(sum: f32, g: &[f32; PANEL], w: &[f32; PANEL]) -> f32 {
    let ([g0, g1, g2, g3], [w0, w1, w2, w3]) = (g, w);
    sum + g0 * w0 + g1 * w1 + g2 * w2 + g3 * w3
}

/// The first `P` values, followed by zeros where there are fewer.
#[inline(always)]
pub(super) fn first_values<const P: usize>(values: &[f32]) -> [f32; P] {
    match values.first_chunk() {
        Some(values) => *values,
        None => {
            let mut first = [0.0; P];
            first.iter_mut().zip(values).for_each(|(first, value)| *first = *value);
            first
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_handles_a_last_panel_that_is_not_full() {
        // Rows [1 2], [3 4], [5 6], [7 8], [9 10] in panels of four.
        let weights =
            [1.0, 3.0, 5.0, 7.0, 2.0, 4.0, 6.0, 8.0, 9.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0];
        let mut y = [0.0; 5];
        dense(&[1.0, 10.0], &weights, &[0.5, 0.0, 0.0, 0.0, -1.0], &mut y);
        assert_eq!(y, [21.5, 43.0, 65.0, 87.0, 108.0]);
        let mut sums = [f32::NAN; 4];
        let g = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 0.5, 0.0, 10.0];
        dense_transposed(&g, &weights, &mut sums, 2);
        assert_eq!(sums, [25.0, 30.0, 90.5, 101.0]);
    }

    #[test]
    fn panels_are_read_across_two_by_two() {
        // Nine outputs, two inputs: w[o][i] = o + 10 i.
        let mut weights = [0.0; 3 * 2 * PANEL];
        for o in 0..9 {
            let at = o / PANEL * 2 * PANEL + o % PANEL;
            (weights[at], weights[at + PANEL]) = (o as f32, 10.0 + o as f32);
        }
        let mut sums = [f32::NAN; 2];
        dense_transposed(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0], &weights, &mut sums, 1);
        assert_eq!(sums, [44.0, 144.0]);
    }
}
