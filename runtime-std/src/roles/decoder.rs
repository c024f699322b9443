//! What a graph's structure and names say of a decoder.

use super::inputs::NameWithReason;
use super::{Decision, listed, quoted};
use crate::ir::{Graph, Op, ValueId};
use crate::model::names::{HeadName, Says, says, words};
use crate::model::sampling::Makers;
use elbow_core::distributions::Spread;
use elbow_core::kernels::Unary;

/// Roles of a decoder.
pub(super) struct Roles {
    /// Name of the latent input of each posterior, in their order.
    pub latents: Vec<String>,
    /// Why these are the latents.
    pub latent_why: String,
    /// All other inputs.
    pub conditions: Vec<NameWithReason>,
    /// The output that is the observation's mean.
    pub mean: NameWithReason,
    /// The inline table `likelihood` in TOML, and the reason.
    pub likelihood: (String, String),
}

/// The roles of a decoder's inputs and outputs, where each posterior has as many values as `latents` lists
/// and the observation has `observed`. The error is a question: inputs or outputs do not decide, or there are
/// more than two outputs.
pub(super) fn decoder(
    graph: &Graph,
    latents: &[usize],
    observed: usize,
) -> Result<Roles, Decision> {
    let (mean, likelihood) = match &graph.outputs[..] {
        [(name, id)] => ((name.clone(), "the only output".into()), of_mean_alone(graph, name, *id)),
        [a, b] => with_scale(graph, a, b, observed)?,
        _ => {
            return Err(undecided(
                graph,
                "expected one output, the observation's mean, or two, its mean and the logarithm of its standard deviation",
            ));
        }
    };
    let (latents, latent_why) = latent_inputs(graph, latents)?;
    let inputs = graph.inputs.iter().map(|id| graph.values[*id].name.clone());
    let conditions = inputs.filter(|name| !latents.contains(name)).map(|name| {
        let why = format!("a further input of the decoder beside {}", latents.join(", "));
        (name, why)
    });
    let conditions = conditions.collect();
    Ok(Roles { latents, latent_why, conditions, mean, likelihood })
}

/// The likelihood of a decoder whose only output is `name`, as TOML, and the reason: bernoulli where the name
/// says logit or the graph ends in Sigmoid, else gaussian with `log_sigma = 0.0` as a placeholder.
fn of_mean_alone(graph: &Graph, name: &str, id: ValueId) -> (String, String) {
    let makers = Makers::of(graph);
    let maker = makers.get(makers.source(id));
    let (likelihood, why) = if words(name).iter().any(|word| word.starts_with("logit")) {
        ("{ family = \"bernoulli\", mean_is = \"logit\" }", "the output's name says logit")
    } else if maker.is_some_and(|node| node.op == Op::Unary(Unary::Sigmoid)) {
        (
            "{ family = \"bernoulli\", mean_is = \"probability\" }",
            "the graph ends in Sigmoid, so its values are probabilities",
        )
    } else {
        (
            "{ family = \"gaussian\", log_sigma = 0.0 }",
            "the output is unbounded; its noise is not in the graph: REPLACE log_sigma by the trained value",
        )
    };
    (likelihood.into(), why.into())
}

