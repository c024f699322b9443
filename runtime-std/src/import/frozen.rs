//! Samples whose noise the exporter turned into a constant.

use super::draw::{Draw, draws};
use super::gate::Gates;
use super::problem::{Refusal, shown};
use crate::ir::{Node, Op, Value, ValueId};
use elbow_core::kernels::{BinaryOp, Unary};
use serde::Deserialize;

/// What becomes of a constant that looks like noise which was drawn at export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrozenNoise {
    /// The model is refused: every sample would be the same.
    #[default]
    Refuse,
    /// The constant is taken for a factor that was trained, and stays.
    Accept,
}

/// Name and operator of each node that scales a constant like a sample's noise, and its refusal: mean and
/// scale are computed and have equally many values, the scale is positive the way standard deviations are
/// made so, and the constant looks drawn: as large as the sample, of values that all differ, none beyond six
/// in magnitude, and read only here. Trained factors behind a gate are left out (see [`Gates`]). A constant
/// that only may be noise is listed as well: a user who knows better says `frozen_noise = "accept"`.
pub(super) fn frozen_samples(nodes: &[Node], values: &[Value]) -> Vec<(String, String, Refusal)> {
    let (scales, uses) = (scales(nodes, values), uses(nodes, values.len()));
    let looks_drawn = |id: ValueId| uses[id] == 1 && looks_drawn(&values[id]);
    let frozen = draws(nodes, values, looks_drawn);
    let gates = Gates::of(nodes, values);
    let frozen = frozen
        .iter()
        .filter(|draw| scales[draw.scale] && is_parallel(draw, values) && !gates.is_trained(draw));
    let node = |draw: &Draw| nodes.iter().find(|node| node.output == draw.product);
    frozen.filter_map(|draw| Some(refusal(node(draw)?, &values[draw.noise]))).collect()
}

/// Number of node inputs that read each value, by its id; outputs of the graph do not count.
fn uses(nodes: &[Node], values: usize) -> Vec<usize> {
    let mut uses = vec![0; values];
    nodes.iter().flat_map(|node| &node.inputs).for_each(|input| uses[*input] += 1);
    uses
}

/// Whether each value, by its id, is made positive as standard deviations are ([`is_scale`]); false for
/// values that no node gives.
fn scales(nodes: &[Node], values: &[Value]) -> Vec<bool> {
    let mut by: Vec<Option<&Node>> = vec![None; values.len()];
    let mut scales = vec![false; values.len()];
    for node in nodes {
        scales[node.output] = is_scale(node, values, &by, &scales);
        by[node.output] = Some(node);
    }
    scales
}

/// Whether a node makes its result positive as standard deviations are made so: by exp, softplus, sqrt,
/// sigmoid, abs or a clip to a positive lower bound; by ELU plus a constant of at least its |alpha|; or from
/// an operand that is such a scale, by an operation that keeps its sign (moves, reciprocal, any other clip,
/// power, a maximum with anything, and sums, products, quotients and minima with scales or constants not
/// below 0). A Where needs scales on both sides, or PyTorch's softplus. `by` has the node that gives each
/// value, `scales` the answers for earlier values.
fn is_scale(node: &Node, values: &[Value], by: &[Option<&Node>], scales: &[bool]) -> bool {
    let at_least = |id: ValueId, least: f32| {
        let constant = values[id].constant.as_ref();
        constant.is_some_and(|constant| constant.iter().all(|value| *value >= least))
    };
    let keeps_sign = |id: ValueId| scales[id] || at_least(id, 0.0);
    let any = || node.inputs.iter().any(|id| scales[*id]);
    match (&node.op, &node.inputs[..]) {
        (Op::Unary(f), &[x]) => match f {
            Unary::Exp | Unary::Softplus | Unary::Sqrt | Unary::Sigmoid | Unary::Abs => true,
            Unary::Clip(low, _) if *low > 0.0 => true,
            Unary::Clip(..) | Unary::Reciprocal => scales[x],
            _ => false,
        },
        (Op::Reshape | Op::Expand | Op::Transpose { .. } | Op::Slice { .. }, &[x]) => scales[x],
        (Op::Binary(BinaryOp::Add), &[a, b]) => {
            let lifted = |elu: ValueId, by_least: ValueId| match by[elu].map(|node| &node.op) {
                Some(Op::Unary(Unary::Elu(alpha))) => at_least(by_least, alpha.abs()),
                _ => false,
            };
            (any() && keeps_sign(a) && keeps_sign(b)) || lifted(a, b) || lifted(b, a)
        }
        (Op::Binary(BinaryOp::Mul | BinaryOp::Div | BinaryOp::Min), &[a, b]) => {
            any() && keeps_sign(a) && keeps_sign(b)
        }
        (Op::Binary(BinaryOp::Max), _) => any(),
        (Op::Binary(BinaryOp::Pow), &[base, _]) => scales[base],
        (Op::Where, &[condition, a, b]) => {
            // PyTorch's softplus is the identity for large values.
            let compared = by[condition].filter(|node| {
                let greater = [BinaryOp::Greater, BinaryOp::GreaterOrEqual].map(Op::Binary);
                greater.contains(&node.op) && at_least(node.inputs[1], 0.0)
            });
            let is_large =
                compared.is_some_and(|node| is_multiple(node.inputs[0], a, by, &at_least));
            (scales[a] || is_large) && scales[b]
        }
        _ => false,
    }
}

