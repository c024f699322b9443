//! `ln p(x)` of a flow alone whose latent is standard normal: the target's, and the reference's in f64.

use super::compare;
use super::tolerance::LOG_PROB_NATS;
use crate::model::Loaded;
use crate::scoring::log_det_outputs;
use serde::Serialize;
use std::f64::consts::TAU;

/// Differences of `ln p(x)` over all rows; nothing unless it is a flow with this density.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LogProb {
    /// The largest, in nats.
    pub max_abs: Option<f64>,
    /// The largest relative to `max(100, |ln p(x)|)`; see [`LOG_PROB_NATS`].
    pub max_relative: Option<f64>,
}

impl LogProb {
    /// Differences of the `target`'s `ln p(x)`, one per row, from that of the reference's `outputs`, one per
    /// output of the graph. Both are `None` where the model is no flow with this density or one side is not
    /// given.
    pub(super) fn of(
        loaded: &Loaded,
        outputs: &[Option<Vec<f32>>],
        target: Option<&[f32]>,
    ) -> Self {
        let of = |at: usize| outputs.get(at)?.as_deref();
        let Some((reference, target)) = reference(loaded, of).zip(target) else {
            return Self::default();
        };
        let scale = |value: f64| value.abs().clamp(LOG_PROB_NATS, f64::MAX);
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

/// `sum -(z^2 + ln 2 pi) / 2 + log_det` of every row in f64, in nats; `None` as for [`log_prob`](crate::scoring::log_prob).
fn reference<'o>(
    loaded: &Loaded,
    outputs: impl Fn(usize) -> Option<&'o [f32]>,
) -> Option<Vec<f64>> {
    let (latent, z, log_det) = log_det_outputs(loaded, outputs)?;
    let base =
        |z: &[f32]| -> f64 { z.iter().map(|z| -0.5 * (f64::from(*z).powi(2) + TAU.ln())).sum() };
    let rows = z.chunks_exact(latent).zip(log_det);
    Some(rows.map(|(z, log_det)| base(z) + f64::from(*log_det)).collect())
}
