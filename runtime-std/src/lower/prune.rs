//! Pass 1: the wanted outputs, and what they need.

use super::links::Links;
use crate::ir::Graph;
use crate::{Error, Result};

/// A copy of the graph with the outputs of these indices only, in this order, without the nodes and inputs
/// that none of them depends on, and without nodes whose result is a constant.
///
/// # Errors
///
/// There is no output of such an index.
pub fn prune(graph: &Graph, outputs: &[usize]) -> Result<Graph> {
    let named = |&index: &usize| {
        let found = graph.outputs.len();
        let missing =
            || format!("graph `{}` has {found} outputs, none of index {index}", graph.name);
        graph.outputs.get(index).cloned().ok_or_else(|| Error::input(missing()))
    };
    let outputs = outputs.iter().map(named).collect::<Result<Vec<_>>>()?;
    let mut needed = vec![false; graph.values.len()];
    outputs.iter().for_each(|(_, value)| needed[*value] = true);
    for node in graph.nodes.iter().rev().filter(|node| graph.values[node.output].constant.is_none())
    {
        if needed[node.output] {
            node.inputs.iter().for_each(|&input| needed[input] = true);
        }
    }
    let mut graph = Graph { outputs, ..graph.clone() };
    let values = &graph.values;
    graph.nodes.retain(|node| needed[node.output] && values[node.output].constant.is_none());
    let links = Links::of(&graph);
    graph.inputs.retain(|&input| links.uses(input) > 0);
    Ok(graph)
}
