//! The score of every row, by its kind.

use super::channels::Channels;
use super::density::log_prob;
use crate::detect::{ScoredWindow, reference};
use crate::infer::{TwinGradient, TwinLikelihood, refine_or_keep};
use crate::manifest::{Score, ScoreKind, Window};
use crate::model::{Aggregate, Decoder, Loaded, Refine};
use crate::posterior::{Posteriors, twin_posteriors_flagged};
use crate::rows::{Batch, StreamKey, run_twin_flagged};
use crate::{Context, Error, Result, watch};
use elbow_core::detect::mahalanobis;
use elbow_core::distributions::kl_to_standard;
use elbow_core::infer::{InferError, LogLikelihood, Posterior, Scratch, elbo, iwae};
use elbow_core::noise::Independent;
use std::ops::Range;

/// Numbers of the draws by which a regret compares two posteriors: far behind those of any refinement, so that
/// neither has been fitted to them.
pub const FRESH_DRAWS: Range<u32> = 1 << 31..(1 << 31) + 64;

/// What a score is.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Which score.
    pub kind: ScoreKind,
    /// Draws of a score that is estimated.
    pub samples: u32,
    /// Key of all noise; the number of a row is that of its stream.
    pub seed: u64,
    /// The aggregate posterior, for `mahalanobis`.
    pub aggregate: Option<Aggregate>,
}

/// The score of one row, with the terms it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct RowScore {
    /// Larger is more normal; NaN where it cannot be computed.
    pub score: f32,
    /// `ln p(x | z = loc)`, or its mean over the draws, in nats; `None` for a score without a decoder.
    pub log_likelihood: Option<f32>,
    /// `KL(q || N(0, I))` in nats; `None` for a flow.
    pub kl: Option<f32>,
    /// `ln p(x | z = loc)` of each channel; empty where there is no decoder, and for families of classes.
    pub channels: Vec<f32>,
    /// Whether a value of encoder, decoder or flow was beyond the range of their integers, so that the score says
    /// nothing: it has the lowest rank. Never in floats.
    pub outside: bool,
}

impl Settings {
    /// Those of `score`, the `[score]` of this model, with this key of the noise; `mahalanobis` reads the aggregate
    /// posterior from the reference of `[drift]`.
    ///
    /// # Errors
    ///
    /// An input error where `mahalanobis` has no such file, or one of another shape.
    pub fn of(loaded: &Loaded, score: &Score, seed: u64) -> Result<Self> {
        let aggregate = match score.kind {
            ScoreKind::Mahalanobis => {
                let values = reference::read(loaded)?.ok_or_else(reference::missing)?;
                Some(reference::aggregate(&values)?)
            }
            _ => None,
        };
        Ok(Self { kind: score.kind, samples: score.samples(), seed, aggregate })
    }
}

impl RowScore {
    /// The score of a window that a detector has scored, with its terms; `window` is the model's.
    pub fn of_window(scored: &ScoredWindow<'_>, window: Option<&Window>) -> Self {
        let ScoredWindow { x, score, outside, q, decoded } = *scored;
        let of = |(decoder, outputs): (&Decoder, &[Vec<f32>])| {
            let x_mean = outputs.first().map_or(&[][..], Vec::as_slice);
            let channels = Channels::of(window, x.len());
            let channels = channels.log_likelihood(&decoder.likelihood.under(outputs), x, x_mean);
            (crate::infer::log_likelihood(&decoder.likelihood, x, outputs), channels)
        };
        let (log_likelihood, channels) = decoded.map(of).unzip();
        let kl = q.map(|q| kl_to_standard(q.loc, q.log_var));
        Self { score, log_likelihood, kl, channels: channels.unwrap_or_default(), outside }
    }
}

impl Encoded<'_> {
    /// Whether a value of the row was beyond the range of the encoder's integers.
    fn is_outside(&self, row: usize) -> bool {
        self.outside.get(row).copied().unwrap_or(false)
    }
}

/// The score of every row of `batch`, which holds all inputs of the model but latents; the twin computes as a device
/// does, in the precision of `loaded`.
///
/// # Errors
///
/// An input error: the model lacks what the kind needs, a posterior is not finite, or an input is missing.
pub fn score_rows(loaded: &Loaded, settings: &Settings, batch: &Batch) -> Result<Vec<RowScore>> {
    let kind = settings.kind;
    if kind == ScoreKind::LogProb {
        return densities(loaded, batch);
    }
    let (mut posteriors, outside) = twin_posteriors_flagged(loaded, batch)?;
    let Some(q) = posteriors.pop().filter(|_| posteriors.is_empty()) else {
        return Err(Error::input(format!(
            "the score {} takes one posterior; give a model with an [encoder] that has one",
            kind.name()
        )));
    };
    score_posteriors(loaded, settings, batch, Encoded { q: &q, outside: &outside })
}

