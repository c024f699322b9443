//! `--refine-steps`

use crate::cli::watch;
use elbow::infer::{TwinGradient, TwinLikelihood, refine_or_keep};
use elbow::model::{Decoder, Loaded, Refine};
use elbow::posterior::Posteriors;
use elbow::rows::{Batch, StreamKey};
use elbow::{Context, Error, Result};
use serde::Serialize;

/// What is refined, how, and by how much.
pub struct Refinement<'l> {
    decoder: &'l Decoder,
    refine: Refine,
    steps: u32,
}

/// What came of it, in the report.
#[derive(Debug, Serialize)]
pub struct RefinedRows {
    steps: u32,
    /// Rows that the guard sent back to their start.
    kept: usize,
}

impl<'l> Refinement<'l> {
    /// The refinement of `steps` steps by the manifest's `[refine]`, or else by its defaults.
    ///
    /// # Errors
    ///
    /// An input error where the model has no decoder, several posteriors, or a decoder without a gradient,
    /// and where `steps` is too large.
    pub fn of(loaded: &'l Loaded, steps: u32) -> Result<Self> {
        let decoder = loaded.amortized().and_then(|(_, decoder)| decoder);
        let (Some(decoder), Some(source)) = (decoder, &loaded.decoder) else {
            return Err(Error::input(
                "--refine-steps needs a posterior and its decoder: give a manifest with an [encoder] and a [decoder], with --graph encoder",
            ));
        };
        let refine = Refine::of(decoder, source, decoder.refinement())?;
        refine
            .settings
            .check_steps(steps)
            .map_err(|what| Error::input(format!("--refine-steps {steps}: {what}")))?;
        Ok(Self { decoder, refine, steps })
    }

    /// Replaces the posterior of every row of `batch` by the refined one, with the noise of `seed` and the
    /// row; gives the number of rows that kept their start. Progress goes to the terminal.
    ///
    /// # Errors
    ///
    /// An input error without observation, or for other than one posterior; what the decoder refused, with
    /// the row: the rows before it are refined then.
    pub fn run(
        &self,
        loaded: &Loaded,
        batch: &Batch,
        posteriors: &mut [Posteriors],
        seed: u64,
    ) -> Result<RefinedRows> {
        let Self { decoder, refine: Refine { gradient, settings }, steps } = self;
        let observed = loaded.amortized().and_then(|(encoder, _)| encoder.observation());
        let (Some(x), [q]) = (observed, posteriors) else {
            return Err(Error::input("--refine-steps needs an observation and one posterior"));
        };
        let x = batch.given(&x.name)?;
        let forward = TwinLikelihood::new(decoder, x, batch)?;
        let mut likelihood = TwinGradient::new(forward, gradient);
        let latents = q.latent.max(1);
        let rows = q.loc.chunks_exact_mut(latents).zip(q.log_var.chunks_exact_mut(latents));
        let bar = watch::bar("refinement", rows.len());
        let mut kept = 0;
        for (row, (loc, log_var)) in rows.enumerate() {
            likelihood.forward().at(row);
            let stream = StreamKey { seed, row: row as u64 };
            let own = refine_or_keep(&mut likelihood, settings, *steps, stream, loc, log_var);
            let own = own.map_err(|error| Error::input(error.to_string()));
            kept += usize::from(own.context(format!("row {row}"))?);
            bar.inc(1);
        }
        Ok(RefinedRows { steps: *steps, kept })
    }
}
