//! The functions of a decoder: `decode`, and with one posterior `log_likelihood`, `score` and
//! `Observation`.

use super::calls::{Calls, Hits, Names, uses_workspace};
use super::parameters::{Parameters, Shared};
use super::rust::{SKIP, apart, signature};
use super::text::{checks, latent_lens, numbered, workspace_parameter};
use super::trace::Trace;
use crate::manifest::mean_is_in_words;
use crate::model::{Decoder, Encoder, Likelihood, ParameterSource, Role};
use elbow_core::distributions::Parameter;

/// Parameters of the generated functions that take an observation: `x` and the conditions, in this order.
pub(super) struct LikelihoodArguments {
    /// Parameters with their types.
    pub(super) typed: Vec<String>,
    /// Their names, each with a comma behind it.
    pub(super) names: String,
    /// Lines of documentation on the conditions.
    pub(super) docs: String,
}

/// The function `decode`, and what the functions that call it need.
pub(super) struct Decode {
    pub(super) parameters: Parameters,
    /// Outputs besides the mean: fields of the workspace, and their lengths.
    pub(super) kept: Vec<(&'static str, usize)>,
    /// Meaning of the mean output, in words.
    x_mean: String,
    /// Method of the likelihood that gives `ln p(x | z)`.
    density: &'static str,
    uses_workspace: bool,
    pub(super) calls: Calls,
}

impl Decode {
    /// The function of a decoder whose latents are those of `encoder`; `weights` is the index in the pack of
    /// the first float of its weights. With [`Trace::Ticks`] it reads the clock behind each step.
    pub(super) fn of(
        decoder: &Decoder,
        encoder: &Encoder,
        shared: &Shared,
        weights: usize,
        trace: Trace,
    ) -> Self {
        // Checksums are of the encoder's steps alone.
        let trace = if trace == Trace::Ticks { trace } else { Trace::Off };
        let names = numbered("z", encoder.latents.len());
        let own: Vec<(String, String)> = names.into_iter().zip(latent_lens(encoder)).collect();
        let parameters = shared.parameters(decoder.part(), &own);
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
            trace,
            hits: Hits::Workspace,
        };
        let calls = Calls::of(&decoder.plan, &names);
        let uses_workspace = uses_workspace(&decoder.plan) || trace.is_on();
        let x_mean = mean_is_in_words(decoder.likelihood.family);
        let density = match decoder.likelihood.in_steps {
            true => "log_prob_in_steps",
            false => "log_prob",
        };
        Self { parameters, kept, x_mean, density, uses_workspace, calls }
    }

