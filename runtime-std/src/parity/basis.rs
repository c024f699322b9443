//! Who is right: the reference that a target is held against.

use crate::error::Result;
use crate::model::{Encoder, Loaded, Role, Source};
use crate::oracle;
use crate::rows::Rows;
use elbow_core::distributions::Spread;
use serde::Serialize;

/// Where the reference comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// tract runs the ONNX files.
    Tract,
    /// The user's files.
    Files,
}

/// The reference's answers for all rows; `None` where it gives none.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Where it comes from.
    pub basis: Basis,
    /// One per output of the encoder's graph.
    pub outputs: Vec<Option<Vec<f32>>>,
    /// Mean and log-variance, in f64.
    pub posterior: Option<Posterior>,
    /// The decoder's outputs.
    pub decoded: Option<Decoded>,
}

/// A diagonal Gaussian per row, in f64.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// Latents of one row.
    pub latent: usize,
    /// All rows.
    pub mean: Vec<f64>,
    /// All rows.
    pub log_var: Vec<f64>,
}

/// What a decoder answers.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The latents that it was given, all rows.
    pub z: Vec<f32>,
    /// One per output of the decoder's graph.
    pub outputs: Vec<Option<Vec<f32>>>,
}

/// tract's answers. The decoder gets the reference's own means, so that the encoder's error does not
/// enter its comparison.
///
/// # Errors
///
/// As [`oracle::run`].
pub fn by_tract(loaded: &Loaded, inputs: &[Rows], rows: usize) -> Result<Reference> {
    let outputs: Vec<_> =
        oracle::run(&loaded.encoder, inputs, rows)?.into_iter().map(Some).collect();
    let decoded = match (mean_of(&loaded.encoder, &outputs), &loaded.decoder) {
        (Some(z), Some(source)) => Some(decode(source, z, rows)?),
        _ => None,
    };
    Ok(Reference { basis: Basis::Tract, posterior: posterior(loaded, &outputs), outputs, decoded })
}

/// The user's files: one per output of the encoder's graph and, at the means among them, of the
/// decoder's.
pub fn by_files(
    loaded: &Loaded,
    outputs: Vec<Option<Vec<f32>>>,
    decoded: Vec<Option<Vec<f32>>>,
) -> Reference {
    let mean = mean_of(&loaded.encoder, &outputs);
    let decoded = mean.map(|z| Decoded { z: z.to_vec(), outputs: decoded });
    Reference { basis: Basis::Files, posterior: posterior(loaded, &outputs), outputs, decoded }
}

fn decode(source: &Source, z: &[f32], rows: usize) -> Result<Decoded> {
    let inputs = source.graph.inputs.iter().map(|id| &source.graph.values[*id]);
    let inputs: Vec<Rows> = inputs
        .map(|value| Rows {
            name: value.name.clone(),
            shape: value.shape.clone(),
            values: z.to_vec(),
        })
        .collect();
    let outputs = oracle::run(source, &inputs, rows)?.into_iter().map(Some).collect();
    Ok(Decoded { z: z.to_vec(), outputs })
}

fn mean_of<'a>(source: &Source, outputs: &'a [Option<Vec<f32>>]) -> Option<&'a [f32]> {
    let at = source.output_roles.iter().position(|role| *role == Some(Role::Mean))?;
    outputs[at].as_deref()
}

/// Mean and log-variance from the raw heads, by formulas of this file's own, in f64.
fn posterior(loaded: &Loaded, outputs: &[Option<Vec<f32>>]) -> Option<Posterior> {
    let (encoder, _) = loaded.amortized()?;
    let mean = mean_of(&loaded.encoder, outputs)?;
    let spread = outputs[loaded.encoder.spread?].as_deref()?;
    Some(Posterior {
        latent: encoder.plan.outputs[0].len(),
        mean: mean.iter().map(|value| f64::from(*value)).collect(),
        log_var: spread.iter().map(|h| log_var(encoder, f64::from(*h))).collect(),
    })
}

fn log_var(encoder: &Encoder, h: f64) -> f64 {
    let value = log_variance(h, encoder.head, f64::from(encoder.eps));
    match encoder.clamp {
        Some((low, high)) => value.clamp(f64::from(low), f64::from(high)),
        None => value,
    }
}

/// `ln(sigma^2)` of a head's value.
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
