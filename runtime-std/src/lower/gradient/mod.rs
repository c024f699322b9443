//! The backward pass: the graph that also gives the derivatives of a graph's outputs by its inputs.
//!
//! Reverse mode (Linnainmaa, 1976): from the outputs back, every node turns the cotangent of its result (the
//! derivative with respect to it of what is differentiated) into the cotangents of its operands. The result is
//! an ordinary graph: the passes behind it, the twin and the generated code treat it as any other, and memory
//! planning keeps those forward values that the backward pass reads. The forward part is that of
//! [`lower`](super::lower()), node by node, so that its values have the same bits.

mod along;
mod elementwise;
mod linear;
mod movement;
mod score;
mod tape;

pub use score::log_likelihood_gradient;

use super::axes::PoolAttributes;
use super::{fold, joined, prune};
use crate::ir::{Evaluate, Graph, Node, Op, ValueId};
use crate::{Error, Result};
use linear::ConvAttributes;
use tape::{Advice, Tape};

/// The graph of the given outputs followed by their vector-Jacobian product.
///
/// Its inputs are those of `graph`, then one cotangent for each of `outputs`, named `cotangent of NAME`;
/// what nothing needs is left out, as in [`prune`](super::prune()). Its outputs are `outputs`, then for each
/// input of `wrt` (an index into the graph's inputs) `gradient of NAME`: the sum over all outputs of
/// cotangent times derivative. At a kink it is the derivative of one side: the largest of a window
/// of pooling is the first of equals. Equal extremes of a reduction share. Comparisons, indices and
/// rounding have none. Values that a quantized file rounds count as not rounded (the straight-through
/// estimator; Bengio, Leonard and Courville, 2013).
///
/// # Errors
///
/// There is no such output or input. Else one error lists every node without a gradient, with advice.
pub fn gradient(
    graph: &Graph,
    outputs: &[usize],
    wrt: &[usize],
    evaluate: Evaluate,
) -> Result<Graph> {
    let wrt = inputs(graph, wrt)?;
    let mut tape = Tape::new(joined(graph, outputs, evaluate)?, &wrt);
    let seeds: Vec<(ValueId, ValueId)> = tape
        .graph
        .outputs
        .clone()
        .into_iter()
        .map(|(name, value)| {
            let shape = tape.shape(value);
            let cotangent = tape.value(format!("cotangent of {name}"), &shape, None);
            tape.graph.inputs.push(cotangent);
            (value, cotangent)
        })
        .collect();
    backward(tape, &seeds, &wrt, evaluate)
}

/// The values of the graph's inputs with these indices; an error for an index that it does not have.
fn inputs(graph: &Graph, wrt: &[usize]) -> Result<Vec<ValueId>> {
    let input = |&at: &usize| {
        let found = graph.inputs.len();
        let missing = || format!("graph `{}` has {found} inputs, none of index {at}", graph.name);
        graph.inputs.get(at).copied().ok_or_else(|| Error::input(missing()))
    };
    wrt.iter().map(input).collect()
}

/// The graph of the tape with its backward pass, begun by adding each seed's cotangent to its value.
/// `gradient of NAME` follows the outputs for each of `wrt`, zeros where none of the seeds depends on it.
/// Constants are then folded by `evaluate`, and what no output needs is left out.
///
/// # Errors
///
/// One error lists every node without a gradient that a cotangent has reached, with advice.
fn backward(
    mut tape: Tape,
    seeds: &[(ValueId, ValueId)],
    wrt: &[ValueId],
    evaluate: Evaluate,
) -> Result<Graph> {
    let nodes = tape.graph.nodes.clone();
    for &(value, cotangent) in seeds {
        tape.give(value, cotangent);
    }
    let mut problems = Vec::new();
    for node in nodes.iter().rev() {
        let Some(g) = tape.cotangent(node.output) else { continue };
        tape.reverse(node);
        if let Err(advice) = reverse(&mut tape, node, g) {
            problems.push(format!("node `{}` ({}): {advice}", node.name, node.op_type));
            node.inputs.iter().for_each(|&x| tape.give_nothing(x)); // what lies behind is checked too
        }
    }
    if !problems.is_empty() {
        problems.reverse();
        return Err(Error::input(problems.join("\n")));
    }
    for &value in wrt {
        tape.give_nothing(value);
        let name = format!("gradient of {}", tape.graph.values[value].name);
        let gradient = tape.cotangent(value);
        tape.graph.outputs.extend(gradient.map(|gradient| (name, gradient)));
    }
    let mut graph = tape.graph;
    fold(&mut graph, evaluate);
    let outputs: Vec<usize> = (0..graph.outputs.len()).collect();
    prune(&graph, &outputs)
}

