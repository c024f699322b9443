//! What a graph's structure and names say of a decoder.

use super::inputs::Named;
use super::{Decision, listed};
use crate::import::{Graph, Op, ValueId};
use crate::model::names::{says, words};
use crate::model::sampling::Makers;
use elbow_core::kernels::Unary;

/// Roles of a decoder.
pub(super) struct Roles {
    /// One per posterior, in their order.
    pub latents: Vec<String>,
    pub latent_why: String,
    pub conditions: Vec<Named>,
    pub mean: Named,
    pub likelihood: (&'static str, &'static str),
}

/// The roles of a decoder of latents with these numbers of values.
pub(super) fn decoder(graph: &Graph, latents: &[usize]) -> Result<Roles, Decision> {
    let [(name, id)] = &graph.outputs[..] else {
        return Err(Decision(format!(
            "expected one output, the observation's mean; the candidates are {}. Write the manifest by hand",
            listed(graph)
        )));
    };
    let (latents, latent_why) = latent_inputs(graph, latents)?;
    let inputs = graph.inputs.iter().map(|id| graph.values[*id].name.clone());
    let conditions = inputs.filter(|name| !latents.contains(name)).map(|name| {
        let why = format!("a further input of the decoder beside {}", latents.join(", "));
        (name, why)
    });
    let conditions = conditions.collect();
    let makers = Makers::of(graph);
    let maker = makers.get(makers.source(*id));
    let likelihood = if words(name).iter().any(|word| word.starts_with("logit")) {
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
    let mean = (name.clone(), "the only output".into());
    Ok(Roles { latents, latent_why, conditions, mean, likelihood })
}

/// The inputs that take the latents: the only one, or those that a name or the number of values tells
/// from the others.
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
