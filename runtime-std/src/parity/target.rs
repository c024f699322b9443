//! Who is held against the reference: what a target answers for all rows.

use crate::error::Result;
use crate::lower::lower;
use crate::model::Loaded;
use crate::posterior::Posteriors;
use crate::rows::{Rows, run_twin};
use serde::Serialize;

/// A target's answers; `None` where it gives none.
#[derive(Clone, Debug)]
pub struct Answer {
    /// One per output of the encoder's graph.
    pub outputs: Vec<Option<Vec<f32>>>,
    /// The posteriors.
    pub posteriors: Option<Posteriors>,
    /// One per output of the decoder's graph, at the reference's means.
    pub decoded: Vec<Option<Vec<f32>>>,
    /// What only an image of a target knows.
    pub image: Image,
}

/// Figures of a target image.
#[derive(Clone, Copy, Debug, Default)]
pub struct Image {
    /// Whether the target agreed with the twin in every bit.
    pub twin_bit_exact: Option<bool>,
    /// Instructions of the longest inference.
    pub instructions: Option<u64>,
    /// Bytes of code.
    pub code: Option<usize>,
    /// Bound of the stack in bytes, from the machine code.
    pub stack: Option<usize>,
    /// What the rows used.
    pub measured: Option<Measured>,
}

/// Largest use of memory over all rows, by painting.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Measured {
    /// Bytes of stack.
    pub stack_bytes: Option<u32>,
    /// Bytes of the workspace's arena.
    pub arena_bytes: u32,
}

/// The twin's answers; `z` are the latents for the decoder.
///
/// # Errors
///
/// A posterior that is not finite.
pub fn twin(loaded: &Loaded, inputs: &[Rows], z: Option<&[f32]>, rows: usize) -> Result<Answer> {
    let graph = &loaded.encoder.graph;
    let plan = lower(graph, &Vec::from_iter(0..graph.outputs.len()))?;
    let outputs = run_twin(&plan, inputs, rows)?.into_iter().map(Some).collect();
    let posteriors = twin_posteriors(loaded, inputs, rows)?;
    let decoded = match (&loaded.decoder, z) {
        (Some(source), Some(z)) => {
            let plan = lower(&source.graph, &Vec::from_iter(0..source.graph.outputs.len()))?;
            let latents = plan.inputs.iter().map(|port| Rows {
                name: port.name.clone(),
                shape: port.shape.clone(),
                values: z.to_vec(),
            });
            let latents: Vec<Rows> = latents.collect();
            run_twin(&plan, &latents, rows)?.into_iter().map(Some).collect()
        }
        _ => Vec::new(),
    };
    Ok(Answer { outputs, posteriors, decoded, image: Image::default() })
}

/// The posteriors by the encoder's own plan; none for a bare model.
///
/// # Errors
///
/// A posterior that is not finite.
pub fn twin_posteriors(
    loaded: &Loaded,
    inputs: &[Rows],
    rows: usize,
) -> Result<Option<Posteriors>> {
    let Some((encoder, _)) = loaded.amortized() else { return Ok(None) };
    let mut heads = run_twin(&encoder.plan, inputs, rows)?.into_iter();
    let (mean, spread) = (heads.next().unwrap_or_default(), heads.next().unwrap_or_default());
    Posteriors::of_heads(encoder, mean, spread).map(Some)
}