/// What the encoder says of every row, for [`score_posteriors`].
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'q> {
    /// The posteriors.
    pub q: &'q Posteriors,
    /// Of each row, whether a value was beyond the range of the encoder's integers.
    pub outside: &'q [bool],
}

/// As [`score_rows`], for a model with one posterior that is known already for every row.
///
/// # Errors
///
/// As there.
pub fn score_posteriors(
    loaded: &Loaded,
    settings: &Settings,
    batch: &Batch,
    encoded: Encoded<'_>,
) -> Result<Vec<RowScore>> {
    match settings.kind {
        ScoreKind::LogProb => densities(loaded, batch),
        ScoreKind::Kl => Ok(q_scores(encoded, batch.len, |_, kl| -kl)),
        ScoreKind::Mahalanobis => {
            let Aggregate { mean, var } =
                settings.aggregate.as_ref().ok_or_else(reference::missing)?;
            let score = |loc: &[f32], _| mahalanobis(loc, mean, var);
            Ok(q_scores(encoded, batch.len, score))
        }
        _ => decoded(loaded, settings, batch, encoded),
    }
}

/// Scores of a flow alone: `ln p(x)`. An input error where the model is no flow with a standard normal latent.
fn densities(loaded: &Loaded, batch: &Batch) -> Result<Vec<RowScore>> {
    let wrong =
        || Error::input("log_prob needs a [flow] with a standard normal base and no [encoder]");
    let flow = super::density_flow(loaded).ok_or_else(wrong)?;
    let (outputs, saturated) = run_twin_flagged(&flow.plan, &[], batch)?;
    let of = |at: usize| outputs.get(at).map(Vec::as_slice);
    let scores = log_prob(loaded, of).ok_or_else(wrong)?;
    let row = |(score, saturated)| {
        let outside = saturated > 0;
        RowScore { score, log_likelihood: None, kl: None, channels: Vec::new(), outside }
    };
    Ok(scores.into_iter().zip(saturated).map(row).collect())
}

/// Scores of the first `rows` posteriors by a function of the means and the KL divergence.
fn q_scores(
    encoded: Encoded<'_>,
    rows: usize,
    score: impl Fn(&[f32], f32) -> f32,
) -> Vec<RowScore> {
    let row = |row| {
        let (loc, log_var) = encoded.q.row(row);
        let kl = kl_to_standard(loc, log_var);
        let (log_likelihood, channels, outside) = (None, Vec::new(), encoded.is_outside(row));
        RowScore { score: score(loc, kl), log_likelihood, kl: Some(kl), channels, outside }
    };
    (0..rows).map(row).collect()
}

/// Scores that decode. An input error where the model has no decoder, or no gradient for a regret.
fn decoded(
    loaded: &Loaded,
    settings: &Settings,
    batch: &Batch,
    encoded: Encoded<'_>,
) -> Result<Vec<RowScore>> {
    let (observed, decoder) = loaded
        .amortized()
        .and_then(|(encoder, decoder)| encoder.observation().zip(decoder))
        .ok_or_else(|| {
            Error::input(format!(
                "the score {} needs a [decoder]; add it to elbow.toml, or use kl or mahalanobis",
                settings.kind.name()
            ))
        })?;
    let x = batch.given(&observed.name)?;
    let likelihood = TwinLikelihood::new(decoder, x, batch)?;
    let refine = match settings.kind {
        ScoreKind::Regret => Some(refinement(loaded, decoder)?),
        _ => None,
    };
    let gradient = refine.as_ref().map(|refine| {
        TwinLikelihood::new(decoder, x, batch)
            .map(|forward| TwinGradient::new(forward, &refine.gradient))
    });
    let mut scorer = Scorer {
        settings,
        decoder,
        window: loaded.model.window.as_ref(),
        likelihood,
        refine: refine.as_ref().zip(gradient.transpose()?),
    };
    let done = watch::begin("scores", batch.len);
    let rows = (0..batch.len).map(|row| {
        let (loc, log_var) = encoded.q.row(row);
        let score = scorer.row(row, loc, log_var);
        done();
        let score = score.map(|own| {
            let outside = own.outside || encoded.is_outside(row);
            RowScore { outside, ..own }
        });
        score.map_err(|error| Error::input(error.to_string())).context(format!("row {row}"))
    });
    rows.collect()
}

/// The refinement of the model's `[refine]`, or by the defaults; an input error where the decoder has no gradient.
fn refinement(loaded: &Loaded, decoder: &Decoder) -> Result<Refine> {
    let source =
        loaded.decoder.as_ref().ok_or_else(|| Error::input("a regret needs a [decoder]"))?;
    Refine::of(decoder, source, decoder.refinement())
}

