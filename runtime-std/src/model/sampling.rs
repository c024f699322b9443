//! How a graph draws from its posteriors itself: `z = mean + scale * noise`.

use crate::import;
use crate::ir::{Graph, Node, Op, ValueId};
use elbow_core::distributions::Spread;
use elbow_core::kernels::{BinaryOp, Unary};

pub use crate::import::Draw;

/// A value from which the scale of a draw is computed, and as what.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The value.
    pub value: ValueId,
    /// Its parameterization, by the way in which the graph computes the scale.
    pub head: Spread,
    /// Added on the way, as the head says.
    pub eps: f32,
    /// Bounds of the log-variance on the way.
    pub clamp: Option<[f32; 2]>,
    /// The scale as a formula, `{}` for the value.
    pub formula: String,
}

impl Reading {
    /// Whether a manifest can declare it: `eps` is not negative, and bounds are finite.
    pub fn can_be_declared(&self) -> bool {
        self.eps >= 0.0 && self.clamp.is_none_or(|ends| ends.iter().all(|end| end.is_finite()))
    }
}

/// All draws `mean + scale * noise` of the graph whose noise is an input of it, in the order of the nodes.
pub fn draws(graph: &Graph) -> Vec<Draw> {
    let mut is_input = vec![false; graph.values.len()];
    graph.inputs.iter().for_each(|input| is_input[*input] = true);
    import::draws(&graph.nodes, &graph.values, |value| is_input[value])
}

/// The values from which the scale of a draw is computed, each with its parameterization, those nearest to
/// the scale first; the first is the scale itself, as `sigma`.
pub fn readings(makers: &Makers<'_>, scale: ValueId) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut add = |value, head, eps, clamp, formula: String| {
        readings.push(Reading { value, head, eps, clamp, formula });
    };
    add(scale, Spread::Sigma, 0.0, None, "{}".into());
    let (inner, eps, plus) = match makers.plus(scale) {
        Some((inner, eps)) => (inner, eps, format!(" + {eps}")),
        None => (scale, 0.0, String::new()),
    };
    if eps != 0.0 {
        add(inner, Spread::Sigma, eps, None, format!("({{}}{plus})"));
    }
    match makers.unary(inner) {
        Some((Unary::Exp, exponent)) => {
            let clip = |value| match makers.unary(value) {
                Some((Unary::Clip(low, high), raw)) => Some((raw, low, high)),
                _ => None,
            };
            // Bounds of the log-variance: it is twice the standard deviation's logarithm.
            let bound = |factor: f32, end: f32| match eps {
                0.0 => factor * end,
                eps => 2.0 * (end.exp() + eps).ln(),
            };
            let mut logarithm = |value, head, factor: f32, before: &str| {
                add(value, head, eps, None, format!("{before}{{}}){plus}"));
                if let Some((raw, low, high)) = clip(value) {
                    let clamp = Some([low, high].map(|end| bound(factor, end)));
                    add(raw, head, eps, clamp, format!("{before}clip({{}}, {low}, {high})){plus}"));
                }
            };
            logarithm(exponent, Spread::LogSigma, 2.0, "exp(");
            // exp(0.5 * t) + eps is no head of a log-variance, whose eps joins the variance.
            if let Some(value) = makers.half(exponent).filter(|_| eps == 0.0) {
                logarithm(value, Spread::LogVar, 1.0, "exp(0.5 * ");
            }
        }
        Some((Unary::Softplus, raw)) => {
            add(raw, Spread::SoftplusSigma, eps, None, format!("softplus({{}}){plus}"));
        }
        Some((Unary::Sqrt, variance)) if eps == 0.0 => of_variance(makers, variance, &mut add),
        _ => {}
    }
    readings
}

/// Passes to `add` the values from which `variance`, whose square root is the scale, is computed, nearest
/// first; `variance` itself, as `var`, is the first.
fn of_variance(
    makers: &Makers<'_>,
    variance: ValueId,
    add: &mut impl FnMut(ValueId, Spread, f32, Option<[f32; 2]>, String),
) {
    add(variance, Spread::Var, 0.0, None, "sqrt({})".into());
    let (inner, eps, plus) = match makers.plus(variance) {
        Some((inner, eps)) => (inner, eps, format!(" + {eps}")),
        None => (variance, 0.0, String::new()),
    };
    if eps != 0.0 {
        add(inner, Spread::Var, eps, None, format!("sqrt({{}}{plus})"));
    }
    match makers.unary(inner) {
        Some((Unary::Exp, raw)) => {
            add(raw, Spread::LogVar, eps, None, format!("sqrt(exp({{}}){plus})"));
        }
        Some((Unary::Softplus, raw)) => {
            add(raw, Spread::SoftplusVar, eps, None, format!("sqrt(softplus({{}}){plus})"));
        }
        _ => {}
    }
}

/// The nodes of a graph by what they make.
pub struct Makers<'g> {
    graph: &'g Graph,
    nodes: Vec<Option<&'g Node>>,
    sources: Vec<ValueId>,
}

