//! The drop of the ELBO by integers, on the rows of a model with a decoder.

use crate::divergence::elbo_drop;
use crate::divergence::tolerance::{ELBO_DROP, ELBO_DROP_ERRORS};
use crate::infer::TwinLikelihood;
use crate::model::Loaded;
use crate::posterior::Posteriors;
use crate::rows::Batch;
use crate::{Error, Result};
use elbow_core::infer::LogLikelihood;
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
    #[serde(rename = "se")]
    pub draws_se: Option<f64>,
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
    /// The observation or a condition of the decoder is missing, or the decoder is not the encoder's.
    pub fn of(
        loaded: &Loaded,
        batch: &Batch,
        float: &[Posteriors<f64>],
        integer: &[Posteriors<f64>],
        seed: u64,
    ) -> Result<Self> {
        let Some((encoder, Some(decoder))) = loaded.amortized() else { return Ok(Self::default()) };
        let (Some(x), [float], [integer]) = (encoder.observation(), float, integer) else {
            return Ok(Self::default());
        };
        let mut likelihood = TwinLikelihood::new(decoder, batch.given(&x.name)?, batch)?;
        let mut log_likelihood = |row, z: &[f32]| {
            likelihood.at(row);
            // A draw of a posterior that is not finite has no likelihood, and no limit holds then.
            Ok::<_, Error>(likelihood.log_likelihood(z).map_or(f64::NAN, f64::from))
        };
        let mut pairs = PAIRS[0];
        loop {
            let drop = elbo_drop(float, integer, pairs, seed, &mut log_likelihood)?;
            if drop.draws_se <= NOISE || pairs >= PAIRS[1] {
                let finite = |se: f64| se.is_finite().then_some(se);
                return Ok(Self {
                    mean: Some(drop.mean),
                    draws_se: finite(drop.draws_se),
                    rows_se: finite(drop.rows_se),
                    p99: Some(drop.p99),
                });
            }
            pairs *= 2;
        }
    }

    /// Text with the mean, both standard errors and `limit`; `None` where the mean, the standard error by the
    /// draws or `limit` is `None`.
    pub(crate) fn told(&self, limit: Option<f64>) -> Option<String> {
        let (mean, se, limit) = (self.mean?, self.draws_se?, limit?);
        let limit = format!("limit {limit:.0e} and {ELBO_DROP_ERRORS} standard errors");
        let rows = self.rows_se.map_or(String::new(), |se| format!(", +- {se:.1e} by the rows"));
        Some(format!("{mean:.2e} +- {se:.1e} by the draws{rows} ({limit})"))
    }
}
