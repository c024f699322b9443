//! Encoders of limited rank on the principal components of 8x8 digits: the restricted encoder of a
//! Gaussian true posterior, in numbers.
//!
//! A bound of a linear-Gaussian model is quadratic in `x`, so that its mean over the data is that over
//! any points with the data's mean and covariance: 128 of them stand for all 1797 digits.

use super::{assert_near, shipped};
use elbow_tests::fixtures::path;
use elbow_tests::linear_gaussian::{Diagonal, LinearGaussian};
use elbow_tests::tolerance::{CLOSED_GAP, LAST_DIGIT, PUBLISHED};
use nalgebra::{DMatrix, DVector};

/// Mean and covariance of the digits.
fn moments() -> (DVector<f64>, DMatrix<f64>) {
    let bytes = std::fs::read(path("tests/golden/digits_moments.npy")).unwrap();
    let rows: Vec<f64> = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap();
    let (mean, covariance) = rows.split_at(64);
    (DVector::from_column_slice(mean), DMatrix::from_row_slice(64, 64, covariance))
}

/// The symmetric square root.
fn root(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let eigen = matrix.clone().symmetric_eigen();
    let roots = DMatrix::from_diagonal(&eigen.eigenvalues.map(|v| v.max(0.0).sqrt()));
    &eigen.eigenvectors * roots * eigen.eigenvectors.transpose()
}

/// Points with this mean and covariance.
fn stand_ins(mean: &DVector<f64>, covariance: &DMatrix<f64>) -> Vec<DVector<f64>> {
    let spread = root(covariance) * (mean.len() as f64).sqrt();
    spread.column_iter().flat_map(|column| [mean + column, mean - column]).collect()
}

fn average(points: &[DVector<f64>], of: impl FnMut(&DVector<f64>) -> f64) -> f64 {
    points.iter().map(of).sum::<f64>() / points.len() as f64
}

#[test]
fn evidence_of_the_digits_is_the_published_one() {
    let (mean, covariance) = moments();
    let points = stand_ins(&mean, &covariance);
    for (d, noise, evidence) in [
        (2, 0.0541169847, 0.0057067250),
        (8, 0.0273294319, 14.2097883166),
        (16, 0.0147249107, 23.9294428123),
    ] {
        let model = LinearGaussian::principal_components(&mean, &covariance, d);
        assert_near(model.psi[0], noise, PUBLISHED);
        assert_near(average(&points, |x| model.evidence(x)), evidence, 100.0 * PUBLISHED);
    }
}

#[test]
fn encoders_of_limited_rank_lose_what_the_singular_values_say() {
    let (mean, covariance) = moments();
    let points = stand_ins(&mean, &covariance);
    let model = LinearGaussian::principal_components(&mean, &covariance, 8);
    let posterior = model.best(&mean, 1.0, 0.0);
    let [precision_root, covariance_root] = [&model.precision(1.0), &covariance].map(root);
    let svd = (&precision_root * model.encoder(1.0) * covariance_root.clone()).svd(true, true);
    let mut values: Vec<f64> = svd.singular_values.iter().copied().collect();
    let full = average(&points, |x| bound(&model, x, model.posterior_mean(x), &posterior));
    for (rank, published, digit) in [(1, 41.579, 1e-3), (4, 14.037, 1e-3), (7, 2.6439, 1e-4)] {
        let mut kept = svd.clone();
        kept.singular_values.rows_mut(rank, 8 - rank).fill(0.0);
        let inverse = |root: &DMatrix<f64>| root.clone().pseudo_inverse(1e-9).unwrap();
        let encoder =
            inverse(&precision_root) * kept.recompose().unwrap() * inverse(&covariance_root);
        let limited =
            average(&points, |x| bound(&model, x, &encoder * (x - &model.mu), &posterior));
        let closed: f64 = values.iter().skip(rank).map(|v| 0.5 * v * v).sum();
        println!("rank {rank}: {:.5} nats measured, {closed:.5} closed form", full - limited);
        assert_near(full - limited, closed, CLOSED_GAP);
        // The last published digit of rank 7 is off by less than one.
        assert_near(closed, published, 2.0 * LAST_DIGIT * digit);
    }
    values.reverse();
    assert!(values.is_sorted(), "the decomposition keeps the largest first");
}

/// The shipped bound of the posterior around `loc`.
fn bound(model: &LinearGaussian, x: &DVector<f64>, loc: DVector<f64>, q: &Diagonal) -> f64 {
    let q = Diagonal { loc, var: q.var.clone() };
    f64::from(shipped(&mut model.decoder(x), &q).elbo())
}
