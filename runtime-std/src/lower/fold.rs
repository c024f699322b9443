//! Pass 2: nodes whose operands are all constants.

use crate::ir::{Evaluate, Graph};

/// Evaluates the nodes whose operands are all constants, in order: `graph` gets their results as constants,
/// and loses the nodes.
///
/// A node without operands, or for which `evaluate` returns `None`, stays as it is; scheduling reports nodes that
/// have no kernel.
pub fn fold(graph: &mut Graph, evaluate: Evaluate) {
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        let known = node.inputs.iter().all(|&input| graph.values[input].constant.is_some());
        if known && !node.inputs.is_empty() {
            let output = node.output;
            graph.values[output].constant = evaluate(&graph.values, node);
        }
    }
    let values = &graph.values;
    graph.nodes.retain(|node| values[node.output].constant.is_none());
}
