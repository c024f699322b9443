//! Values of a graph by their names in the file.

use crate::ir::{Graph, ValueId};

/// The value that `name` means: an output, else a value as [`inner`] finds it; `None` where there is none.
pub(crate) fn named(graph: &Graph, name: &str) -> Option<ValueId> {
    let output = graph.outputs.iter().find(|(own, _)| own == name).map(|(_, id)| *id);
    output.or_else(|| inner(graph, name))
}

/// The value that a node computes under this name; `None` where there is none or several, where it is
/// constant, or where it holds selected places only and not the file's tensor.
pub(super) fn inner(graph: &Graph, name: &str) -> Option<ValueId> {
    let is_meant = |id: &ValueId| {
        let value = &graph.values[*id];
        value.name == name && value.constant.is_none() && !graph.selected.contains(id)
    };
    let mut found = graph.nodes.iter().map(|node| node.output).filter(is_meant);
    found.next().filter(|_| found.next().is_none())
}

/// Whether a value of this name holds what is selected by a computed mask, and so has a length in the file
/// that depends on data.
pub(super) fn is_selected(graph: &Graph, name: &str) -> bool {
    graph.selected.iter().any(|id| graph.values[*id].name == name)
}

/// For each value of the graph, whether it is `value` or depends on it.
pub(crate) fn reached(graph: &Graph, value: ValueId) -> Vec<bool> {
    let mut reached = vec![false; graph.values.len()];
    reached[value] = true;
    for node in &graph.nodes {
        reached[node.output] |= node.inputs.iter().any(|id| reached[*id]);
    }
    reached
}
