//! The module of a model with roles: `encode`, and with a decoder `decode` and `score`.

use super::calls::{Calls, Names, uses_arena};
use super::mismatch;
use super::pack::log_scale;
use super::rust::{float, hexadecimal, identifier, imports, kernel_imports, signature, workspace};
use crate::Result;
use crate::lower::Plan;
use crate::manifest::Window;
use crate::model::{Decoder, Encoder, Likelihood, Model};

/// Whether the plans fit together.
pub(super) fn check(encoder: &Encoder, decoder: Option<&Decoder>) -> Result<()> {
    let lens =
        |ports: &[crate::lower::Port]| ports.iter().map(|port| port.len()).collect::<Vec<_>>();
    let (inputs, outputs) = (lens(&encoder.plan.inputs), lens(&encoder.plan.outputs));
    let ([observed], [latent, spread]) = (&inputs[..], &outputs[..]) else {
        return Err(mismatch(format!(
            "the encoder has {} inputs and {} outputs, expected one input and two outputs, mean and spread",
            inputs.len(),
            outputs.len()
        )));
    };
    if latent != spread {
        return Err(mismatch(format!("the mean has {latent} values and the spread {spread}")));
    }
    let Some(decoder) = decoder else { return Ok(()) };
    let (inputs, outputs) = (lens(&decoder.plan.inputs), lens(&decoder.plan.outputs));
    if inputs != [*latent] || outputs != [*observed] {
        return Err(mismatch(format!(
            "the decoder leads from {inputs:?} values to {outputs:?}, expected [{latent}] to [{observed}]"
        )));
    }
    Ok(())
}

/// Source of the module.
pub(super) fn source(
    model: &Model,
    fingerprint: u64,
    encoder: &Encoder,
    decoder: Option<&Decoder>,
) -> String {
    let (observed, latent) = (encoder.plan.inputs[0].len(), encoder.plan.outputs[0].len());
    let start = encoder.plan.weights.len();
    let encode = Calls::of(&encoder.plan, &encoder_names());
    let decode = decoder.map(|decoder| Calls::of(&decoder.plan, &decoder_names(start)));
    let mut items = encode.items;
    items.extend(decode.iter().flat_map(|decode| &decode.items));
    let decoder_plan = decoder.map(|decoder| &decoder.plan);
    let arena = encoder.plan.arena.max(decoder_plan.map_or(0, |plan| plan.arena));
    let scales = decoder.map_or(0, |decoder| log_scale(&decoder.likelihood).len());
    let weights = start + decoder_plan.map_or(0, |plan| plan.weights.len()) + scales;
    let name = identifier(&model.name);
    let mut constants = vec![
        ("Name of the model.", "NAME: &str", format!("{name:?}")),
        ("Values of an observation.", "OBSERVED: usize", observed.to_string()),
        ("Latents.", "LATENT: usize", latent.to_string()),
        ("Of the plans that read the weights.", "FINGERPRINT: u64", hexadecimal(fingerprint)),
        ("Floats of the weights.", "WEIGHTS: usize", weights.to_string()),
    ];
    if let Some(window) = &model.window {
        constants.extend([
            ("Channels of a reading.", "CHANNELS: usize", window.channels.to_string()),
            ("Readings of a window.", "LENGTH: usize", window.length.to_string()),
            ("Readings between two observations.", "HOP: usize", window.hop.to_string()),
        ]);
    }
    if let Some(score) = &model.score {
        let doc = "Observations with a score below it are anomalous.";
        constants.push((doc, "THRESHOLD: f32", float(score.threshold)));
    }
    let mut text = format!(
        "\
//! `{name}`, compiled by elbow {}: {observed} values to {latent} latents.
//!
//! Not to be edited: `elbow compile` writes this file, and `weights.bin` with it.

",
        env!("CARGO_PKG_VERSION")
    );
    let window = model.window.as_ref();
    text += &all_imports(decoder.is_some());
    text += &kernel_imports(&items);
    text += "use elbow_core::pack::Pack;\n";
    text += if window.is_some() { "use elbow_core::window::Normalization;\n\n" } else { "\n" };
    text += &workspace(&constants, arena);
    text += &window.map_or_else(String::new, normalization);
    text += &encode_function(encoder, &encode.body);
    if let (Some(decoder), Some(decode)) = (decoder, &decode) {
        text += &decode_function(&decoder.plan, &decode.body);
        text += &score_function(&decoder.likelihood, weights - scales);
    }
    text += &encode.shapes;
    text + &decode.map_or_else(String::new, |decode| decode.shapes)
}

/// From raw readings to the observation's units.
fn normalization(window: &Window) -> String {
    let list = |values: &[f32]| values.iter().map(|v| float(*v)).collect::<Vec<_>>().join(", ");
    format!(
        "
/// From raw readings to the units of an observation, for `elbow_core::window::Window`.
#[rustfmt::skip]
pub const NORMALIZATION: Normalization<CHANNELS> = Normalization {{
    mean: [{}],
    std: [{}],
}};
",
        list(&window.mean),
        list(&window.std)
    )
}

fn encoder_names() -> Names<'static> {
    Names {
        inputs: vec!["x".into()],
        read: vec!["&q.loc".into(), "&q.log_var".into()],
        written: vec!["&mut q.loc".into(), "&mut q.log_var".into()],
        constants: "ENCODER",
        weights: 0,
    }
}

