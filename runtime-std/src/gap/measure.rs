//! All rows of a model, several at a time.

use super::affine::{Affine, Map};
use super::likelihood::{expected, log_scales};
use super::pca::Pca;
use super::report::GapReport;
use super::row::{Method, RowGap, Settings, measure_row};
use crate::infer::{TwinGradient, TwinLikelihood};
use crate::lower::Plan;
use crate::model::{Decoder, Encoder, Loaded, Source};
use crate::posterior::{Posteriors, twin_posteriors};
use crate::rows::{Batch, Rows};
use crate::{Context, Error, Result, watch};
use elbow_core::infer::{InferError, Posterior};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// The gaps of every row of `batch` in nats, summed up. Rows are measured by as many
/// threads as the computer offers, and the figures do not depend on how many. The watcher of this thread
/// hears of every row.
///
/// # Errors
///
/// An input error: no rows, no encoder with a decoder, several posteriors or one that depends on draws of its own,
/// one that is not finite, a row whose ELBO is not, or a method that does not suit the decoder.
pub fn measure(loaded: &Loaded, batch: &Batch, settings: &Settings) -> Result<GapReport> {
    let Measurable { encoder, decoder, source, x } = parts(loaded, batch)?;
    if batch.len == 0 {
        return Err(Error::input(
            "a gap is measured on rows, and there are none; give at least one",
        ));
    }
    let posteriors = twin_posteriors(loaded, batch)?;
    let maps = maps(batch, decoder, x, encoder.latent())?;
    suits(settings.method, encoder.latent(), maps.is_some())?;
    let gradient = &decoder.gradient(source)?;
    let posteriors = &posteriors;
    let worker = Worker { batch, decoder, gradient, x, posteriors, maps, settings };
    let rows = worker.all()?;
    let values = &x.values[..batch.len * x.shape.iter().product::<usize>()];
    let pca = Pca::fit(values, values.len() / batch.len.max(1), encoder.latent());
    let reconstruction = worker.reconstruction()?;
    Ok(GapReport::of(&loaded.model.name, &rows, settings, pca, reconstruction))
}

/// What of a model is measured.
struct Measurable<'g> {
    encoder: &'g Encoder,
    decoder: &'g Decoder,
    /// The decoder's file.
    source: &'g Source,
    x: &'g Rows,
}

/// The encoder, decoder, decoder's file and observations of `loaded`. An input error where the model has no
/// encoder with a decoder, an encoder that draws noise, several posteriors or no observation, or where
/// `batch` lacks it.
fn parts<'g>(loaded: &'g Loaded, batch: &'g Batch) -> Result<Measurable<'g>> {
    let fault = |what: &str| {
        let path = loaded.main.path.display();
        Err(Error::input(format!("{path}: {what}")))
    };
    let decoder = loaded.decoder.as_ref();
    let (Some((encoder, Some(decoder))), Some(source)) = (loaded.amortized(), decoder) else {
        return fault(
            "a gap lies between an encoder's posterior and p(x, z): give an elbow.toml with an [encoder] and a [decoder]",
        );
    };
    if encoder.reads_noise() {
        return fault(
            "the posterior depends on draws inside the encoder and is no normal distribution given x; gaps of hierarchical models are not measured, export a model with one level of latents",
        );
    }
    if encoder.latents.len() > 1 {
        return fault(
            "a gap is measured under the prior N(0, I), which the latents of several posteriors do not share; gaps of hierarchical models are not measured, export a model with one level of latents",
        );
    }
    let Some(x) = encoder.observation() else {
        return fault("the encoder reads no observation; declare its input in the elbow.toml");
    };
    Ok(Measurable { encoder, decoder, source, x: batch.given(&x.name)? })
}

/// `Ok` where `ln p(x)` of this decoder can be found by `method`; an input error where `--log-p` asks for the
/// closed form and the decoder is not `affine`, or for quadrature over more than [`super::MOST_LATENTS`]
/// latents.
fn suits(method: Option<Method>, latent: usize, affine: bool) -> Result<()> {
    let fault = |what: String| Err(Error::input(what));
    match method {
        Some(Method::Exact) if !affine => fault(
            "--log-p exact: there is a closed form where the decoder is affine and the likelihood gaussian with fixed log_sigma; leave --log-p out".into(),
        ),
        Some(Method::Quadrature) if latent > super::MOST_LATENTS => fault(format!(
            "--log-p quadrature: found {latent} latents, expected 1 or 2; use iwae or ais"
        )),
        _ => Ok(()),
    }
}

/// The decoder's affine map of each row of `batch` (at least one), or a single one where it has no
/// conditions; `None` where one is not affine or the likelihood is not a normal one with fixed scale. An
/// error is the decoder's.
fn maps(batch: &Batch, decoder: &Decoder, x: &Rows, latent: usize) -> Result<Option<Vec<Map>>> {
    let mut likelihood = TwinLikelihood::new(decoder, x, batch)?;
    if log_scales(&decoder.likelihood, likelihood.observed().len()).is_none() {
        return Ok(None);
    }
    // Without conditions all rows have the same map.
    let conditional = decoder.conditions().next().is_some();
    let probed = if conditional { batch.len } else { 1 };
    let mut maps = Vec::with_capacity(probed);
    for row in 0..probed {
        likelihood.at(row);
        let map = Map::probe(latent, |z| Ok(likelihood.decode(z)?.concat()));
        match map.map_err(|error: InferError| Error::input(error.to_string()))? {
            Some(map) => maps.push(map),
            None => return Ok(None),
        }
    }
    Ok(Some(maps))
}

