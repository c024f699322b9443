//! The terms of the ELBO of all rows, for any posteriors.

use super::reading::Reading;
use crate::infer::TwinLikelihood;
use crate::model::{Decoder, Encoder, Latent, Loaded};
use crate::posterior::Posteriors;
use crate::rows::{Batch, run_twin_in_sequence};
use crate::{Error, Result};
use elbow_core::distributions::{Family, Likelihood, clamp, rsample, to_log_var};
use elbow_core::noise::{Stream, fill_standard_normal};
use std::f64::consts::PI;

/// At most so many rows are looked at, the first ones.
pub const ROWS: usize = 256;
/// Draws of a row: half of them, and their negatives.
pub const DRAWS: usize = 4;
/// Key of the noise.
pub const SEED: u64 = 13;

/// Where the scale of a gaussian likelihood comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As declared.
    Declared,
    /// One standard deviation for all values, its maximum-likelihood estimate under each reading: the root
    /// mean square residual of rows against decoded draws.
    OfRows,
}

/// Terms of the ELBO, a value per row; not finite where the reading has none.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// `E_q[ln p(x | z)]`
    pub likelihood: Vec<f64>,
    /// `E_q[ln p(z)]`
    prior: Vec<f64>,
    /// `H(q)`
    entropy: Vec<f64>,
    /// The likelihood's scale, where it is that of the rows.
    pub log_sigma: Option<f64>,
}

impl Terms {
    /// `E_q[ln p(x | z)] + beta E_q[ln p(z)] + H(q)` of each row, in nats: the ELBO at `beta` = 1. Not finite
    /// for a row where the reading has none.
    pub fn objective(&self, beta: f64) -> Vec<f64> {
        let parts = self.likelihood.iter().zip(&self.prior).zip(&self.entropy);
        parts.map(|((likelihood, prior), entropy)| likelihood + beta * prior + entropy).collect()
    }
}

/// Computes the terms of the ELBO of all rows from one run of the encoder and shared noise.
pub(super) struct Meter<'m> {
    likelihood: TwinLikelihood<'m>,
    decoder: &'m Decoder,
    /// The heads as they are, the declared mean first.
    heads: [Vec<f32>; 2],
    pub latent: Latent,
    pub rows: usize,
    eps: Vec<f32>,
    pub scale: Scale,
}

/// Encoder and decoder of a model whose heads an ELBO under `N(0, I)` can judge: one posterior, which depends
/// on the inputs alone. `None` for other models.
pub(super) fn parts(loaded: &Loaded) -> Option<(&Encoder, &Decoder)> {
    let (encoder, decoder) = loaded.amortized()?;
    let suits = encoder.latents.len() == 1 && !encoder.reads_noise();
    Some((encoder, decoder?)).filter(|_| suits)
}

impl<'m> Meter<'m> {
    /// A meter of the first [`ROWS`] rows of `batch`, with the outputs of the encoder and the noise computed.
    /// Encoder and decoder are those of [`parts`]. An error where an input is missing, the encoder reads no
    /// observation or has no two heads, or the decoder does not answer with observations.
    pub fn new(
        encoder: &'m Encoder,
        decoder: &'m Decoder,
        batch: &'m Batch,
        scale: Scale,
    ) -> Result<Self> {
        let observed = encoder.observation();
        let observed = observed.ok_or_else(|| Error::input("the encoder reads no observation"))?;
        let x = batch.given(&observed.name)?;
        let rows = batch.len.min(ROWS);
        let first = batch.first(rows);
        let states = encoder.state_pairs();
        let mut outputs = run_twin_in_sequence(&encoder.plan, &states, &first)?;
        outputs.truncate(2);
        let heads = outputs.try_into().map_err(|_| Error::input("the encoder has no two heads"))?;
        let latent = encoder.latents[0];
        let mut eps = vec![0.0; rows * DRAWS / 2 * latent.len];
        for (at, eps) in eps.chunks_mut(latent.len.max(1)).enumerate() {
            let (row, draw) = (at / (DRAWS / 2), at % (DRAWS / 2));
            fill_standard_normal(&mut Stream::new(SEED, row as u64, draw as u32), eps)
                .map_err(|error| Error::environment(error.to_string()))?;
        }
        let likelihood = TwinLikelihood::new(decoder, x, batch)?;
        Ok(Self { likelihood, decoder, heads, latent, rows, eps, scale })
    }

    /// The declared family.
    pub fn family(&self) -> Family {
        self.decoder.likelihood.family
    }

    /// The posteriors of all rows under a reading, whose family does not matter; the error is a sentence
    /// about the first log-variance that is not finite. Means are not checked. The declared clamp always
    /// applies; the declared `eps` only where head and order of the two outputs are the declared ones, else
    /// it is 0.
    pub fn posteriors(&self, reading: Reading) -> std::result::Result<Posteriors, String> {
        let Latent { len, head, eps, clamp: bounds } = self.latent;
        let [mean, spread] = match reading.swapped {
            false => [&self.heads[0], &self.heads[1]],
            true => [&self.heads[1], &self.heads[0]],
        };
        let own = !reading.swapped && reading.head == head;
        let mut log_var = spread.clone();
        to_log_var(&mut log_var, reading.head, if own { eps } else { 0.0 });
        let clamp_hits = bounds.map_or(0, |(low, high)| clamp(&mut log_var, low, high)).into();
        match log_var.iter().position(|log_var| !log_var.is_finite()) {
            None => Ok(Posteriors { latent: len, loc: mean.clone(), log_var, clamp_hits }),
            Some(at) => Err(format!(
                "row {}: the spread of z[{}] is {}, which no {} is",
                at / len,
                at % len,
                spread[at],
                reading.head.name()
            )),
        }
    }