/// Mean and likelihood of a decoder of the outputs `a` and `b`, of which one is named as the logarithm of the
/// standard deviation. The error is a question: neither or both names say a spread, it is another spread,
/// both gaussian and laplace fit, or the mean has not `observed` values.
fn with_scale(
    graph: &Graph,
    a: &(String, ValueId),
    b: &(String, ValueId),
    observed: usize,
) -> Result<(NameWithReason, (String, String)), Decision> {
    let all = [a.0.as_str(), b.0.as_str()];
    let head = |name: &str| HeadName::of(name, &all).says;
    let ((mean, loc), scale, head) = match all.map(head) {
        [Says::Spread(_), Says::Spread(_)] => {
            return Err(undecided(graph, "both outputs are named like a spread"));
        }
        [Says::Spread(head), _] => (b, &a.0, head),
        [_, Says::Spread(head)] => (a, &b.0, head),
        _ => {
            return Err(undecided(
                graph,
                "no output is named as the logarithm of the observation's standard deviation",
            ));
        }
    };
    if graph.values[*loc].len() != observed {
        return Err(undecided(
            graph,
            &format!(
                "{mean:?} beside the scale {scale:?} is not of {observed} values, as the observation is"
            ),
        ));
    }
    let sigma = quoted(scale);
    match head {
        Spread::LogSigma if says(scale, &["scale", "logscale"]) => Err(undecided(
            graph,
            &format!(
                "{scale:?} may be the scale of a normal or of a Laplace distribution; write decoder.mean = {} and one of\n  likelihood = {{ family = \"gaussian\", log_sigma = {sigma} }}\n  likelihood = {{ family = \"laplace\", log_scale = {sigma} }}\n",
                quoted(mean)
            ),
        )),
        Spread::LogSigma => Ok((
            (mean.clone(), format!("the other output is the scale, {scale}")),
            (
                format!("{{ family = \"gaussian\", log_sigma = {sigma} }}"),
                format!("the name of {scale} says logarithm of the standard deviation"),
            ),
        )),
        other => Err(undecided(
            graph,
            &format!(
                "{scale:?} is named like {}, and a likelihood takes the logarithm of the standard deviation: export {} as \"log_sigma\" in its place",
                other.name(),
                logarithm(other)
            ),
        )),
    }
}

/// The logarithm of the standard deviation from a head, as a Python expression of that head.
fn logarithm(head: Spread) -> &'static str {
    match head {
        Spread::LogVar => "0.5 * logvar",
        Spread::Var | Spread::SoftplusVar => "0.5 * log(var)",
        Spread::LogSigma | Spread::Sigma | Spread::SoftplusSigma => "log(sigma)",
    }
}

/// The question `what`, with the outputs as candidates.
fn undecided(graph: &Graph, what: &str) -> Decision {
    Decision(format!("{what}; the candidates are {}. Or write the manifest by hand", listed(graph)))
}

/// The inputs that take the latents, one for each of the numbers of values `latents`, and the reason: the
/// only input, or for each the only one of that many values, or the only such one named `z`, `latent` or
/// `code`. The error is a question otherwise.
fn latent_inputs(graph: &Graph, latents: &[usize]) -> Result<(Vec<String>, String), Decision> {
    let name = |id: &ValueId| graph.values[*id].name.clone();
    let fits = |id: &&ValueId, len: usize| graph.values[**id].len() == len;
    let undecided = || {
        let inputs: Vec<String> = graph
            .inputs
            .iter()
            .map(|id| format!("{:?} {:?}", name(id), graph.values[*id].shape))
            .collect();
        Decision(format!(
            "nothing tells which inputs are the latents, of {latents:?} values; the candidates are {}. Decide, and write [decoder] with latent = \"NAME\" (a list for several posteriors), and each other input as [[input]] with role = \"condition\"",
            inputs.join(", ")
        ))
    };
    if let ([only], [_]) = (&graph.inputs[..], latents) {
        return Ok((vec![name(only)], "the only input".into()));
    }
    let mut found = Vec::new();
    for len in latents {
        let own: Vec<&ValueId> = graph.inputs.iter().filter(|id| fits(id, *len)).collect();
        let named = own.iter().filter(|id| says(&name(id), &["z", "latent", "code"]));
        let named: Vec<&ValueId> = named.copied().collect();
        match (&own[..], &named[..]) {
            ([only], _) | (_, [only]) if !found.contains(&name(only)) => found.push(name(only)),
            _ => return Err(undecided()),
        }
    }
    Ok((found, "of as many values as the posterior, or named like a latent".into()))
}
