//! The scores of every row, where the manifest has `[score]`.

use elbow::manifest::Score;
use elbow::model::Loaded;
use elbow::rows::Batch;
use elbow::scoring::{Encoded, RowScore, Settings, score_posteriors, score_rows};
use elbow::{Result, npy};
use serde::Serialize;

/// The file of the scores, one number a row.
const SCORE: &str = "score.npy";
/// The file of the log-likelihoods, one number a row.
const LOG_LIKELIHOOD: &str = "score_log_likelihood.npy";
/// The file of the divergences, one number a row.
const KL: &str = "score_kl.npy";
/// The file of the log-likelihoods of each channel, `[rows, channels]`.
const CHANNELS: &str = "score_channels.npy";

/// Names that the files of scores take.
pub const NAMES: [&str; 4] = [SCORE, LOG_LIKELIHOOD, KL, CHANNELS];

/// The scores of all rows, as they are written.
pub struct Scores {
    kind: &'static str,
    rows: Vec<RowScore>,
}

/// What was written, in the report.
#[derive(Debug, Serialize)]
pub struct ScoreFiles {
    kind: &'static str,
    /// The file of the scores.
    file: String,
    /// Mean score, in nats.
    mean: f64,
    /// Mean log-likelihood, in nats; `null` without a decoder.
    log_likelihood_mean: Option<f64>,
    /// Mean divergence, in nats; `null` for a flow.
    kl_mean: Option<f64>,
}

impl Scores {
    /// The scores of all rows by `score`, the model's `[score]`, with the noise of `seed`; `encoded` is what the
    /// encoder says, `None` for a flow.
    ///
    /// # Errors
    ///
    /// What the twin refuses.
    pub fn of(
        loaded: &Loaded,
        score: &Score,
        batch: &Batch,
        encoded: Option<Encoded<'_>>,
        seed: u64,
    ) -> Result<Self> {
        let settings = Settings::of(loaded, score, seed)?;
        let rows = match encoded {
            Some(encoded) => score_posteriors(loaded, &settings, batch, encoded)?,
            None => score_rows(loaded, &settings, batch)?,
        };
        Ok(Self { kind: score.kind.name(), rows })
    }

    /// Names and bytes of the files: the scores, then whichever of their terms the kind has.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let rows = self.rows.len();
        let column = |name: &str, of: &dyn Fn(&RowScore) -> Option<f32>| {
            let values: Option<Vec<f32>> = self.rows.iter().map(of).collect();
            values.map(|values| (name.to_string(), npy::encode(&[rows], &values)))
        };
        let channels = self.rows.first().map_or(0, |row| row.channels.len());
        let by_channel: Vec<f32> = self.rows.iter().flat_map(|row| row.channels.clone()).collect();
        let by_channel = (channels > 0)
            .then(|| (CHANNELS.to_string(), npy::encode(&[rows, channels], &by_channel)));
        let columns = [
            column(SCORE, &|row| Some(row.score)),
            column(LOG_LIKELIHOOD, &|row| row.log_likelihood),
            column(KL, &|row| row.kl),
            by_channel,
        ];
        columns.into_iter().flatten().collect()
    }

    /// What the report says about them.
    pub fn report(&self) -> ScoreFiles {
        let mean = |of: &dyn Fn(&RowScore) -> Option<f32>| {
            let values: Option<Vec<f32>> = self.rows.iter().map(of).collect();
            let values = values?;
            let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
            Some(sum / values.len().max(1) as f64)
        };
        ScoreFiles {
            kind: self.kind,
            file: SCORE.into(),
            mean: mean(&|row| Some(row.score)).unwrap_or(f64::NAN),
            log_likelihood_mean: mean(&|row| row.log_likelihood),
            kl_mean: mean(&|row| row.kl),
        }
    }
}