    /// The terms of all rows under each of the families, in order; every draw is decoded once for all of
    /// them. NaN where a draw cannot be decoded. `q` has the rows and latents of this meter.
    pub fn terms(&mut self, q: &Posteriors, families: &[Family]) -> Vec<Terms> {
        let mut likelihoods = vec![Vec::with_capacity(self.rows); families.len()];
        let mut z = vec![0.0; q.latent];
        for row in 0..self.rows {
            let mut sums = vec![0.0; families.len()];
            for draw in 0..DRAWS {
                self.draw(q, row, draw, &mut z);
                self.add(row, &z, families, &mut sums);
            }
            for (all, sum) in likelihoods.iter_mut().zip(sums) {
                all.push(sum / DRAWS as f64);
            }
        }
        let (prior, entropy): (Vec<f64>, Vec<f64>) =
            (0..self.rows).map(|row| of_normal(q, row)).unzip();
        let all = likelihoods.into_iter().zip(families).map(|(likelihood, family)| {
            let (prior, entropy) = (prior.clone(), entropy.clone());
            match self.is_profiled(*family) {
                false => Terms { likelihood, prior, entropy, log_sigma: None },
                true => {
                    let values = self.likelihood.observed().len() as f64;
                    let (likelihood, log_sigma) = profiled(&likelihood, values);
                    Terms { likelihood, prior, entropy, log_sigma: Some(log_sigma) }
                }
            }
        });
        all.collect()
    }

    /// Sets `z` to draw number `draw`, below [`DRAWS`], of a row: draws 2k and 2k + 1 use the same noise with
    /// opposite signs.
    fn draw(&self, q: &Posteriors, row: usize, draw: usize, z: &mut [f32]) {
        let at = (row * (DRAWS / 2) + draw / 2) * q.latent;
        let mut eps = self.eps[at..at + q.latent].to_vec();
        if draw % 2 == 1 {
            eps.iter_mut().for_each(|eps| *eps = -*eps);
        }
        let (mean, log_var) = q.row(row);
        rsample(mean, log_var, &eps, z);
    }

    /// Adds to each of `sums` `ln p(x | z)` under its family, or where the scale is profiled the sum of
    /// squared residuals; sets all to NaN where the decoder refuses `z`.
    fn add(&mut self, row: usize, z: &[f32], families: &[Family], sums: &mut [f64]) {
        self.likelihood.at(row);
        let (x, scale) = (self.likelihood.observed(), self.scale);
        let declared = &self.decoder.likelihood;
        // A draw that overflowed cannot be decoded.
        let Ok(outputs) = self.likelihood.decode(z) else {
            sums.fill(f64::NAN);
            return;
        };
        let mean = outputs.first().map_or(&[][..], Vec::as_slice);
        let under = declared.under(outputs);
        for (family, sum) in families.iter().zip(sums) {
            *sum += match (scale, family) {
                (Scale::OfRows, Family::Gaussian) => x
                    .iter()
                    .zip(mean)
                    .map(|(x, mean)| (f64::from(*x) - f64::from(*mean)).powi(2))
                    .sum::<f64>(),
                _ => Likelihood { family: *family, ..under }.log_prob(x, mean).into(),
            };
        }
    }

    /// Whether this family's scale is estimated from the rows.
    fn is_profiled(&self, family: Family) -> bool {
        self.scale == Scale::OfRows && family == Family::Gaussian
    }
}

/// `E_q[ln N(z; 0, I)]` and the entropy of the row's posterior, in nats.
fn of_normal(q: &Posteriors, row: usize) -> (f64, f64) {
    let (mean, log_var) = q.row(row);
    let latents = mean.iter().zip(log_var).map(|(m, v)| (f64::from(*m), f64::from(*v)));
    latents.fold((0.0, 0.0), |(prior, entropy), (m, v)| {
        let constant = (2.0 * PI).ln();
        (prior - 0.5 * (m * m + v.exp() + constant), entropy + 0.5 * (1.0 + constant + v))
    })
}

/// Gaussian log-likelihood of each row under the maximum-likelihood standard deviation, and the logarithm of
/// that; `squares` are the rows' summed squared residuals (those not finite do not enter the estimate),
/// `values` the number of values of a row.
fn profiled(squares: &[f64], values: f64) -> (Vec<f64>, f64) {
    let finite: Vec<f64> = squares.iter().copied().filter(|square| square.is_finite()).collect();
    let total = finite.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let variance = total / (values * finite.len().max(1) as f64);
    let constant = -0.5 * values * (2.0 * PI * variance).ln();
    let likelihood = squares.iter().map(|square| constant - 0.5 * square / variance);
    (likelihood.collect(), 0.5 * variance.ln())
}
