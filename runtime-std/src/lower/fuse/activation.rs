//! Activations that exporters spell out.

use super::super::links::Links;
use super::uniform;
use crate::ir::{Graph, Node, Op, ValueId};
use elbow_core::kernels::{BinaryOp, Unary};
use std::f64::consts::FRAC_1_SQRT_2;

/// The node of this index as one GELU, where it is the last of `x / 2 * (1 + Erf(x / sqrt(2)))`: `Div` or
/// `Mul`, `Erf`, `Add`, `Mul`, `Mul`, factors in any order, where nothing else reads the values between.
/// `None` for any other node; the graph is not changed.
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

/// The node of this index as one SiLU, where it computes `x * Sigmoid(x)`, also with constant factors whose
/// product is 1, and nothing else reads the values between. `None` for any other node; the graph is not
/// changed.
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

/// The node `last` with `f` of `x` in place of its operation and operands; `None` where its result has
/// another shape than `x`.
fn activation(graph: &Graph, last: &Node, op_type: &str, f: Unary, x: ValueId) -> Option<Node> {
    let same_shape = graph.values[x].shape == graph.values[last.output].shape;
    let node = Node { op_type: op_type.into(), op: Op::Unary(f), inputs: vec![x], ..last.clone() };
    same_shape.then_some(node)
}

/// The other operand of an `Add` of a constant whose values are all 1; `None` for any other node.
fn one_plus(graph: &Graph, node: &Node) -> Option<ValueId> {
    let [a, b] = node.inputs[..] else { return None };
    let is_one = |value| uniform(graph, value) == Some(1.0);
    match node.op {
        Op::Binary(BinaryOp::Add) if is_one(a) => Some(b),
        Op::Binary(BinaryOp::Add) if is_one(b) => Some(a),
        _ => None,
    }
}

/// A product of constant factors and at most two values: `factor * values[0] * values[1]`.
struct Product {
    factor: f64,
    values: Vec<ValueId>,
}

impl Product {
    /// Most nodes of a product: the patterns have two, as `x * 0.5 * (1 + Erf)`.
    const MOST_NODES: usize = 3;
    /// Most values of a product that is no constant.
    const MOST_VALUES: usize = 2;

    /// The product whose last node is `node`, with the multiplications and divisions before it expanded, at
    /// most `MOST_NODES` in all. Only nodes whose result nothing else reads are expanded; other operands
    /// count as values. `None` where `node` is neither a multiplication nor a division by a number, or more
    /// than two values remain.
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

    /// The operands of a multiplication or division that are no constant numbers; the numbers go into
    /// `self.factor`. `None`, without a change, where the node is neither, or divides by anything but a
    /// number.
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

    /// The values, if the constant factor is `factor` within a relative error of 1e-6; otherwise `None`.
    fn with_factor(self, factor: f64) -> Option<Vec<ValueId>> {
        ((self.factor / factor - 1.0).abs() < 1e-6).then_some(self.values)
    }
}

/// The node of this index, `Where(u > threshold, x, Softplus(u) / beta)` with `u = beta * x` (or `u = x` and
/// no `beta`), as a `Reshape` of its last operand, which changes nothing: PyTorch's dynamo exporter writes
/// softplus so. From a threshold of 16 on softplus is `x` to the last bit of f32, so the choice has no
/// effect. `None` for any other node or a smaller threshold; the graph is not changed.
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