/// Whether `value` is the value `of`, or the product of that and a constant whose values are all positive.
/// `by` has the node that gives each value; `at_least` says whether a value is a constant none of whose
/// values is below a number.
fn is_multiple(
    value: ValueId,
    of: ValueId,
    by: &[Option<&Node>],
    at_least: &impl Fn(ValueId, f32) -> bool,
) -> bool {
    let product = by[value].filter(|node| node.op == Op::Binary(BinaryOp::Mul));
    let factor = product.and_then(|node| match node.inputs[..] {
        [a, b] if a == of => Some(b),
        [a, b] if b == of => Some(a),
        _ => None,
    });
    value == of || factor.is_some_and(|factor| at_least(factor, f32::MIN_POSITIVE))
}

/// Whether mean and scale have equally many values, as have noise and sample, and the noise is as large
/// as the mean or several of it: its shape ends with the mean's (without leading ones) and has more axes.
fn is_parallel(draw: &Draw, values: &[Value]) -> bool {
    let own = |id: ValueId| {
        let shape = &values[id].shape;
        &shape[shape.iter().position(|size| *size != 1).unwrap_or(shape.len())..]
    };
    let (noise, mean) = (&values[draw.noise], &values[draw.mean]);
    let per_sample = mean.len() == values[draw.scale].len();
    let one = mean.len() == noise.len();
    let whole = noise.len() == values[draw.z].len();
    let several = noise.shape.ends_with(own(draw.mean)) && noise.shape.len() > own(draw.mean).len();
    per_sample && whole && (one || several)
}

/// Whether a value is a constant that looks drawn: its values all differ, and none is NaN or beyond 6 in
/// magnitude. True for a constant without values; for a single number see [`looks_drawn_alone`].
fn looks_drawn(value: &Value) -> bool {
    const FARTHEST: f32 = 6.0;
    let Some(constant) = &value.constant else { return false };
    if let [only] = constant[..] {
        return looks_drawn_alone(only, value.shape.len());
    }
    let mut sorted = constant.clone();
    sorted.sort_by(f32::total_cmp);
    let differ = sorted.windows(2).all(|pair| pair[0] < pair[1]);
    differ && sorted.iter().all(|v| v.abs() <= FARTHEST)
}

/// Whether the only number of a tensor of this rank looks drawn: it has two axes or more, and more than four
/// decimals. So NaN looks drawn, an infinity does not.
fn looks_drawn_alone(number: f32, rank: usize) -> bool {
    const WRITTEN: f32 = 1e4;
    rank > 1 && (number * WRITTEN).round() / WRITTEN != number
}

/// Name and operator of the node `product`, and the refusal that says that the constant `noise` was drawn at
/// export.
fn refusal(product: &Node, noise: &Value) -> (String, String, Refusal) {
    let refusal = Refusal::new(
        format!(
            "scales the constant `{}` of shape {:?} like the noise of a sample: it was drawn when the \
             model was exported, and every sample would be the same",
            shown(&noise.name),
            noise.shape
        ),
        "export the heads alone and leave the sample out; or make the noise an input \
         (`def forward(self, x, eps)`); or draw it inside `forward` by `torch.randn_like(mu)`, never from \
         a buffer, and export in eval mode. If it is a factor that was trained, say so: \
         `frozen_noise = \"accept\"` in elbow.toml, or `--accept-frozen-noise` for a bare .onnx",
    );
    (product.name.clone(), product.op_type.clone(), refusal)
}
