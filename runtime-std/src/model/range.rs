//! Bounds of a graph's values by interval arithmetic, for every input; constants count with their values.

use super::sampling::Makers;
use crate::ir::{Graph, Node, NoiseKind, Op, Pooling, Range, Value, ValueId, unary};
use elbow_core::kernels::{BinaryOp, Reduction};

/// The range of every value of the graph, by value id: inputs are unbounded, noise by its distribution, the
/// rest node by node.
pub fn ranges(graph: &Graph) -> Vec<Range> {
    let mut ranges: Vec<Range> = graph.values.iter().map(of_value).collect();
    for noise in &graph.noise {
        ranges[noise.value] = match noise.kind {
            NoiseKind::Normal => Range { goes_negative: true, ..Range::unknown("noise") },
            NoiseKind::Uniform => Range::new(0.0, 1.0, "noise"),
        };
    }
    let makers = Makers::of(graph);
    for node in graph.nodes.iter().filter(|node| graph.values[node.output].constant.is_none()) {
        ranges[node.output] = match makers.where_large(node) {
            Some((large, otherwise)) => {
                let large = Range::new(ranges[large].low.max(0.0), f32::INFINITY, &node.op_type);
                Range { op: ranges[otherwise].op.clone(), ..large.or(&ranges[otherwise]) }
            }
            None => of_node(graph, &ranges, node),
        };
    }
    ranges
}

/// The range of a constant's values, NaN ignored; unbounded for a value that is not constant.
fn of_value(value: &Value) -> Range {
    match &value.constant {
        Some(values) => {
            let low = values.iter().copied().fold(f32::INFINITY, f32::min);
            let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            Range { goes_negative: low < 0.0, ..Range::new(low, high, "a constant") }
        }
        None => Range::unknown("an input"),
    }
}

/// The range of a node's output, given the `ranges` of all values by id, of which those of its inputs are
/// known; unbounded where nothing is known of the operator.
fn of_node(graph: &Graph, ranges: &[Range], node: &Node) -> Range {
    let op = node.op_type.as_str();
    let input = |at: usize| {
        node.inputs.get(at).map_or_else(|| Range::unknown(op), |id| ranges[*id].clone())
    };
    let x = input(0);
    let all = || node.inputs.iter().map(|id| ranges[*id].clone()).reduce(|a, b| a.or(&b));
    match &node.op {
        Op::Unary(f) => unary::range(*f, &x, op),
        Op::Binary(f) => binary(graph, ranges, node, *f),
        Op::Round(_)
        | Op::Reshape
        | Op::Transpose { .. }
        | Op::Expand
        | Op::Slice { .. }
        | Op::Take { .. }
        | Op::TakeBy { .. }
        | Op::TakeAlong { .. } => x,
        Op::Concat { .. } => all().unwrap_or_else(|| Range::unknown(op)),
        Op::Where => input(1).or(&input(2)),
        Op::Pad { value, .. } => x.within(x.low.min(*value), x.high.max(*value)),
        Op::Softmax { log: false, .. } => Range::new(0.0, 1.0, op),
        Op::Softmax { log: true, .. } => Range::new(f32::NEG_INFINITY, 0.0, op),
        Op::ArgExtreme { .. } => Range::new(0.0, f32::INFINITY, op),
        Op::Pool { kind: Pooling::Max, .. } => x,
        Op::Pool { kind: Pooling::Average(_), .. } => x.within(x.low.min(0.0), x.high.max(0.0)),
        Op::CumSum { .. } => sum(&x, op),
        Op::Reduce { reduction, .. } => match reduction {
            Reduction::Mean | Reduction::Max | Reduction::Min => x,
            Reduction::Sum => sum(&x, op),
            Reduction::Product if x.low >= 0.0 => Range::new(0.0, f32::INFINITY, op),
            Reduction::Product => Range::unknown(op),
            Reduction::SumOfSquares | Reduction::SumOfMagnitudes => {
                Range::new(0.0, f32::INFINITY, op)
            }
        },
        Op::Resample { weights, .. } if weights.iter().all(|weight| *weight >= 0.0) => sum(&x, op),
        Op::Gemm { trans_b, alpha, beta, .. } => {
            let layer = ConstantLayer { filters_first: *trans_b, alpha: *alpha, beta: *beta };
            layer.range(graph, node, &x).unwrap_or_else(|| Range::unknown(op))
        }
        Op::MatMul => {
            let layer = ConstantLayer { filters_first: false, alpha: 1.0, beta: 1.0 };
            layer.range(graph, node, &x).unwrap_or_else(|| product(&all(), op))
        }
        Op::Conv { .. } => {
            let layer = ConstantLayer { filters_first: true, alpha: 1.0, beta: 1.0 };
            let padded = Range { low: x.low.min(0.0), high: x.high.max(0.0), ..x };
            layer.range(graph, node, &padded).unwrap_or_else(|| product(&all(), op))
        }
        Op::ConvTranspose { .. } => product(&all(), op),
        Op::BatchNormalization { .. } => Range { goes_negative: true, ..Range::unknown(op) },
        Op::Slope(_)
        | Op::Score { .. }
        | Op::Resample { .. }
        | Op::Normalize { .. }
        | Op::Recurrent { .. } => Range::unknown(op),
    }
}

