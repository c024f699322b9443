//! A graph and its declared heads to an [`Encoder`].

use super::{Declared, Encoder, Role, Source, heads};
use crate::error::{Error, Result};
use crate::manifest::{EncoderTable, TensorRef, Window};
use elbow_core::distributions::Spread;

/// What was declared, by manifest or command line.
pub(super) struct Roles {
    input: TensorRef,
    mean: TensorRef,
    spread: TensorRef,
    head: Spread,
    eps: f32,
    clamp: Option<(f32, f32)>,
}

impl Roles {
    pub(super) fn of_table(table: &EncoderTable) -> Self {
        Self {
            input: table.input.clone(),
            mean: table.mean.clone(),
            spread: table.spread.output.clone(),
            head: table.spread.head.into(),
            eps: table.spread.eps,
            clamp: table.spread.clamp.map(|[low, high]| (low, high)),
        }
    }

    pub(super) fn of_declared(declared: &Declared) -> Self {
        Self {
            input: TensorRef::Index(0),
            mean: declared.mean.clone(),
            spread: declared.spread.clone(),
            head: declared.head.into(),
            eps: 0.0,
            clamp: None,
        }
    }
}

/// Checks the heads against the graph and lowers it.
pub(super) fn build(mut source: Source, roles: &Roles) -> Result<(Encoder, Source)> {
    let input = source.input("encoder.input", &roles.input)?;
    let mean = source.output("encoder.mean", &roles.mean)?;
    let spread = source.output("encoder.spread", &roles.spread)?;
    let (mean_name, loc) = &source.graph.outputs[mean];
    let (spread_name, scale) = &source.graph.outputs[spread];
    if mean == spread {
        return Err(source.fault(format!(
            "encoder.mean and encoder.spread are both output {mean_name:?}: name the two heads; it has {:?}",
            source.graph.outputs.iter().map(|(name, _)| name).collect::<Vec<_>>()
        )));
    }
    let shapes = (&source.graph.values[*loc].shape, &source.graph.values[*scale].shape);
    if shapes.0 != shapes.1 {
        return Err(source.fault(format!(
            "the heads have unequal shapes: mean {mean_name:?} has {:?}, spread {spread_name:?} has {:?}; declare the two outputs of one posterior",
            shapes.0, shapes.1
        )));
    }
    if let Some(why) = heads::contradiction(&source.graph, *scale, roles.head) {
        return Err(source.fault(format!("encoder.spread: output {spread_name:?}: {why}")));
    }
    let plan = source.lower_from("encoder", input, &[mean, spread])?;
    source.input_roles[input] = Some(Role::X);
    source.output_roles[mean] = Some(Role::Mean);
    source.output_roles[spread] = Role::of_spread(roles.head);
    source.spread = Some(spread);
    Ok((Encoder { plan, head: roles.head, eps: roles.eps, clamp: roles.clamp }, source))
}

/// A window must fill the observation.
pub(super) fn check_window(encoder: &Encoder, window: &Window) -> Result<()> {
    let input = &encoder.plan.inputs[0];
    if window.channels.checked_mul(window.length) != Some(input.len()) {
        return Err(Error::input(format!(
            "window: {} channels of {} readings do not make the encoder's input {:?} of shape {:?} ({} values); correct channels or length",
            window.channels,
            window.length,
            input.name,
            input.shape,
            input.len()
        )));
    }
    Ok(())
}
