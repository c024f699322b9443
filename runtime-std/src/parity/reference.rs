//! The reference: outputs of a runtime for ONNX files, or of files that the user gives, with which a target
//! is compared.

use crate::error::Result;
use crate::model::{Latent, Loaded, Source};
use crate::posterior::Posteriors;
use crate::reference::{Engine, Runtime};
use crate::rows::{Batch, Rows};
use elbow_core::distributions::Spread;
use serde::Serialize;

/// Origin of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// tract runs the ONNX files.
    Tract,
    /// tract runs the ONNX files, and the encoder's is quantized: its rounding is in the reference, so that
    /// nats against it are not the quantization error.
    QuantizedFile,
    /// onnxruntime runs the ONNX files.
    Onnxruntime,
    /// onnxruntime runs the ONNX files, and the encoder's is quantized; as for [`Basis::QuantizedFile`].
    #[serde(rename = "onnxruntime")]
    QuantizedByOnnxruntime,
    /// The user's files.
    Files,
}

impl Basis {
    /// The basis of a reference by this engine; `quantized` tells whether the encoder's file is quantized.
    fn of(engine: &Engine, quantized: bool) -> Self {
        match (engine, quantized) {
            (Engine::Tract, false) => Self::Tract,
            (Engine::Tract, true) => Self::QuantizedFile,
            (Engine::Onnxruntime { .. }, false) => Self::Onnxruntime,
            (Engine::Onnxruntime { .. }, true) => Self::QuantizedByOnnxruntime,
        }
    }

    /// Whether a runtime ran a quantized file, so that its rounding is in the reference.
    pub fn is_quantized(self) -> bool {
        matches!(self, Self::QuantizedFile | Self::QuantizedByOnnxruntime)
    }

    /// Whether outputs of a quantized file can be compared with it in steps: it is the user's files, or
    /// onnxruntime on the quantized file.
    pub(super) fn counts_steps(self) -> bool {
        matches!(self, Self::QuantizedByOnnxruntime | Self::Files)
    }
}

/// Outputs of the reference for all rows; `None` for an output that it does not have.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Origin of the values.
    pub basis: Basis,
    /// Version of the runtime that gave it.
    pub version: Option<String>,
    /// One per output of the encoder's graph.
    pub outputs: Vec<Option<Vec<f32>>>,
    /// Mean and log-variance of every posterior, in f64; all or none.
    pub posteriors: Vec<Posteriors<f64>>,
    /// The decoder's outputs.
    pub decoded: Option<Decoded>,
    /// Those of a flow beside the encoder.
    pub flow: Vec<Option<Vec<f32>>>,
}

/// Inputs and outputs of a decoder.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Its inputs, all rows: means as latents, and conditions.
    pub inputs: Batch,
    /// One per output of the decoder's graph.
    pub outputs: Vec<Option<Vec<f32>>>,
}

/// The reference by a runtime, on all rows of `batch`. The decoder runs on the means of the reference, so
/// that the error of the encoder does not enter the comparison of the decoder.
///
/// # Errors
///
/// As [`Runtime::run`].
pub fn by_runtime(runtime: &Runtime, loaded: &Loaded, batch: &Batch) -> Result<Reference> {
    let mut version = None;
    let mut run = |source: &Source, batch: &Batch| -> Result<Vec<Option<Vec<f32>>>> {
        let answers = runtime.run(source, batch, &[])?;
        version = Some(answers.version);
        Ok(answers.outputs.into_iter().map(Some).collect())
    };
    let outputs = run(&loaded.main, batch)?;
    let decoded = match (means(&loaded.main, &outputs), &loaded.decoder) {
        (Some(means), Some(source)) => {
            let inputs = decoder_inputs(source, &means, batch);
            Some(Decoded { outputs: run(source, &inputs)?, inputs })
        }
        _ => None,
    };
    let flow = loaded.flow.as_ref().map(|source| run(source, batch)).transpose()?;
    Ok(Reference {
        basis: Basis::of(&runtime.engine, loaded.main.is_quantized()),
        version,
        posteriors: posteriors(loaded, &outputs),
        outputs,
        decoded,
        flow: flow.unwrap_or_default(),
    })
}

/// The reference of the user's files, each with an entry per output of its graph: `outputs` of the encoder's,
/// `decoded` of the decoder's, `flow` of a flow's. Without all means among `outputs` the decoder's are
/// dropped. Lengths are not checked.
pub fn by_files(
    loaded: &Loaded,
    batch: &Batch,
    outputs: Vec<Option<Vec<f32>>>,
    decoded: Vec<Option<Vec<f32>>>,
    flow: Vec<Option<Vec<f32>>>,
) -> Reference {
    let means = means(&loaded.main, &outputs).zip(loaded.decoder.as_ref());
    let decoded = means.map(|(means, source)| Decoded {
        inputs: decoder_inputs(source, &means, batch),
        outputs: decoded,
    });
    let posteriors = posteriors(loaded, &outputs);
    Reference { basis: Basis::Files, version: None, posteriors, outputs, decoded, flow }
}