    /// Source of `decode`.
    pub(super) fn function(&self) -> String {
        let used = self.uses_workspace || !self.kept.is_empty();
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
/// What the decoder answers to {latents}, in `x_mean`: {}.
{}{}///
/// # Errors
///
/// The weights are not this model's, or {input} is not finite; `x_mean` is then left as it was.
{}{}{}    Ok(())
}}
",
            self.x_mean,
            self.documented_outputs(),
            self.parameters.documented(),
            signature("decode", &parameters, "Result<(), DecodeError>"),
            checks("DecodeError", &self.parameters.checked()),
            self.calls.body,
        )
    }

    /// The observation and the conditions as parameters of the functions that take an observation. The
    /// decoder has one latent, its first parameter, which is left out.
    pub(super) fn given(&self) -> LikelihoodArguments {
        let names = &self.parameters.names[1..];
        LikelihoodArguments {
            typed: ["x: &[f32; OBSERVED]".into()]
                .into_iter()
                .chain(self.parameters.typed[1..].iter().cloned())
                .collect(),
            names: names.iter().map(|name| format!("{name}, ")).collect(),
            docs: self.parameters.documented(),
        }
    }

    /// Source of `log_likelihood`, `score`, `generate` and `Observation`; `likelihood` are the statements
    /// that bind the likelihood.
    pub(super) fn inference(&self, given: &LikelihoodArguments, likelihood: &str) -> String {
        [
            density(likelihood, self.density),
            log_likelihood(given, likelihood),
            score(given, likelihood),
            self.generate(),
            self.observation(),
        ]
        .concat()
    }

    /// Source of `generate`, which decodes a draw of a posterior or of the prior.
    fn generate(&self) -> String {
        let own = ["q: &DiagNormal<LATENT>", "eps: &[f32; LATENT]", "z: &mut [f32; LATENT]"];
        let conditions = self.parameters.typed[1..].iter().cloned();
        let typed: Vec<String> = ["pack: &Pack", "ws: &mut Workspace"]
            .map(String::from)
            .into_iter()
            .chain(conditions)
            .chain(own.map(String::from))
            .chain(["x_mean: &mut [f32; OBSERVED]".into()])
            .collect();
        let names: String =
            self.parameters.names[1..].iter().map(|name| format!("{name}, ")).collect();
        format!(
            "
/// Generates: `z` becomes the draw of `q` by the noise `eps`, and `x_mean` what it decodes to.
///
/// With `DiagNormal::standard()` it is a draw of the prior, with the posterior of `encode` one of
/// what that predicts; the likelihood says how observations scatter around `x_mean`.
{}///
/// # Errors
///
/// As for `decode`, of `z`.
{}    q.rsample(eps, z);
    decode(pack, ws, z, {names}x_mean)
}}
",
            self.parameters.documented(),
            signature("generate", &typed, "Result<(), DecodeError>"),
        )
    }

    /// Source of the type `Observation`, with its implementation of `LogLikelihood`.
    fn observation(&self) -> String {
        let field = |typed: &String| {
            let typed = typed.replace(": &", ": &'a ");
            format!("    /// A condition of the decoder.\n    pub {typed},\n")
        };
        let fields: String = self.parameters.typed[1..].iter().map(field).collect();
        format!(
            "
/// An observation: `ln p(x | z)` as a function of the latent, for `elbow_core::infer`.
pub struct Observation<'a> {{
    /// The weights.
    pub pack: &'a Pack<'a>,
    /// Scratch memory.
    pub ws: &'a mut Workspace,
    /// What was observed.
    pub x: &'a [f32; OBSERVED],
{fields}    /// What the latent of the last call decodes to.
    pub x_mean: &'a mut [f32; OBSERVED],
}}

{SKIP}impl LogLikelihood for Observation<'_> {{
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {{
        let (expected, found) = (LATENT, z.len());
        let wrong = InferError::WrongLength {{ expected, found }};
        let z = z.try_into().map_err(|_| wrong)?;
{}    }}
}}
",
            self.of_observation("log_likelihood", &[])
        )
    }

    /// Body of a trait method of the generated `Observation`: forwards its fields, `z` and `more` to `function`.
    pub(super) fn of_observation(&self, function: &str, more: &[&str]) -> String {
        let conditions = self.parameters.names[1..].iter().map(|name| format!("self.{name}"));
        let fields = ["self.ws", "self.x"].map(String::from).into_iter().chain(conditions);
        let rest = ["z", "self.x_mean"].into_iter().chain(more.iter().copied());
        let arguments = fields.chain(rest.map(String::from));
        let arguments: Vec<String> = arguments.collect();
        format!("        Ok({function}(self.pack, {})?)\n", arguments.join(", "))
    }

    /// Line of documentation that names the workspace's fields for the outputs besides the mean; empty where
    /// there are none.
    fn documented_outputs(&self) -> String {
        let kept = self.kept.iter().map(|(name, _)| format!("`ws.{name}`"));
        match kept.collect::<Vec<_>>().join(" and ") {
            names if names.is_empty() => String::new(),
            names => format!("/// The likelihood's further parameters become {names}.\n"),
        }
    }

    /// Statements that bind `likelihood`, from the workspace and from the pack, where its fixed parameters
    /// start at the indices `fixed`, one for each of them. Parameters that the family does not have are
    /// empty.
    pub(super) fn likelihood(&self, likelihood: &Likelihood, fixed: &[usize]) -> String {
        let mut starts = fixed.iter();
        let names = likelihood.family.parameters();
        let given = names.iter().zip(&likelihood.parameters).map(|(name, source)| match source {
            ParameterSource::Fixed(values) => {
                let start = starts.next().copied().unwrap_or_default();
                format!("pack.f32({start}, {})", values.len())
            }
            ParameterSource::Output(_) => format!("&ws.{}", field(*name)),
        });
        let absent = std::iter::repeat("&[]".to_string());
        let (family, values) =
            (likelihood.family, given.chain(absent).take(2).collect::<Vec<_>>().join(", "));
        format!(
            "    let family = Family::{family:?};
    let parameters: [&[f32]; 2] = [{values}];
    let likelihood = Likelihood {{ family, parameters }};
"
        )
    }
}

