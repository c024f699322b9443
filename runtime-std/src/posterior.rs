//! Posteriors on the desktop: raw heads to mean, log-variance and samples, as on the device.

use crate::error::{Error, Result};
use crate::model::{Latent, Loaded};
use crate::rows::{Batch, Rows, run_twin_flagged};
use elbow_core::distributions::rsample;
use elbow_core::infer::{EncodeError, to_posterior};
use elbow_core::noise::{Stream, fill_standard_normal};

/// A diagonal normal distribution per row: `f32` as a device computes it, `f64` of a reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Posteriors<T = f32> {
    /// Latents of one row.
    pub latent: usize,
    /// Means, all rows.
    pub loc: Vec<T>,
    /// Log-variances, all rows.
    pub log_var: Vec<T>,
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

impl<T> Posteriors<T> {
    /// Mean and log-variance of one row; panics beyond the last.
    pub fn row(&self, row: usize) -> (&[T], &[T]) {
        let own = row * self.latent..(row + 1) * self.latent;
        (&self.loc[own.clone()], &self.log_var[own])
    }
}

impl From<&Posteriors> for Posteriors<f64> {
    /// The same values in f64.
    fn from(posteriors: &Posteriors) -> Self {
        let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect();
        let Posteriors { latent, loc, log_var, clamp_hits } = posteriors;
        let (loc, log_var) = (wide(loc), wide(log_var));
        Self { latent: *latent, loc, log_var, clamp_hits: *clamp_hits }
    }
}

impl Posteriors {
    /// Posteriors of all rows from the raw values of the two heads, one row after another and equally many:
    /// the mean `loc`, and `spread`, which the latent's head and clamp turn into log-variances.
    ///
    /// # Errors
    ///
    /// An input error names the row and latent whose raw value, or whose log-variance after the clamp, is NaN or
    /// infinite.
    pub fn of_heads(latent: &Latent, loc: Vec<f32>, spread: Vec<f32>) -> Result<Self> {
        Self::of_rows(latent, loc, spread, &Batch::default())
    }

    /// [`of_heads`](Self::of_heads), for heads that were computed from the rows of `batch`, which may have
    /// none.
    ///
    /// # Errors
    ///
    /// As there; the message says so where the row of `batch` holds NaN.
    pub fn of_rows(
        latent: &Latent,
        loc: Vec<f32>,
        mut spread: Vec<f32>,
        batch: &Batch,
    ) -> Result<Self> {
        let Latent { len, head, eps, clamp } = *latent;
        let hits = to_posterior(&loc, &mut spread, head, eps, clamp);
        let clamp_hits = hits.map_err(|error| not_finite(error, len, batch))?.into();
        Ok(Self { latent: len, loc, log_var: spread, clamp_hits })
    }
}

/// The posteriors of all rows, one entry per posterior of the encoder, by its plan on the twin; empty for a
/// model without an encoder.
///
/// # Errors
///
/// A posterior is not finite, an input is missing in `batch`, or an index lies outside its table.
pub fn twin_posteriors(loaded: &Loaded, batch: &Batch) -> Result<Vec<Posteriors>> {
    Ok(twin_posteriors_flagged(loaded, batch)?.0)
}

/// [`twin_posteriors`], and of each row whether a value was beyond the range of the encoder's integers.
///
/// # Errors
///
/// As there.
pub fn twin_posteriors_flagged(
    loaded: &Loaded,
    batch: &Batch,
) -> Result<(Vec<Posteriors>, Vec<bool>)> {
    let Some((encoder, _)) = loaded.amortized() else { return Ok((Vec::new(), Vec::new())) };
    let (heads, saturated) = run_twin_flagged(&encoder.plan, &encoder.state_pairs(), batch)?;
    let mut heads = heads.into_iter();
    let mut head = || heads.next().unwrap_or_default();
    let posteriors = encoder.latents.iter();
    let posteriors = posteriors.map(|latent| Posteriors::of_rows(latent, head(), head(), batch));
    let outside = saturated.into_iter().map(|values| values > 0).collect();
    Ok((posteriors.collect::<Result<_>>()?, outside))
}

/// Samples `loc + exp(log_var / 2) * eps` of all posteriors of a model, `samples` of every row: an entry per
/// posterior, in which a row's samples follow one another. The noise of a sample is the stream of `(seed,
/// row, sample)`, through the latents of all posteriors. All have the same rows.
///
/// # Errors
///
/// Never: the stream cannot fail; the error type is that of `NoiseSource`.
pub fn sample(posteriors: &[Posteriors], seed: u64, samples: u32) -> Result<Vec<Samples>> {
    let mut all = vec![Samples { eps: Vec::new(), z: Vec::new() }; posteriors.len()];
    let rows = posteriors.first().map_or(0, |first| first.loc.len() / first.latent.max(1));
    let mut noise = vec![0.0; posteriors.iter().map(|posterior| posterior.latent).sum()];
    for (row, sample) in (0..rows).flat_map(|row| (0..samples).map(move |sample| (row, sample))) {
        fill_standard_normal(&mut Stream::new(seed, row as u64, sample), &mut noise)
            .map_err(|error| Error::environment(error.to_string()))?;
        let mut rest = &noise[..];
        for (posterior, drawn) in posteriors.iter().zip(&mut all) {
            let (eps, others) = rest.split_at(posterior.latent);
            let (loc, log_var) = posterior.row(row);
            let start = drawn.z.len();
            drawn.eps.extend(eps);
            drawn.z.resize(start + posterior.latent, 0.0);
            rsample(loc, log_var, eps, &mut drawn.z[start..]);
            rest = others;
        }
    }
    Ok(all)
}

/// The error for a posterior that is not finite at the index of `error`, with rows of `latent` values: row,
/// latent and the probable cause, which is NaN where the row of `batch` holds one.
fn not_finite(error: EncodeError, latent: usize, batch: &Batch) -> Error {
    let EncodeError::NonFinitePosterior { index } = error else {
        return Error::input(error.to_string());
    };
    let (row, z) = (index / latent, index % latent);
    let holds_nan = |rows: &&Rows| rows.row(row).iter().any(|value| value.is_nan());
    let why = match batch.inputs.iter().find(holds_nan) {
        Some(Rows { name, .. }) => format!(
            "the row holds NaN in input {name:?}, which the model does not handle although the manifest says allow = \"nan\"; remove that, and drop or repair such rows, or export a model that replaces NaN (IsNaN, Where)"
        ),
        None => "check the row's scale against the training data, and the head".into(),
    };
    Error::input(format!("row {row}: the posterior of z[{z}] is not finite; {why}"))
}
