//! The outputs of a target for all rows, which are compared with the reference.

use crate::error::Result;
use crate::model::{Loaded, Source};
use crate::posterior::{Posteriors, twin_posteriors};
use crate::rows::{Batch, run_twin_in_sequence};
use crate::scoring::log_prob;
use serde::Serialize;

/// Outputs of a target; `None` for an output that it does not have.
#[derive(Clone, Debug)]
pub struct TargetOutputs {
    /// One per output of the encoder's graph.
    pub outputs: Vec<Option<Vec<f32>>>,
    /// The posteriors of the model.
    pub posteriors: Vec<Posteriors>,
    /// One per output of the decoder's graph, at the reference's means.
    pub decoded: Vec<Option<Vec<f32>>>,
    /// One per output of a flow beside the encoder.
    pub flow: Vec<Option<Vec<f32>>>,
    /// `ln p(x)` of every row, by a flow alone whose latent is standard normal.
    pub log_prob: Option<Vec<f32>>,
    /// Figures that only the image of a device can give.
    pub image: ImageFigures,
}

/// Figures of a target image.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImageFigures {
    /// Whether the target agreed with the twin in every bit.
    pub twin_bit_exact: Option<bool>,
    /// Bounds and refinements among what was compared for that.
    pub inferences: Option<usize>,
    /// Instructions of the longest inference, of an emulated board.
    pub instructions: Option<u64>,
    /// Its cycles, of a real board.
    pub cycles: Option<u64>,
    /// Its seconds, of a board that knows the speed of its timer.
    pub seconds: Option<f64>,
    /// Bytes of code.
    pub code: Option<usize>,
    /// Bound of the stack in bytes, from the machine code.
    pub stack: Option<usize>,
    /// What the rows used.
    pub measured: Option<PaintedMemory>,
}

/// Largest use of memory over all rows, by painting.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct PaintedMemory {
    /// Bytes of stack.
    pub stack_bytes: Option<u32>,
    /// Bytes of the workspace's arena.
    pub arena_bytes: u32,
}

/// Outputs of the twin for all graphs, on all rows of `batch`; `decoded` are the decoder's inputs (without
/// them the decoder does not run).
///
/// # Errors
///
/// A posterior that is not finite, an input that is missing, or an index outside its table.
pub fn twin(loaded: &Loaded, batch: &Batch, decoded: Option<&Batch>) -> Result<TargetOutputs> {
    let all = |source: &Source, batch: &Batch| -> Result<Vec<Option<Vec<f32>>>> {
        let (plan, states) = source.whole()?;
        let outputs = run_twin_in_sequence(&plan, &states, batch)?;
        Ok(outputs.into_iter().map(Some).collect())
    };
    let outputs = all(&loaded.main, batch)?;
    let posteriors = twin_posteriors(loaded, batch)?;
    let decoded = match (&loaded.decoder, decoded) {
        (Some(source), Some(inputs)) => all(source, inputs)?,
        _ => Vec::new(),
    };
    let flow = loaded.flow.as_ref().map(|source| all(source, batch)).transpose()?;
    let flow = flow.unwrap_or_default();
    let log_prob = log_prob(loaded, |at| outputs.get(at)?.as_deref());
    Ok(TargetOutputs {
        outputs,
        posteriors,
        decoded,
        flow,
        log_prob,
        image: ImageFigures::default(),
    })
}
