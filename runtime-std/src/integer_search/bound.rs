//! The drop of the ELBO by integers, on the rows of a model with a decoder.

use crate::Result;
use crate::divergence::elbo_drop;
use crate::divergence::tolerance::{ELBO_DROP, ELBO_DROP_ERRORS};
use crate::infer::log_likelihood;
use crate::model::{Decoder, Loaded};
use crate::posterior::Posteriors;
use crate::rows::{Batch, Rows};
use crate::twin::Twin;
use serde::Serialize;

/// Antithetic pairs of draws per row to begin with, and at most: they are doubled until the standard error
/// by the draws is at most [`NOISE`].
const PAIRS: [u32; 2] = [8, 128];
/// An eighth of the limit on the drop, which two standard errors then blur by a quarter.
const NOISE: f64 = ELBO_DROP / 8.0;

/// The drop of the bound by integers, in nats; all `None` without a decoder.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct BoundDrop {
    /// Mean over the rows.
    pub mean: Option<f64>,
    /// Its standard error by the draws: how well the mean over these rows is known.
    pub se: Option<f64>,
    /// Its standard error by the rows: how far the mean over other rows may be. An encoder is not at the
    /// optimum of the bound, so that what rounding changes may gain on one row and lose on the next.
    pub rows_se: Option<f64>,
    /// 99th percentile of the rows, nearest rank.
    pub p99: Option<f64>,
}

impl BoundDrop {
    /// The ELBO of the posteriors `float` less that of `integer`, by the decoder of `loaded`, with draws of
    /// the key `seed`. All `None` without a decoder, or for several posteriors. The number of pairs of draws
    /// is doubled, from 8 up to 128, while their standard error is above an eighth of the limit on the drop.
    ///
    /// # Errors
    ///
    /// A condition of the decoder is missing, or the decoder cannot run.
    pub fn of(
        loaded: &Loaded,
        batch: &Batch,
        float: &[Posteriors<f64>],
        integer: &[Posteriors<f64>],
        seed: u64,
    ) -> Result<Self> {
        let decoder = loaded.amortized().and_then(|(_, decoder)| decoder);
        let (Some(decoder), [float], [integer]) = (decoder, float, integer) else {
            return Ok(Self::default());
        };
        let mut likelihood = LogLikelihood::of(decoder, batch)?;
        let mut pairs = PAIRS[0];
        loop {
            let drop = elbo_drop(float, integer, pairs, seed, |row, z| likelihood.at(row, z))?;
            if drop.noise_se <= NOISE || pairs >= PAIRS[1] {
                let finite = |se: f64| se.is_finite().then_some(se);
                return Ok(Self {
                    mean: Some(drop.mean),
                    se: finite(drop.noise_se),
                    rows_se: finite(drop.se),
                    p99: Some(drop.p99),
                });
            }
            pairs *= 2;
        }
    }

    /// Text with the mean, both standard errors and `limit`; `None` where mean, standard error or limit is.
    pub(crate) fn told(&self, limit: Option<f64>) -> Option<String> {
        let (mean, se, limit) = (self.mean?, self.se?, limit?);
        let limit = format!("limit {limit:.0e} and {ELBO_DROP_ERRORS} standard errors");
        let rows = self.rows_se.map_or(String::new(), |se| format!(", +- {se:.1e} by the rows"));
        Some(format!("{mean:.2e} +- {se:.1e} by the draws{rows} ({limit})"))
    }
}

/// `ln p(x | z)` by the twin's decoder.
struct LogLikelihood<'d> {
    decoder: &'d Decoder,
    twin: Twin<'d>,
    x: &'d Rows,
    conditions: Vec<&'d Rows>,
}

impl<'d> LogLikelihood<'d> {
    /// The likelihood of all rows of `batch`, whose first input is the observation.
    ///
    /// # Errors
    ///
    /// A condition of the decoder is missing.
    fn of(decoder: &'d Decoder, batch: &'d Batch) -> Result<Self> {
        let conditions = conditions(decoder, batch)?;
        Ok(Self { decoder, twin: Twin::new(&decoder.plan), x: &batch.inputs[0], conditions })
    }

    /// `ln p(x | z)` of a row, in nats. Errors as for [`Twin::run`].
    fn at(&mut self, row: usize, z: &[f32]) -> Result<f64> {
        let conditions = self.conditions.iter().map(|rows| rows.row(row));
        let inputs: Vec<&[f32]> = [z].into_iter().chain(conditions).collect();
        let outputs = self.twin.run(&inputs)?;
        Ok(log_likelihood(&self.decoder.likelihood, self.x.row(row), &outputs).into())
    }
}

/// The rows of the decoder's conditions, in its order.
///
/// # Errors
///
/// One is missing in `batch`.
fn conditions<'r>(decoder: &Decoder, batch: &'r Batch) -> Result<Vec<&'r Rows>> {
    let conditions = decoder.conditions();
    conditions.map(|port| batch.given(&port.name)).collect()
}
