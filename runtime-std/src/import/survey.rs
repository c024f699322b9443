//! The result of reading a file: its inputs, outputs and problems, and its graph.

use super::problem::Unsupported;
use crate::ir::Graph;

/// Inputs, outputs and problems of a file, whether or not it can be imported.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The graph's name in the file.
    pub name: String,
    /// Opset of the default domain.
    pub opset: i64,
    /// Inputs, in order.
    pub inputs: Vec<Boundary>,
    /// Outputs, in order.
    pub outputs: Vec<Boundary>,
    /// The graph, if there are no problems.
    pub graph: Option<Graph>,
    /// Everything that keeps the model from being imported.
    pub problems: Vec<Unsupported>,
}

/// An input or output of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// Name in the file.
    pub name: String,
    /// Shape with the batch pinned to 1; `None` where a problem keeps it unknown.
    pub shape: Option<Vec<usize>>,
}
