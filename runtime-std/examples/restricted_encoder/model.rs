//! The model of the story: three normal readings of two causes, with its closed forms.

use elbow_core::distributions::DiagNormal;
use elbow_core::infer::{Gradient, InferError, LogLikelihood};
use elbow_core::noise::{Draws, NoiseError};
use nalgebra::{DMatrix, DVector, Matrix3x2, Vector2, Vector3};

/// Causes.
pub const LATENT: usize = 2;
const READINGS: usize = 3;
/// Variance of a reading's noise.
const NOISE: f64 = 0.5;
/// `ln(2 pi)`
const LN_2_PI: f64 = 1.837_877_066_409_345_5;

/// How causes become readings.
const fn weights() -> Matrix3x2<f64> {
    Matrix3x2::new(1.0, 1.0, 0.0, 1.0, 1.0, 0.0)
}

/// What is known of all observations.
pub struct Model {
    /// Of the true posterior, the same for all.
    pub precision: DMatrix<f64>,
    /// The true posterior's mean is this times `x`.
    exact: DMatrix<f64>,
    /// The encoder's mean is this times `x`: the best of rank 1.
    restricted: DMatrix<f64>,
    /// Of `x`.
    covariance: DMatrix<f64>,
}

impl Model {
    pub fn new() -> Self {
        let w = DMatrix::from_column_slice(READINGS, LATENT, weights().as_slice());
        let precision = DMatrix::identity(LATENT, LATENT) + w.transpose() * &w / NOISE;
        let covariance = &w * w.transpose() + DMatrix::identity(READINGS, READINGS) * NOISE;
        let exact = power(&precision, -1.0) * w.transpose() / NOISE;
        // The loss is a square where both sides are whitened: there the best matrix of rank 1 keeps
        // the largest singular value (Eckart and Young, 1936).
        let whitened = power(&precision, 0.5) * &exact * power(&covariance, 0.5);
        let mut kept = whitened.svd(true, true);
        kept.singular_values[1] = 0.0;
        let kept = kept.recompose().expect("both sides were asked for");
        let restricted = power(&precision, -0.5) * kept * power(&covariance, -0.5);
        Self { precision, exact, restricted, covariance }
    }

    /// An observation: causes from the prior, readings from the decoder.
    pub fn observe(&self, mut noise: impl Draws) -> Result<Reading, NoiseError> {
        let mut eps = [0.0; 5];
        noise.draw(0, &mut eps)?;
        let [a, b, noise @ ..] = eps.map(f64::from);
        let x = weights() * Vector2::new(a, b) + Vector3::from(noise) * NOISE.sqrt();
        Ok(Reading { x })
    }

    /// The restricted encoder's posterior.
    pub fn encode(&self, reading: &Reading) -> DiagNormal<LATENT> {
        self.upright(&self.restricted * reading.x)
    }

    /// The best posterior without a tilt.
    pub fn best(&self, reading: &Reading) -> DiagNormal<LATENT> {
        self.upright(self.mean(reading))
    }

    /// Mean of the true posterior.
    pub fn mean(&self, reading: &Reading) -> DVector<f64> {
        &self.exact * reading.x
    }

    /// With the variances that fit best.
    fn upright(&self, loc: DVector<f64>) -> DiagNormal<LATENT> {
        let log_var = |i| -self.precision[(i, i)].ln() as f32;
        DiagNormal { loc: [loc[0] as f32, loc[1] as f32], log_var: [log_var(0), log_var(1)] }
    }

    /// `ln p(x)`
    pub fn evidence(&self, reading: &Reading) -> f64 {
        let distance = reading.x.dot(&(power(&self.covariance, -1.0) * reading.x));
        -0.5 * (READINGS as f64 * LN_2_PI + self.covariance.determinant().ln() + distance)
    }

    /// What no posterior without a tilt can avoid.
    pub fn approximation_gap(&self) -> f64 {
        0.5 * (self.precision.diagonal().map(f64::ln).sum() - self.precision.determinant().ln())
    }

    /// What a posterior with the best variances loses by its mean.
    pub fn amortization_gap(&self, reading: &Reading, q: &DiagNormal<LATENT>) -> f64 {
        let apart = DVector::from_column_slice(&q.loc.map(f64::from)) - self.mean(reading);
        0.5 * apart.dot(&(&self.precision * &apart))
    }
}

/// A power of a symmetric positive matrix.
fn power(matrix: &DMatrix<f64>, exponent: f64) -> DMatrix<f64> {
    let eigen = matrix.clone().symmetric_eigen();
    let powers = DMatrix::from_diagonal(&eigen.eigenvalues.map(|v| v.powf(exponent)));
    &eigen.eigenvectors * powers * eigen.eigenvectors.transpose()
}

/// One observation: the decoder that inference asks, in f32 as on a device.
pub struct Reading {
    x: Vector3<f64>,
}

impl Reading {
    fn residual(&self, z: &[f32]) -> Vector3<f32> {
        let mean = weights().map(|w| w as f32) * Vector2::from_column_slice(z);
        self.x.map(|v| v as f32) - mean
    }
}

impl LogLikelihood for Reading {
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
        let constant = READINGS as f64 * (LN_2_PI + NOISE.ln());
        let squares = f64::from(self.residual(z).norm_squared()) / NOISE;
        Ok((-0.5 * (constant + squares)) as f32)
    }
}

impl Gradient for Reading {
    fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> Result<f32, InferError> {
        let by_z = weights().map(|w| w as f32).transpose() * self.residual(z) / NOISE as f32;
        grad.copy_from_slice(by_z.as_slice());
        self.log_likelihood(z)
    }
}
