//! What shows that a graph is a flow.

use super::inputs::{self, Inputs, KnownInputs, NameWithReason};
use super::{Decision, plain, quoted};
use crate::ir::{Graph, ValueId};
use crate::manifest::InputRole;
use crate::model::inner::reached;
use crate::model::names::{is_log_det, is_log_q, is_observation};
use crate::model::sampling::draws;

/// Roles of a flow.
pub(super) struct FlowRoles {
    pub inputs: Inputs,
    /// The output that is the latent.
    pub z: NameWithReason,
    /// `log_det` or `log_q`.
    pub density: &'static str,
    /// The output that is the density.
    pub log: NameWithReason,
}

/// The roles of a flow; `None` unless the graph has two outputs of which exactly one is a single number. The
/// error is a question: the name of that number does not say which density it is, or the inputs do not fit
/// it.
pub(super) fn flow(graph: &Graph) -> Option<Result<FlowRoles, Decision>> {
    let [a, b] = &graph.outputs[..] else { return None };
    let len = |id: ValueId| graph.values[id].len();
    let mut pairs = [(a, b), (b, a)].into_iter().filter(|(_, (_, id))| len(*id) == 1);
    let (output, (name, _)) = pairs.next().filter(|_| pairs.next().is_none())?;
    let (z, _) = output;
    if !is_log_det(name) && !is_log_q(name) {
        let question = plain::with_score(graph, z, name).unwrap_or_else(|| undecided(z, name));
        return Some(Err(question));
    }
    Some(of_density(graph, output, name))
}

/// The roles of the flow with the latent output `z` and the density output `name`, whose name says `log_det`
/// or `log_q`. The error is a question: the observation has another number of values than `log_det` needs,
/// noise is missing or superfluous, or the inputs do not decide.
fn of_density(graph: &Graph, z: &(String, ValueId), name: &String) -> Result<FlowRoles, Decision> {
    let (z, latent) = (&z.0, z.1);
    let len = |id: ValueId| graph.values[id].len();
    let known = match is_log_det(name) {
        true => KnownInputs { x: mapped(graph, z, latent)?, noise: Vec::new() },
        false => KnownInputs { x: None, noise: scaled(graph) },
    };
    let inputs = inputs::inputs(graph, &[z, name], known)?;
    let x = graph.inputs.iter().find(|id| graph.values[**id].name == inputs.x.0);
    let observed = x.map_or(0, |id| len(*id));
    let noise =
        inputs.further.iter().any(|(_, role)| *role == InputRole::Eps) || !graph.noise.is_empty();
    let (density, fits, expected) = match is_log_det(name) {
        true => {
            let fits = observed == len(latent) && !noise;
            ("log_det", fits, "as many values as the input, and no noise")
        }
        false => ("log_q", noise, "noise among the inputs"),
    };
    if !fits {
        return Err(Decision(format!(
            "output {name:?} is named like {density}, which needs {expected}; {z:?} has {} values, the input {:?} {observed}. Write [flow] by hand",
            len(latent),
            inputs.x.0
        )));
    }
    let why = format!("one number, named like {density}");
    let why = match density {
        "log_det" => {
            format!("{why}; add base = \"standard_normal\" where that is the density of z")
        }
        _ => why,
    };
    let z = (z.clone(), "the other output".into());
    Ok(FlowRoles { inputs, z, density, log: (name.clone(), why) })
}

/// The noise inputs of the graph's draws, without those named like an observation.
fn scaled(graph: &Graph) -> Vec<ValueId> {
    let noise = draws(graph).into_iter().map(|draw| draw.noise);
    noise.filter(|id| !is_observation(&graph.values[*id].name)).collect()
}

/// The input that a flow with `log_det` maps to `z`, and the reason: the only one that is not noise, has as
/// many values as `latent` (the value of `z`) and on which it depends. `None` where there is none; the error
/// is a question where there are several.
fn mapped(graph: &Graph, z: &str, latent: ValueId) -> Result<Option<(ValueId, String)>, Decision> {
    let value = |id: ValueId| &graph.values[id];
    let is_noise = |id: ValueId| graph.noise.iter().any(|noise| noise.value == id);
    let fits = |id: &ValueId| {
        !is_noise(*id) && value(*id).len() == value(latent).len() && reached(graph, *id)[latent]
    };
    let candidates: Vec<ValueId> = graph.inputs.iter().copied().filter(fits).collect();
    match candidates[..] {
        [] => Ok(None),
        [only] => Ok(Some((only, format!("of as many values as {z}, which is computed from it")))),
        _ => {
            let names: Vec<&String> = candidates.iter().map(|id| &value(*id).name).collect();
            Err(Decision(format!(
                "the inputs {names:?} all have as many values as {z:?}, and nothing tells which of them the flow maps; decide, and write [flow] by hand with input = NAME, and the others as [[input]] with role = \"condition\""
            )))
        }
    }
}

/// The question which density the number `log` beside the output `z` is.
fn undecided(z: &str, log: &str) -> Decision {
    let [z, log] = [z, log].map(quoted);
    Decision(format!(
        "{log} is one number and {z} is not, as of a flow, but nothing tells whether it is a density; decide, and write in place of [encoder] a [flow] with onnx, input and one of\n  z = {z}, log_det = {log}\n  z = {z}, log_q = {log}, eps = NAME\nor export with output_names=[\"z\", \"log_det\"]"
    ))
}
