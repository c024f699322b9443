//! What a graph's structure and names say about its inputs.

use super::{Decision, quoted, states};
use crate::ir::{Graph, ValueId};
use crate::manifest::InputRole;
use crate::model::names::{is_noise, is_observation};

/// A name, and the reason for its role.
pub(super) type NameWithReason = (String, String);

/// Roles of a graph's inputs.
pub(super) struct Inputs {
    pub x: NameWithReason,
    /// Further inputs with their roles.
    pub further: Vec<(NameWithReason, InputRole)>,
    /// State inputs with their outputs.
    pub states: Vec<(NameWithReason, String)>,
}

/// What is known of the inputs before their names are considered.
#[derive(Default)]
pub(super) struct KnownInputs {
    /// The observation, and why.
    pub x: Option<(ValueId, String)>,
    /// What the graph scales for a sample of a posterior.
    pub noise: Vec<ValueId>,
}

/// The roles of an encoder's or flow's inputs, random nodes left out; `heads` are outputs that are no state.
/// Noise is `known.noise` and what is named so. The observation is `known.x`; without it states are split
/// off, and it is the only input left, or the only one named so. All others are conditions. The error is a
/// question where the observation or a state is not decided.
pub(super) fn inputs(
    graph: &Graph,
    heads: &[&str],
    known: KnownInputs,
) -> Result<Inputs, Decision> {
    let KnownInputs { x, noise } = known;
    let name = |id: ValueId| graph.values[id].name.clone();
    let random = |id: ValueId| graph.noise.iter().any(|noise| noise.value == id);
    let mut data = Vec::new();
    let mut further = Vec::new();
    for &id in graph.inputs.iter().filter(|id| !random(**id)) {
        if x.as_ref().is_some_and(|(x, _)| *x == id) {
            data.push(id);
        } else if noise.contains(&id) {
            further.push(((name(id), "the graph scales it for a sample".into()), InputRole::Eps));
        } else if is_noise(&name(id)) {
            further.push(((name(id), "its name says noise".into()), InputRole::Eps));
        } else {
            data.push(id);
        }
    }
    let mut states = Vec::new();
    if data.len() > 1 && x.is_none() {
        let found = states::states(graph, &data, heads)?;
        data.retain(|id| found.iter().all(|state| state.input != *id));
        for states::State { input, output, why } in found {
            states.push(((name(input), why), output));
        }
    }
    let observed: Vec<ValueId> = match &data[..] {
        _ if x.is_some() => x.iter().map(|(x, _)| *x).collect(),
        [only] => vec![*only],
        _ => data.iter().copied().filter(|id| is_observation(&name(*id))).collect(),
    };
    let known = x.map(|(_, why)| why);
    let [x] = observed[..] else { return Err(undecided(graph, &data)) };
    let why = match (graph.inputs.len(), &further[..], data.len()) {
        (2.., _, 2..) if known.is_some() => known.unwrap_or_default(),
        (1, _, _) => "the only input".into(),
        (_, [((noise, _), InputRole::Eps)], 1) => {
            format!("the other input, {noise:?}, is the noise of the sample")
        }
        (_, _, 1) => "the only input that is neither noise nor state".into(),
        _ => "its name says observation".into(),
    };
    let others = data.into_iter().filter(|id| *id != x);
    further.extend(others.map(|id| {
        let why = format!("a further input beside {}, neither noise nor state", name(x));
        ((name(id), why), InputRole::Condition)
    }));
    Ok(Inputs { x: (name(x), why), further, states })
}

/// The question which of `data` is the observation.
fn undecided(graph: &Graph, data: &[ValueId]) -> Decision {
    let named = |id: &ValueId| &graph.values[*id].name;
    let shown: Vec<String> =
        data.iter().map(|id| format!("{:?} {:?}", named(id), graph.values[*id].shape)).collect();
    let lines: Vec<String> = data
        .iter()
        .map(|id| format!("  [[input]] name = {}, role = \"condition\"", quoted(named(id))))
        .collect();
    Decision(format!(
        "nothing tells which input is the observation; the candidates are {}. Decide, and write the manifest by hand: encoder.input names the observation, and of the others write\n{}\n(role = \"eps\" for noise; a state goes to [state])",
        shown.join(", "),
        lines.join("\n")
    ))
}
