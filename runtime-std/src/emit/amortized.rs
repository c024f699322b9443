//! The module of a model with roles: `encode`, and the functions of a decoder and of a flow.

use super::bare;
use super::calls::{Calls, looks_up, saturates};
use super::decoder::{Decode, Offsets};
use super::detector;
use super::encoder::Encode;
use super::flow;
use super::mismatch::mismatch;
use super::parameters::Shared;
use super::rust::{
    self, SKIP, Workspace, array, float, hexadecimal, imports, kernel_imports, trace_import,
    use_core,
};
use super::text::{observed, states};
use super::trace::Trace;
use super::{pack, refine, types};
use crate::Result;
use crate::identifier::identifier;
use crate::lower::Port;
use crate::manifest::{ScoreKind, Window};
use crate::model::{Flow, Model, Parts};

/// `Ok` where the plans fit together, and for a graph without roles.
///
/// # Errors
///
/// The encoder has no input, an input without a role, or other outputs than mean and spread of each
/// posterior, equally long, and its states; the decoder does not lead from these latents to the observation
/// and the parameters of its likelihood; or flow or gradient do not fit.
pub(super) fn check(parts: Parts<'_>) -> Result<()> {
    parts.flow.map_or(Ok(()), flow::check)?;
    let Some(encoder) = parts.encoder else { return Ok(()) };
    let lens = |ports: &[Port]| ports.iter().map(Port::len).collect::<Vec<_>>();
    let (inputs, outputs) = (lens(&encoder.plan.inputs), lens(&encoder.plan.outputs));
    let heads = 2 * encoder.latents.len();
    if inputs.is_empty()
        || inputs.len() != encoder.inputs.len()
        || heads == 0
        || outputs.len() != heads + encoder.states
    {
        return Err(mismatch(format!(
            "the encoder has {} inputs and {} outputs, expected {} inputs with a role, and mean and spread of every posterior",
            inputs.len(),
            outputs.len(),
            encoder.inputs.len()
        )));
    }
    for (pair, latent) in outputs.chunks_exact(2).zip(&encoder.latents) {
        if pair != [latent.len; 2] {
            return Err(mismatch(format!(
                "the mean has {} values and the spread {}",
                pair[0], pair[1]
            )));
        }
    }
    let Some(decoder) = parts.decoder else { return Ok(()) };
    let latents: Vec<usize> = encoder.latents.iter().map(|latent| latent.len).collect();
    let (inputs, outputs) = (lens(&decoder.plan.inputs), lens(&decoder.plan.outputs));
    let observed = encoder.plan.inputs[0].len();
    let of_likelihood = decoder.likelihood.outputs().map(|(_, index)| index);
    if inputs.get(..latents.len()) != Some(&latents)
        || outputs.first() != Some(&observed)
        || !(1..outputs.len()).eq(of_likelihood)
    {
        return Err(mismatch(format!(
            "the decoder leads from {inputs:?} values to {outputs:?}, expected {latents:?} to [{observed}] and the parameters of the likelihood that are outputs"
        )));
    }
    refine::check(decoder)
}

