//! Probabilistic principal component analysis: what as many latents explain without a network.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use serde::Serialize;

/// A fit to data, and how well it explains the same data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pca {
    /// Latents.
    pub latent: usize,
    /// Mean `ln p(x)` of a row, in nats: a density. None where the data lie in `latent` dimensions,
    /// whose density is infinite.
    pub log_p: Option<f64>,
    /// Mean squared error of a value by its projection onto the principal axes: no affine decoder with
    /// as many latents has less.
    pub reconstruction: f64,
    /// Variance of the noise, `sigma^2`.
    pub noise: f64,
}

impl Pca {
    /// The maximum-likelihood fit of `x ~ N(mean, W W^T + sigma^2 I)` to rows of `len` values, at least one
    /// row and one value, all finite (Tipping and Bishop, "Probabilistic principal component analysis", J. R.
    /// Stat. Soc. B 61, 1999): with eigenvalues `l_1 >= l_2 ..` of the covariance of D values,
    ///
    /// ```text
    /// sigma^2 = (l_(d+1) + .. + l_D) / (D - d)
    /// ln p    = -1/2 (D ln 2 pi + ln l_1 + .. + ln l_d + (D - d) ln sigma^2 + D)    in the mean
    /// ```
    ///
    /// The eigenvalues are those of the smaller of covariance and Gram matrix, which share them.
    pub fn fit(values: &[f32], len: usize, latent: usize) -> Self {
        let (data, products) = centred(values, len);
        let rows = data.nrows();
        let total = products.trace() / rows as f64;
        let eigenvalues: DVector<f64> = SymmetricEigen::new(products).eigenvalues / rows as f64;
        let mut eigenvalues: Vec<f64> = eigenvalues.iter().map(|value| value.max(0.0)).collect();
        eigenvalues.sort_by(|a, b| b.total_cmp(a));
        let kept: Vec<f64> = eigenvalues.into_iter().take(latent).collect();
        let rest = (total - kept.iter().sum::<f64>()).max(0.0);
        let others = len.saturating_sub(latent) as f64;
        let noise = if others > 0.0 { rest / others } else { 0.0 };
        // Less than rounding leaves of the total is nothing.
        let spread = noise > 1e-12 * total && kept.len() == latent;
        let log_p = spread.then(|| {
            let log_det = kept.iter().map(|value| value.ln()).sum::<f64>() + others * noise.ln();
            -0.5 * (len as f64 * (std::f64::consts::TAU.ln() + 1.0) + log_det)
        });
        Self { latent, log_p, reconstruction: rest / len as f64, noise }
    }
}

/// The coordinates of each of these rows of `len` values on the first `count` principal axes of all of them, the axis of
/// the largest variance first; fewer where there are fewer rows or values. An axis has no sign.
pub fn principal_scores(values: &[f32], len: usize, count: usize) -> Vec<Vec<f64>> {
    let (data, products) = centred(values, len);
    // With `X = U S V^T`, the coordinates `U S` are those of the Gram matrix `X X^T` too.
    let (rows, by_rows) = (data.nrows(), data.nrows() < len);
    let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(products);
    let mut order: Vec<usize> = (0..eigenvalues.len()).collect();
    order.sort_by(|a, b| eigenvalues[*b].total_cmp(&eigenvalues[*a]));
    let axes = order.into_iter().take(count).map(|axis| {
        let vector = eigenvectors.column(axis);
        if by_rows { vector * eigenvalues[axis].max(0.0).sqrt() } else { &data * vector }
    });
    let axes: Vec<DVector<f64>> = axes.collect();
    (0..rows).map(|row| axes.iter().map(|axis| axis[row]).collect()).collect()
}

/// Rows of `len` values less the mean of each column, and the smaller of their Gram matrix and the products of their columns.
fn centred(values: &[f32], len: usize) -> (DMatrix<f64>, DMatrix<f64>) {
    let rows = values.len() / len.max(1);
    let mut data = DMatrix::from_fn(rows, len, |row, i| f64::from(values[row * len + i]));
    for mut column in data.column_iter_mut() {
        let mean = column.sum() / rows.max(1) as f64;
        column.add_scalar_mut(-mean);
    }
    let products = if rows < len { &data * data.transpose() } else { data.transpose() * &data };
    (data, products)
}

#[cfg(test)]
mod tests {
    use super::{Pca, principal_scores};

    /// Points on a line of the plane have their distances along it, by covariance and by Gram matrix.
    #[test]
    fn coordinates_are_distances_along_the_axes() {
        let values = [0.0, 0.0, 3.0, 4.0, 6.0, 8.0];
        let wide: Vec<f32> = values.chunks(2).flat_map(|xy| [xy[0], xy[1], 0.0, 0.0]).collect();
        for scores in [principal_scores(&values, 2, 2), principal_scores(&wide, 4, 2)] {
            let sign = scores[2][0].signum();
            for (row, expected) in scores.iter().zip([-5.0, 0.0, 5.0]) {
                assert!((sign * row[0] - expected).abs() < 1e-6, "{scores:?}");
                assert!(row[1].abs() < 1e-6, "{scores:?}");
            }
        }
    }

    /// Three points on a line of the plane, and the closed form of their fit by hand.
    #[test]
    fn points_beside_a_line() {
        let values = [-2.0, 0.1, 0.0, -0.2, 2.0, 0.1];
        let fit = Pca::fit(&values, 2, 1);
        let (long, short): (f64, f64) = (8.0 / 3.0, 0.06 / 3.0);
        assert!((fit.noise - short).abs() < 1e-7, "{fit:?}");
        assert!((fit.reconstruction - short / 2.0).abs() < 1e-7);
        let expected = -0.5 * (2.0 * (std::f64::consts::TAU.ln() + 1.0) + long.ln() + short.ln());
        assert!((fit.log_p.expect("a density") - expected).abs() < 1e-6);
        // The Gram matrix of two rows says the same as the covariance of their three values.
        let [by_gram, by_covariance] = [
            [1.0, 2.0, 3.0, 3.0, 2.0, 0.0].as_slice(),
            &[1.0, 2.0, 3.0, 3.0, 2.0, 0.0, 1.0, 2.0, 3.0, 3.0, 2.0, 0.0],
        ]
        .map(|values| Pca::fit(values, 3, 1));
        assert!(by_gram.log_p.is_none() && by_covariance.log_p.is_none());
        assert!((by_gram.reconstruction - by_covariance.reconstruction).abs() < 1e-12);
    }
}
