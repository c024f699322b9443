//! Values of a graph by their names in the file.

use crate::ir::{Graph, ValueId};

/// The value that `name` means: an output, else a value that the graph computes on the way to them.
pub(crate) fn named(graph: &Graph, name: &str) -> Option<ValueId> {
    let output = graph.outputs.iter().find(|(own, _)| own == name).map(|(_, id)| *id);
    output.or_else(|| inner(graph, name))
}

/// The computed value of this name, if there is one alone that has the length of the file.
pub(super) fn inner(graph: &Graph, name: &str) -> Option<ValueId> {
    let is_meant = |id: &ValueId| {
        let value = &graph.values[*id];
        value.name == name && value.constant.is_none() && !graph.selected.contains(id)
    };
    let mut found = graph.nodes.iter().map(|node| node.output).filter(is_meant);
    found.next().filter(|_| found.next().is_none())
}

/// Whether a value of this name has a length in the file that depends on data.
pub(super) fn is_selected(graph: &Graph, name: &str) -> bool {
    graph.selected.iter().any(|id| graph.values[*id].name == name)
}

/// Which values depend on `value`.
pub(crate) fn reached(graph: &Graph, value: ValueId) -> Vec<bool> {
    let mut reached = vec![false; graph.values.len()];
    reached[value] = true;
    for node in &graph.nodes {
        reached[node.output] |= node.inputs.iter().any(|id| reached[*id]);
    }
    reached
}
