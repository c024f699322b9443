//! Samples whose noise the exporter turned into a constant.

use super::graph::{Node, Op, Value, ValueId};
use super::problem::{Refusal, shown};
use elbow_core::kernels::{BinaryOp, Unary};
use std::collections::HashMap;

/// The nodes that scale a constant like a sample's noise: `mean + constant * scale`, where mean and
/// scale are computed, of the constant's shape, and the scale ends in `Exp`, `Softplus` or `Sqrt`.
///
/// The constant must look drawn: values that all differ, none beyond six, and used here alone.
pub(super) fn frozen_samples(nodes: &[Node], values: &[Value]) -> Vec<(String, String, Refusal)> {
    let makers: HashMap<ValueId, &Node> = nodes.iter().map(|node| (node.output, node)).collect();
    let mut uses: HashMap<ValueId, usize> = HashMap::new();
    for input in nodes.iter().flat_map(|node| &node.inputs) {
        *uses.entry(*input).or_default() += 1;
    }
    let is_scale = |mut id: ValueId| loop {
        let Some(node) = makers.get(&id) else { return false };
        match node.op {
            Op::Unary(Unary::Exp | Unary::Softplus | Unary::Sqrt) => return true,
            Op::Unary(Unary::Clip(..)) | Op::Reshape => id = node.inputs[0],
            Op::Binary(BinaryOp::Add) => match other(node, values) {
                Some((computed, _)) => id = computed, // softplus(x) + epsilon
                None => return false,
            },
            _ => return false,
        }
    };
    let sample = |sum: &Node| {
        if sum.op != Op::Binary(BinaryOp::Add) {
            return None;
        }
        let [a, b] = *sum.inputs.first_chunk()?;
        [(a, b), (b, a)].into_iter().find_map(|(mean, product)| {
            let product = makers.get(&product).filter(|n| n.op == Op::Binary(BinaryOp::Mul))?;
            let (scale, noise) = other(product, values)?;
            let len = values[sum.output].len();
            let parallel = [mean, scale, noise].iter().all(|id| values[*id].len() == len);
            let computed = values[mean].constant.is_none();
            let alone = uses.get(&noise) == Some(&1);
            (parallel && computed && alone && looks_drawn(&values[noise]) && is_scale(scale))
                .then(|| refusal(product, &values[noise]))
        })
    };
    nodes.iter().filter_map(sample).collect()
}

/// The computed operand and the constant one.
fn other(node: &Node, values: &[Value]) -> Option<(ValueId, ValueId)> {
    let [a, b] = *node.inputs.first_chunk()?;
    match (values[a].constant.is_some(), values[b].constant.is_some()) {
        (false, true) => Some((a, b)),
        (true, false) => Some((b, a)),
        _ => None,
    }
}

fn looks_drawn(value: &Value) -> bool {
    const FARTHEST: f32 = 6.0;
    let Some(constant) = &value.constant else { return false };
    let mut sorted = constant.clone();
    sorted.sort_by(f32::total_cmp);
    let differ = sorted.len() > 1 && sorted.windows(2).all(|pair| pair[0] < pair[1]);
    differ && sorted.iter().all(|v| v.abs() <= FARTHEST)
}

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
         a buffer, and export in eval mode. A trained factor belongs into a Linear layer",
    );
    (product.name.clone(), product.op_type.clone(), refusal)
}
