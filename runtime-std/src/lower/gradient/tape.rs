//! The graph while its backward pass is written.
//!
//! The cotangent of a value is the derivative of what is differentiated with respect to it, a value of the
//! same shape. A `ValueId` that a function here returns is that of a node or constant which it appends to the
//! graph, unless it says otherwise.

use crate::ir::{Graph, Node, Op, Value, ValueId};
use elbow_core::kernels::{BinaryOp, Reduction, Unary};
use std::collections::HashMap;

/// Result of a backward rule; the error of a node without a gradient says what was found and what to do about
/// it.
pub(super) type Advice<T = ()> = std::result::Result<T, String>;

/// A graph and the cotangents of its values so far.
pub(super) struct Tape {
    pub(super) graph: Graph,
    /// Whether a value of the forward pass depends on the values that the gradient is taken of.
    needed: Vec<bool>,
    /// The cotangent of each value of the forward pass as far as it is summed up; `None` where nothing was
    /// added.
    cotangents: Vec<Option<ValueId>>,
    /// Scalar constants that the graph has already, by their bits.
    numbers: HashMap<u32, ValueId>,
    /// Name of the node that is reversed, for the names of what is appended.
    node: String,
}

impl Tape {
    /// A tape of the graph without cotangents, where the values that depend on one of `wrt` are marked as
    /// needed.
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

    /// Sets the node whose backward pass comes next: what is appended is named after it.
    pub(super) fn reverse(&mut self, node: &Node) {
        self.node.clone_from(&node.name);
    }

    /// Shape of a value.
    pub(super) fn shape(&self, value: ValueId) -> Vec<usize> {
        self.graph.values[value].shape.clone()
    }

    /// The values of a constant; `None` for a computed value.
    pub(super) fn constant(&self, value: ValueId) -> Option<&[f32]> {
        self.graph.values[value].constant.as_deref()
    }

    /// Whether a value of the forward pass depends on what the gradient is taken of.
    pub(super) fn is_needed(&self, value: ValueId) -> bool {
        self.needed[value]
    }

    /// The cotangent of a value as far as it is summed up; `None` where nothing was added, and for values
    /// that the backward pass appended.
    pub(super) fn cotangent(&self, value: ValueId) -> Option<ValueId> {
        self.cotangents.get(value).copied().flatten()
    }

    /// Adds `g` to the cotangent of `value`, a value of the forward pass, after summing it over the axes
    /// along which the value was broadcast. Nothing where the value is not needed.
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

    /// Makes zeros the cotangent of `value`, where it is needed and has none.
    pub(super) fn give_nothing(&mut self, value: ValueId) {
        if self.needed[value] && self.cotangents[value].is_none() {
            let shape = self.shape(value);
            let zeros = vec![0.0; self.graph.values[value].len()];
            let name = format!("zeros for {}", self.graph.values[value].name);
            self.cotangents[value] = Some(self.value(name, &shape, Some(zeros)));
        }
    }

    /// Appends a value of this name, constant or not, without a node.
    pub(super) fn value(
        &mut self,
        name: String,
        shape: &[usize],
        constant: Option<Vec<f32>>,
    ) -> ValueId {
        self.graph.values.push(Value { name, shape: shape.to_vec(), constant });
        self.graph.values.len() - 1
    }

    /// A constant with the values `of`, named by `what` and the node that is reversed.
    pub(super) fn constant_of(&mut self, what: &str, shape: &[usize], of: Vec<f32>) -> ValueId {
        let name = format!("{what} of {}", self.node);
        self.value(name, shape, Some(of))
    }

    /// The scalar constant of this number, which is appended at its first use only.
    pub(super) fn number(&mut self, number: f32) -> ValueId {
        if let Some(&value) = self.numbers.get(&number.to_bits()) {
            return value;
        }
        let value = self.value(format!("{number}"), &[], Some(vec![number]));
        self.numbers.insert(number.to_bits(), value);
        value
    }

    /// The result, of this shape, of a new node; both are named after the node that is reversed, and the
    /// shape is not checked.
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

    /// `a op b`, broadcast.
    pub(super) fn binary(&mut self, op: BinaryOp, a: ValueId, b: ValueId) -> ValueId {
        let shape = broadcast(&self.shape(a), &self.shape(b));
        self.node(&format!("{op:?}"), Op::Binary(op), &[a, b], &shape)
    }

    /// `a * b`, broadcast.
    pub(super) fn mul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.binary(BinaryOp::Mul, a, b)
    }

    /// `factor * x`; `x` itself for a factor of 1.
    pub(super) fn scaled(&mut self, x: ValueId, factor: f32) -> ValueId {
        if factor == 1.0 {
            return x;
        }
        let factor = self.number(factor);
        self.mul(x, factor)
    }

    /// `f(x)`
    pub(super) fn unary(&mut self, f: Unary, x: ValueId) -> ValueId {
        let shape = self.shape(x);
        self.node(&format!("{f:?}"), Op::Unary(f), &[x], &shape)
    }

    /// `x` in this shape, of as many values; `x` itself where it has it.
    pub(super) fn reshape(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        if self.graph.values[x].shape == shape {
            return x;
        }
        self.node("Reshape", Op::Reshape, &[x], shape)
    }

    /// `x` broadcast to this shape, which has to fit; `x` itself where it has it.
    pub(super) fn expand(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        if self.graph.values[x].shape == shape {
            return x;
        }
        self.node("Expand", Op::Expand, &[x], shape)
    }

    /// `x` reduced over axes, which stay with length 1.
    pub(super) fn reduce(&mut self, reduction: Reduction, x: ValueId, axes: &[usize]) -> ValueId {
        let shape = kept(&self.shape(x), axes);
        let op = Op::Reduce { reduction, axes: axes.to_vec() };
        self.node(&format!("Reduce{reduction:?}"), op, &[x], &shape)
    }

    /// `g` summed over the axes along which a value of `shape` was broadcast, in that shape; `g` itself where
    /// the shapes are equal.
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

/// Whether a gradient passes from the result of `op` to the operand at position `at`; not through
/// comparisons, steps and indices.
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

/// The shape with length 1 along `axes`.
pub(super) fn kept(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    let len = |(axis, &len)| if axes.contains(&axis) { 1 } else { len };
    shape.iter().enumerate().map(len).collect()
}

/// The shape to which ONNX broadcasts both; that they fit is not checked.
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