/// What all threads share while the rows are measured.
struct Worker<'g> {
    batch: &'g Batch,
    decoder: &'g Decoder,
    gradient: &'g Plan,
    x: &'g Rows,
    posteriors: &'g [Posteriors],
    maps: Option<Vec<Map>>,
    settings: &'g Settings,
}

impl<'g> Worker<'g> {
    /// The gaps of all rows, in row order, by as many threads as the computer offers. The error of a row
    /// names it and stops the others; a panic of a thread goes on here.
    fn all(&self) -> Result<Vec<RowGap>> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(self.batch.len);
        let first = self.first(threads)?;
        let (next, step) = (AtomicUsize::new(1), watch::begin("gap", self.batch.len));
        step();
        let done = Mutex::new(vec![(0, first)]);
        let work = || -> Result<()> {
            let mut likelihood = TwinGradient::new(self.likelihood()?, self.gradient);
            loop {
                let row = next.fetch_add(1, Ordering::Relaxed);
                if row >= self.batch.len {
                    return Ok(());
                }
                let gap = self.row(&mut likelihood, row);
                if gap.is_err() {
                    next.store(self.batch.len, Ordering::Relaxed); // the others need not go on
                }
                let gap = gap.context(format!("row {row}"))?;
                done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((row, gap));
                step();
            }
        };
        let results: Vec<Result<()>> = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .map(|worker| {
                    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        results.into_iter().collect::<Result<Vec<()>>>()?;
        let mut done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        done.sort_by_key(|(row, _)| *row);
        Ok(done.into_iter().map(|(_, gap)| gap).collect())
    }

    /// The gaps of row 0. Where there are others, the watcher hears before them what they will take by that. Errors as
    /// those of [`row`](Self::row).
    fn first(&self, threads: usize) -> Result<RowGap> {
        let begin = Instant::now();
        let mut likelihood = TwinGradient::new(self.likelihood()?, self.gradient);
        let gap = self.row(&mut likelihood, 0).context("row 0")?;
        let (seconds, others) = (begin.elapsed().as_secs_f64(), self.batch.len - 1);
        if others > 0 {
            let passes = likelihood.forward().passes();
            let all = seconds * others.div_ceil(threads) as f64;
            watch::note(&format!(
                "a row takes {passes} passes through the decoder, {seconds:.1} s: the other {others} take about {all:.0} s on {threads} threads"
            ));
        }
        Ok(gap)
    }

    /// A likelihood of the batch's observations with buffers of its own, one per thread. An error is
    /// [`TwinLikelihood::new`]'s.
    fn likelihood(&self) -> Result<TwinLikelihood<'g>> {
        TwinLikelihood::new(self.decoder, self.x, self.batch)
    }

    /// Mean and log-variance of the encoder's posterior of a row, those of all posteriors joined; panics
    /// beyond the last row.
    fn encoded(&self, row: usize) -> (Vec<f32>, Vec<f32>) {
        let (mut loc, mut log_var) = (Vec::new(), Vec::new());
        for posterior in self.posteriors {
            let (own_loc, own_log_var) = posterior.row(row);
            loc.extend(own_loc);
            log_var.extend(own_log_var);
        }
        (loc, log_var)
    }

    /// The gaps of one row; `likelihood` is left at that row. An input error where the decoder fails or the
    /// encoder's ELBO is not finite.
    fn row(&self, likelihood: &mut TwinGradient<'_>, row: usize) -> Result<RowGap> {
        likelihood.forward().at(row);
        let (loc, log_var) = self.encoded(row);
        let q = Posterior { loc: &loc, log_var: &log_var };
        let exact = self.exact(likelihood.forward().observed(), row);
        let gap = measure_row(likelihood, q, exact.as_ref(), self.settings, row as u64)
            .map_err(|error| Error::input(error.to_string()))?;
        let elbo = gap.elbo.mean;
        match elbo.is_finite() {
            true => Ok(gap),
            false => Err(Error::input(format!(
                "the ELBO of the encoder's posterior is {elbo}: the decoder's likelihood has no finite density for this observation; give values that its family can take (counts of at least 0, events from 0 to 1), or leave the row out"
            ))),
        }
    }

    /// The closed form for the observation `x` of a row; `None` where the decoder is not affine or the
    /// numbers overflow.
    fn exact(&self, x: &[f32], row: usize) -> Option<Affine> {
        let maps = self.maps.as_ref()?;
        let map = maps.get(row).or_else(|| maps.first())?;
        Affine::of(map, x, &log_scales(&self.decoder.likelihood, x.len())?)
    }

    /// Mean over all values of all rows of the squared difference of `x` from its expectation under the
    /// decoder at the posterior's mean; NaN of no rows. An input error where the decoder fails.
    fn reconstruction(&self) -> Result<f64> {
        let mut likelihood = self.likelihood()?;
        let (mut sum, mut count) = (0.0, 0);
        for row in 0..self.batch.len {
            likelihood.at(row);
            let x = likelihood.observed();
            let outputs = likelihood.decode(&self.encoded(row).0);
            let outputs = outputs.map_err(|error| Error::input(format!("row {row}: {error}")))?;
            let mean = expected(&self.decoder.likelihood, outputs);
            sum += x.iter().zip(mean).map(|(x, mean)| (f64::from(*x) - mean).powi(2)).sum::<f64>();
            count += x.len();
        }
        Ok(sum / count as f64)
    }
}
