//! The principal components of 8x8 digits: what a rotation of the latents costs a diagonal posterior and
//! not a full-rank one, and what rounding an encoder's weights costs.
//!
//! A bound of a linear-Gaussian model is quadratic in `x`, so that its mean over the data is that over
//! any points with the data's mean and covariance: 128 of them stand for all 1797 digits.

use super::Linear;
use elbow_core::infer::{Scratch, elbo};
use elbow_core::noise::{Antithetic, Hadamard, Radius};
use elbow_tests::fixtures::path;
use elbow_tests::linear_gaussian::{Diagonal, LinearGaussian};
use elbow_tests::tolerance::{CLOSED_GAP, FULL_RANK_GAP, LAST_DIGIT};
use nalgebra::{DMatrix, DVector};

/// Latents.
const D: usize = 8;

/// `scipy.stats.ortho_group.rvs(8, random_state=0)` of SciPy 1.17.1, row after row.
#[rustfmt::skip]
const ROTATION: [f64; D * D] = [
    0.455426099162165, 0.110143775157037, 0.129669334729114, 0.714777839832161,
    -0.026011043989941, -0.440370164729763, -0.126907503896482, -0.205002264223446,
    -0.026648052218967, 0.142131358813161, 0.021316656512774, 0.447100327129825,
    -0.013618075750928, 0.720849698078167, 0.450700220694646, -0.236209711671081,
    0.385726991425947, -0.092966652044638, -0.117332966716479, -0.256871196380790,
    -0.836956703823696, 0.017745636167254, 0.157906262827488, -0.192551898370181,
    0.585983458382539, -0.532412514266356, -0.181764207080393, -0.115543613199816,
    0.424474037128674, 0.038158052234050, 0.352847575650948, 0.143652674366111,
    -0.229200001269327, -0.664579785802492, 0.519025986132923, 0.013635040960974,
    -0.025924909136436, 0.028363728152552, -0.132451582501178, -0.466054884538380,
    -0.270705338045666, -0.470161415357070, -0.573250608581897, 0.422556368419881,
    -0.230530836503256, 0.082359551469388, -0.257723713842409, 0.268602476234055,
    -0.416660652298469, -0.048269903758398, -0.159982806050128, 0.063567200020548,
    -0.030968887878610, -0.526391763143709, 0.706078545954657, -0.133545335702228,
    0.017172777886276, 0.102533456293264, -0.558862665580309, -0.164560661554480,
    0.252363285182322, 0.001732381230380, -0.220943770246071, -0.732992440115285,
];

/// Mean and root of the covariance of the digits, whose columns make the points, and the components.
fn digits() -> (DVector<f64>, DMatrix<f64>, LinearGaussian) {
    let bytes = std::fs::read(path("tests/golden/digits_moments.npy")).expect("moments");
    let rows: Vec<f64> = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap();
    let (mean, covariance) = rows.split_at(64);
    let mean = DVector::from_column_slice(mean);
    let covariance = DMatrix::from_row_slice(64, 64, covariance);
    let model = LinearGaussian::principal_components(&mean, &covariance, D);
    let eigen = covariance.symmetric_eigen();
    let roots = DMatrix::from_diagonal(&eigen.eigenvalues.map(|v| v.max(0.0).sqrt()));
    (mean, &eigen.eigenvectors * roots * eigen.eigenvectors.transpose(), model)
}

/// Distances from the mean of points with this covariance.
fn points(root: &DMatrix<f64>) -> Vec<DVector<f64>> {
    let spread = root * (root.nrows() as f64).sqrt();
    spread.column_iter().flat_map(|column| [column.into_owned(), -column]).collect()
}

#[test]
fn full_rank_closes_the_gap_that_rotated_digits_have() {
    let (_, root, model) = digits();
    let rotated = &model.w * DMatrix::from_row_slice(D, D, &ROTATION);
    let w: Vec<Vec<f64>> = rotated.row_iter().map(|row| row.iter().copied().collect()).collect();
    let points = points(&root);
    let mut mean = [0.0; 3];
    for x in &points {
        let (w, x) = (w.clone(), x.iter().copied().collect());
        let gaps = Linear::<D> { w, variance: model.psi[0], x }.gaps();
        mean.iter_mut().zip(gaps).for_each(|(mean, gap)| *mean += gap / points.len() as f64);
    }
    let [full, diagonal, formula] = mean;
    println!("rotated digits: full rank {full:.1e}, diagonal {diagonal:.6}, formula {formula:.6}");
    assert!((formula - 0.33367).abs() < LAST_DIGIT * 1e-5, "{formula}, published 0.33367");
    assert!(full.abs() < FULL_RANK_GAP, "{full:e}");
    assert!((diagonal - formula).abs() < FULL_RANK_GAP, "{diagonal} against {formula}");
}

/// `weights` in so many bits, by one scale per row or one for all.
fn rounded(weights: &DMatrix<f64>, bits: u32, per_row: bool) -> DMatrix<f64> {
    let most = f64::from((1 << (bits - 1)) - 1);
    DMatrix::from_fn(weights.nrows(), weights.ncols(), |row, column| {
        let largest = if per_row { weights.row(row).amax() } else { weights.amax() };
        let scale = largest / most;
        (weights[(row, column)] / scale).round() * scale
    })
}

/// The shipped bound of the posterior around `loc`, exact on a quadratic log-likelihood.
fn bound(model: &LinearGaussian, x: &DVector<f64>, loc: DVector<f64>, q: &Diagonal) -> f64 {
    let q = Diagonal { loc, var: q.var.clone() }.normal::<D>();
    let set = D as u32;
    let mut noise = Antithetic(Hadamard { key: 66, datapoint: 0, set, radius: Radius::One });
    let scratch = Scratch { eps: &mut [0.0; D], z: &mut [0.0; D] };
    let terms = elbo(&mut model.decoder(x), (&q).into(), &mut noise, 0..2 * set, scratch);
    f64::from(terms.expect("it decodes").elbo())
}

#[test]
fn rounding_an_encoder_costs_what_its_closed_form_says() {
    let (mean, root, model) = digits();
    let encoder = model.encoder(1.0);
    let q = model.best(&mean, 1.0, 0.0);
    let (points, covariance) = (points(&root), &root * &root);
    for (bits, per_row, published, digit) in [
        (8, true, 0.000432, 1e-6),
        (8, false, 0.001399, 1e-6),
        (6, true, 0.006835, 1e-6),
        (6, false, 0.02518, 1e-5),
        (4, true, 0.1450, 1e-4),
        (4, false, 0.4543, 1e-4),
    ] {
        let wrong = rounded(&encoder, bits, per_row);
        let error = &wrong - &encoder;
        let closed =
            0.5 * (model.precision(1.0) * &error * &covariance * error.transpose()).trace();
        let lost = points.iter().map(|distance| {
            let x = &mean + distance;
            let right = bound(&model, &x, &encoder * distance, &q);
            right - bound(&model, &x, &wrong * distance, &q)
        });
        let lost = lost.sum::<f64>() / points.len() as f64;
        println!(
            "{bits} bits, per row {per_row}: {lost:.6} nats measured, {closed:.6} closed form"
        );
        assert!(
            (closed - published).abs() <= LAST_DIGIT * digit,
            "{closed}, published {published}"
        );
        assert!((lost - closed).abs() < CLOSED_GAP, "{lost} against {closed}");
    }
}