/// The decoder's inputs: `means` as its latents, in order, and all inputs of `batch` that are none.
fn decoder_inputs(source: &Source, means: &[&[f32]], batch: &Batch) -> Batch {
    let latents = source.latents().zip(means).map(|(input, mean)| Rows {
        name: source.input_name(input).into(),
        shape: source.input_shape(input).into(),
        values: mean.to_vec(),
    });
    let latents: Vec<Rows> = latents.collect();
    let is_latent = |rows: &&Rows| latents.iter().any(|latent| latent.name == rows.name);
    let others: Vec<Rows> = batch.inputs.iter().filter(|rows| !is_latent(rows)).cloned().collect();
    Batch { inputs: [latents, others].concat(), len: batch.len }
}

/// The means of all posteriors, from one entry per output of the graph; `None` where there is no posterior or
/// one mean is not given.
fn means<'a>(source: &Source, outputs: &'a [Option<Vec<f32>>]) -> Option<Vec<&'a [f32]>> {
    let means = source.heads.iter().map(|[mean, _]| outputs[*mean].as_deref());
    means.collect::<Option<Vec<_>>>().filter(|means| !means.is_empty())
}

/// Mean and log-variance of every posterior from the raw heads, in f64, by formulas of this file's own.
/// `outputs` has an entry per output of the graph; empty without an encoder, or where a head is not given.
fn posteriors(loaded: &Loaded, outputs: &[Option<Vec<f32>>]) -> Vec<Posteriors<f64>> {
    let Some((encoder, _)) = loaded.amortized() else { return Vec::new() };
    let pairs = loaded.main.heads.iter().zip(&encoder.latents);
    let posterior = |([mean, spread], latent): (&[usize; 2], &Latent)| {
        let (mean, spread) = (outputs[*mean].as_deref()?, outputs[*spread].as_deref()?);
        let found =
            spread.iter().map(|h| log_variance(f64::from(*h), latent.head, latent.eps.into()));
        let found: Vec<f64> = found.collect();
        let log_var: Vec<f64> = found.iter().map(|value| clamped(latent, *value)).collect();
        let is_clamped = |(a, b): &(&f64, &f64)| a.total_cmp(b).is_ne();
        let clamp_hits = found.iter().zip(&log_var).filter(is_clamped).count() as u64;
        let loc = mean.iter().map(|value| f64::from(*value)).collect();
        Some(Posteriors { latent: latent.len, loc, log_var, clamp_hits })
    };
    pairs.map(posterior).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The log-variance `value` within the bounds that the latent declares; unchanged without bounds, and NaN
/// stays NaN.
fn clamped(latent: &Latent, value: f64) -> f64 {
    match latent.clamp {
        Some((low, high)) => value.clamp(f64::from(low), f64::from(high)),
        None => value,
    }
}

/// `ln(sigma^2)` in f64 of a head's value `h`, with `eps` added as the head's formula says; NaN where a
/// `sigma` or variance is negative.
fn log_variance(h: f64, head: Spread, eps: f64) -> f64 {
    let softplus = |h: f64| h.max(0.0) + (-h.abs()).exp().ln_1p();
    match head {
        Spread::LogVar if eps == 0.0 => h,
        Spread::LogVar => (h.exp() + eps).ln(),
        Spread::LogSigma if eps == 0.0 => 2.0 * h,
        Spread::LogSigma => 2.0 * (h.exp() + eps).ln(),
        Spread::Sigma => 2.0 * (h + eps).ln(),
        Spread::Var => (h + eps).ln(),
        Spread::SoftplusSigma => 2.0 * (softplus(h) + eps).ln(),
        Spread::SoftplusVar => (softplus(h) + eps).ln(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_one_sigma_agree() {
        let (sigma, eps) = (0.37f64, 0.01);
        let inverse_softplus = |y: f64| y.exp_m1().ln();
        let cases = [
            (Spread::LogVar, (sigma * sigma - eps).ln()),
            (Spread::LogSigma, (sigma - eps).ln()),
            (Spread::Sigma, sigma - eps),
            (Spread::Var, sigma * sigma - eps),
            (Spread::SoftplusSigma, inverse_softplus(sigma - eps)),
            (Spread::SoftplusVar, inverse_softplus(sigma * sigma - eps)),
        ];
        for (head, h) in cases {
            let error = log_variance(h, head, eps) - 2.0 * sigma.ln();
            assert!(error.abs() < 1e-14, "{head:?}: {error}");
        }
    }
}