impl<'g> Makers<'g> {
    /// The index of all nodes of `graph` by their outputs.
    pub fn of(graph: &'g Graph) -> Self {
        let mut nodes = vec![None; graph.values.len()];
        let mut sources = Vec::from_iter(0..graph.values.len());
        for node in &graph.nodes {
            nodes[node.output] = Some(node);
            if node.op == Op::Reshape {
                sources[node.output] = sources[node.inputs[0]];
            }
        }
        Self { graph, nodes, sources }
    }

    /// The node that computes a value; `None` for inputs and constants.
    pub fn get(&self, value: ValueId) -> Option<&'g Node> {
        self.nodes[value]
    }

    /// The value before all Reshape nodes; the value itself where no such node makes it.
    pub fn source(&self, value: ValueId) -> ValueId {
        self.sources[value]
    }

    /// The function that makes a value, and its operand (before reshapes): that of an elementwise node, `Max`
    /// or `Min` with a number as a one-sided clip, `Pow` with the exponent 0.5 as a root, and PyTorch's softplus
    /// as one function. `None` for every other node, and for inputs and constants.
    pub fn unary(&self, value: ValueId) -> Option<(Unary, ValueId)> {
        let node = self.nodes[value]?;
        match node.op {
            Op::Unary(f) => Some((f, self.source(node.inputs[0]))),
            Op::Binary(BinaryOp::Max | BinaryOp::Min) => {
                let (inner, bound) = self.with_number(node)?;
                let max = node.op == Op::Binary(BinaryOp::Max);
                let (low, high) =
                    if max { (bound, f32::INFINITY) } else { (f32::NEG_INFINITY, bound) };
                Some((Unary::Clip(low, high), inner))
            }
            Op::Binary(BinaryOp::Pow) => {
                let (inner, number) = self.with_number(node)?;
                let is_exponent = self.graph.values[node.inputs[1]].constant.is_some();
                (is_exponent && number == 0.5).then_some((Unary::Sqrt, inner))
            }
            // PyTorch's softplus is the identity for large values.
            Op::Where => {
                let (large, otherwise) = self.where_large(node)?;
                let (f, inner) = self.unary(otherwise)?;
                (f == Unary::Softplus && inner == self.source(large)).then_some((f, inner))
            }
            _ => None,
        }
    }

    /// `t` and `other` of a node `where(t > limit, t, other)` with a constant limit that is not negative; in
    /// the condition `t` may have a positive factor. `None` for every other node.
    pub fn where_large(&self, node: &Node) -> Option<(ValueId, ValueId)> {
        let [condition, large, otherwise] = node.inputs[..] else { return None };
        let compares = [Op::Binary(BinaryOp::Greater), Op::Binary(BinaryOp::GreaterOrEqual)];
        let comparison = self.nodes[condition].filter(|_| node.op == Op::Where)?;
        let limit = self.graph.values[*comparison.inputs.get(1)?].constant.as_ref()?;
        if !compares.contains(&comparison.op) || limit.iter().any(|limit| *limit < 0.0) {
            return None;
        }
        let compared = self.source(comparison.inputs[0]);
        let scaled = self.nodes[compared].filter(|node| node.op == Op::Binary(BinaryOp::Mul));
        let unscaled = scaled.and_then(|node| self.with_number(node)).filter(|(_, n)| *n > 0.0);
        let is_large = |value| value == self.source(large);
        let fits = is_large(compared) || unscaled.is_some_and(|(value, _)| is_large(value));
        fits.then_some((large, otherwise))
    }

    /// `x` (before reshapes) and the number, where a value is `x + number`; `None` otherwise.
    pub fn plus(&self, value: ValueId) -> Option<(ValueId, f32)> {
        let node = self.nodes[value].filter(|node| node.op == Op::Binary(BinaryOp::Add))?;
        self.with_number(node)
    }

    /// `t` (before reshapes), where a value is `0.5 * t` or `t / 2`; `None` otherwise.
    pub fn half(&self, value: ValueId) -> Option<ValueId> {
        let node = self.nodes[value]?;
        let (inner, number) = match node.op {
            Op::Binary(BinaryOp::Mul | BinaryOp::Div) => self.with_number(node)?,
            _ => return None,
        };
        let factor = if node.op == Op::Binary(BinaryOp::Div) { 1.0 / number } else { number };
        let divided = node.op != Op::Binary(BinaryOp::Div)
            || self.graph.values[node.inputs[1]].constant.is_some();
        (divided && factor == 0.5).then_some(inner)
    }

    /// The computed operand of a node of two inputs (before reshapes), and the number that the other one, a
    /// constant, holds throughout; `None` otherwise.
    fn with_number(&self, node: &Node) -> Option<(ValueId, f32)> {
        let number = |id: ValueId| {
            let values = self.graph.values[id].constant.as_ref()?;
            let first = *values.first()?;
            values.iter().all(|value| *value == first).then_some(first)
        };
        let [a, b] = node.inputs[..] else { return None };
        match (number(a), number(b)) {
            (None, Some(number)) => Some((self.source(a), number)),
            (Some(number), None) => Some((self.source(b), number)),
            _ => None,
        }
    }
}
