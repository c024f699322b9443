//! Stage 3, emit: a [`Model`] becomes source, packed weights and figures for a build.
//!
//! Nothing is decided here: the plans fix the kernels and their buffers, and the roles the functions around them.

mod amortized;
mod bare;
mod budget;
mod calls;
mod decoder;
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
use crate::lower::Core;
use crate::model::{Loaded, Model};
use elbow_core::checksum::crc32_of_floats;
use elbow_core::pack::HEADER_LEN;
use trace::Trace;

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
}

/// What a calibration belongs to: the fingerprint of the plans and the checksum of the weights, 16 and 8 hexadecimal
/// digits, of the weights in the form that the twin reads; another core's form changes no score.
///
/// # Errors
///
/// The weights do not fit a pack.
pub fn identity(loaded: &Loaded) -> Result<String> {
    let model = &loaded.for_core(Core::default())?.model;
    let fingerprint = pack::fingerprint(model);
    let bytes = pack::bytes(model.graphs.parts(), fingerprint)?;
    let payload = bytes.get(HEADER_LEN..).unwrap_or_default().as_chunks::<4>().0;
    let floats: Vec<f32> = payload.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok(format!("{fingerprint:016x}-{:08x}", crc32_of_floats(&[&floats])))
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
/// clock `now` of the workspace.
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
    Ok(Artifact { source, pack, budget })
}