/// Text of the documentation of the workspace's `clamp_hits`; `None` for a module without this field: without
/// an encoder, and without a flow that looks up indices.
fn hits(parts: Parts<'_>) -> Option<&'static str> {
    let Parts { encoder, decoder, flow, .. } = parts;
    let Some(encoder) = encoder else { return flow.and_then(|flow| bare::hits(&flow.plan)) };
    let others =
        decoder.map(|decoder| &decoder.plan).into_iter().chain(flow.map(|flow| &flow.plan));
    Some(match (looks_up(&encoder.plan), others.into_iter().any(looks_up)) {
        (false, false) => "Log-variances that the last `encode` clamped.",
        (true, false) => {
            "Log-variances that the last `encode` clamped, and ids that it took as the nearest of their table."
        }
        (_, true) => {
            "Log-variances that the last `encode` clamped, and ids that it and the calls since then took as the nearest of their table."
        }
    })
}

/// Text of the documentation of the workspace's `saturated`; `None` for a module without this field, in which nothing
/// makes integers of floats.
fn saturated(parts: Parts<'_>) -> Option<&'static str> {
    let Parts { encoder, flow, .. } = parts;
    if encoder.is_none() {
        return flow.and_then(|flow| bare::saturated(&flow.plan));
    }
    let any = parts.plans().any(|(_, plan)| saturates(plan));
    any.then_some(
        "Values beyond the range of their integers in the last `encode` and the calls since then: where it is not 0, a score may look better than it is.",
    )
}

/// Rust source of the module of a model that has an encoder or a flow and has passed [`check`]; `parts` are
/// those of `model`.
pub(super) fn source(model: &Model, fingerprint: u64, parts: Parts<'_>, trace: Trace) -> String {
    let shared = Shared::of(model);
    let functions = Functions::of(parts, &shared, trace);
    let (name, body, hits) = (identifier(&model.name), functions.text(parts, trace), hits(parts));
    let decode = functions.decode.as_ref();
    let mut text = header(&name, parts);
    text += &imported(model, parts, &functions, &body, trace);
    let constants = constants(model, &name, &shared, parts, fingerprint, functions.weights);
    text += &rust::constants(&constants);
    let workspace = Workspace {
        arena: pack::arena(parts),
        states: &states(parts.encoder),
        parameters: decode.map_or(&[], |decode| &decode.kept),
        trace,
        steps: model.graphs.main().plan.steps.len(),
        hits,
        saturated: saturated(parts),
    };
    text += &workspace.text();
    let states = parts.encoder.map_or(0, |e| e.states);
    text += &types::workspace(states, hits.is_some(), workspace.saturated.is_some(), trace);
    text += &model.window.as_ref().map_or_else(String::new, normalization);
    text += &body;
    if let (Some(encoder), Some(encode)) = (parts.encoder, &functions.encode) {
        let scored = functions.inference.is_some();
        let amortized = types::Amortized {
            encoder,
            encode: &encode.parameters,
            decode: decode.map(|decode| &decode.parameters),
            scored,
            refined: scored && parts.decoder.is_some_and(|decoder| decoder.refine.is_some()),
            threshold: threshold(model).is_some(),
            inputs: shared.of_call(&observed("")),
        };
        text += &amortized.text();
    }
    text += &types::windowed(model);
    if let Some(calibration) = detector::calibration(model) {
        let (likelihood, saturates) =
            (functions.likelihood.as_deref(), workspace.saturated.is_some());
        text += &detector::Around { model, calibration, likelihood, saturates }.text();
    }
    text + &functions.calls().map(|calls| calls.shapes.as_str()).collect::<String>()
}

/// The functions of a module.
struct Functions {
    encode: Option<Encode>,
    decode: Option<Decode>,
    /// With an encoder of one posterior: source of the decoder's functions that take an observation, and the
    /// kernel calls in it.
    inference: Option<(String, Calls)>,
    /// Statements that bind the likelihood, where there is an `inference`.
    likelihood: Option<String>,
    flow: Option<flow::Functions>,
    /// Floats of the weights that they read.
    weights: usize,
}

impl Functions {
    /// The functions of the parts that there are; `trace` is for the encoder's, else the flow's, and ticks for the
    /// decoder's too. Their
    /// weights lie in the pack in this order: encoder, decoder with its gradient, flow, and parameters of the
    /// likelihood that are not among the gradient's.
    fn of(parts: Parts<'_>, shared: &Shared, trace: Trace) -> Self {
        let Parts { encoder, decoder, flow, .. } = parts;
        let mut weights = 0;
        let mut take = |len: usize| {
            weights += len;
            weights - len
        };
        let encode = encoder
            .map(|encoder| Encode::of(encoder, shared, take(encoder.plan.weights.len()), trace));
        let of_decoder = take(decoder.map_or(0, |decoder| pack::weights(decoder).len()));
        let decode = decoder
            .zip(encoder)
            .map(|(decoder, encoder)| Decode::of(decoder, encoder, shared, of_decoder, trace));
        let prefix = if encoder.is_some() { "FLOW_" } else { "" };
        let flow = flow.map(|flow| {
            let trace = if encoder.is_none() { trace } else { Trace::Off };
            flow::functions(flow, shared, prefix, take(flow.plan.weights.len()), trace)
        });
        let (fixed, behind) = decoder
            .map_or_else(Default::default, |decoder| pack::fixed(decoder, of_decoder, take(0)));
        take(behind);
        let scored = decode.as_ref().zip(decoder);
        let scored = scored.filter(|_| encoder.is_some_and(|e| e.latents.len() == 1));
        let likelihood =
            scored.map(|(decode, decoder)| decode.likelihood(&decoder.likelihood, &fixed));
        let inference = scored.map(|(decode, decoder)| {
            let pack = Offsets { decoder: of_decoder, fixed: &fixed };
            refine::inference(decode, decoder, pack, pack::arena_without_gradient(parts))
        });
        Self { encode, decode, inference, likelihood, flow, weights }
    }

    /// The kernel calls of the functions that there are, in the order of the source.
    fn calls(&self) -> impl Iterator<Item = &Calls> {
        let calls = [
            self.encode.as_ref().map(|encode| &encode.calls),
            self.decode.as_ref().map(|decode| &decode.calls),
            self.inference.as_ref().map(|(_, calls)| calls),
            self.flow.as_ref().map(|flow| &flow.calls),
        ];
        calls.into_iter().flatten()
    }

    /// Source of all functions; `parts` are those that they were made of.
    fn text(&self, parts: Parts<'_>, trace: Trace) -> String {
        let encode = self.encode.as_ref().zip(parts.encoder);
        let texts = [
            encode.map(|(encode, encoder)| {
                encode.function(encoder, saturated(parts).is_some(), trace)
            }),
            self.decode.as_ref().map(Decode::function),
            self.inference.as_ref().map(|(text, _)| text.clone()),
            self.flow.as_ref().map(|flow| flow.text.clone()),
        ];
        texts.into_iter().flatten().collect()
    }
}

/// The `use` item with everything of `elbow_core` that the module names; `body` is the source of its
/// functions.
fn imported(
    model: &Model,
    parts: Parts<'_>,
    functions: &Functions,
    body: &str,
    trace: Trace,
) -> String {
    let items = functions.calls().flat_map(|calls| calls.items.iter().copied()).collect();
    let window = model.window.as_ref();
    let mut of_window =
        window.map_or_else(Vec::new, |_| vec!["Layout", "Normalization", "Window", "WindowError"]);
    let detects = detector::calibration(model).is_some();
    if detects {
        of_window.push("WindowShape");
    }
    let [error, detect] = detector::imported(model);
    let used = [
        &error,
        trace_import(trace),
        &imports("compiled", &["self"]),
        &detect,
        &all_imports(parts, functions.inference.is_some(), detects, body),
        &kernel_imports(&items),
        &imports("pack", &["Pack"]),
        &imports("window", &of_window),
    ];
    use_core(&used.concat())
}

/// The comment at the head of the module, and an empty line: name, version and sizes.
fn header(name: &str, parts: Parts<'_>) -> String {
    let what = match (parts.encoder, parts.flow) {
        (Some(encoder), _) => {
            format!("{} values to {} latents", encoder.plan.inputs[0].len(), encoder.latent())
        }
        (None, Some(flow)) => format!("a flow of {} values", flow.plan.inputs[0].len()),
        (None, None) => "nothing".into(),
    };
    format!(
        "\
// `{name}`, compiled by elbow {}: {what}.
//
// Not to be edited: `elbow compile` writes this file, and `weights.bin` with it.

",
        env!("CARGO_PKG_VERSION")
    )
}

/// Documentation, name with type, and value.
type Constant = (&'static str, String, String);

/// The public constants of the module, in the order of the source: name, lengths, fingerprint, those of the
/// window, and the threshold, as far as the model has them.
fn constants(
    model: &Model,
    name: &str,
    shared: &Shared,
    parts: Parts<'_>,
    fingerprint: u64,
    weights: usize,
) -> Vec<Constant> {
    let number = |doc, name: &str, value: usize| (doc, format!("{name}: usize"), value.to_string());
    let mut constants: Vec<Constant> =
        vec![("Name of the model.", "NAME: &str".into(), format!("{name:?}"))];
    if let Some(encoder) = parts.encoder {
        constants.push(number(
            "Values of an observation.",
            "OBSERVED",
            encoder.plan.inputs[0].len(),
        ));
        constants.push(number("Latents.", "LATENT", encoder.latent()));
        let lens: Vec<usize> = encoder.latents.iter().map(|latent| latent.len).collect();
        if lens.len() > 1 {
            let kind = format!("LATENTS: [usize; {}]", lens.len());
            constants.push(("Latents of each posterior.", kind, array(&lens)));
        }
    }
    if let Some(flow) = parts.flow {
        let prefix = if parts.encoder.is_some() { "FLOW_" } else { "" };
        let [observed, latent] = [("OBSERVED"), ("LATENT")].map(|name| format!("{prefix}{name}"));
        let len = flow.plan.inputs[0].len();
        constants.push(number("Values that the flow maps.", &observed, len));
        constants.push(number("Values that it maps to.", &latent, flow.plan.outputs[0].len()));
    }
    constants.extend(shared.constants());
    constants.push((
        "Of the plans that read the weights.",
        "FINGERPRINT: u64".into(),
        hexadecimal(fingerprint),
    ));
    constants.push(number("Floats of the weights.", "WEIGHTS", weights));
    if let Some(window) = &model.window {
        constants.extend([
            number("Channels of a reading.", "CHANNELS", window.channels),
            number("Readings of a window.", "LENGTH", window.length),
            number("Readings between two observations.", "HOP", window.hop),
        ]);
        if window.max_missing > 0 {
            let doc = "Readings of a channel that may be missing in a window.";
            constants.push(number(doc, "MAX_MISSING", window.max_missing));
        }
    }
    if let Some(threshold) = threshold(model) {
        let doc = "Observations with a score below it are anomalous.";
        constants.push((doc, "THRESHOLD: f32".into(), float(threshold)));
    }
    constants
}

/// The threshold of the score that the module's `score` computes; `None` where the manifest has none, or one of
/// another kind of score.
fn threshold(model: &Model) -> Option<f32> {
    let score = model.score.as_ref().filter(|score| score.kind == ScoreKind::ElboAtMean)?;
    score.threshold
}

/// Source of the constant `NORMALIZATION`, which maps raw readings to the observation's units and order.
fn normalization(window: &Window) -> String {
    let list = |values: &[f32]| values.iter().map(|v| float(*v)).collect::<Vec<_>>().join(", ");
    format!(
        "
/// From raw readings to the units and order of an observation, for `elbow_core::window::Window`.
{SKIP}pub const NORMALIZATION: Normalization<CHANNELS> = Normalization {{
    mean: [{}],
    std: [{}],
    layout: Layout::{:?},
}};
",
        list(&window.mean),
        list(&window.std),
        window.layout()
    )
}

/// The lines of the `use` item for `distributions` and `infer`. `scored` says whether there are functions of
/// an observation, `detects` whether there is a detector; `functions` is the source of all, which is searched for the names of checks.
fn all_imports(parts: Parts<'_>, scored: bool, detects: bool, functions: &str) -> String {
    let with = |names: &[(&'static str, bool)]| -> Vec<&str> {
        names.iter().filter(|(_, needed)| *needed).map(|(name, _)| *name).collect()
    };
    let [encodes, decodes] = [parts.encoder.is_some(), parts.decoder.is_some()];
    let log_prob = parts.flow.is_some_and(Flow::has_log_prob);
    let refined = parts.decoder.and_then(|decoder| decoder.refine.as_ref()).filter(|_| scored);
    let distributions = with(&[
        ("DiagNormal", encodes),
        ("Family", scored),
        ("Likelihood", scored),
        ("Parameter", refined.is_some()),
        ("Spread", encodes),
        ("standard_log_prob", log_prob),
    ]);
    let of_any = with(&[
        ("DecodeError", decodes),
        ("EncodeError", encodes),
        ("Posterior", detects),
        ("RunError", parts.flow.is_some()),
        ("first_infinite", functions.contains("first_infinite(")),
        ("first_non_finite", functions.contains("first_non_finite(")),
        ("to_posterior", encodes),
    ]);
    let of_scored = if scored { &["ElboTerms", "InferError", "LogLikelihood"][..] } else { &[] };
    let mut infer = [&of_any, of_scored, &refine::imports(refined)].concat();
    infer.sort_unstable();
    imports("distributions", &distributions) + &imports("infer", &infer)
}
