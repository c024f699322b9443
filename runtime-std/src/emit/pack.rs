//! Weights, arena and fingerprint that the plans of one model share.

use crate::lower::{Buffer, Kernel, Plan};
use crate::manifest::{Layout, Window};
use crate::model::{Decoder, Latent, Likelihood, Model, ParameterSource, PartName, Parts, Role};
use crate::{Error, Result};
use elbow_core::pack::{FORMAT_VERSION, header};
use sha2::{Digest, Sha256};

/// Floats of the arena that serves every plan, one at a time: the largest.
pub(super) fn arena(parts: Parts<'_>) -> usize {
    parts.plans().map(|(_, plan)| plan.arena).max().unwrap_or(0)
}

/// Floats of the arena that serves every plan but the gradient's.
pub(super) fn arena_without_gradient(parts: Parts<'_>) -> usize {
    parts.graphs().map(|part| part.plan.arena).max().unwrap_or(0)
}

/// The weights of a decoder; with refinement those of its gradient, which begin with them.
pub(super) fn weights(decoder: &Decoder) -> &[f32] {
    decoder.refine.as_ref().map_or(&decoder.plan.weights, |refine| &refine.gradient.weights)
}

/// Index in the pack of each fixed parameter of the likelihood, for a decoder whose weights start at
/// `weights`; and the number of floats that these parameters take behind the weights of all plans, from `end`
/// on: 0 where they are among the gradient's weights.
pub(super) fn fixed(decoder: &Decoder, weights: usize, end: usize) -> (Vec<usize>, usize) {
    if let Some(places) = fixed_in_gradient(decoder) {
        return (places.into_iter().map(|place| weights + place).collect(), 0);
    }
    let mut next = end;
    let lens = decoder.likelihood.fixed_parameters().map(<[f32]>::len);
    let places = lens.map(|len| {
        next += len;
        next - len
    });
    (places.collect(), next - end)
}

/// Whether the fixed parameters among the weights of `gradient`, the decoder's, are the likelihood's, all of
/// them and bit by bit; also true where the decoder has no gradient with a `Score` step.
pub(super) fn reads_own_parameters(decoder: &Decoder, gradient: &Plan) -> bool {
    let Some(places) = fixed_in_gradient(decoder) else { return true };
    let mut fixed = decoder.likelihood.fixed_parameters();
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let own = places.iter().zip(fixed.by_ref()).all(|(place, values)| {
        let stored = gradient.weights.get(*place..place + values.len());
        stored.is_some_and(|stored| bits(stored) == bits(values))
    });
    own && fixed.next().is_none()
}

/// Index of each fixed parameter among the weights of the decoder's gradient, from the step where its
/// backward pass starts (`Score`); `None` without a gradient or such a step.
fn fixed_in_gradient(decoder: &Decoder) -> Option<Vec<usize>> {
    let steps = &decoder.refine.as_ref()?.gradient.steps;
    let seed = steps.iter().find(|step| matches!(step.kernel, Kernel::Score { .. }))?;
    let place = |source: &Buffer| match source {
        Buffer::Weights(range) => Some(range.start),
        _ => None,
    };
    let observation_and_mean = 2;
    Some(seed.sources.iter().skip(observation_and_mean).filter_map(place).collect())
}

/// The first eight bytes, little-endian, of the SHA-256 of everything about the weights that generated code depends
/// on: the structure of the plans, the roles, normalization and layout of the window, and the
/// version of the format. Names do not count, and neither does the threshold.
pub(super) fn fingerprint(model: &Model) -> u64 {
    let parts = model.graphs.parts();
    let mut text = format!("pack format {FORMAT_VERSION}\n{}\n", window(model.window.as_ref()));
    for (name, plan) in parts.plans() {
        text += &format!("{}: {}", name.name(), plan.structure());
    }
    for Latent { head, eps, clamp, .. } in parts.encoder.iter().flat_map(|e| &e.latents) {
        text += &format!("{head:?} eps {eps:?} clamp {clamp:?}\n");
    }
    text += &parts.decoder.map_or_else(String::new, |decoder| likelihood(&decoder.likelihood));
    text += &further(parts);
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(text).into();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Text of a window for the fingerprint, `None` without one; a layout of channels first is left out.
fn window(window: Option<&Window>) -> String {
    let Some(window) = window else { return "None".into() };
    let Window { channels, length, hop, mean, std, .. } = window;
    let layout = match window.layout() {
        Layout::ChannelsFirst => "",
        Layout::TimeFirst => ", layout: TimeFirst",
    };
    format!(
        "Some(Window {{ channels: {channels}, length: {length}, hop: {hop}, mean: {mean:?}, std: {std:?}{layout} }})"
    )
}

/// Text of a likelihood for the fingerprint: its family, and whether each parameter is fixed or an output.
fn likelihood(likelihood: &Likelihood) -> String {
    let sources = likelihood.parameters.iter().map(|source| match source {
        ParameterSource::Fixed(values) => format!(" fixed {}", values.len()),
        ParameterSource::Output(index) => format!(" output {index}"),
    });
    format!("likelihood {:?}{}\n", likelihood.family, sources.collect::<String>())
}

/// Text for the fingerprint of roles that only some models have: of inputs besides observation and latent,
/// and of a flow; empty without them.
fn further(parts: Parts<'_>) -> String {
    let mut text = String::new();
    for part in parts.graphs() {
        let further = part.roles.iter().filter(|role| !matches!(role, Role::X | Role::Z));
        let further: Vec<&str> = further.map(|role| role.name()).collect();
        if !further.is_empty() {
            text += &format!("inputs {}\n", further.join(" "));
        }
    }
    if let Some(flow) = parts.flow {
        text += &format!("flow {:?}\n", flow.density);
    }
    text
}

/// The bytes of the pack: its header with this fingerprint, the weights of all plans, and the fixed
/// parameters of a likelihood that are not among a gradient's weights.
///
/// # Errors
///
/// The payload has 4 GiB or more.
pub(super) fn bytes(parts: Parts<'_>, fingerprint: u64) -> Result<Vec<u8>> {
    let decoder = parts.decoder;
    let behind = decoder.filter(|decoder| fixed_in_gradient(decoder).is_none());
    let parameters =
        behind.into_iter().flat_map(|decoder| decoder.likelihood.fixed_parameters().flatten());
    let own = parts.graphs().flat_map(|part| {
        let decoder = decoder.filter(|_| part.name == PartName::Decoder);
        decoder.map_or(&part.plan.weights[..], weights)
    });
    let floats = own.chain(parameters);
    let payload: Vec<u8> = floats.flat_map(|value| value.to_le_bytes()).collect();
    if u32::try_from(payload.len()).is_err() {
        let bytes = payload.len();
        return Err(Error::input(format!(
            "the weights take {bytes} bytes, and a pack holds less than 4 GiB: use a smaller model"
        )));
    }
    Ok([&header(fingerprint, &payload)[..], &payload].concat())
}