/// Range of a sum of any number of terms that lie in `x`: from 0 or up to 0 where the terms are of one sign,
/// else unbounded.
fn sum(x: &Range, op: &str) -> Range {
    match (x.low >= 0.0, x.high <= 0.0) {
        (true, _) => Range { op: x.op.clone(), ..Range::new(0.0, f32::INFINITY, op) },
        (_, true) => Range::new(f32::NEG_INFINITY, 0.0, op),
        _ => Range::unknown(op),
    }
}

/// Range of sums of products of `operands` (the range of all of them): from 0 where all are known not to be
/// negative, else unbounded and counted as going negative.
fn product(operands: &Option<Range>, op: &str) -> Range {
    match operands {
        Some(range) if range.low >= 0.0 => Range::new(0.0, f32::INFINITY, op),
        _ => Range { goes_negative: true, ..Range::unknown(op) },
    }
}

/// A dense or convolution layer whose weights are constants.
struct ConstantLayer {
    /// Whether the weights of one filter lie together, or in columns.
    filters_first: bool,
    /// Factor of the weights.
    alpha: f32,
    /// Factor of the bias.
    beta: f32,
}

impl ConstantLayer {
    /// Bounds of `alpha * w x + beta * b` where every value of `x` lies in the range `x`, the lowest and the
    /// highest over all filters; `None` where weights or bias are computed, or of no such shape.
    fn range(&self, graph: &Graph, node: &Node, x: &Range) -> Option<Range> {
        let weights = &graph.values[*node.inputs.get(1)?];
        let (data, filters) = (weights.constant.as_ref()?, self.filters(weights)?);
        let mut bounds = vec![[0.0f64; 2]; filters];
        let per_filter = data.len() / filters;
        for (at, weight) in data.iter().enumerate() {
            let filter = if self.filters_first { at / per_filter } else { at % filters };
            let ends = [x.low, x.high].map(|end| scaled(self.alpha * weight, end));
            bounds[filter][0] += ends[0].min(ends[1]);
            bounds[filter][1] += ends[0].max(ends[1]);
        }
        if let Some(&bias) = node.inputs.get(2) {
            let bias = graph.values[bias].constant.as_ref()?;
            let of_filter = |filter: usize| match bias.len() {
                1 => Some(bias[0]),
                len => (len == filters).then(|| bias[filter]),
            };
            for (filter, ends) in bounds.iter_mut().enumerate() {
                let shift = f64::from(self.beta * of_filter(filter)?);
                *ends = ends.map(|end| end + shift);
            }
        }
        let low = bounds.iter().map(|ends| ends[0]).fold(f64::INFINITY, f64::min) as f32;
        let high = bounds.iter().map(|ends| ends[1]).fold(f64::NEG_INFINITY, f64::max) as f32;
        Some(Range { goes_negative: low < 0.0, ..Range::new(low, high, &node.op_type) })
    }

