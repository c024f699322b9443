//! The first stages as they are called: the twin calculates what is known before a run.
//!
//! [`import`] and [`mod@lower`] stand below what runs a plan, and take it as an argument.

use crate::Result;
use crate::import::{self, Options, Survey};
use crate::ir::Graph;
use crate::lower::{self, Integers, Plan};
use crate::twin::evaluate;
use elbow_core::distributions::Family;
use std::path::Path;

/// [`import_onnx_with`] the default options.
///
/// # Errors
///
/// As [`import::import_onnx`].
pub fn import_onnx(path: &Path) -> Result<Graph> {
    import_onnx_with(path, &Options::default())
}

/// See [`import::import_onnx`].
///
/// # Errors
///
/// As there.
pub fn import_onnx_with(path: &Path, options: &Options) -> Result<Graph> {
    import::import_onnx(path, options, evaluate)
}

/// See [`import::import_bytes`].
///
/// # Errors
///
/// As there.
pub fn import_bytes(bytes: &[u8]) -> Result<Graph> {
    import::import_bytes(bytes, evaluate)
}

/// See [`import::survey`].
///
/// # Errors
///
/// As there.
pub fn survey(path: &Path, options: &Options) -> Result<Survey> {
    import::survey(path, options, evaluate)
}

/// See [`lower::lower`](lower::lower()).
///
/// # Errors
///
/// As there.
pub fn lower(graph: &Graph, outputs: &[usize]) -> Result<Plan> {
    lower::lower(graph, outputs, evaluate)
}

/// See [`lower::lower_with`].
///
/// # Errors
///
/// As there.
pub fn lower_with(graph: &Graph, outputs: &[usize], integers: Option<&Integers>) -> Result<Plan> {
    lower::lower_with(graph, outputs, integers, evaluate)
}

/// See [`lower::given_integers`].
///
/// # Errors
///
/// As there.
pub fn given_integers(graph: &Graph) -> Result<Option<Integers>> {
    lower::given_integers(graph, evaluate)
}

/// See [`lower::gradient`](lower::gradient()).
///
/// # Errors
///
/// As there.
pub fn gradient(graph: &Graph, outputs: &[usize], wrt: &[usize]) -> Result<Graph> {
    lower::gradient(graph, outputs, wrt, evaluate)
}

/// See [`lower::log_likelihood_gradient`].
///
/// # Errors
///
/// As there.
pub fn log_likelihood_gradient(
    graph: &Graph,
    outputs: &[usize],
    wrt: &[usize],
    family: Family,
    parameters: &[Option<&[f32]>],
) -> Result<Plan> {
    lower::log_likelihood_gradient(graph, outputs, wrt, family, parameters, evaluate)
}
