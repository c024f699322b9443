//! Scores without a network, which a model has to beat to be worth its flash. Larger is more normal, as for the model's.
//!
//! Largest |z|, principal components and Mahalanobis distance: there is no isolation forest, since the one small crate of it
//! (extended-isolation-forest 0.2.3, of 2022) takes no seed and knows the length of a row at compile time only.

use crate::rows::Rows;
use crate::{Error, Result};
use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Most values of a row for the baselines that need a covariance.
const MOST_VALUES: usize = 2048;
/// Added to every eigenvalue of a covariance, relative to their mean: windows have more values than there are normal
/// windows, and without it the smallest directions decide alone.
const RIDGE: f64 = 1e-3;

/// Scores of a baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// Its name in reports.
    pub name: &'static str,
    /// What it computes, for a person.
    pub formula: String,
    /// One per row; NaN where the row holds NaN.
    pub scores: Vec<f32>,
}

/// Scores of `rows` by every baseline, fitted to the `normal` rows: largest |z|, error of the projection on `components`
/// principal components, Mahalanobis distance.
///
/// # Errors
///
/// An input error for fewer than two normal rows, normal rows that are not finite, rows of another length, or of more
/// values than a covariance is made of.
pub fn baselines(normal: &Rows, rows: &Rows, components: usize) -> Result<Vec<Baseline>> {
    let values: usize = rows.shape.iter().product();
    if normal.count() < 2 || normal.shape.iter().product::<usize>() != values {
        return Err(Error::input(format!(
            "baselines need at least two normal rows of {values} values; found {} of shape {:?}",
            normal.count(),
            normal.shape
        )));
    }
    if normal.values.iter().any(|value| !value.is_finite()) {
        return Err(Error::input("the normal rows hold NaN or infinity; drop such rows"));
    }
    if values > MOST_VALUES {
        return Err(Error::input(format!(
            "baselines take at most {MOST_VALUES} values a row, and these have {values}; leave out --normal"
        )));
    }
    let fit = Fit::of(normal);
    let score = |of: &dyn Fn(&DVector<f64>) -> f64| -> Vec<f32> {
        (0..rows.count()).map(|row| of(&fit.centred(rows.row(row))) as f32).collect()
    };
    let components = components.clamp(1, values);
    Ok(vec![
        Baseline {
            name: "largest_z",
            formula: "-max |x - mean| / std, per value".into(),
            scores: score(&|x| -fit.largest_z(x)),
        },
        Baseline {
            name: "pca",
            formula: format!("-|x - projection on {components} principal components|^2"),
            scores: score(&|x| -fit.residual(x, components)),
        },
        Baseline {
            name: "mahalanobis_x",
            formula: format!("-(x - mean)^T (cov + {RIDGE} mean variance)^-1 (x - mean)"),
            scores: score(&|x| -fit.mahalanobis(x)),
        },
    ])
}

/// Mean, standard deviation and principal components of normal rows.
struct Fit {
    mean: DVector<f64>,
    std: Vec<f64>,
    /// Variances along the components, and the components as columns, the largest variance first.
    variances: Vec<f64>,
    components: Vec<DVector<f64>>,
}

impl Fit {
    /// That of at least two rows, all finite.
    fn of(normal: &Rows) -> Self {
        let (count, values) = (normal.count(), normal.shape.iter().product());
        let x = DMatrix::from_row_iterator(
            count,
            values,
            normal.values[..count * values].iter().map(|value| f64::from(*value)),
        );
        let mean: DVector<f64> = x.row_mean().transpose();
        let centred = DMatrix::from_fn(count, values, |row, value| x[(row, value)] - mean[value]);
        let covariance = centred.tr_mul(&centred) / (count - 1) as f64;
        let std = covariance.diagonal().iter().map(|variance| variance.sqrt()).collect();
        let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(covariance);
        let mut order: Vec<usize> = (0..values).collect();
        order.sort_by(|a, b| eigenvalues[*b].total_cmp(&eigenvalues[*a]));
        let variances = order.iter().map(|at| eigenvalues[*at].max(0.0)).collect();
        let components = order.iter().map(|at| eigenvectors.column(*at).into_owned()).collect();
        Self { mean, std, variances, components }
    }

    /// A row less the mean.
    fn centred(&self, row: &[f32]) -> DVector<f64> {
        let values = row.iter().map(|value| f64::from(*value));
        DVector::from_iterator(row.len(), values) - &self.mean
    }

    /// The largest `|x| / std`; NaN where `x` holds one. Values that never vary in normal rows count where they do here:
    /// infinite.
    fn largest_z(&self, x: &DVector<f64>) -> f64 {
        let z = x.iter().zip(&self.std).map(|(x, std)| match (x.abs(), *std) {
            (0.0, 0.0) => 0.0,
            (x, std) => x / std,
        });
        z.fold(0.0, |largest, z| if z > largest || z.is_nan() { z } else { largest })
    }

    /// Square of the distance from the plane of the first `components` components.
    fn residual(&self, x: &DVector<f64>, components: usize) -> f64 {
        let explained = self.components.iter().take(components).map(|own| own.dot(x).powi(2));
        x.norm_squared() - explained.sum::<f64>()
    }

    /// Square of the Mahalanobis distance from the mean, with the ridge.
    fn mahalanobis(&self, x: &DVector<f64>) -> f64 {
        let ridge = RIDGE * self.variances.iter().sum::<f64>() / self.variances.len().max(1) as f64;
        let along = self.components.iter().zip(&self.variances);
        along.map(|(own, variance)| own.dot(x).powi(2) / (variance + ridge)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f32]) -> Rows {
        Rows { name: "x".into(), shape: vec![1, 2], values: values.to_vec() }
    }

    #[test]
    fn of_a_line_the_distances_are_known() {
        // Normal rows on the diagonal: variance 2 along it (of t in {-1, 0, 1} times sqrt 2), 0 across.
        let normal = rows(&[-1.0, -1.0, 0.0, 0.0, 1.0, 1.0]);
        let found = baselines(&normal, &rows(&[2.0, 2.0, 1.0, -1.0]), 1).expect("it fits");
        let [z, pca, far] = &found[..] else { panic!("three baselines") };
        let near =
            |a: f32, b: f64| assert!((f64::from(a) - b).abs() < 1e-4 * b.abs().max(1.0), "{a} {b}");
        near(z.scores[0], -2.0);
        near(z.scores[1], -1.0);
        near(pca.scores[0], 0.0);
        near(pca.scores[1], -2.0);
        near(far.scores[0], -8.0 / 2.001);
        near(far.scores[1], -2.0 / 0.001);
    }

    #[test]
    fn rows_that_cannot_be_fitted_are_refused() {
        let x = rows(&[0.0, 0.0]);
        for (normal, what) in
            [(rows(&[1.0, 1.0]), "two normal rows"), (rows(&[1.0, f32::NAN, 1.0, 1.0]), "NaN")]
        {
            let error = baselines(&normal, &x, 1).expect_err("it cannot");
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}
