//! Inputs that an output is at the next call: states, by their names or by the way the graph makes them.


use super::{Decision, quoted};
use crate::import::{Gives, Graph, Op, ValueId};
use crate::model::inner::reached;
use crate::model::names::{is_generative, is_observation, is_state, words};
use crate::model::sampling::{Makers, draws};
use elbow_core::kernels::BinaryOp;

/// A state.
pub(super) struct State {
    pub input: ValueId,
    /// The output that it is at the next call.
    pub output: String,
    pub why: String,
}

/// The states among `data`, an encoder's inputs but noise; `heads` are outputs that are none.
///
/// A further input with an output of its shape that is computed from it is a state where names or
/// arithmetic say so, and a question where they do not.
pub(super) fn states(
    graph: &Graph,
    data: &[ValueId],
    heads: &[&str],
) -> Result<Vec<State>, Decision> {
    let mut states: Vec<State> = Vec::new();
    for &input in data {
        let free: Vec<&(String, ValueId)> = next_states(graph, input, heads)
            .filter(|(name, _)| states.iter().all(|state| state.output != *name))
            .collect();
        states.extend(certain(graph, input, &free));
    }
    let open = data.iter().copied().filter(|id| states.iter().all(|state| state.input != *id));
    let open: Vec<ValueId> = open.collect();
    let observed = |id: ValueId| is_observation(&graph.values[id].name);
    let observations: Vec<ValueId> = open.iter().copied().filter(|id| observed(*id)).collect();
    if open.len() < 2 {
        return Ok(states);
    }
    for &input in open.iter().filter(|id| !observed(**id)) {
        let is_decoded = |output: ValueId| {
            let shape = |id: ValueId| &graph.values[id].shape;
            observations.iter().any(|x| shape(*x) == shape(output))
        };
        let mut free = next_states(graph, input, heads).filter(|(name, id)| {
            states.iter().all(|state| state.output != *name)
                && !is_decoded(*id)
                && !is_generative(name)
        });
        if let Some((output, _)) = free.next() {
            return Err(question(graph, input, output));
        }
    }
    Ok(states)
}

/// Outputs that an input may be at the next call: of its shape, computed from it, neither head nor
/// sample.
fn next_states<'g>(
    graph: &'g Graph,
    input: ValueId,
    heads: &'g [&str],
) -> impl Iterator<Item = &'g (String, ValueId)> {
    let reached = reached(graph, input);
    let samples: Vec<ValueId> = draws(graph).into_iter().map(|draw| draw.z).collect();
    let shape = &graph.values[input].shape;
    graph.outputs.iter().filter(move |(name, id)| {
        graph.values[*id].shape == *shape
            && reached[*id]
            && *id != input
            && !samples.contains(id)
            && !heads.contains(&name.as_str())
    })
}

/// The state that names or arithmetic show an input to be.
fn certain(graph: &Graph, input: ValueId, outputs: &[&(String, ValueId)]) -> Option<State> {
    let own = &graph.values[input].name;
    let state = |output: &str, why: String| State { input, output: output.into(), why };
    let only = |fits: &dyn Fn(&(String, ValueId)) -> Option<&'static str>| {
        let mut found = outputs.iter().filter_map(|output| Some((&output.0, fits(output)?)));
        found.next().filter(|_| found.next().is_none())
    };
    let made = |(_, id): &(String, ValueId)| carried(graph, input, *id);
    if let Some((output, how)) = only(&made) {
        return Some(state(output, format!("{output} has its shape and is {how}")));
    }
    let is_observed = is_observation(own);
    let beside = beside_observation(graph, input);
    let follows = |(name, _): &(String, ValueId)| {
        let own = base(own, beside);
        let fits = !is_observed && !own.is_empty() && own == base(name, beside);
        fits.then_some("named as what follows it")
    };
    if let Some((output, how)) = only(&follows) {
        return Some(state(
            output,
            format!("{output} has its shape, is computed from it and {how}"),
        ));
    }
    let letter = |name: &str| name.chars().next().map(|c| c.to_ascii_lowercase());
    let alike = |(name, _): &(String, ValueId)| {
        let is_named = is_state(own) || is_state(name) && !is_observed;
        let fits = outputs.len() == 1 || letter(name) == letter(own);
        (is_named && fits).then_some("named like it")
    };
    let (output, how) = only(&alike)?;
    Some(state(output, format!("{output} has its shape, is computed from it and {how}")))
}

/// A name without what says which of two calls it belongs to: of `buf` and `buf_next` the same.
fn base(name: &str, beside_observation: bool) -> Vec<String> {
    const TIMES: [&str; 7] = ["next", "new", "prev", "previous", "old", "init", "initial"];
    // Of a layer, too, where this may be the observation.
    const SIDES: [&str; 5] = ["in", "out", "last", "final", "updated"];
    let mut words = words(name);
    words.retain(|word| {
        let is_side = beside_observation && SIDES.contains(&&**word);
        !is_side && !TIMES.contains(&&**word)
    });
    words
}

/// Whether another input is named like an observation, so that this one is none.
fn beside_observation(graph: &Graph, input: ValueId) -> bool {
    let is_other = |id: &ValueId| *id != input && is_observation(&graph.values[*id].name);
    graph.inputs.iter().any(is_other)
}

/// How the graph carries an input over into an output, where its arithmetic is that of a state.
fn carried(graph: &Graph, input: ValueId, output: ValueId) -> Option<&'static str> {
    let makers = Makers::of(graph);
    let node = makers.get(makers.source(output))?;
    match &node.op {
        Op::Concat { .. } => {
            let is_kept = |id: &ValueId| {
                let part = makers.get(makers.source(*id));
                part.is_some_and(|part| {
                    matches!(part.op, Op::Slice { .. } | Op::Take { .. })
                        && makers.source(part.inputs[0]) == input
                })
            };
            node.inputs.iter().any(is_kept).then_some("a part of it joined with new values")
        }
        Op::Recurrent { gives, .. } => {
            let initial = node.inputs.get(if *gives == Gives::Cell { 5 } else { 4 })?;
            let is_own = before_layout(&makers, *initial) == input;
            is_own.then_some("the state of a recurrent layer that starts with it")
        }
        Op::Binary(BinaryOp::Add) if !is_observation(&graph.values[input].name) => {
            let is_gated = |id: &ValueId| {
                let product = makers.get(makers.source(*id));
                product.is_some_and(|node| {
                    node.op == Op::Binary(BinaryOp::Mul)
                        && node.inputs.iter().any(|id| makers.source(*id) == input)
                })
            };
            let beside = beside_observation(graph, input);
            (beside && node.inputs.iter().any(is_gated)).then_some("it, weighted, plus new values")
        }
        _ => None,
    }
}

/// The value before nodes that move or select its values only.
fn before_layout(makers: &Makers<'_>, value: ValueId) -> ValueId {
    let mut value = makers.source(value);
    while let Some(node) = makers.get(value)
        && matches!(node.op, Op::Transpose { .. } | Op::Slice { .. } | Op::Take { .. } | Op::Expand)
    {
        value = makers.source(node.inputs[0]);
    }
    value
}

fn question(graph: &Graph, input: ValueId, output: &str) -> Decision {
    let value = &graph.values[input];
    let name = quoted(&value.name);
    let output = quoted(output);
    Decision(format!(
        "input {name} {:?} has the shape of output {output}, which is computed from it: it may be a state that is kept between calls, or a condition; decide, and write the manifest by hand with one of\n  [state] pairs = [{{ input = {name}, output = {output} }}]\n  [[input]] name = {name}, role = \"condition\"",
        value.shape
    ))
}
