//! The gradient of a likelihood.

use super::tape::Tape;
use super::{backward, inputs, joined};
use crate::ir::{Evaluate, Graph, Op, ValueId};
use crate::lower::{Plan, place, schedule};
use crate::{Error, Result};
use elbow_core::distributions::{Family, Parameter};

/// The plan of `d ln p(x | z) / dz`, for a decoder whose mean is the first of `outputs`.
///
/// `parameters` holds the constant values of each parameter of `family` besides the mean, in its order;
/// `None` takes the next of the outputs behind the mean. The plan's inputs are those of the graph that these
/// outputs need, then the observation `x`, as long as the mean (left out where no gradient depends on it);
/// its outputs are `outputs`, with the bits that [`lower`](crate::lower::lower()) of the same outputs gives,
/// then `gradient of NAME` for each input of `wrt`, an index into the graph's inputs. Its weights begin with
/// those of that plan, so that both can read one copy. All of it is f32.
///
/// # Errors
///
/// As [`gradient`](super::gradient()); the outputs are not mean and parameters of the family; or a node has
/// no kernel.
pub fn log_likelihood_gradient(
    graph: &Graph,
    outputs: &[usize],
    wrt: &[usize],
    family: Family,
    parameters: &[Option<&[f32]>],
    evaluate: Evaluate,
) -> Result<Plan> {
    let wrt = inputs(graph, wrt)?;
    let mut tape = Tape::new(joined(graph, outputs, evaluate)?, &wrt);
    let values: Vec<ValueId> = tape.graph.outputs.iter().map(|(_, value)| *value).collect();
    let others = parameters.iter().filter(|given| given.is_none()).count();
    let fits = parameters.len() == family.parameters().len() && values.len() == 1 + others;
    let (true, Some((&mean, mut rest))) = (fits, values.split_first()) else {
        return Err(mismatch(graph, family, outputs.len()));
    };
    let shape = tape.shape(mean);
    let x = tape.value("observation".into(), &shape, None);
    tape.graph.inputs.push(x);
    let (mut operands, mut asked) = (vec![x, mean], vec![(Parameter::Mean, mean)]);
    for (parameter, given) in family.parameters().iter().zip(parameters) {
        let value = match (given, rest) {
            (None, [first, others @ ..]) => {
                rest = others;
                asked.push((*parameter, *first));
                *first
            }
            (given, _) => {
                let values = given.unwrap_or_default().to_vec();
                tape.value(format!("{parameter:?}"), &[values.len()], Some(values))
            }
        };
        operands.push(value);
    }
    asked.retain(|(_, value)| tape.is_needed(*value));
    let seed = |(wrt, value)| {
        let shape = tape.shape(value);
        (value, tape.node("Score", Op::Score { family, wrt }, &operands, &shape))
    };
    let seeds: Vec<(ValueId, ValueId)> = asked.into_iter().map(seed).collect();
    // Not joined again: the forward pass stays as it is.
    Ok(place(schedule(&backward(tape, &seeds, &wrt, evaluate)?, None)?))
}

/// The error for outputs, `found` of them, that are not the mean and the missing parameters of the family.
fn mismatch(graph: &Graph, family: Family, found: usize) -> Error {
    let expected = family.parameters();
    Error::input(format!(
        "graph `{}`: {family:?} has a mean and {expected:?}, which do not match {found} outputs; give one \
         output for the mean and one for each parameter that is not fixed",
        graph.name
    ))
}
