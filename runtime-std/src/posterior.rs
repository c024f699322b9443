//! Posteriors on the desktop: raw heads to mean, log-variance and samples, as on the device.

use crate::error::{Error, Result};
use crate::model::Encoder;
use elbow_core::distributions::rsample;
use elbow_core::infer::encoder::{EncodeError, to_posterior};
use elbow_core::noise::{Stream, fill_standard_normal};

/// The posteriors of all rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Posteriors {
    /// Latents of one row.
    pub latent: usize,
    /// All rows.
    pub mean: Vec<f32>,
    /// All rows.
    pub log_var: Vec<f32>,
    /// Log-variances that the clamp has moved.
    pub clamp_hits: u64,
}

/// Samples of all rows, each row's one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Standard normal noise, `[rows, samples, latent]`.
    pub eps: Vec<f32>,
    /// `mean + exp(log_var / 2) * eps`, `[rows, samples, latent]`.
    pub z: Vec<f32>,
}

impl Posteriors {
    /// Posteriors from the values of the two heads.
    ///
    /// # Errors
    ///
    /// An input error names the row and latent that overflowed or became NaN.
    pub fn of_heads(encoder: &Encoder, mean: Vec<f32>, mut spread: Vec<f32>) -> Result<Self> {
        let latent = encoder.plan.outputs[0].len();
        let Encoder { head, eps, clamp, .. } = *encoder;
        let hits = to_posterior(&mean, &mut spread, head, eps, clamp);
        let clamp_hits = hits.map_err(|error| not_finite(error, latent))?.into();
        Ok(Self { latent, mean, log_var: spread, clamp_hits })
    }

    /// Reparameterized samples; noise is the stream of `(seed, row, sample)`.
    ///
    /// # Errors
    ///
    /// A failed draw, which that stream does not have.
    pub fn sample(&self, seed: u64, samples: u32) -> Result<Samples> {
        let len = self.mean.len() * samples as usize;
        let (mut eps, mut z) = (vec![0.0; len], vec![0.0; len]);
        let rows = self.mean.len() / self.latent;
        let keys = (0..rows).flat_map(|row| (0..samples).map(move |sample| (row, sample)));
        let draws = eps.chunks_exact_mut(self.latent).zip(z.chunks_exact_mut(self.latent));
        for ((row, sample), (eps, z)) in keys.zip(draws) {
            let own = row * self.latent..(row + 1) * self.latent;
            fill_standard_normal(&mut Stream::new(seed, row as u64, sample), eps)
                .map_err(|error| Error::environment(error.to_string()))?;
            rsample(&self.mean[own.clone()], &self.log_var[own], eps, z);
        }
        Ok(Samples { eps, z })
    }
}

/// What the user is told of a posterior that is not finite; `latent` values make a row.
fn not_finite(error: EncodeError, latent: usize) -> Error {
    let EncodeError::NonFinitePosterior { index } = error else {
        return Error::input(error.to_string());
    };
    Error::input(format!(
        "row {}: the posterior of z[{}] is not finite; check the row's scale against the training data, and the head",
        index / latent,
        index % latent,
    ))
}
