//! `ln p(x)` of a flow alone whose latent is standard normal, from the outputs of its graph.

use crate::lower::Port;
use crate::model::{Flow, Loaded, Parts, Role};
use elbow_core::distributions::standard_log_prob;

/// The flow of a model without an encoder, where its latent is standard normal; `None` otherwise.
pub fn density_flow(loaded: &Loaded) -> Option<&Flow> {
    match loaded.model.graphs.parts() {
        Parts { encoder: None, flow: Some(flow), .. } if flow.has_log_prob() => Some(flow),
        _ => None,
    }
}

/// `ln p(x)` of every row in nats, in f32 as a device computes it, from the outputs of the graph by their
/// position; `None` unless it is a flow with this density and both outputs are given.
pub fn log_prob<'o>(
    loaded: &Loaded,
    outputs: impl Fn(usize) -> Option<&'o [f32]>,
) -> Option<Vec<f32>> {
    let (latent, z, log_det) = log_det_outputs(loaded, outputs)?;
    let rows = z.chunks_exact(latent).zip(log_det);
    Some(rows.map(|(z, log_det)| standard_log_prob(z) + log_det).collect())
}

/// Number of latents, then `z` and `log_det` of all rows; `None` unless it is a flow with this density and
/// both outputs are given.
pub fn log_det_outputs<'o>(
    loaded: &Loaded,
    outputs: impl Fn(usize) -> Option<&'o [f32]>,
) -> Option<(usize, &'o [f32], &'o [f32])> {
    let latent = density_flow(loaded)?.plan.outputs.first().map(Port::len)?;
    let with = |role: Role| {
        let mut roles = loaded.main.output_roles.iter();
        outputs(roles.position(|other| *other == Some(role))?)
    };
    Some((latent, with(Role::Z)?, with(Role::LogDet)?))
}
