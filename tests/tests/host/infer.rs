//! Inference: noise, bounds and refinement against the closed forms of linear-Gaussian models.

mod bounds;
mod digits;
mod hadamard;
mod optima;
mod refinement;
mod weights;

use elbow_core::infer::{ElboTerms, LogLikelihood, Posterior, Scratch, elbo};
use elbow_core::noise::{Antithetic, Draws, Hadamard, Radius};
use elbow_tests::linear_gaussian::{Diagonal, LinearGaussian};
use nalgebra::DVector;

const KEY: u64 = 11;

/// The first published model: one latent.
fn one_latent() -> (LinearGaussian, DVector<f64>) {
    (LinearGaussian::new(&[&[1.0], &[2.0]], &[1.0; 2]), DVector::from_vec(vec![1.0, 1.0]))
}

/// The second: two latents, which the posterior correlates.
fn two_latents() -> (LinearGaussian, DVector<f64>) {
    let model = LinearGaussian::new(&[&[1.0, 1.0], &[0.0, 1.0], &[1.0, 0.0]], &[0.5; 3]);
    (model, DVector::from_vec(vec![1.0, -1.0, 0.5]))
}

/// Whole matrices of Hadamard points and their opposites: exact for quadratic functions.
fn exact(d: usize) -> (Antithetic<Hadamard>, u32) {
    let rows = d.max(4).next_power_of_two() as u32;
    (Antithetic(Hadamard { key: KEY, datapoint: 0, set: rows, radius: Radius::One }), 2 * rows)
}

/// The shipped bound of `q`, exact where the log-likelihood is quadratic.
fn shipped(likelihood: &mut impl LogLikelihood, q: &Diagonal) -> ElboTerms {
    let (loc, log_var) = q.floats();
    let (mut noise, samples) = exact(loc.len());
    bound(likelihood, Posterior { loc: &loc, log_var: &log_var }, &mut noise, samples)
}

fn bound(
    likelihood: &mut impl LogLikelihood,
    q: Posterior<'_>,
    noise: &mut impl Draws,
    samples: u32,
) -> ElboTerms {
    let [mut eps, mut z] = [vec![0.0; q.loc.len()], vec![0.0; q.loc.len()]];
    let scratch = Scratch { eps: &mut eps, z: &mut z };
    elbo(likelihood, q, noise, 0..samples, scratch).unwrap()
}

#[track_caller]
fn assert_near(value: f64, truth: f64, tolerance: f64) {
    let error = (value - truth).abs();
    assert!(error <= tolerance, "{value} for {truth}: {error:e} exceeds {tolerance:e}");
}

/// Mean and standard error of repeated estimates.
fn mean_and_se(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, (squares / (count * (count - 1.0))).sqrt())
}