/// Scores of single rows by a decoder.
struct Scorer<'d> {
    settings: &'d Settings,
    decoder: &'d Decoder,
    window: Option<&'d Window>,
    likelihood: TwinLikelihood<'d>,
    refine: Option<(&'d Refine, TwinGradient<'d>)>,
}

impl Scorer<'_> {
    /// The score of a row with this posterior; `outside` is that of the decoder alone.
    ///
    /// # Errors
    ///
    /// What the decoder refuses.
    fn row(
        &mut self,
        row: usize,
        loc: &[f32],
        log_var: &[f32],
    ) -> std::result::Result<RowScore, InferError> {
        self.likelihood.at(row);
        let before = self.likelihood.saturated();
        let (x, of) = (self.likelihood.observed(), &self.decoder.likelihood);
        let outputs = self.likelihood.decode(loc)?;
        let at_loc = crate::infer::log_likelihood(of, x, outputs);
        let x_mean = outputs.first().map_or(&[][..], Vec::as_slice);
        let channels = Channels::of(self.window, x.len());
        let channels = channels.log_likelihood(&of.under(outputs), x, x_mean);
        let kl = kl_to_standard(loc, log_var);
        let stream = StreamKey { seed: self.settings.seed, row: row as u64 };
        let q = Posterior { loc, log_var };
        let draws = 0..self.settings.samples;
        let (score, log_likelihood) = match self.settings.kind {
            ScoreKind::Elbo => {
                let mean = mean_log_likelihood(&mut self.likelihood, q, stream, draws)?;
                (mean - kl, mean)
            }
            ScoreKind::Iwae => (bound(&mut self.likelihood, q, stream, draws)?, at_loc),
            ScoreKind::Regret => (self.regret(row, loc, log_var)?, at_loc),
            ScoreKind::Reconstruction => (at_loc, at_loc),
            _ => (at_loc - kl, at_loc),
        };
        let outside = self.likelihood.saturated() > before;
        let log_likelihood = Some(log_likelihood);
        Ok(RowScore { score, log_likelihood, kl: Some(kl), channels, outside })
    }

    /// `ELBO(q) - ELBO(refined q)` of the row by [`FRESH_DRAWS`]; 0 where the refinement kept its start, NaN without a
    /// gradient.
    ///
    /// # Errors
    ///
    /// What the decoder refuses.
    fn regret(
        &mut self,
        row: usize,
        loc: &[f32],
        log_var: &[f32],
    ) -> std::result::Result<f32, InferError> {
        let Some((refine, gradient)) = &mut self.refine else { return Ok(f32::NAN) };
        gradient.forward().at(row);
        let stream = StreamKey { seed: self.settings.seed, row: row as u64 };
        let (mut better, mut better_log_var) = (loc.to_vec(), log_var.to_vec());
        let (rule, steps) = (&refine.settings, refine.settings.steps);
        refine_or_keep(gradient, rule, steps, stream, &mut better, &mut better_log_var)?;
        let mut elbo = |loc: &[f32], log_var: &[f32]| -> std::result::Result<f32, InferError> {
            let q = Posterior { loc, log_var };
            let mean = mean_log_likelihood(&mut self.likelihood, q, stream, FRESH_DRAWS)?;
            Ok(mean - kl_to_standard(loc, log_var))
        };
        Ok(elbo(loc, log_var)? - elbo(&better, &better_log_var)?)
    }
}

/// The mean of `ln p(x | z)` over these draws of `q`, in nats; NaN without draws.
///
/// # Errors
///
/// What the decoder refuses.
fn mean_log_likelihood(
    likelihood: &mut impl LogLikelihood,
    q: Posterior<'_>,
    stream: StreamKey,
    draws: Range<u32>,
) -> std::result::Result<f32, InferError> {
    let (mut eps, mut z) = (vec![0.0; q.loc.len()], vec![0.0; q.loc.len()]);
    let scratch = Scratch { eps: &mut eps, z: &mut z };
    let mut noise = Independent { key: stream.seed, datapoint: stream.row };
    Ok(elbo(likelihood, q, &mut noise, draws, scratch)?.log_likelihood)
}

/// The importance-weighted bound by these draws of `q`, in nats.
///
/// # Errors
///
/// What the decoder refuses.
fn bound(
    likelihood: &mut impl LogLikelihood,
    q: Posterior<'_>,
    stream: StreamKey,
    draws: Range<u32>,
) -> std::result::Result<f32, InferError> {
    let (mut eps, mut z) = (vec![0.0; q.loc.len()], vec![0.0; q.loc.len()]);
    let scratch = Scratch { eps: &mut eps, z: &mut z };
    let mut noise = Independent { key: stream.seed, datapoint: stream.row };
    Ok(iwae(likelihood, q, &mut noise, draws, scratch)?.bound())
}