fn decoder_names(weights: usize) -> Names<'static> {
    Names {
        inputs: vec!["z".into()],
        read: vec!["&x_mean[..]".into()],
        written: vec!["x_mean".into()],
        constants: "DECODER",
        weights,
    }
}

fn all_imports(decoded: bool) -> String {
    let with = |names: &[(&'static str, bool)]| -> Vec<&str> {
        names.iter().filter(|(_, needed)| *needed).map(|(name, _)| *name).collect()
    };
    let distributions = with(&[("DiagNormal", true), ("Likelihood", decoded), ("Spread", true)]);
    let encoder = with(&[
        ("DecodeError", decoded),
        ("EncodeError", true),
        ("first_non_finite", true),
        ("to_posterior", true),
    ]);
    imports("elbow_core::distributions", &distributions)
        + &imports("elbow_core::infer::encoder", &encoder)
        + &imports("elbow_core::infer", &with(&[("ElboTerms", decoded), ("elbo_at_mean", decoded)]))
}

/// A workspace's parameter; its name says whether it is used.
pub(super) fn workspace_parameter(used: bool) -> String {
    format!("{}: &mut Workspace", if used { "ws" } else { "_ws" })
}

fn encode_function(encoder: &Encoder, calls: &str) -> String {
    let used = uses_arena(&encoder.plan) || encoder.clamp.is_some();
    let parameters = [
        "pack: &Pack".into(),
        workspace_parameter(used),
        "x: &[f32; OBSERVED]".into(),
        "q: &mut DiagNormal<LATENT>".into(),
    ];
    let (bounds, hits) = match encoder.clamp {
        Some((low, high)) => {
            (format!("Some(({}, {}))", float(low), float(high)), "ws.clamp_hits = ")
        }
        None => ("None".into(), ""),
    };
    format!(
        "
/// The posterior of `x`, in `q`.
///
/// # Errors
///
/// The weights are not this model's, `x` is not finite, or the posterior is not; `q` must then not
/// be used.
{}{}{calls}    let (head, eps, bounds) = (Spread::{:?}, {}, {bounds});
    {hits}to_posterior(&q.loc, &mut q.log_var, head, eps, bounds)?;
    Ok(())
}}
",
        signature("encode", &parameters, "Result<(), EncodeError>"),
        checks("EncodeError", &[("x", 0)]),
        encoder.head,
        float(encoder.eps),
    )
}

/// Checks of the pack and of inputs, each with the number of values in front of it.
pub(super) fn checks(error: &str, inputs: &[(&str, usize)]) -> String {
    let mut text = format!(
        "    if pack.fingerprint() != FINGERPRINT || pack.floats().len() != WEIGHTS {{
        return Err({error}::WrongPack);
    }}
"
    );
    for (input, before) in inputs {
        let offset = match before {
            0 => String::new(),
            before => format!(".map(|index| {before} + index)"),
        };
        text += &format!(
            "    if let Some(index) = first_non_finite({input}){offset} {{
        return Err({error}::NonFiniteInput {{ index }});
    }}
"
        );
    }
    text
}

fn decode_function(plan: &Plan, calls: &str) -> String {
    let parameters = [
        "pack: &Pack".into(),
        workspace_parameter(uses_arena(plan)),
        "z: &[f32; LATENT]".into(),
        "x_mean: &mut [f32; OBSERVED]".into(),
    ];
    format!(
        "
/// What the decoder answers to `z`, in `x_mean`: the mean of the likelihood, or its logits.
///
/// # Errors
///
/// The weights are not this model's, or `z` is not finite; `x_mean` is then left as it was.
{}{}{calls}    Ok(())
}}
",
        signature("decode", &parameters, "Result<(), DecodeError>"),
        checks("DecodeError", &[("z", 0)]),
    )
}

fn score_function(likelihood: &Likelihood, log_scale_start: usize) -> String {
    let parameters = [
        "pack: &Pack".into(),
        workspace_parameter(true),
        "x: &[f32; OBSERVED]".into(),
        "q: &DiagNormal<LATENT>".into(),
        "x_mean: &mut [f32; OBSERVED]".into(),
    ];
    let likelihood = match likelihood {
        Likelihood::Gaussian { log_scale } => format!(
            "    let log_scale = pack.f32({log_scale_start}, {});
    let likelihood = Likelihood::Gaussian {{ log_scale }};",
            log_scale.len()
        ),
        Likelihood::BernoulliLogits => "    let likelihood = Likelihood::BernoulliLogit;".into(),
        Likelihood::BernoulliProbabilities => "    let likelihood = Likelihood::Bernoulli;".into(),
    };
    format!(
        "
/// `ln p(x | z = q.loc)` and `KL(q || N(0, I))`, in nats; `x_mean` becomes what `q.loc` decodes to.
///
/// A non-finite `x`, which `encode` refuses, makes the likelihood NaN or infinite.
///
/// # Errors
///
/// As for `decode`, of `q.loc`.
{}    decode(pack, ws, &q.loc, x_mean)?;
{likelihood}
    Ok(elbo_at_mean(&likelihood, x, x_mean, q))
}}
",
        signature("score", &parameters, "Result<ElboTerms, DecodeError>"),
    )
}
