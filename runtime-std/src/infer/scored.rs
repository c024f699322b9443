//! Scores of many rows by the twin.

use crate::model::Loaded;
use crate::posterior::Posteriors;
use crate::rows::{Batch, Rows, run_twin_flagged};
use crate::twin::Twin;
use crate::{Error, Result};
use elbow_core::distributions::kl_to_standard;

/// The score of a row as a device computes it, in the precision of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredRow {
    /// `ln p(x | z = mean) - KL(q || N(0, I))` in nats.
    pub score: f32,
    /// Values of encoder and decoder that were beyond the range of their integers; 0 in floats.
    pub saturated: u64,
}

/// The score of every row of `batch`, which holds the inputs of encoder and decoder; `None` for a model without a
/// decoder, or with several posteriors.
///
/// # Errors
///
/// A posterior is not finite, an input is missing, or an index lies outside its table.
pub fn scored_rows(loaded: &Loaded, batch: &Batch) -> Result<Option<Vec<ScoredRow>>> {
    let Some((encoder, Some(decoder))) = loaded.amortized() else { return Ok(None) };
    let (Some(x), [latent]) = (encoder.observation(), &encoder.latents[..]) else {
        return Ok(None);
    };
    let (heads, of_encoder) = run_twin_flagged(&encoder.plan, &encoder.state_pairs(), batch)?;
    let mut heads = heads.into_iter();
    let (loc, spread) = (heads.next().unwrap_or_default(), heads.next().unwrap_or_default());
    let posterior = Posteriors::of_rows(latent, loc, spread, batch)?;
    let x = batch.given(&x.name)?;
    let conditions = decoder.conditions().map(|port| batch.given(&port.name));
    let conditions: Vec<&Rows> = conditions.collect::<Result<_>>()?;
    let mut twin = Twin::new(&decoder.plan);
    let row = |(row, of_encoder): (usize, &u64)| {
        let (loc, log_var) = posterior.row(row);
        let conditions = conditions.iter().map(|rows| rows.row(row));
        let inputs = decoder.call(loc, conditions).ok_or_else(|| {
            Error::input(format!("plan `{}` takes other latents", decoder.plan.name))
        })?;
        let before = twin.saturated();
        let outputs = twin.run(&inputs)?;
        let log_likelihood = super::log_likelihood(&decoder.likelihood, x.row(row), &outputs);
        Ok(ScoredRow {
            score: log_likelihood - kl_to_standard(loc, log_var),
            saturated: of_encoder + (twin.saturated() - before),
        })
    };
    of_encoder.iter().enumerate().map(row).collect::<Result<_>>().map(Some)
}
