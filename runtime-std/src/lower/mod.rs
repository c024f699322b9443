//! Stage 2, lower: a [`Graph`] becomes a [`Plan`].
//!
//! | Pass | Does |
//! |---|---|
//! | [`prune`](prune()) | keeps the wanted outputs and what they need |
//! | [`fold`](fold()) | evaluates what depends on constants alone |
//! | [`fuse`](fuse()) | joins nodes that one kernel computes |
//! | [`schedule`](schedule()) | nodes become kernel calls on tensors, weights take their kernels' layout |
//! | [`place`] | tensors get their place in memory |
//!
//! Between fusing and scheduling [`calibrate`](crate::calibrate) chooses integer weights and formats, where asked for.
//! [`gradient`](gradient()) and [`log_likelihood_gradient`] write a backward pass behind a graph that has been joined.
//! Constants are evaluated by a function that the caller gives ([`Evaluate`]): the module that runs plans depends on
//! this one, not the reverse.

mod axes;
mod draft;
mod fold;
mod fuse;
mod gradient;
pub mod integers;
pub(crate) mod layer;
pub(crate) mod links;
mod memory;
pub mod plan;
mod prune;
pub mod quantize;
mod schedule;

use crate::Result;
use crate::ir::{Evaluate, Graph};

pub use draft::Draft;
pub use fold::fold;
pub use fuse::fuse;
pub use gradient::{gradient, log_likelihood_gradient};
pub use integers::{Core, Integers, Width};
pub use memory::place;
pub use plan::{Buffer, Kernel, Plan, Port, Recurrent, Step};
pub use prune::prune;
pub use schedule::schedule;

/// The plan that computes the graph outputs of the given indices, in this order.
///
/// Inputs of the graph that no such output needs are not inputs of the plan. `evaluate` computes nodes of constants.
///
/// # Errors
///
/// There is no output of such an index; or nodes have no kernel: one error lists them all, with advice.
pub fn lower(graph: &Graph, outputs: &[usize], evaluate: Evaluate) -> Result<Plan> {
    lower_with(graph, outputs, None, evaluate)
}

/// As [`lower`], with integer kernels for the layers and values that `integers` lists; all in floats for
/// `None`.
///
/// # Errors
///
/// As [`lower`], and where `integers` is not of this graph: a layer's input has no format, or its weights do
/// not fit.
pub fn lower_with(
    graph: &Graph,
    outputs: &[usize],
    integers: Option<&Integers>,
    evaluate: Evaluate,
) -> Result<Plan> {
    Ok(place(schedule(&joined(graph, outputs, evaluate)?, integers)?))
}

/// Formats and integer weights of a graph from a quantized file; `None` where the file is not quantized.
///
/// # Errors
///
/// Never: the error type is that of pruning, and all outputs of the graph exist.
pub fn given_integers(graph: &Graph, evaluate: Evaluate) -> Result<Option<Integers>> {
    let outputs: Vec<usize> = (0..graph.outputs.len()).collect();
    Ok(integers::given(&joined(graph, &outputs, evaluate)?))
}

/// A graph of these outputs alone, after the passes before quantization: pruned, folded by `evaluate` and
/// fused.
///
/// # Errors
///
/// There is no output of such an index.
pub(crate) fn joined(graph: &Graph, outputs: &[usize], evaluate: Evaluate) -> Result<Graph> {
    let mut graph = prune(graph, outputs)?;
    fold(&mut graph, evaluate);
    fuse(&mut graph);
    prune(&graph, &Vec::from_iter(0..outputs.len()))
}
