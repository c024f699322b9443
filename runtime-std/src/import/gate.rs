//! Gates: factors between 0 and 1 that are no standard deviations.

use super::draw::Draw;
use crate::ir::{Node, Op, Value, ValueId};
use elbow_core::kernels::{BinaryOp, Unary};

/// What tells a gate from a standard deviation.
///
/// A scale that only a sigmoid bounds is weak evidence of a sample: recurrent cells multiply their trained
/// initial state by one, and layers with gates a trained factor. So a constant that such a scale multiplies
/// is held to be trained where
///
/// - the sum is a step of a recurrent cell: it goes to a `tanh` alone that a gate mixes with a state (the
///   candidate of a GRU), or the other term is a gate times a `tanh` (the cell of an LSTM, the state of a GRU); or
/// - its values are no draw of a standard normal distribution (see [`looks_normal`]).
///
/// Every other constant is held to be noise: a scale by `exp`, `softplus`, `sqrt` and the like, or by a sigmoid
/// with something added, is a standard deviation.
pub(super) struct Gates<'g> {
    values: &'g [Value],
    /// The node that gives each value; `None` for inputs and constants.
    by: Vec<Option<&'g Node>>,
    /// The nodes that read each value, once for each input that does.
    readers: Vec<Vec<&'g Node>>,
}

impl<'g> Gates<'g> {
    /// The producer and the readers of every value of a graph.
    pub fn of(nodes: &'g [Node], values: &'g [Value]) -> Self {
        let (mut by, mut readers) = (vec![None; values.len()], vec![Vec::new(); values.len()]);
        for node in nodes {
            by[node.output] = Some(node);
            node.inputs.iter().for_each(|&input| readers[input].push(node));
        }
        Self { values, by, readers }
    }

    /// Whether the constant that a draw takes for noise is a trained factor: its scale is a gate, and the
    /// draw is a step of a recurrent cell or the constant's values are no normal draw.
    pub fn is_trained(&self, draw: &Draw) -> bool {
        let normal = || self.values[draw.noise].constant.as_deref().is_some_and(looks_normal);
        self.is_gate(draw.scale) && (self.is_cell(draw) || !normal())
    }

    /// The value that this one is a reshape, expansion, transpose or slice of, through any number of them;
    /// the value itself where it is none.
    fn source(&self, mut value: ValueId) -> ValueId {
        while let Some(node) = self.by[value].filter(|node| moves(node)) {
            value = node.inputs[0];
        }
        value
    }

    /// The node that gives the [`source`](Self::source) of a value; `None` where that is an input or a
    /// constant.
    fn origin(&self, value: ValueId) -> Option<&'g Node> {
        self.by[self.source(value)]
    }

    /// The operations on two values that read this one, directly or behind nodes that only move it, each with
    /// its other operand, once for each operand that is this value. Their order has no meaning.
    fn uses(&self, value: ValueId) -> Vec<(&'g Node, ValueId)> {
        let (mut found, mut open) = (Vec::new(), vec![value]);
        while let Some(value) = open.pop() {
            for node in &self.readers[value] {
                match (&node.op, &node.inputs[..]) {
                    (Op::Binary(_), &[a, b]) => found.push((*node, if a == value { b } else { a })),
                    _ if moves(node) => open.push(node.output),
                    _ => {}
                }
            }
        }
        found
    }

    /// Whether a value is a result of the function `f`, possibly moved by nodes behind it.
    fn is(&self, value: ValueId, f: Unary) -> bool {
        self.origin(value).is_some_and(|node| node.op == Op::Unary(f))
    }

    /// Whether a value is a sigmoid, or a sigmoid times a constant, possibly moved by nodes behind it.
    fn is_gate(&self, value: ValueId) -> bool {
        let Some(node) = self.origin(value) else { return false };
        match (&node.op, &node.inputs[..]) {
            (Op::Unary(Unary::Sigmoid), _) => true,
            (Op::Binary(BinaryOp::Mul), &[a, b]) => {
                let part = |of: ValueId, by: ValueId| {
                    self.values[by].constant.is_some() && self.is(of, Unary::Sigmoid)
                };
                part(a, b) || part(b, a)
            }
            _ => false,
        }
    }

    /// Whether a value is a gate, or its complement: a constant less a gate, as `1 - gate`.
    fn is_gate_or_rest(&self, value: ValueId) -> bool {
        let rest = self.origin(value).filter(|node| node.op == Op::Binary(BinaryOp::Sub));
        match rest.map(|node| &node.inputs[..]) {
            Some(&[whole, gate]) => self.values[whole].constant.is_some() && self.is_gate(gate),
            _ => self.is_gate(value),
        }
    }

    /// Whether a gate mixes a value with a state: `(1 - gate) * value + gate * state`, or
    /// `value + gate * (state - value)`.
    fn is_mixed(&self, value: ValueId) -> bool {
        let is = |node: &Node, op: BinaryOp| node.op == Op::Binary(op);
        let is_sum = |node: &Node| is(node, BinaryOp::Add) || is(node, BinaryOp::Sub);
        self.uses(value).into_iter().any(|(node, other)| {
            let next = self.uses(node.output);
            if is(node, BinaryOp::Mul) {
                let rest =
                    |(sum, term): &(&Node, ValueId)| is_sum(sum) && self.is_rest(*term, other);
                return next.iter().any(rest);
            }
            let ends = [value, other].map(|end| self.source(end));
            let closes =
                |(sum, end): &(&Node, ValueId)| is_sum(sum) && ends.contains(&self.source(*end));
            let is_step = |(product, gate): &(&Node, ValueId)| {
                is(product, BinaryOp::Mul)
                    && self.is_gate_or_rest(*gate)
                    && self.uses(product.output).iter().any(closes)
            };
            is(node, BinaryOp::Sub) && next.iter().any(is_step)
        })
    }

    /// Whether a term is a product with the complement of `gate` as a factor: a constant less `gate`, or a
    /// factor of which `gate` is the complement. The one that is subtracted has to be a gate.
    fn is_rest(&self, term: ValueId, gate: ValueId) -> bool {
        let left = |of: ValueId| match self.origin(of).map(|node| (&node.op, &node.inputs[..])) {
            Some((Op::Binary(BinaryOp::Sub), &[whole, part]))
                if self.values[whole].constant.is_some() && self.is_gate(part) =>
            {
                Some(self.source(part))
            }
            _ => None,
        };
        let fits = |own: ValueId| {
            left(own) == Some(self.source(gate)) || left(gate) == Some(self.source(own))
        };
        match self.origin(term).map(|node| (&node.op, &node.inputs[..])) {
            Some((Op::Binary(BinaryOp::Mul), &[a, b])) => fits(a) || fits(b),
            _ => false,
        }
    }

    /// Whether a draw is a step of a recurrent cell: only `tanh`s read its sum, at least one, each mixed with
    /// a state by a gate; or the other term of the sum is a gate or its complement times a `tanh`.
    fn is_cell(&self, draw: &Draw) -> bool {
        let is_mixed =
            |node: &&Node| node.op == Op::Unary(Unary::Tanh) && self.is_mixed(node.output);
        let readers = &self.readers[draw.z];
        let candidate = !readers.is_empty() && readers.iter().all(is_mixed);
        let state = self.origin(draw.mean).is_some_and(|node| match (&node.op, &node.inputs[..]) {
            (Op::Binary(BinaryOp::Mul), &[a, b]) => [(a, b), (b, a)]
                .into_iter()
                .any(|(gate, new)| self.is_gate_or_rest(gate) && self.is(new, Unary::Tanh)),
            _ => false,
        });
        candidate || state
    }
}

