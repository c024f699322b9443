//! Integer weights: rounded to nearest, or so that errors make up for each other.

use super::Moments;
use nalgebra::{Cholesky, DMatrix};

/// Largest integer weight.
const LARGEST: f64 = 127.0;
/// Added to every variance, as a share of their mean (Frantar et al. 2023, section 3.3). Between 1e-3
/// and 0.1 it makes no difference in nats.
const DAMPING: f64 = 0.01;

/// Weights `scale[r] * values[r][k]` of the rows (outputs) of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerWeights {
    /// Weights of a row.
    pub inputs: usize,
    /// All rows, -127 to 127.
    pub values: Vec<i8>,
    /// One per row, positive.
    pub scale: Vec<f32>,
}

impl IntegerWeights {
    /// The integers of a row; panics where there is no such row.
    pub fn row(&self, row: usize) -> &[i8] {
        &self.values[row * self.inputs..][..self.inputs]
    }
}

/// Row-major `[rows][inputs]` weights, each rounded to nearest, ties to even; a last part of a row is left
/// out.
///
/// The scale of a row is its largest magnitude over 127, or 1 where all are 0. Weights are finite.
pub fn nearest(weights: &[f32], inputs: usize) -> IntegerWeights {
    let rows = weights.chunks_exact(inputs.max(1));
    let scale: Vec<f32> = rows.clone().map(row_scale).collect();
    let values = rows
        .zip(&scale)
        .flat_map(|(row, scale)| row.iter().map(|w| round(f64::from(*w), f64::from(*scale)) as i8));
    IntegerWeights { inputs, values: values.collect(), scale }
}

/// Row-major weights, `[rows][inputs]` with the inputs of `moments`, rounded so that the outputs' error over
/// the calibration patches is small: GPTQ.
///
/// Scales are those of [`nearest`]. Per row the integers make `e^T H e` small, with `e = w - scale * q` and
/// `H` the covariance of the inputs, damped: the covariance and not the second moment, since
/// [`refit`](super::refit()) lets the bias make up for constant errors. One input after the other is rounded,
/// that of the largest variance first, and its error is moved on to those still to come.
///
/// With `H = L L^T`, the inputs in reverse order, `e^T H e = |L^T e|^2`: row `i` of `L^T` ends the influence
/// of input `i`, so the integer that makes it smallest, given those of the rows below, is
/// `q_i = round((w_i + sum_{j>i} L_ji / L_ii * e_j) / scale)`. These are the integers of Frantar et al.
/// (2023), who write it with the factor of the inverse: rounding to the nearest plane of a lattice (Babai
/// 1986; Chen et al. 2025, <https://arxiv.org/abs/2507.18553>). It needs no inverse.
///
/// A row where this is no better than rounding to nearest, undamped, is rounded to nearest.
pub fn gptq(weights: &[f32], moments: &Moments) -> IntegerWeights {
    let inputs = moments.inputs();
    let mut result = nearest(weights, inputs);
    let order = ascending(moments);
    let covariance = moments.covariances(&order);
    let Some(factor) = damped(&covariance) else { return result };
    for (row, scale) in result.scale.iter().enumerate() {
        let weights = &weights[row * inputs..][..inputs];
        let weights: Vec<f64> = order.iter().map(|k| f64::from(weights[*k])).collect();
        let values = &mut result.values[row * inputs..][..inputs];
        let scale = f64::from(*scale);
        let chosen = nearest_plane(&factor, &weights, scale);
        let cost = |q: &dyn Fn(usize) -> f64| {
            let errors: Vec<f64> = (0..inputs).map(|i| weights[i] - scale * q(i)).collect();
            quadratic(&covariance, &errors)
        };
        if cost(&|i| chosen[i]) < cost(&|i| f64::from(values[order[i]])) {
            order.iter().zip(&chosen).for_each(|(k, q)| values[*k] = *q as i8);
        }
    }
    result
}

/// Indices of the inputs by ascending variance; of equal ones the larger index comes first.
fn ascending(moments: &Moments) -> Vec<usize> {
    let mut order: Vec<usize> = (0..moments.inputs()).rev().collect();
    order.sort_by(|a, b| moments.covariance(*a, *a).total_cmp(&moments.covariance(*b, *b)));
    order
}

/// The lower Cholesky factor of the covariance with [`DAMPING`] times its mean variance added to the
/// diagonal; `None` where that is not positive definite, as where nothing varies.
fn damped(covariance: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let mut covariance = covariance.clone();
    let damping = DAMPING * covariance.trace() / covariance.nrows().max(1) as f64;
    for i in 0..covariance.nrows() {
        covariance[(i, i)] += damping;
    }
    Some(Cholesky::new(covariance)?.unpack())
}

/// Integers near `weights / scale`, chosen from the last input to the first so that each makes up for the
/// errors of those after it: see [`gptq`]. `factor` is the lower Cholesky factor, in the order of `weights`.
fn nearest_plane(factor: &DMatrix<f64>, weights: &[f64], scale: f64) -> Vec<f64> {
    let inputs = weights.len();
    let mut integers = vec![0.0; inputs];
    let mut errors = vec![0.0; inputs];
    for i in (0..inputs).rev() {
        let column = &factor.as_slice()[i * inputs..][..inputs];
        let moved: f64 = column[i + 1..].iter().zip(&errors[i + 1..]).map(|(l, e)| l * e).sum();
        integers[i] = round(weights[i] + moved / column[i], scale);
        errors[i] = weights[i] - scale * integers[i];
    }
    integers
}

/// The quadratic form `e^T C e`.
fn quadratic(covariance: &DMatrix<f64>, errors: &[f64]) -> f64 {
    let columns = covariance.as_slice().chunks_exact(errors.len().max(1)).zip(errors);
    let products =
        columns.map(|(column, e)| e * column.iter().zip(errors).map(|(c, e)| c * e).sum::<f64>());
    products.sum()
}

/// The scale of a row: its largest magnitude over 127, at least the smallest normal f32; 1 where all weights
/// are 0.
fn row_scale(row: &[f32]) -> f32 {
    let largest = row.iter().fold(0.0f32, |largest, w| largest.max(w.abs()));
    if largest == 0.0 { 1.0 } else { (largest / LARGEST as f32).max(f32::MIN_POSITIVE) }
}

/// `weight / scale` rounded to nearest, ties to even, and clamped to -127..=127.
fn round(weight: f64, scale: f64) -> f64 {
    (weight / scale).round_ties_even().clamp(-LARGEST, LARGEST)
}
