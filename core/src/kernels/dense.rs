//! Fully connected layers.

use crate::pieces::{pieces, pieces_mut};

/// Outputs computed together: weights are stored in panels of this many rows.
pub const PANEL: usize = 4;

/// `y[o] = bias[o] + sum_i x[i] * w[o][i]`.
///
/// `weights` holds panels of [`PANEL`] rows, interleaved (`[out / PANEL][in][PANEL]`, the last panel
/// padded with zeros): one pass over `x` serves four outputs. `bias` has a value per output.
///
/// Order: each output starts at its bias and adds its products in the order of the inputs.
#[inline(never)]
pub fn dense(x: &[f32], weights: &[f32], bias: &[f32], y: &mut [f32]) {
    let panels = pieces(weights, PANEL * x.len());
    for ((panel, bias), y) in panels.zip(pieces(bias, PANEL)).zip(pieces_mut(y, PANEL)) {
        let mut acc = [0.0; PANEL];
        for (acc, bias) in acc.iter_mut().zip(bias) {
            *acc = *bias;
        }
        for (x, w) in x.iter().zip(panel.as_chunks::<PANEL>().0) {
            accumulate(&mut acc, *x, w);
        }
        y.iter_mut().zip(acc).for_each(|(y, acc)| *y = acc);
    }
}

/// [`dense`] for each of `rows` rows of `x`, which share the weights: a matrix product.
///
/// `x` is `[rows][in]`, `y` is `[rows][out]`.
#[inline(never)]
pub fn dense_rows(x: &[f32], weights: &[f32], bias: &[f32], y: &mut [f32], rows: usize) {
    let (inputs, outputs) = (x.len() / rows.max(1), y.len() / rows.max(1));
    for (x, y) in pieces(x, inputs).zip(pieces_mut(y, outputs)) {
        dense(x, weights, bias, y);
    }
}

/// One input against one column of a panel: `acc[j] += x * w[j]`, product rounded first.
#[inline(always)]
pub(super) fn accumulate<const P: usize>(acc: &mut [f32; P], x: f32, w: &[f32; P]) {
    for (acc, w) in acc.iter_mut().zip(w) {
        *acc += x * w;
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
    }
}
