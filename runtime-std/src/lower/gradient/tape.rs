//! The graph while its backward pass is written.

use crate::ir::{Graph, Node, Op, Value, ValueId};
use elbow_core::kernels::{BinaryOp, Reduction, Unary};
use std::collections::HashMap;

/// Result of a backward rule; the error of a node without a gradient is what was found, and the cure.
pub(super) type Advice<T = ()> = std::result::Result<T, String>;

/// A graph, and how much a change of each of its values matters.
pub(super) struct Tape {
    pub(super) graph: Graph,
    /// Whether a value depends on what the gradient is taken of.
    needed: Vec<bool>,
    /// The sum of all that has reached a value so far.
    cotangents: Vec<Option<ValueId>>,
    /// Numbers that are constants of the graph already, by their bits.
    numbers: HashMap<u32, ValueId>,
    /// Name of the node that is reversed.
    node: String,
}

impl Tape {
    /// Marks what depends on the values of `wrt`.
    pub(super) fn new(graph: Graph, wrt: &[ValueId]) -> Self {
        let mut needed = vec![false; graph.values.len()];
        wrt.iter().for_each(|&value| needed[value] = true);
        for node in &graph.nodes {
            let mut operands = node.inputs.iter().enumerate();
            needed[node.output] |= operands.any(|(at, &x)| needed[x] && depends(&node.op, at));
        }
        let cotangents = vec![None; graph.values.len()];
        Self { graph, needed, cotangents, numbers: HashMap::new(), node: String::new() }
    }

    /// The node whose backward pass comes next.
    pub(super) fn reverse(&mut self, node: &Node) {
        self.node.clone_from(&node.name);
    }

    pub(super) fn shape(&self, value: ValueId) -> Vec<usize> {
        self.graph.values[value].shape.clone()
    }

    pub(super) fn constant(&self, value: ValueId) -> Option<&[f32]> {
        self.graph.values[value].constant.as_deref()
    }

    pub(super) fn is_needed(&self, value: ValueId) -> bool {
        self.needed[value]
    }

    /// What has reached a value; nothing reaches those that came after the forward pass.
    pub(super) fn cotangent(&self, value: ValueId) -> Option<ValueId> {
        self.cotangents.get(value).copied().flatten()
    }

    /// Adds `g` to what has reached `value`; where the value was repeated to `g`'s shape, its sum. Nothing
    /// where no one asks for it.
    pub(super) fn give(&mut self, value: ValueId, g: ValueId) {
        if !self.needed[value] {
            return;
        }
        let g = self.sum_to(g, &self.shape(value));
        let sum = match self.cotangents[value] {
            Some(before) => self.binary(BinaryOp::Add, before, g),
            None => g,
        };
        self.cotangents[value] = Some(sum);
    }

    /// Zeros where nothing has reached `value`.
    pub(super) fn give_nothing(&mut self, value: ValueId) {
        if self.needed[value] && self.cotangents[value].is_none() {
            let shape = self.shape(value);
            let zeros = vec![0.0; self.graph.values[value].len()];
            let name = format!("zeros for {}", self.graph.values[value].name);
            self.cotangents[value] = Some(self.value(name, &shape, Some(zeros)));
        }
    }

    /// A new value.
    pub(super) fn value(
        &mut self,
        name: String,
        shape: &[usize],
        constant: Option<Vec<f32>>,
    ) -> ValueId {
        self.graph.values.push(Value { name, shape: shape.to_vec(), constant });
        self.graph.values.len() - 1
    }

    pub(super) fn constant_of(&mut self, what: &str, shape: &[usize], of: Vec<f32>) -> ValueId {
        let name = format!("{what} of {}", self.node);
        self.value(name, shape, Some(of))
    }

    pub(super) fn number(&mut self, number: f32) -> ValueId {
        if let Some(&value) = self.numbers.get(&number.to_bits()) {
            return value;
        }
        let value = self.value(format!("{number}"), &[], Some(vec![number]));
        self.numbers.insert(number.to_bits(), value);
        value
    }