/// Adds to the cotangents of the node's operands what follows from `g`, that of its result. `Err`, with
/// advice, where the node has no gradient; some of its operands may have got their part nevertheless.
fn reverse(tape: &mut Tape, node: &Node, g: ValueId) -> Advice {
    match &node.op {
        &Op::Gemm { trans_a, trans_b, alpha, beta } => {
            tape.reverse_gemm(node, [trans_a, trans_b], [alpha, beta], g)?;
        }
        Op::MatMul => tape.reverse_matmul(node, g)?,
        Op::Binary(op) => tape.reverse_binary(node, *op, g)?,
        Op::Unary(f) => tape.reverse_unary(node, *f, g),
        Op::Conv { strides, dilations, pads, groups } => {
            let window = ConvAttributes { strides, dilations, pads, groups: *groups };
            tape.reverse_conv(node, window, g)?;
        }
        Op::ConvTranspose { strides, dilations, pads, groups } => {
            let window = ConvAttributes { strides, dilations, pads, groups: *groups };
            tape.reverse_conv_transpose(node, window, g)?;
        }
        Op::BatchNormalization { .. } => tape.reverse_batch_norm(node, g)?,
        Op::Reshape | Op::Round(_) => tape.reverse_reshape(node, g),
        Op::Transpose { perm } => tape.reverse_transpose(node, perm, g),
        Op::Expand => tape.give(node.inputs[0], g),
        Op::Concat { axis } => tape.reverse_concat(node, *axis, g),
        Op::Slice { starts, steps } => tape.reverse_slice(node, starts, steps, g),
        Op::Where => tape.reverse_where(node, g)?,
        Op::Reduce { reduction, axes } => tape.reverse_reduce(node, *reduction, axes, g),
        &Op::Normalize { axis, epsilon, rms } => {
            tape.reverse_normalize(node, axis, epsilon, rms, g);
        }
        &Op::Softmax { axis, log } => tape.reverse_softmax(node, axis, log, g),
        &Op::CumSum { axis, exclusive, reverse } => {
            tape.reverse_cumsum(node, axis, exclusive, reverse, g);
        }
        Op::ArgExtreme { .. } => {}
        Op::Pool { kernel, strides, dilations, pads, pads_end, kind } => {
            let windows = PoolAttributes { kernel, strides, dilations, pads, pads_end };
            tape.reverse_pool(node, windows, *kind, g);
        }
        Op::Pad { starts, .. } => tape.reverse_pad(node, starts, g),
        Op::Take { axis, indices } => tape.reverse_take(node, *axis, indices, g),
        Op::Resample { axis, taps, indices, weights } => {
            let pairs = indices.iter().copied().zip(weights.iter().copied()).collect::<Vec<_>>();
            let taps = pairs.chunks((*taps).max(1)).map(<[_]>::to_vec).collect();
            tape.reverse_resample(node, *axis, taps, g);
        }
        Op::TakeBy { .. } | Op::TakeAlong { .. } => return Err(COMPUTED_INDICES.into()),
        Op::Recurrent { .. } => return Err(RECURRENT.into()),
        Op::Slope(_) | Op::Score { .. } => {
            return Err("it is part of a backward pass, which has no gradient".into());
        }
    }
    Ok(())
}

/// Why computed indices have no gradient, and what to do about it.
const COMPUTED_INDICES: &str = "it picks from computed values by computed indices, which has no gradient here: use constant indices, or \
     multiply by a one-hot matrix";

/// Why recurrent layers have no gradient, and what to do about it.
const RECURRENT: &str = "a recurrent layer has no gradient here: use a decoder of dense layers or \
     convolutions, or no refinement";
