//! Activations that exporters spell out.

use super::super::links::Links;
use super::uniform;
use crate::ir::{Graph, Node, Op, ValueId};
use elbow_core::kernels::{BinaryOp, Unary};
use std::f64::consts::FRAC_1_SQRT_2;

/// `x / 2 * (1 + Erf(x / sqrt(2)))`, as `Div` or `Mul`, `Erf`, `Add`, `Mul`, `Mul` in any order.
pub(super) fn gelu(graph: &mut Graph, links: &Links, index: usize) -> Option<Node> {
    let node = &graph.nodes[index];
    let product = Product::of(graph, links, node)?.with_factor(0.5)?;
    let [a, b] = product[..] else { return None };
    let x = [(a, b), (b, a)].into_iter().find_map(|(x, sum)| {
        let erf = one_plus(graph, links.only(graph, sum)?)?;
        let erf = links.only(graph, erf).filter(|erf| erf.op == Op::Unary(Unary::Erf))?;
        let scaled = links.only(graph, erf.inputs[0])?;
        let argument = Product::of(graph, links, scaled)?.with_factor(FRAC_1_SQRT_2)?;
        (argument == [x]).then_some(x)
    })?;
    activation(graph, node, "Gelu", Unary::Gelu, x)
}

/// `x * Sigmoid(x)`
pub(super) fn silu(graph: &mut Graph, links: &Links, index: usize) -> Option<Node> {
    let node = &graph.nodes[index];
    let product = Product::of(graph, links, node)?.with_factor(1.0)?;
    let [a, b] = product[..] else { return None };
    let x = [(a, b), (b, a)].into_iter().find_map(|(x, gate)| {
        let gate = links.only(graph, gate).filter(|gate| gate.op == Op::Unary(Unary::Sigmoid))?;
        (gate.inputs[0] == x).then_some(x)
    })?;
    activation(graph, node, "Silu", Unary::Silu, x)
}

/// The last node of a pattern as one activation of `x`, unless the pattern broadcasts `x`.
fn activation(graph: &Graph, last: &Node, op_type: &str, f: Unary, x: ValueId) -> Option<Node> {
    let same_shape = graph.values[x].shape == graph.values[last.output].shape;
    let node = Node { op_type: op_type.into(), op: Op::Unary(f), inputs: vec![x], ..last.clone() };
    same_shape.then_some(node)
}

/// The other operand of an addition of one.
fn one_plus(graph: &Graph, node: &Node) -> Option<ValueId> {
    let [a, b] = node.inputs[..] else { return None };
    let is_one = |value| uniform(graph, value) == Some(1.0);
    match node.op {
        Op::Binary(BinaryOp::Add) if is_one(a) => Some(b),
        Op::Binary(BinaryOp::Add) if is_one(b) => Some(a),
        _ => None,
    }
}

/// A tree of multiplications, and divisions by numbers: a number times values.
struct Product {
    factor: f64,
    values: Vec<ValueId>,
}

impl Product {
    /// No pattern has more nodes: `x * 0.5 * (1 + Erf)` has two, and one more is spare.
    const MOST_NODES: usize = 3;
    /// No pattern has more values.
    const MOST_VALUES: usize = 2;

    /// The product that a node ends. Its inner nodes have no other readers; what lies behind the
    /// first few of them counts as a value.
    fn of(graph: &Graph, links: &Links, node: &Node) -> Option<Self> {
        let mut product = Self { factor: 1.0, values: Vec::new() };
        let mut open = product.multiply(graph, node)?;
        for _ in 1..Self::MOST_NODES {
            let inner = open.iter().enumerate().find_map(|(at, &value)| {
                Some((at, product.multiply(graph, links.only(graph, value)?)?))
            });
            let Some((at, factors)) = inner else { break };
            open.splice(at..=at, factors);
        }
        product.values = open;
        (product.values.len() <= Self::MOST_VALUES).then_some(product)
    }

    /// Takes the numbers of a multiplication or division, and returns its other operands; `None` if the
    /// node is neither.
    fn multiply(&mut self, graph: &Graph, node: &Node) -> Option<Vec<ValueId>> {
        let [a, b] = node.inputs[..] else { return None };
        let factors = match node.op {
            Op::Binary(BinaryOp::Mul) => vec![a, b],
            Op::Binary(BinaryOp::Div) => {
                self.factor /= uniform(graph, b)?;
                vec![a]
            }
            _ => return None,
        };
        let (numbers, values): (Vec<_>, Vec<_>) =
            factors.into_iter().partition(|value| uniform(graph, *value).is_some());
        self.factor *= numbers.iter().filter_map(|value| uniform(graph, *value)).product::<f64>();
        Some(values)
    }

    /// The values, if the number is `factor` as far as f32 tells.
    fn with_factor(self, factor: f64) -> Option<Vec<ValueId>> {
        ((self.factor / factor - 1.0).abs() < 1e-6).then_some(self.values)
    }
}

/// `Where(u > threshold, x, Softplus(u) / beta)` with `u = beta * x`, as PyTorch's dynamo exporter
/// writes softplus: from a threshold of 16 on, softplus is `x` to the last bit of f32, so that the
/// choice changes nothing.
pub(super) fn softplus(graph: &mut Graph, links: &Links, index: usize) -> Option<Node> {
    const LEAST_THRESHOLD: f64 = 16.0;
    let node = &graph.nodes[index];
    let (Op::Where, &[condition, x, y]) = (&node.op, &node.inputs[..]) else { return None };
    let greater = links.producer(graph, condition)?;
    let (Op::Binary(BinaryOp::Greater), &[u, threshold]) = (&greater.op, &greater.inputs[..])
    else {
        return None;
    };
    let of_u = |value| {
        let node = links.producer(graph, value)?;
        (node.op == Op::Unary(Unary::Softplus) && node.inputs == [u]).then_some(())
    };
    let is_plain = u == x && of_u(y).is_some();
    let is_scaled = || {
        let (quotient, product) = (links.producer(graph, y)?, links.producer(graph, u)?);
        let (&[s, beta], &[a, b]) = (&quotient.inputs[..], &product.inputs[..]) else {
            return None;
        };
        of_u(s)?;
        let factor = if a == x { b } else { a };
        let same = uniform(graph, beta)? == uniform(graph, factor)?;
        let ops = quotient.op == Op::Binary(BinaryOp::Div)
            && product.op == Op::Binary(BinaryOp::Mul)
            && (a == x || b == x);
        (same && ops).then_some(())
    };
    let far = uniform(graph, threshold)? >= LEAST_THRESHOLD;
    let same_shape = graph.values[y].shape == graph.values[node.output].shape;
    let fits = far && same_shape && (is_plain || is_scaled().is_some());
    let op_type = "Softplus".to_string();
    fits.then(|| Node { op_type, op: Op::Reshape, inputs: vec![y], ..node.clone() })
}
