//! Pass 2: nodes whose operands are all constants.

use super::{place, schedule};
use crate::import::{Graph, NEWEST_OPSET, Node, Value};
use crate::twin::Twin;
use std::collections::{HashMap, HashSet};

/// Evaluates nodes of constants, each by a plan of its own that the twin runs: folding and running
/// cannot differ.
///
/// A node that has no kernel stays as it is; scheduling will say why.
pub fn fold(graph: &mut Graph) {
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

/// The result of a node of constants, by a graph of this node alone, whose input is the node's first
/// operand; `None` where no kernel computes it.
pub(crate) fn evaluate(values: &[Value], node: &Node) -> Option<Vec<f32>> {
    let operands = node.inputs.iter().chain([&node.output]);
    let mut values: Vec<Value> = operands.map(|&value| values[value].clone()).collect();
    let input = values[0].constant.take()?;
    let output = values.len() - 1;
    let single = Graph {
        name: node.name.clone(),
        opset: NEWEST_OPSET,
        inputs: vec![0],
        element_types: HashMap::new(),
        noise: Vec::new(),
        quantized: HashMap::new(),
        selected: HashSet::new(),
        outputs: vec![(node.name.clone(), output)],
        values,
        nodes: vec![Node { inputs: (0..output).collect(), output, ..node.clone() }],
    };
    let plan = place(schedule(&single, None).ok()?);
    Twin::new(&plan).run(&[&input]).ok()?.pop()
}