/// Whether a node only moves or repeats values of its first operand: Reshape, Expand, Transpose or Slice.
fn moves(node: &Node) -> bool {
    matches!(node.op, Op::Reshape | Op::Expand | Op::Transpose { .. } | Op::Slice { .. })
}

/// Whether values could be drawn from a standard normal distribution: their mean lies within 3.9 standard
/// errors of 0, and their sum of squares about it within the bounds that chi-square has on either side with a
/// chance of 5e-5 (by Wilson and Hilferty). Of 10,000 true draws 3 are missed. Trained factors with a
/// standard deviation of 0.1 are taken for a draw in 5 cases of 100 where there are 8 of them, and never
/// where there are 16 or more; with one of 0.3 in 11 cases of 100 where there are 16, and never where there
/// are 32 or more. One to four values are never too small for a draw. False where a value is NaN, and without
/// values.
fn looks_normal(values: &[f32]) -> bool {
    const FARTHEST: f64 = 3.9;
    let count = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let squares: f64 = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum();
    let freedom = count - 1.0;
    let bound = |side: f64| {
        let spread = 2.0 / (9.0 * freedom);
        freedom * (1.0 - spread + side * spread.sqrt()).max(0.0).powi(3)
    };
    let spread = freedom < 1.0 || (bound(-FARTHEST)..=bound(FARTHEST)).contains(&squares);
    mean.abs() * count.sqrt() <= FARTHEST && spread
}

#[cfg(test)]
mod tests {
    use super::looks_normal;
    use elbow_core::noise::{Stream, fill_standard_normal};

    const DRAWS: u64 = 10_000;

    /// The share of normal draws of a scale that look standard normal.
    fn share(size: usize, scale: f32, shift: f32) -> f64 {
        let looks = |draw: u64| {
            let mut values = vec![0.0; size];
            fill_standard_normal(&mut Stream::new(13, draw, 0), &mut values).expect("a counter");
            values.iter_mut().for_each(|value| *value = shift + scale * *value);
            looks_normal(&values)
        };
        (0..DRAWS).filter(|&draw| looks(draw)).count() as f64 / DRAWS as f64
    }

    #[test]
    fn the_rates_are_those_that_the_rule_states() {
        for size in [1, 2, 3, 4, 8, 16, 32, 64] {
            assert!(share(size, 1.0, 0.0) >= 0.9996, "{size} true values");
        }
        for (size, scale, most) in [(8, 0.1, 0.06), (16, 0.1, 0.0), (16, 0.3, 0.12), (32, 0.3, 0.0)]
        {
            assert!(share(size, scale, 0.0) <= most, "{size} values of {scale}");
        }
        assert!(share(16, 0.1, 1.0) <= 0.0, "factors near one");
    }
}
