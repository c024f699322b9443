//! Stage 3, emit: a [`Model`] becomes source, packed weights and figures for a build.
//!
//! Nothing is decided here: the plans fix the kernels and their buffers, and the roles the functions around them.

mod amortized;
mod bare;
mod budget;
mod calls;
mod decoder;
mod detector;
mod encoder;
mod flow;
mod mismatch;
mod pack;
mod parameters;
mod refine;
mod rust;
mod text;
mod trace;
mod types;

pub use budget::{Budget, FlashBytes, LayerBudget, RamBytes};

use crate::Result;
use crate::model::Model;
use trace::Trace;

/// Offset in a pack of the checksum of its payload.
const CHECKSUM: usize = 12;

/// A compiled model.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// A Rust module, `model.rs`, for `mod` or `include!`: it depends on `elbow_core` alone, and neither allocates
    /// nor panics. Its type `Model` has the traits of [`elbow_core::compiled`].
    pub source: String,
    /// Its weights, `weights.bin`: read by `elbow_core::pack::Pack::new_checked`.
    pub pack: Vec<u8>,
    /// Its figures, `budget.json`.
    pub budget: Budget,
    /// Why there is no `Detector` although the model is calibrated; `None` where there is one, and for a model that is
    /// not calibrated.
    pub without_detector: Option<String>,
}

/// Source, packed weights and figures of a model. Nothing is written.
///
/// # Errors
///
/// The plans do not fit together: an encoder without two equal outputs for every posterior, or a
/// decoder that does not lead from such latents to such an observation; or the weights do not fit a pack.
pub fn emit(model: &Model) -> Result<Artifact> {
    emit_with(model, Trace::Off)
}

/// Fingerprint of the plans and checksum of the packed weights of a model, in hexadecimal with `-` between.
///
/// # Errors
///
/// The weights do not fit a pack.
pub fn identity(model: &Model) -> Result<String> {
    let fingerprint = pack::fingerprint(model);
    let bytes = pack::bytes(model.graphs.parts(), fingerprint)?;
    let checksum: u32 = (0..4).map(|at| u32::from(bytes[CHECKSUM + at]) << (8 * at)).sum();
    Ok(format!("{fingerprint:016x}-{checksum:08x}"))
}

/// [`emit`] for an image that reports what every step of an inference has written: the workspace has a field
/// `trace` with a checksum for every step of the encoder, else the flow, else the graph.
///
/// # Errors
///
/// As [`emit`].
pub fn emit_traced(model: &Model) -> Result<Artifact> {
    emit_with(model, Trace::Checksums)
}

/// [`emit`] for an image that reports when every step of an inference has ended: `trace` has the ticks of the
/// clock `now` of the workspace. The decoder reads the clock behind each of its steps too, and overwrites the ticks of
/// the encoder's first ones.
///
/// # Errors
///
/// As [`emit`].
pub fn emit_timed(model: &Model) -> Result<Artifact> {
    emit_with(model, Trace::Ticks)
}

/// Source, packed weights and figures, where the workspace keeps `trace` of every step. Errors as for
/// [`emit`].
fn emit_with(model: &Model, trace: Trace) -> Result<Artifact> {
    let parts = model.graphs.parts();
    amortized::check(parts)?;
    let fingerprint = pack::fingerprint(model);
    let pack = pack::bytes(parts, fingerprint)?;
    let budget = Budget::of(model, fingerprint, pack.len());
    let source = match parts.bare {
        Some(plan) => bare::source(&model.name, fingerprint, plan, trace),
        None => amortized::source(model, fingerprint, parts, trace),
    };
    let calibration = model.calibration.as_ref();
    let without_detector = calibration.and_then(|calibration| calibration.obstacle(model));
    Ok(Artifact { source, pack, budget, without_detector })
}
