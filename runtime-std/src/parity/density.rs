//! `ln p(x)` of a flow alone whose latent is standard normal: the target's, and the reference's in f64.

use super::compare;
use crate::lower::Port;
use crate::model::{Flow, Graphs, Loaded, Role};
use elbow_core::distributions::standard_log_prob;
use serde::Serialize;
use std::f64::consts::TAU;

/// Below this size of `ln p(x)` a difference counts in nats, at the limit of outputs times this: 1e-3.
pub(super) const NATS: f64 = 100.0;

/// Differences of `ln p(x)` over all rows; nothing unless it is a flow with this density.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LogProb {
    /// The largest, in nats.
    pub max_abs: Option<f64>,
    /// The largest relative to `max(100, |ln p(x)|)`.
    pub max_relative: Option<f64>,
}

impl LogProb {
    /// Of a target with these values; `outputs` are the reference's, one per output of the graph.
    pub(super) fn of(
        loaded: &Loaded,
        outputs: &[Option<Vec<f32>>],
        target: Option<&[f32]>,
    ) -> Self {
        let Some((reference, target)) = reference(loaded, outputs).zip(target) else {
            return Self::default();
        };
        let scale = |value: f64| value.abs().clamp(NATS, f64::MAX);
        let relative = reference
            .iter()
            .zip(target)
            .map(|(value, target)| compare::max_abs([*value], &[*target]) / scale(*value));
        Self {
            max_abs: Some(compare::max_abs(reference.iter().copied(), target)),
            max_relative: compare::worst(relative),
        }
    }
}

/// The flow, where it is alone and its density known.
pub(super) fn flow(loaded: &Loaded) -> Option<&Flow> {
    match &loaded.model.graphs {
        Graphs::Flow(flow) if flow.has_log_prob() => Some(flow),
        _ => None,
    }
}

/// The twin's, from its outputs: one per output of the graph.
pub(super) fn twin(loaded: &Loaded, outputs: &[Option<Vec<f32>>]) -> Option<Vec<f32>> {
    let (latent, z, log_det) = parts(loaded, outputs)?;
    let rows = z.chunks_exact(latent).zip(log_det);
    Some(rows.map(|(z, log_det)| standard_log_prob(z) + log_det).collect())
}

/// `sum -(z^2 + ln 2 pi) / 2 + log_det`, in f64.
fn reference(loaded: &Loaded, outputs: &[Option<Vec<f32>>]) -> Option<Vec<f64>> {
    let (latent, z, log_det) = parts(loaded, outputs)?;
    let base =
        |z: &[f32]| -> f64 { z.iter().map(|z| -0.5 * (f64::from(*z).powi(2) + TAU.ln())).sum() };
    let rows = z.chunks_exact(latent).zip(log_det);
    Some(rows.map(|(z, log_det)| base(z) + f64::from(*log_det)).collect())
}

/// Latents of a row, then `z` and `log_det` of all rows.
fn parts<'o>(
    loaded: &Loaded,
    outputs: &'o [Option<Vec<f32>>],
) -> Option<(usize, &'o [f32], &'o [f32])> {
    let latent = flow(loaded)?.plan.outputs.first().map(Port::len)?;
    let with = |role: Role| {
        let mut roles = loaded.encoder.output_roles.iter();
        outputs.get(roles.position(|other| *other == Some(role))?)?.as_deref()
    };
    Some((latent, with(Role::Z)?, with(Role::LogDet)?))
}
