//! Recurrent states among the inputs: each is fed the value of an output at the next call. They are found by
//! their names or by the arithmetic of the graph.

use super::{Decision, quoted};
use crate::ir::{Graph, Op, RecurrentOutput, ValueId};
use crate::model::inner::reached;
use crate::model::names::{is_generative, is_observation, is_state, words};
use crate::model::sampling::{Makers, draws};
use elbow_core::kernels::BinaryOp;

/// A state: an input, and the output whose value it has at the next call.
pub(super) struct State {
    pub input: ValueId,
    /// Name of the output whose value it has at the next call.
    pub output: String,
    /// The evidence.
    pub why: String,
}

/// The states among `data`, an encoder's inputs without noise; `heads` are outputs that are none.
///
/// The error is a question: of at least two inputs that are no certain states one that is not named like an
/// observation has a free output of its shape, which is neither as long as an observation nor named as a
/// decoder's.
pub(super) fn states(
    graph: &Graph,
    data: &[ValueId],
    heads: &[&str],
) -> Result<Vec<State>, Decision> {
    let samples: Vec<ValueId> = draws(graph)
        .into_iter()
        .filter(|draw| !data.contains(&draw.noise))
        .map(|draw| draw.z)
        .collect();
    let is_free = |(name, id): &&(String, ValueId)| {
        !graph.inputs.contains(id) && !samples.contains(id) && !heads.contains(&name.as_str())
    };
    let outputs: Vec<Output<'_>> = graph.outputs.iter().filter(is_free).collect();
    let mut states: Vec<State> = Vec::new();
    for &input in data {
        let reached = reached(graph, input);
        let own = next_states(graph, input, &outputs, &states);
        let own: Vec<Output<'_>> = own.filter(|(_, id)| reached[*id]).collect();
        states.extend(certain(graph, input, &own));
    }
    let open = data.iter().copied().filter(|id| states.iter().all(|state| state.input != *id));
    let open: Vec<ValueId> = open.collect();
    let observed = |id: ValueId| is_observation(&graph.values[id].name);
    if open.len() < 2 {
        return Ok(states);
    }
    let is_decoded = |output: ValueId| {
        let shape = |id: ValueId| &graph.values[id].shape;
        open.iter().any(|x| observed(*x) && shape(*x) == shape(output))
    };
    let may_be = |input: ValueId| {
        let own = next_states(graph, input, &outputs, &states)
            .filter(|(name, id)| !is_decoded(*id) && !is_generative(name));
        (input, own.collect::<Vec<_>>())
    };
    let open = open.iter().filter(|id| !observed(**id)).map(|id| may_be(*id));
    let open: Vec<Open<'_>> = open.filter(|(_, outputs)| !outputs.is_empty()).collect();
    if open.is_empty() { Ok(states) } else { Err(question(graph, &states, &open)) }
}

/// An output: its name, and its value.
type Output<'g> = &'g (String, ValueId);
/// An input that may be a state, and the outputs that it may be at the next call.
type Open<'g> = (ValueId, Vec<Output<'g>>);

/// Outputs among `outputs` of the shape of `input` that belong to none of `states`.
fn next_states<'a, 'g>(
    graph: &'a Graph,
    input: ValueId,
    outputs: &'a [Output<'g>],
    states: &'a [State],
) -> impl Iterator<Item = Output<'g>> {
    let shape = &graph.values[input].shape;
    outputs.iter().copied().filter(move |(name, id)| {
        graph.values[*id].shape == *shape && states.iter().all(|state| state.output != *name)
    })
}

/// The state that `input` is by arithmetic, else by names, with the one of `outputs` (of its shape, computed
/// from it) that fits; `None` where none or several fit.
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
        // `c0` of `cn`; a longer name, such as `cond` of `hidden`, may be a condition.
        let is_letter = own.len() <= 2 && letter(name) == letter(own);
        let is_named = is_state(own) || is_state(name) && !is_observed && is_letter;
        let fits = outputs.len() == 1 || letter(name) == letter(own);
        (is_named && fits).then_some("named like it")
    };
    let (output, how) = only(&alike)?;
    Some(state(output, format!("{output} has its shape, is computed from it and {how}")))
}

/// The words of a name without those that say before or after, as `next`, `prev`, `init`: the same for `buf`
/// and `buf_next`. With `beside_observation` also without `in`, `out`, `last`, `final`, `updated`.
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

/// Whether an input other than `input` is named like an observation.
fn beside_observation(graph: &Graph, input: ValueId) -> bool {
    let is_other = |id: &ValueId| *id != input && is_observation(&graph.values[*id].name);
    graph.inputs.iter().any(is_other)
}

/// How `output` is made of `input` as a state is, in words for a reason: a part of it concatenated with new
/// values, the state of a recurrent layer that starts with it, or (beside an input named like an observation)
/// its product plus new values. `None` otherwise.
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
            let initial = node.inputs.get(if *gives == RecurrentOutput::Cell { 5 } else { 4 })?;
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

/// The value from which `value` comes by nothing but Reshape, Transpose, Slice, Take and Expand nodes;
/// `value` itself where another node makes it.
fn before_layout(makers: &Makers<'_>, value: ValueId) -> ValueId {
    let mut value = makers.source(value);
    while let Some(node) = makers.get(value)
        && matches!(node.op, Op::Transpose { .. } | Op::Slice { .. } | Op::Take { .. } | Op::Expand)
    {
        value = makers.source(node.inputs[0]);
    }
    value
}

/// The question about the inputs in `open`; it proposes `[state]` pairs, those of `known` and one free output
/// per open input (preferred: one with the same last number in its name), and conditions.
fn question(graph: &Graph, known: &[State], open: &[Open<'_>]) -> Decision {
    let name = |input: ValueId| &graph.values[input].name;
    let mut pairs: Vec<(&str, &str)> =
        known.iter().map(|state| (name(state.input).as_str(), state.output.as_str())).collect();
    let (mut shown, mut conditions) = (Vec::new(), Vec::new());
    for (input, outputs) in open {
        let own = name(*input);
        let reached = reached(graph, *input);
        let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
        let how = match outputs.iter().all(|(_, id)| !reached[*id]) {
            true => "not computed from it, as what a window keeps of the observation",
            false => "computed from it",
        };
        shown.push(format!(
            "input {own:?} {:?} has the shape of {names:?} ({how})",
            graph.values[*input].shape
        ));
        conditions.push(format!("  [[input]] name = {}, role = \"condition\"", quoted(own)));
        let free = outputs.iter().filter(|(name, _)| pairs.iter().all(|(_, taken)| taken != name));
        if let Some((output, _)) = free.max_by_key(|(name, id)| {
            let position = graph.outputs.iter().position(|(other, _)| other == name);
            (number(name) == number(own), reached[*id], std::cmp::Reverse(position))
        }) {
            pairs.push((own, output));
        }
    }
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(input, output)| {
            format!("{{ input = {}, output = {} }}", quoted(input), quoted(output))
        })
        .collect();
    Decision(format!(
        "{}: that may be a state that is kept between calls, or a condition; decide, and write the manifest by hand with, as far as they are states,\n  [state] pairs = [{}]\nor, as far as they are conditions,\n{}",
        shown.join(", "),
        pairs.join(", "),
        conditions.join("\n")
    ))
}

/// The last number in a name, as text; `None` where it has none.
fn number(name: &str) -> Option<String> {
    words(name).into_iter().rfind(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}
