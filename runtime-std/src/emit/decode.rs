//! The functions of a decoder: `decode`, and `score` where there is one posterior.

use super::Trace;
use super::amortized::{checks, filled, latent_lens, numbered, workspace_parameter};
use super::calls::{Calls, Names, uses_arena};
use super::parameters::{Parameters, Shared};
use super::rust::signature;
use crate::model::{Decoder, Encoder, Likelihood, ParameterSource, Role};
use elbow_core::distributions::Parameter;

/// `decode` and `score` in the making.
pub(super) struct Decode {
    parameters: Parameters,
    /// Outputs besides the mean: fields of the workspace, and their lengths.
    pub(super) kept: Vec<(&'static str, usize)>,
    uses_arena: bool,
    pub(super) calls: Calls,
}

impl Decode {
    pub(super) fn of(
        decoder: &Decoder,
        encoder: &Encoder,
        shared: &Shared,
        weights: usize,
    ) -> Self {
        let names = numbered("z", encoder.latents.len());
        let own: Vec<(String, String)> = names.into_iter().zip(latent_lens(encoder)).collect();
        let parameters = shared.parameters(&decoder.plan, &decoder.inputs, &own);
        let outputs = decoder.likelihood.outputs();
        let kept: Vec<(&str, usize)> = outputs
            .map(|(parameter, at)| (field(parameter), decoder.plan.outputs[at].len()))
            .collect();
        let all = |mean: &str, borrow: &str| -> Vec<String> {
            let kept = kept.iter().map(|(name, _)| format!("{borrow}ws.{name}"));
            [mean.to_string()].into_iter().chain(kept).collect()
        };
        let names = Names {
            inputs: parameters.inputs.clone(),
            read: all("&x_mean[..]", "&"),
            written: all("x_mean", "&mut "),
            constants: "DECODER",
            weights,
            trace: Trace::Off,
        };
        let calls = Calls::of(&decoder.plan, &names);
        let uses_arena = uses_arena(&decoder.plan);
        Self { parameters, kept, uses_arena, calls }
    }

    pub(super) fn function(&self) -> String {
        let used = self.uses_arena || !self.kept.is_empty();
        let parameters: Vec<String> = ["pack: &Pack".into(), workspace_parameter(used)]
            .into_iter()
            .chain(self.parameters.typed.iter().cloned())
            .chain(["x_mean: &mut [f32; OBSERVED]".into()])
            .collect();
        let names = &self.parameters.names;
        let latents = names.iter().filter(|name| name.starts_with('z'));
        let latents = latents.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let input = if names.len() == 1 { "`z`" } else { "an input" };
        format!(
            "
/// What the decoder answers to {latents}, in `x_mean`: the mean of the likelihood, or its logits.
{}{}///
/// # Errors
///
/// The weights are not this model's, or {input} is not finite; `x_mean` is then left as it was.
{}{}{}    Ok(())
}}
",
            self.documented_outputs(),
            self.parameters.documented(),
            signature("decode", &parameters, "Result<(), DecodeError>"),
            checks("DecodeError", &self.parameters.checked()),
            self.calls.body,
        )
    }

    pub(super) fn score_function(&self, likelihood: &Likelihood, start: usize) -> String {
        let conditions = &self.parameters.typed[1..];
        let names: String =
            self.parameters.names[1..].iter().map(|name| format!("{name}, ")).collect();
        let parameters: Vec<String> =
            ["pack: &Pack".into(), workspace_parameter(true), "x: &[f32; OBSERVED]".into()]
                .into_iter()
                .chain(conditions.iter().cloned())
                .chain(["q: &DiagNormal<LATENT>".into(), "x_mean: &mut [f32; OBSERVED]".into()])
                .collect();
        let (family, values) = (likelihood.family, self.likelihood_parameters(likelihood, start));
        format!(
            "
/// `ln p(x | z = q.loc)` and `KL(q || N(0, I))`, in nats; `x_mean` becomes what `q.loc` decodes to.
{}///
/// A non-finite `x`, which `encode` refuses, makes the likelihood NaN or infinite.
///
/// # Errors
///
/// As for `decode`, of `q.loc`.
{}    decode(pack, ws, &q.loc, {names}x_mean)?;
    let family = Family::{family:?};
    let parameters: [&[f32]; 2] = [{values}];
    let likelihood = Likelihood {{ family, parameters }};
    Ok(elbo_at_mean(&likelihood, x, x_mean, q))
}}
",
            self.parameters.documented(),
            signature("score", &parameters, "Result<ElboTerms, DecodeError>"),
        )
    }
    /// Lines on the outputs besides the mean.
    fn documented_outputs(&self) -> String {
        let kept = self.kept.iter().map(|(name, _)| format!("`ws.{name}`"));
        match kept.collect::<Vec<_>>().join(" and ") {
            names if names.is_empty() => String::new(),
            names => filled(&format!("The likelihood's further parameters become {names}.")),
        }
    }

    /// The likelihood's parameters in the body of `score`; fixed ones start at `start` in the pack.
    fn likelihood_parameters(&self, likelihood: &Likelihood, mut start: usize) -> String {
        let names = likelihood.family.parameters();
        let given = names.iter().zip(&likelihood.parameters).map(|(name, source)| match source {
            ParameterSource::Fixed(values) => {
                start += values.len();
                format!("pack.f32({}, {})", start - values.len(), values.len())
            }
            ParameterSource::Output(_) => format!("&ws.{}", field(*name)),
        });
        let absent = std::iter::repeat("&[]".to_string());
        given.chain(absent).take(2).collect::<Vec<_>>().join(", ")
    }
}

/// The field of the workspace that keeps a parameter of the likelihood.
fn field(parameter: Parameter) -> &'static str {
    Role::of_parameter(parameter).name()
}
