//! What plans of one model share: weights, arena, fingerprint.

use crate::lower::{Buffer, Kernel, Plan};
use crate::manifest::{Layout, Window};
use crate::model::{Decoder, Latent, Likelihood, Model, ParameterSource, PartName, Parts, Role};
use crate::{Error, Result};
use elbow_core::pack::{FORMAT_VERSION, header};
use sha2::{Digest, Sha256};

/// Length of the arena that serves every plan, one at a time.
pub(super) fn arena(parts: Parts<'_>) -> usize {
    parts.plans().map(|(_, plan)| plan.arena).max().unwrap_or(0)
}

/// [`arena`] for all but the gradient.
pub(super) fn arena_without_gradient(parts: Parts<'_>) -> usize {
    parts.graphs().map(|part| part.plan.arena).max().unwrap_or(0)
}

/// The weights of a decoder and of its gradient, if it has one.
pub(super) fn weights(decoder: &Decoder) -> &[f32] {
    decoder.refine.as_ref().map_or(&decoder.plan.weights, |refine| &refine.gradient.weights)
}

/// Where each fixed parameter of the likelihood starts, for a decoder whose weights start at `weights`, and
/// how many values of them lie behind the weights of all plans, at `end`: none where the decoder's gradient
/// reads them among its own.
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

/// Whether the fixed parameters among the weights of the gradient are the likelihood's.
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

/// Where the fixed parameters lie among the weights of the gradient, which its seed reads.
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

/// The first eight bytes of the SHA-256 of everything that generated code takes for granted of the
/// weights: the structure of the plans, the roles, normalization and layout of the window, and the
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

/// A window's part of the fingerprint; channels first is the layout that need not be said.
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

/// The family of a likelihood, and where its parameters are.
fn likelihood(likelihood: &Likelihood) -> String {
    let sources = likelihood.parameters.iter().map(|source| match source {
        ParameterSource::Fixed(values) => format!(" fixed {}", values.len()),
        ParameterSource::Output(index) => format!(" output {index}"),
    });
    format!("likelihood {:?}{}\n", likelihood.family, sources.collect::<String>())
}

/// Roles that only some models have: of inputs besides observation and latent, and of a flow.
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

/// The packed weights of all plans, and behind them the fixed parameters of a likelihood whose gradient has
/// none.
///
/// # Errors
///
/// The payload is longer than its field in the header can say.
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