    /// Number of filters of the weights; `None` where their shape has no such axis, or they are empty.
    fn filters(&self, weights: &Value) -> Option<usize> {
        let filters = match (self.filters_first, &weights.shape[..]) {
            (true, [filters, ..]) => *filters,
            (false, [_, filters]) => *filters,
            _ => return None,
        };
        (filters > 0 && !weights.is_empty()).then_some(filters)
    }
}

/// The product in f64, where zero times infinity is zero.
fn scaled(weight: f32, end: f32) -> f64 {
    if weight == 0.0 || end == 0.0 { 0.0 } else { f64::from(weight) * f64::from(end) }
}

/// The range of the output of the binary operator `f`, given the `ranges` of its operands. Of one computed
/// operand the knowledge about signs is kept, since two may depend on each other.
fn binary(graph: &Graph, ranges: &[Range], node: &Node, f: BinaryOp) -> Range {
    let [a, b] = [node.inputs[0], node.inputs[1]];
    let constant = |id: ValueId| graph.values[id].constant.is_some();
    let (x, y) = (&ranges[a], &ranges[b]);
    // Of one computed operand what is known stays known; two may depend on each other.
    let kept = match (constant(a), constant(b)) {
        (false, true) => Some(x),
        (true, false) => Some(y),
        _ => None,
    };
    let bounds = |low: f32, high: f32| match kept {
        Some(kept) => kept.within(low, high),
        None => Range::new(low, high, &node.op_type),
    };
    match f {
        BinaryOp::Add => bounds(x.low + y.low, x.high + y.high),
        BinaryOp::Sub if constant(b) => x.within(x.low - y.high, x.high - y.low),
        BinaryOp::Sub => Range::new(x.low - y.high, x.high - y.low, &node.op_type),
        BinaryOp::Mul if a == b => Range::new(0.0, f32::INFINITY, &node.op_type),
        BinaryOp::Mul => {
            let [low, high] = products(x, y);
            bounds(low, high)
        }
        BinaryOp::Div if y.low > 0.0 => {
            let over = Range::new(1.0 / y.high, 1.0 / y.low, "");
            let [low, high] = products(x, &over);
            if constant(b) { x.within(low, high) } else { Range::new(low, high, &node.op_type) }
        }
        BinaryOp::Div if x.low >= 0.0 && y.low >= 0.0 => {
            Range::new(0.0, f32::INFINITY, &node.op_type)
        }
        BinaryOp::Pow if x.low >= 0.0 || is_even(graph, b) => {
            Range::new(0.0, f32::INFINITY, &node.op_type)
        }
        BinaryOp::Max => bounds(x.low.max(y.low), x.high.max(y.high)),
        BinaryOp::Min => bounds(x.low.min(y.low), x.high.min(y.high)),
        BinaryOp::PRelu if y.low >= 0.0 => {
            x.within(if x.low >= 0.0 { 0.0 } else { f32::NEG_INFINITY }, x.high.max(0.0))
        }
        BinaryOp::Greater
        | BinaryOp::GreaterOrEqual
        | BinaryOp::Less
        | BinaryOp::LessOrEqual
        | BinaryOp::Equal
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Xor => Range::new(0.0, 1.0, &node.op_type),
        BinaryOp::Div | BinaryOp::Pow | BinaryOp::PRelu | BinaryOp::Fmod | BinaryOp::Mod => {
            Range::unknown(&node.op_type)
        }
    }
}

/// Least and largest of the products of the ends of both ranges, where zero times infinity is zero and NaN is
/// ignored.
fn products(x: &Range, y: &Range) -> [f32; 2] {
    let product = |a: f32, b: f32| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
    let all = [(x.low, y.low), (x.low, y.high), (x.high, y.low), (x.high, y.high)];
    let all = all.map(|(a, b)| product(a, b));
    [
        all.into_iter().fold(f32::INFINITY, f32::min),
        all.into_iter().fold(f32::NEG_INFINITY, f32::max),
    ]
}

/// Whether an exponent is a constant of even numbers throughout.
fn is_even(graph: &Graph, exponent: ValueId) -> bool {
    let constant = graph.values[exponent].constant.as_ref();
    constant.is_some_and(|values| values.iter().all(|value| value % 2.0 == 0.0))
}
