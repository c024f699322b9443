//! A node of constants, by the kernels that would run it: what is calculated before a run and what is run cannot
//! differ.

use super::Twin;
use crate::ir::{Graph, Node, Value};
use crate::lower::{place, schedule};
use std::collections::{HashMap, HashSet};

/// The result of a node of constants, by a graph of this node alone, whose input is the node's first
/// operand; `None` where no kernel computes it.
pub fn evaluate(values: &[Value], node: &Node) -> Option<Vec<f32>> {
    let operands = node.inputs.iter().chain([&node.output]);
    let mut values: Vec<Value> = operands.map(|&value| values[value].clone()).collect();
    let input = values[0].constant.take()?;
    let output = values.len() - 1;
    let single = Graph {
        name: node.name.clone(),
        opset: 0,
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