    /// The result of a new node.
    pub(super) fn node(
        &mut self,
        op_type: &str,
        op: Op,
        inputs: &[ValueId],
        shape: &[usize],
    ) -> ValueId {
        let name = format!("{} backward", self.node);
        let output = self.value(format!("{name} {}", self.graph.values.len()), shape, None);
        let (op_type, inputs) = (op_type.into(), inputs.to_vec());
        self.graph.nodes.push(Node { name, op_type, op, inputs, output });
        output
    }

    pub(super) fn binary(&mut self, op: BinaryOp, a: ValueId, b: ValueId) -> ValueId {
        let shape = broadcast(&self.shape(a), &self.shape(b));
        self.node(&format!("{op:?}"), Op::Binary(op), &[a, b], &shape)
    }

    pub(super) fn mul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.binary(BinaryOp::Mul, a, b)
    }

    /// `factor * x`; `x` itself where that is the same.
    pub(super) fn scaled(&mut self, x: ValueId, factor: f32) -> ValueId {
        if factor == 1.0 {
            return x;
        }
        let factor = self.number(factor);
        self.mul(x, factor)
    }

    pub(super) fn unary(&mut self, f: Unary, x: ValueId) -> ValueId {
        let shape = self.shape(x);
        self.node(&format!("{f:?}"), Op::Unary(f), &[x], &shape)
    }

    pub(super) fn reshape(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        if self.graph.values[x].shape == shape {
            return x;
        }
        self.node("Reshape", Op::Reshape, &[x], shape)
    }

    pub(super) fn expand(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        if self.graph.values[x].shape == shape {
            return x;
        }
        self.node("Expand", Op::Expand, &[x], shape)
    }

    /// A reduction whose axes stay, as length 1.
    pub(super) fn reduce(&mut self, reduction: Reduction, x: ValueId, axes: &[usize]) -> ValueId {
        let shape = kept(&self.shape(x), axes);
        let op = Op::Reduce { reduction, axes: axes.to_vec() };
        self.node(&format!("Reduce{reduction:?}"), op, &[x], &shape)
    }

    /// Sums over the axes along which a value of `shape` was repeated.
    pub(super) fn sum_to(&mut self, g: ValueId, shape: &[usize]) -> ValueId {
        let from = self.shape(g);
        let front = from.len().saturating_sub(shape.len());
        let repeated = |axis: usize| {
            from[axis] != 1 && axis.checked_sub(front).is_none_or(|axis| shape[axis] == 1)
        };
        let axes: Vec<usize> = (0..from.len()).filter(|&axis| repeated(axis)).collect();
        if axes.is_empty() {
            return self.reshape(g, shape);
        }
        let op = Op::Reduce { reduction: Reduction::Sum, axes };
        self.node("ReduceSum", op, &[g], shape)
    }
}

/// Whether the result changes smoothly with the operand at this position.
fn depends(op: &Op, at: usize) -> bool {
    match op {
        Op::Binary(op) => !matches!(
            op,
            BinaryOp::Greater
                | BinaryOp::GreaterOrEqual
                | BinaryOp::Less
                | BinaryOp::LessOrEqual
                | BinaryOp::Equal
                | BinaryOp::And
                | BinaryOp::Or
                | BinaryOp::Xor
        ),
        Op::Unary(f) => !f.is_stepped(),
        Op::Where => at > 0,
        Op::TakeBy { .. } | Op::TakeAlong { .. } => at == 0,
        Op::ArgExtreme { .. } => false,
        _ => true,
    }
}

/// The shape with length 1 along the axes.
pub(super) fn kept(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    let len = |(axis, &len)| if axes.contains(&axis) { 1 } else { len };
    shape.iter().enumerate().map(len).collect()
}

/// The shape to which ONNX broadcasts both.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let len = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis])
    };
    let longer = |axis| match (len(a, axis), len(b, axis)) {
        (1, b) => b,
        (a, _) => a,
    };
    (0..rank).map(longer).collect()
}
