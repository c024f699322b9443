//! The search for integer formats of a decoder, by the error of the score.

use super::CALIBRATION_KEY;
use crate::calibrate::{Calibration, Quantization, choose};
use crate::divergence::{Grade, ScoreError};
use crate::infer::{ScoredRow, scored_rows};
use crate::lower::Width;
use crate::lower::quantize::Adjust;
use crate::model::{Decoder, Loaded, Source};
use crate::posterior::{sample, twin_posteriors};
use crate::precision::Precision;
use crate::rows::{Batch, Rows};
use crate::{Context, Result};

/// A model whose decoder is still in floats, and what its integers are tried on.
pub(super) struct DecoderTrial<'t> {
    /// The model with its encoder's integers.
    encoded: &'t Loaded,
    source: &'t Source,
    decoder: &'t Decoder,
    /// Calibration rows of the model.
    batch: &'t Batch,
    /// Latents and conditions that the decoder is calibrated on.
    latents: Batch,
    /// The score of each row of `batch`, all in floats.
    float: Vec<f32>,
}

impl<'t> DecoderTrial<'t> {
    /// The trial of the decoder of `encoded`, the model `float` with the integers of its encoder, on the
    /// calibration rows of `batch`. `None` where the decoder stays as it is: there is none, several posteriors have
    /// no score, refinement follows its gradient, or its file is quantized.
    ///
    /// # Errors
    ///
    /// A posterior is not finite, or an input is missing in `batch`.
    pub(super) fn of(
        float: &Loaded,
        encoded: &'t Loaded,
        batch: &'t Batch,
    ) -> Result<Option<Self>> {
        let (Some((_, Some(decoder))), Some(source)) = (encoded.amortized(), &encoded.decoder)
        else {
            return Ok(None);
        };
        let stays = decoder.refine.is_some() || source.integers.is_some();
        let Some(scored) = (!stays).then(|| scored_rows(float, batch)).transpose()?.flatten()
        else {
            return Ok(None);
        };
        let latents = latents(encoded, decoder, batch)?;
        Ok(Some(Self { encoded, source, decoder, batch, latents, float: scores(&scored) }))
    }

    /// The model with the decoder in this precision: for [`Precision::Int8`] with activations of eight bits where
    /// the score is then of grade A, else of sixteen.
    ///
    /// # Errors
    ///
    /// As for `choose` and for lowering.
    pub(super) fn chosen(&self, precision: Precision) -> Result<Loaded> {
        let with = |width| self.best(width).map(|(loaded, _)| loaded);
        match precision {
            Precision::F32 => Ok(self.encoded.clone()),
            Precision::Int8x8 => with(Width::Eight),
            Precision::Int8x16 => with(Width::Sixteen),
            Precision::Int8 => match self.best(Width::Eight)? {
                (loaded, Some(ScoreError { grade: Grade::A, .. })) => Ok(loaded),
                _ => with(Width::Sixteen),
            },
        }
    }

    /// The model with activations of this width in its decoder, and the error of its score: with refitted scales
    /// where the mean error is then at most that without, else without.
    fn best(&self, width: Width) -> Result<(Loaded, Option<ScoreError>)> {
        let plain = self.with(Quantization { width, adjust: Adjust::Bias })?;
        let refitted = self.with(Quantization { width, adjust: Adjust::Both })?;
        let mean = |of: &(Loaded, Option<ScoreError>)| of.1.map_or(f64::NAN, |error| error.mean);
        Ok(if mean(&refitted) <= mean(&plain) { refitted } else { plain })
    }

    /// The model with its decoder quantized in this way, and the error of its score, `None` of a single row.
    fn with(&self, options: Quantization) -> Result<(Loaded, Option<ScoreError>)> {
        let outputs = self.source.positions(&self.decoder.plan);
        let data = Calibration { batch: &self.latents, states: &[] };
        let integers = choose(&self.source.arranged(), &outputs, data, options);
        let integers = integers.context(self.source.path.display())?;
        let loaded = self.encoded.with_decoder_integers(Some(integers))?;
        let scored = scored_rows(&loaded, self.batch)?.unwrap_or_default();
        let error = ScoreError::of(&self.float, &scores(&scored));
        Ok((loaded, error))
    }
}

/// The scores alone.
fn scores(rows: &[ScoredRow]) -> Vec<f32> {
    rows.iter().map(|row| row.score).collect()
}

/// Factor of the means of the draws that a decoder is calibrated on: rows that are held back reach further than those
/// that calibrate, and eight bits hold no more than what they were shown.
const FURTHER: f32 = 1.25;

/// What the decoder reads on the calibration rows: of each row the posterior's mean, and behind all of them a draw
/// of each posterior around [`FURTHER`] times its mean; conditions are those of the row.
fn latents(loaded: &Loaded, decoder: &Decoder, batch: &Batch) -> Result<Batch> {
    let posteriors = twin_posteriors(loaded, batch)?;
    let mut further = posteriors.clone();
    let means = further.iter_mut().flat_map(|posterior| &mut posterior.loc);
    means.for_each(|mean| *mean *= FURTHER);
    let drawn = sample(&further, CALIBRATION_KEY, 1)?;
    let ports = decoder.latents().zip(posteriors.iter().zip(&drawn));
    let twice = |port: &crate::lower::Port, values: Vec<f32>| Rows {
        name: port.name.clone(),
        shape: port.shape.clone(),
        values,
    };
    let latents =
        ports.map(|(port, (mean, drawn))| twice(port, [&mean.loc[..], &drawn.z].concat()));
    let conditions = decoder.conditions().map(|port| {
        let rows = batch.given(&port.name)?;
        let values = &rows.values[..batch.len * port.len()];
        Ok(twice(port, [values, values].concat()))
    });
    let inputs = latents.map(Ok).chain(conditions).collect::<Result<_>>()?;
    Ok(Batch { inputs, len: 2 * batch.len })
}
