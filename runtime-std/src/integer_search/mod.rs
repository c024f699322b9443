//! The search for integer formats: which model with integer weights loses least on calibration rows.
//!
//! | Step | From -> to | Item |
//! |---|---|---|
//! | candidate | model, rows, width -> formats of every layer | [`choose`] |
//! | loss | candidate -> nats of its posterior, or squared errors | [`divergence`] |
//! | bound | posteriors of floats and integers -> the ELBO that is lost | [`BoundDrop`] |
//! | best | losses and grades -> the model | [`Loaded::quantized`] |
//! | decoder | the same of the decoder, by the error of the score | `decoder` |

mod bound;
mod decoder;

pub use bound::BoundDrop;

use crate::calibrate::{Calibration, Quantization, choose};
use crate::divergence::{Grade, Kl, divergence};
use crate::lower::Width;
use crate::lower::quantize::Adjust;
use crate::model::{Graphs, Loaded};
use crate::posterior::{Posteriors, twin_posteriors};
use crate::precision::Precision;
use crate::rows::{Batch, run_twin_in_sequence};
use crate::{Context, Error, Result};

impl Loaded {
    /// The model with integer weights, chosen by the calibration rows in `batch`, which holds its inputs; in
    /// floats for [`Precision::F32`]. A flow beside the encoder stays in f32, and so does a decoder whose gradient
    /// refinement follows.
    ///
    /// [`Precision::Int8`] gives eight-bit activations where the posterior is then of grade A, otherwise sixteen-bit
    /// ones; then the decoder likewise, where the score is of grade A.
    ///
    /// # Errors
    ///
    /// The model is a flow, which has no integer form (whatever the precision); a value is not finite on some row.
    pub fn quantized(&self, precision: Precision, batch: &Batch) -> Result<Self> {
        if matches!(self.model.graphs, Graphs::Flow(_)) {
            return Err(Error::input(
                "a flow is computed in f32: a map of rounded values has no determinant, and so no density; use --precision f32",
            )
            .context(self.main.path.display()));
        }
        let data = Trial { loaded: self, batch };
        let encoded = match precision {
            Precision::F32 => return self.with_integers(None),
            Precision::Int8x8 => data.best(Width::Eight)?,
            Precision::Int8x16 => data.best(Width::Sixteen)?,
            Precision::Int8 => {
                let eight = data.best(Width::Eight)?;
                match data.is_good(&eight)? {
                    true => eight,
                    false => data.best(Width::Sixteen)?,
                }
            }
        };
        let decoders = decoder::DecoderTrial::of(self, &encoded, batch)?;
        Ok(decoders.map(|trial| trial.chosen(precision)).transpose()?.unwrap_or(encoded))
    }
}

/// Key of the noise with which the drop of the bound on the calibration rows is estimated.
const CALIBRATION_KEY: u64 = 0;

/// A model and the rows that it is tried on.
struct Trial<'t> {
    loaded: &'t Loaded,
    batch: &'t Batch,
}

impl Trial<'_> {
    /// The model with activations of this width: with refitted scales where its loss is then at most that
    /// without, otherwise (also if a loss is NaN) without. Biases are refitted in any case. Errors as those
    /// of [`Loaded::quantized`].
    fn best(&self, width: Width) -> Result<Loaded> {
        let plain = self.with(Quantization { width, adjust: Adjust::Bias })?;
        let refitted = self.with(Quantization { width, adjust: Adjust::Both })?;
        Ok(if refitted.1 <= plain.1 { refitted.0 } else { plain.0 })
    }

    /// The model quantized in this way, and its loss on the calibration rows. Errors as those of
    /// [`Loaded::quantized`].
    fn with(&self, options: Quantization) -> Result<(Loaded, f64)> {
        let source = &self.loaded.main;
        let states = self.loaded.model.graphs.main().state_pairs();
        let outputs = match self.loaded.amortized() {
            Some(_) => source.heads_and_states(),
            None => (0..source.graph.outputs.len()).collect(),
        };
        let data = Calibration { batch: self.batch, states: &states };
        let integers = choose(&source.arranged(), &outputs, data, options);
        let integers = integers.context(source.path.display())?;
        let loaded = self.loaded.with_integers(Some(integers))?;
        let loss = self.loss(&loaded)?;
        Ok((loaded, loss))
    }

    /// True where the posteriors of `loaded` are of grade A on the calibration rows, the drop of the bound
    /// included where there is a decoder; false for a model without a posterior.
    ///
    /// # Errors
    ///
    /// As for running either model.
    fn is_good(&self, loaded: &Loaded) -> Result<bool> {
        let [float, integer] = [self.loaded, loaded].map(|one| twin_posteriors(one, self.batch));
        let (float, integer) = (float?, integer?);
        let kl = Kl::of_rows(divergence(&float, &integer));
        if float.is_empty() || Grade::of(&kl, None) != Grade::A {
            return Ok(false);
        }
        let [float, integer] =
            [float, integer].map(|all| all.iter().map(Posteriors::from).collect());
        let (float, integer): (Vec<Posteriors<f64>>, Vec<Posteriors<f64>>) = (float, integer);
        let drop = BoundDrop::of(loaded, self.batch, &float, &integer, CALIBRATION_KEY)?;
        Ok(Grade::of(&kl, drop.mean) == Grade::A)
    }

    /// Loss of `loaded` against the float model on the calibration rows: the mean KL divergence in nats, NaN
    /// where there is none; without a posterior the sum of squared errors of all outputs.
    ///
    /// # Errors
    ///
    /// As for running either model.
    fn loss(&self, loaded: &Loaded) -> Result<f64> {
        if self.loaded.amortized().is_some() {
            let float = twin_posteriors(self.loaded, self.batch)?;
            let integer = twin_posteriors(loaded, self.batch)?;
            let kl = Kl::of_rows(divergence(&float, &integer));
            return Ok(kl.mean.unwrap_or(f64::NAN));
        }
        let run = |loaded: &Loaded| {
            let main = loaded.model.graphs.main();
            run_twin_in_sequence(main.plan, &main.state_pairs(), self.batch)
        };
        let (float, integer) = (run(self.loaded)?, run(loaded)?);
        let pairs = float.iter().flatten().zip(integer.iter().flatten());
        let squares = pairs.map(|(a, b)| f64::from(a - b).powi(2));
        Ok(squares.sum())
    }
}
