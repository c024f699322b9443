//! Graphs built by hand.

use elbow::ir::{Graph, Node, Op, Value, ValueId};
use std::collections::{HashMap, HashSet};

/// A graph that grows node by node.
#[derive(Clone, Debug)]
pub struct Builder {
    /// What has been built.
    pub graph: Graph,
}

impl Builder {
    /// No nodes.
    pub fn new(name: &str) -> Self {
        let graph = Graph {
            name: name.into(),
            opset: 17,
            values: Vec::new(),
            nodes: Vec::new(),
            inputs: Vec::new(),
            element_types: HashMap::new(),
            noise: Vec::new(),
            quantized: HashMap::new(),
            selected: HashSet::new(),
            outputs: Vec::new(),
        };
        Self { graph }
    }

    fn value(&mut self, name: String, shape: &[usize], constant: Option<Vec<f32>>) -> ValueId {
        self.graph.values.push(Value { name, shape: shape.to_vec(), constant });
        self.graph.values.len() - 1
    }

    /// A value that the caller gives.
    pub fn input(&mut self, name: &str, shape: &[usize]) -> ValueId {
        let id = self.value(name.into(), shape, None);
        self.graph.inputs.push(id);
        id
    }

    /// A known value.
    pub fn constant(&mut self, shape: &[usize], values: &[f32]) -> ValueId {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        let name = format!("c{}", self.graph.values.len());
        self.value(name, shape, Some(values.to_vec()))
    }

    /// The result of a node.
    pub fn node(&mut self, op_type: &str, op: Op, inputs: &[ValueId], shape: &[usize]) -> ValueId {
        let name = format!("{op_type}_{}", self.graph.nodes.len());
        let output = self.value(name.clone(), shape, None);
        let (op_type, inputs) = (op_type.into(), inputs.to_vec());
        self.graph.nodes.push(Node { name, op_type, op, inputs, output });
        output
    }

    /// `x * w^T + b`, where `x` is one row and `w` is `[b.len()][..]`.
    pub fn linear(&mut self, x: ValueId, w: &[f32], b: &[f32]) -> ValueId {
        let shape = [b.len(), w.len() / b.len()];
        let operands = [x, self.constant(&shape, w), self.constant(&shape[..1], b)];
        let op = Op::Gemm { trans_a: false, trans_b: true, alpha: 1.0, beta: 1.0 };
        self.node("Gemm", op, &operands, &[1, b.len()])
    }

    /// Makes a value an output of the graph.
    pub fn output(&mut self, name: &str, value: ValueId) {
        self.graph.outputs.push((name.into(), value));
    }
}
