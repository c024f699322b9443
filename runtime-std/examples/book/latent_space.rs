//! Chapter 4: the plane of two latents, and how well it holds images, beside two principal components.

use super::Told;
use super::digits::{Digits, side_by_side};
use super::latent::probabilities;
use nalgebra::{DMatrix, SymmetricEigen};

/// Test images, and the one that is shown.
const ROWS: usize = 397;
const SHOWN: usize = 4;

/// The errors of both, and one image as each of them sees it.
pub fn tell() -> Told {
    let digits = Digits::first(ROWS)?;
    let images = &digits.batch.inputs[0];
    let mut by_decoder = Vec::new();
    let mut likelihood = digits.likelihood()?;
    for row in 0..ROWS {
        let outputs = likelihood.forward().decode(digits.posterior(row).loc)?;
        by_decoder.extend(probabilities(outputs));
    }
    let by_pca = principal(&images.values);
    let error = |found: &[f32]| {
        let squares = images.values.iter().zip(found).map(|(x, y)| f64::from(x - y).powi(2));
        squares.sum::<f64>() / found.len() as f64
    };
    let shown = |values: &'_ [f32]| values[64 * SHOWN..64 * SHOWN + 64].to_vec();
    let three = [shown(&images.values), shown(&by_pca), shown(&by_decoder)];
    Ok(format!(
        "squared error of a pixel: {:.4} by two principal components, {:.4} by two latents\n\
         image      components latents\n{}",
        error(&by_pca),
        error(&by_decoder),
        side_by_side(&three.each_ref().map(Vec::as_slice)),
    ))
}

/// The images as their two largest principal components give them, fitted to these very images.
fn principal(values: &[f32]) -> Vec<f32> {
    let mut data =
        DMatrix::from_fn(values.len() / 64, 64, |row, i| f64::from(values[64 * row + i]));
    let mean = data.row_mean();
    data.row_iter_mut().for_each(|mut row| row -= &mean);
    let eigen = SymmetricEigen::new(data.transpose() * &data);
    let mut order: Vec<usize> = (0..64).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let axes = DMatrix::from_fn(64, 2, |i, j| eigen.eigenvectors[(i, order[j])]);
    let projected = &data * &axes * axes.transpose();
    let rows = projected.row_iter();
    rows.flat_map(|row| (row + &mean).iter().map(|v| *v as f32).collect::<Vec<_>>()).collect()
}