/// Indices of floats in the pack.
#[derive(Clone, Copy)]
pub(super) struct Offsets<'p> {
    /// The decoder's weights, with which those of its gradient begin.
    pub(super) decoder: usize,
    /// Each fixed parameter of the likelihood.
    pub(super) fixed: &'p [usize],
}

/// The names of pack and workspace, each with a comma behind it where the statements `likelihood` read it.
fn read(likelihood: &str) -> String {
    let named = ["pack", "ws"].into_iter().filter(|name| likelihood.contains(&format!("{name}.")));
    named.map(|name| format!("{name}, ")).collect()
}

/// Source of `density` and `terms`: the statements `likelihood` bind the likelihood, whose `method` gives the density.
///
/// They are functions of their own so that what they take of the stack lies beside that of `decode`, not below it.
fn density(likelihood: &str, method: &str) -> String {
    let names = read(likelihood);
    let typed = |more: &[&str]| {
        let read = names.split_terminator(", ").map(|name| match name {
            "pack" => "pack: &Pack",
            _ => "ws: &Workspace",
        });
        let own = ["x: &[f32; OBSERVED]", "x_mean: &[f32; OBSERVED]"];
        read.chain(own).chain(more.iter().copied()).map(String::from).collect::<Vec<_>>()
    };
    format!(
        "
/// `ln p(x | z)` in nats, of the `z` that was decoded last.
{}{likelihood}    likelihood.{method}(x, x_mean)
}}

/// `ln p(x | z)` of the `z` that was decoded last, and `KL(q || N(0, I))`, in nats.
{}    let log_likelihood = density({names}x, x_mean);
    let kl = q.kl_to_standard();
    ElboTerms {{ log_likelihood, kl }}
}}
",
        apart("density", &typed(&[]), "f32"),
        apart("terms", &typed(&["q: &DiagNormal<LATENT>"]), "ElboTerms"),
    )
}

/// Source of `log_likelihood`; the statements `likelihood` bind the likelihood.
fn log_likelihood(given: &LikelihoodArguments, likelihood: &str) -> String {
    let LikelihoodArguments { typed, names, docs } = given;
    let own = ["z: &[f32; LATENT]", "x_mean: &mut [f32; OBSERVED]"].map(String::from);
    let parameters = parameters(typed, &own);
    format!(
        "
/// `ln p(x | z)` in nats; `x_mean` becomes what `z` decodes to.
{docs}///
/// A non-finite `x`, which `encode` refuses, makes it NaN or infinite.
///
/// # Errors
///
/// As for `decode`.
{}    decode(pack, ws, z, {names}x_mean)?;
    Ok(density({}x, x_mean))
}}
",
        signature("log_likelihood", &parameters, "Result<f32, DecodeError>"),
        read(likelihood),
    )
}

/// Source of `score`; `likelihood` as for [`log_likelihood`].
fn score(given: &LikelihoodArguments, likelihood: &str) -> String {
    let LikelihoodArguments { typed, names, docs } = given;
    let own = ["q: &DiagNormal<LATENT>", "x_mean: &mut [f32; OBSERVED]"].map(String::from);
    let parameters = parameters(typed, &own);
    format!(
        "
/// `ln p(x | z = q.loc)` and `KL(q || N(0, I))`, in nats; `x_mean` becomes what `q.loc` decodes to.
{docs}///
/// A non-finite `x`, which `encode` refuses, makes the likelihood NaN or infinite.
///
/// # Errors
///
/// As for `decode`, of `q.loc`.
{}    decode(pack, ws, &q.loc, {names}x_mean)?;
    Ok(terms({}x, x_mean, q))
}}
",
        signature("score", &parameters, "Result<ElboTerms, DecodeError>"),
        read(likelihood),
    )
}

/// Parameters of a function with their types: pack, workspace, those that are `given`, and its `own`.
pub(super) fn parameters(given: &[String], own: &[String]) -> Vec<String> {
    let first = ["pack: &Pack".into(), workspace_parameter(true)];
    first.into_iter().chain(given.iter().cloned()).chain(own.iter().cloned()).collect()
}

/// Name of the field of the workspace that keeps this parameter of the likelihood.
fn field(parameter: Parameter) -> &'static str {
    Role::of_parameter(parameter).name()
}
