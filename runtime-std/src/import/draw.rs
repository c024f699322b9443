//! How a graph draws samples: `mean + scale * noise`, with a factor that goes with the noise.

use crate::ir::{Node, Op, Value, ValueId};
use elbow_core::kernels::{BinaryOp, Unary};

/// A draw inside a graph.
#[derive(Clone, Debug)]
pub struct Draw {
    /// The sample.
    pub z: ValueId,
    /// Its noise.
    pub noise: ValueId,
    /// What the noise is added to.
    pub mean: ValueId,
    /// What the noise is multiplied by.
    pub scale: ValueId,
    /// A number that the noise is multiplied by as well, as a temperature is; negative where the noise
    /// is subtracted.
    pub factor: f32,
    /// The result of the multiplication by the scale.
    pub product: ValueId,
}

impl Draw {
    /// The noise with its factor, as messages write it: `noise`, or `FACTOR * noise` where the factor is not
    /// 1.
    pub fn noise_term(&self) -> String {
        match self.factor {
            1.0 => "noise".to_string(),
            factor => format!("{factor} * noise"),
        }
    }
}

/// All draws in a graph whose noise is a value for which `is_noise` holds, in the order of their sums: an Add,
/// a Sub of the noise, or a `Gemm` with the noise as its bias whose product another node gives too. Mean
/// and scale are results of nodes, neither inputs nor constants. They and the noise are the values before
/// Reshape and Expand nodes. At most four operations lie between sum and noise.
pub fn draws(nodes: &[Node], values: &[Value], is_noise: impl Fn(ValueId) -> bool) -> Vec<Draw> {
    let draws = Draws { values, by: Origins::of(nodes, values), is_noise };
    nodes.iter().filter_map(|sum| draws.of(sum)).collect()
}

/// Where values come from.
struct Origins<'g> {
    /// The node that gives each value; `None` for inputs and constants.
    nodes: Vec<Option<&'g Node>>,
    /// Each value before nodes that repeat it or change its shape only.
    sources: Vec<ValueId>,
}

impl<'g> Origins<'g> {
    /// The origins of all values of a graph, from its nodes in topological order.
    fn of(nodes: &'g [Node], values: &[Value]) -> Self {
        let (mut by, mut sources) = (vec![None; values.len()], Vec::from_iter(0..values.len()));
        for node in nodes {
            by[node.output] = Some(node);
            if let (Op::Reshape | Op::Expand, [from]) = (&node.op, &node.inputs[..]) {
                sources[node.output] = sources[*from];
            }
        }
        Self { nodes: by, sources }
    }
}

/// Noise times a factor, and times a scale where one has been found.
#[derive(Clone, Copy)]
struct Term {
    noise: ValueId,
    factor: f32,
    /// The scale and the result of the multiplication by it; `None` as long as there is none.
    scaled: Option<(ValueId, ValueId)>,
}

impl Term {
    /// The same term with its factor multiplied by a number.
    fn times(self, number: f32) -> Self {
        Self { factor: self.factor * number, ..self }
    }
}

/// A graph that is searched for draws.
struct Draws<'g, F> {
    values: &'g [Value],
    by: Origins<'g>,
    is_noise: F,
}

impl<F: Fn(ValueId) -> bool> Draws<'_, F> {
    /// Most operations (products, quotients, negations, sums with zero) between the sum and the noise.
    const DEEPEST: usize = 4;

    /// The draw that a sum, a difference or a `Gemm` with a bias gives; `None` for any other node, where no
    /// scale multiplies the noise, and where mean or scale is not the result of a node. In a difference only
    /// the subtracted term is noise, so the factor is negative.
    fn of(&self, sum: &Node) -> Option<Draw> {
        let (orders, sign) = match (&sum.op, &sum.inputs[..]) {
            (Op::Binary(BinaryOp::Add), &[a, b]) => (vec![(a, b), (b, a)], 1.0),
            (Op::Binary(BinaryOp::Sub), &[a, b]) => (vec![(a, b)], -1.0),
            (Op::Gemm { beta, .. }, &[_, _, c]) => (vec![(self.without_sum(sum)?, c)], *beta),
            _ => return None,
        };
        orders.into_iter().find_map(|(mean, term)| {
            let Term { noise, factor, scaled } = self.term(term, Self::DEEPEST)?.times(sign);
            let (scale, product) = scaled?;
            let mean = self.by.sources[mean];
            let is_computed = |id: ValueId| self.by.nodes[id].is_some();
            let draw = Draw { z: sum.output, noise, mean, scale, factor, product };
            (is_computed(mean) && is_computed(scale)).then_some(draw)
        })
    }

    /// The value that another node gives for the product of a `Gemm` without its bias, `None` where none
    /// does: some exporters join the layer of the mean and the sum with the noise.
    fn without_sum(&self, gemm: &Node) -> Option<ValueId> {
        let Op::Gemm { trans_a, trans_b, alpha, .. } = gemm.op else { return None };
        let is_product = |node: &&&Node| match node.op {
            Op::MatMul => !trans_a && !trans_b && alpha == 1.0 && node.inputs == gemm.inputs[..2],
            Op::Gemm { trans_a: a, trans_b: b, alpha: factor, .. } => {
                (a, b, factor) == (trans_a, trans_b, alpha) && node.inputs == gemm.inputs[..2]
            }
            _ => false,
        };
        self.by.nodes.iter().flatten().find(is_product).map(|node| node.output)
    }

    /// A value as noise, times numbers, times at most one scale; `None` where it is something else, or where
    /// more than `depth` operations lie in between. Reshapes and expansions are looked through and do not
    /// count.
    fn term(&self, value: ValueId, depth: usize) -> Option<Term> {
        let value = self.by.sources[value];
        if (self.is_noise)(value) {
            return Some(Term { noise: value, factor: 1.0, scaled: None });
        }
        let inner = depth.checked_sub(1)?;
        let node = self.by.nodes[value]?;
        match (&node.op, &node.inputs[..]) {
            (Op::Unary(Unary::Neg), &[a]) => Some(self.term(a, inner)?.times(-1.0)),
            // Samplers of a given mean add it, be it zero.
            (Op::Binary(BinaryOp::Add), &[a, b]) => [(a, b), (b, a)]
                .into_iter()
                .find_map(|(a, b)| self.term(a, inner).filter(|_| self.number(b) == Some(0.0))),
            (Op::Binary(BinaryOp::Div), &[a, b]) => {
                Some(self.term(a, inner)?.times(1.0 / self.number(b)?))
            }
            (Op::Binary(BinaryOp::Mul), &[a, b]) => {
                [(a, b), (b, a)].into_iter().find_map(|(a, b)| {
                    let term = self.term(a, inner)?;
                    if let Some(number) = self.number(b) {
                        return Some(term.times(number));
                    }
                    let scale = self.by.sources[b];
                    let is_first = term.scaled.is_none() && !(self.is_noise)(scale);
                    is_first.then_some(Term { scaled: Some((scale, value)), ..term })
                })
            }
            _ => None,
        }
    }

    /// The number that all values of a constant equal; `None` where they differ, where several are given and
    /// one is NaN, and where the value is no constant or has no values.
    fn number(&self, value: ValueId) -> Option<f32> {
        let (first, rest) = self.values[value].constant.as_ref()?.split_first()?;
        rest.iter().all(|value| value == first).then_some(*first)
    }
}
