//! `ln p(x, z)` of one observation as the estimators see it: in f64, never NaN.

use super::normal::log_standard;
use elbow_core::infer::{Gradient, InferError, LogLikelihood};

/// A likelihood and the prior N(0, I).
///
/// A log-likelihood that is NaN counts as minus infinity: a latent at which the decoder overflows
/// explains nothing.
pub struct Joint<'l, L: ?Sized> {
    likelihood: &'l mut L,
    z: Vec<f32>,
    grad: Vec<f32>,
}

impl<'l, L: LogLikelihood + ?Sized> Joint<'l, L> {
    /// The joint density of this likelihood and a standard normal prior over `latent` latents.
    pub fn new(likelihood: &'l mut L, latent: usize) -> Self {
        Self { likelihood, z: vec![0.0; latent], grad: vec![0.0; latent] }
    }

    /// `ln p(x | z)` in nats, at `z` rounded to f32; minus infinity where the decoder gives NaN. `z` has a
    /// value per latent, as for the methods below.
    ///
    /// # Errors
    ///
    /// The likelihood's.
    pub fn log_likelihood(&mut self, z: &[f64]) -> Result<f64, InferError> {
        round(z, &mut self.z);
        Ok(never_nan(self.likelihood.log_likelihood(&self.z)?))
    }

    /// `ln p(x, z) = ln p(x | z) + ln N(z; 0, I)` in nats, the first term at `z` rounded to f32; minus
    /// infinity where the decoder gives NaN.
    ///
    /// # Errors
    ///
    /// The likelihood's.
    pub fn log_joint(&mut self, z: &[f64]) -> Result<f64, InferError> {
        Ok(self.log_likelihood(z)? + log_standard(z))
    }
}

impl<L: Gradient + ?Sized> Joint<'_, L> {
    /// `ln p(x | z)` in nats, as [`log_likelihood`](Self::log_likelihood); sets `grad` to its gradient by
    /// `z`, with 0 for each element that is not finite.
    ///
    /// # Errors
    ///
    /// The likelihood's; `grad` is unchanged then.
    pub fn gradient(&mut self, z: &[f64], grad: &mut [f64]) -> Result<f64, InferError> {
        round(z, &mut self.z);
        let log_likelihood = never_nan(self.likelihood.gradient(&self.z, &mut self.grad)?);
        for (exact, grad) in grad.iter_mut().zip(&self.grad) {
            *exact = if grad.is_finite() { f64::from(*grad) } else { 0.0 };
        }
        Ok(log_likelihood)
    }
}

/// Sets `rounded` to `z` in f32, over the shorter of both.
fn round(z: &[f64], rounded: &mut [f32]) {
    rounded.iter_mut().zip(z).for_each(|(rounded, z)| *rounded = *z as f32);
}

/// The same value in f64; minus infinity for NaN.
fn never_nan(log_likelihood: f32) -> f64 {
    if log_likelihood.is_nan() { f64::NEG_INFINITY } else { log_likelihood.into() }
}
