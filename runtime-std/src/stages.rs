//! Import and lowering with the twin for the evaluation of constants.
//!
//! [`import`] and [`mod@lower`] do not depend on the twin, and take its [`evaluate`] as an argument.

use crate::Result;
use crate::import::{self, Options, Survey};
use crate::ir::Graph;
use crate::lower::{self, Integers, Plan};
use crate::twin::evaluate;
use elbow_core::distributions::Family;
use std::path::Path;

/// The graph of an ONNX file, by [`import_onnx_with`] and the default options.
///
/// # Errors
///
/// As [`import_onnx_with`].
pub fn import_onnx(path: &Path) -> Result<Graph> {
    import_onnx_with(path, &Options::default())
}

/// The graph of an ONNX file: see [`import::import_onnx`].
///
/// # Errors
///
/// The file cannot be read or is no ONNX model, or parts of the model are not supported: one error lists them all.
pub fn import_onnx_with(path: &Path, options: &Options) -> Result<Graph> {
    import::import_onnx(path, options, evaluate)
}

/// The graph of the bytes of an ONNX file, by the default options: see [`import::import_bytes`].
///
/// # Errors
///
/// The bytes are no ONNX model, or parts of it are not supported: one error lists them all.
pub fn import_bytes(bytes: &[u8]) -> Result<Graph> {
    import::import_bytes(bytes, evaluate)
}

/// Inputs, outputs, and the graph or the problems of an ONNX file: see [`import::survey`].
///
/// # Errors
///
/// The file cannot be read, is no ONNX model of a version that is understood, or the options do not fit it.
pub fn survey(path: &Path, options: &Options) -> Result<Survey> {
    import::survey(path, options, evaluate)
}

/// The plan that computes the outputs at these positions of the graph in floats: see
/// [`lower::lower`](lower::lower()).
///
/// # Errors
///
/// There is no output of such an index, or nodes have no kernel: one error lists them all.
pub fn lower(graph: &Graph, outputs: &[usize]) -> Result<Plan> {
    lower::lower(graph, outputs, evaluate)
}

/// The plan that computes the outputs at these positions of the graph, with the integers that are given, in
/// floats without: see [`lower::lower_with`].
///
/// # Errors
///
/// As for `lower`.
pub fn lower_with(graph: &Graph, outputs: &[usize], integers: Option<&Integers>) -> Result<Plan> {
    lower::lower_with(graph, outputs, integers, evaluate)
}

/// Formats and integer weights of a graph from a quantized file, `None` for any other: see
/// [`lower::given_integers`].
///
/// # Errors
///
/// Never.
pub fn given_integers(graph: &Graph) -> Result<Option<Integers>> {
    lower::given_integers(graph, evaluate)
}

/// The graph of the outputs at these positions, followed by their vector-Jacobian products by the inputs at
/// the positions `wrt`: see [`lower::gradient`](lower::gradient()).
///
/// # Errors
///
/// There is no such output or input, or nodes have no gradient: one error lists them all.
pub fn gradient(graph: &Graph, outputs: &[usize], wrt: &[usize]) -> Result<Graph> {
    lower::gradient(graph, outputs, wrt, evaluate)
}

/// The plan of a decoder's outputs at these positions (the mean, then decoded parameters of the `family`),
/// followed by the gradient of `ln p(x | z)` by the inputs at the positions `wrt`. `parameters` are the
/// family's, in its order, `None` for those that are outputs: see [`lower::log_likelihood_gradient`].
///
/// # Errors
///
/// As for [`gradient`], or the outputs are not mean and parameters of the family.
pub fn log_likelihood_gradient(
    graph: &Graph,
    outputs: &[usize],
    wrt: &[usize],
    family: Family,
    parameters: &[Option<&[f32]>],
) -> Result<Plan> {
    lower::log_likelihood_gradient(graph, outputs, wrt, family, parameters, evaluate)
}
