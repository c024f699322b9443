//! Flash, RAM and multiply-accumulates of a compiled model, as far as they are known before a target is built.

use super::calls::{looks_up, saturates};
use super::detector;
use super::pack::arena;
use crate::identifier::identifier;
use crate::model::{Model, Parts};
use serde::Serialize;

/// Figures of a compiled model; serialized as `budget.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// Name of the generated module.
    pub model: String,
    /// Of the plans, as 16 hexadecimal digits.
    pub fingerprint: String,
    /// Multiply-accumulates of one run of every graph.
    pub macs: usize,
    /// Flash.
    pub flash_bytes: FlashBytes,
    /// RAM.
    pub ram_bytes: RamBytes,
    /// Bytes of intermediate values, the largest part of the workspace.
    pub arena_bytes: usize,
    /// Bytes of the largest input plus output of one layer that lie in the arena: no plan needs less.
    pub arena_lower_bound_bytes: usize,
    /// All kernel calls.
    pub layers: Vec<LayerBudget>,
}

/// Flash of a compiled model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlashBytes {
    /// Code; known once a target image is built.
    pub code: Option<usize>,
    /// The packed weights with their header.
    pub weights: usize,
}

/// RAM of a compiled model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RamBytes {
    /// The generated `Workspace`: arena, the counters of clamps and of values that integers could not hold, state, and
    /// the parameters of the likelihood that the decoder computes.
    pub workspace: usize,
    /// The generated `Detector` on a core of 32 bits, the workspace among its parts: all that a program takes besides
    /// the stack. `None` for a model without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detector: Option<usize>,
    /// Stack; known once a target image is built.
    pub stack: Option<usize>,
}

/// One kernel call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerBudget {
    /// `encoder`, `decoder`, `gradient`, `flow` or `graph`.
    pub graph: String,
    /// Name of the node.
    pub name: String,
    /// Operator of the node.
    pub op: String,
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// Multiply-accumulates.
    pub macs: usize,
}

impl Budget {
    /// The figures of a model whose pack has `pack_len` bytes, header included; code and stack are `None`.
    pub(super) fn of(model: &Model, fingerprint: u64, pack_len: usize) -> Self {
        let parts = model.graphs.parts();
        let layers = parts.plans().flat_map(|(graph, plan)| {
            plan.steps.iter().map(move |step| LayerBudget {
                graph: graph.name().into(),
                name: step.name.clone(),
                op: step.op.clone(),
                shape: step.shape.clone(),
                macs: step.macs,
            })
        });
        let arena_bytes = size_of::<f32>() * arena(parts);
        let bound = parts.plans().map(|(_, plan)| plan.arena_lower_bound).max().unwrap_or(0);
        let counts = parts.plans().any(|(_, plan)| saturates(plan));
        let saturated = if counts { size_of::<u32>() } else { 0 };
        let workspace = arena_bytes
            + clamp_bytes(parts)
            + state_bytes(parts)
            + parameter_bytes(parts)
            + saturated;
        Self {
            model: identifier(&model.name),
            fingerprint: format!("{fingerprint:016x}"),
            macs: parts.plans().map(|(_, plan)| plan.macs()).sum(),
            flash_bytes: FlashBytes { code: None, weights: pack_len },
            ram_bytes: RamBytes {
                workspace,
                detector: detector::bytes(model, workspace),
                stack: None,
            },
            arena_bytes,
            arena_lower_bound_bytes: size_of::<f32>() * bound,
            layers: layers.collect(),
        }
    }
}

/// Bytes of the counter `clamp_hits`, which a module has where it clamps log-variances or looks up; 0 without either.
fn clamp_bytes(parts: Parts<'_>) -> usize {
    let counts = parts.encoder.is_some() || parts.plans().any(|(_, plan)| looks_up(plan));
    if counts { size_of::<u32>() } else { 0 }
}

/// Bytes of all states, each before and after a call; 0 without an encoder or states.
fn state_bytes(parts: Parts<'_>) -> usize {
    let Some(encoder) = parts.encoder else { return 0 };
    let states = encoder.state_pairs().into_iter().map(|(input, _)| &encoder.plan.inputs[input]);
    states.map(|port| 2 * size_of::<f32>() * port.len()).sum()
}

/// Bytes of the decoder's outputs besides the mean, which the workspace keeps; 0 without a decoder.
fn parameter_bytes(parts: Parts<'_>) -> usize {
    let Some(decoder) = parts.decoder else { return 0 };
    decoder.plan.outputs.iter().skip(1).map(|port| size_of::<f32>() * port.len()).sum()
}
