//! The evaluation of a node of constants by the kernels that would run it, so that its result is the same before a
//! run and in it.

use super::Twin;
use crate::ir::{Graph, Node, Value};
use crate::lower::{place, schedule};
use std::collections::{HashMap, HashSet};

/// The result of a node whose operands, ids in `values`, are all constants, by a graph of this node alone.
/// `None` where no kernel computes it, or its first operand is not constant. It has at least one operand.
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
