//! Which outputs are the heads, and whether the graph contradicts what was declared of them.

use crate::import::{Graph, Node, Op, ValueId};
use crate::manifest::{Head, TensorRef};
use elbow_core::distributions::Spread;
use elbow_core::kernels::{BinaryOp, Unary};

/// Heads named on the command line in place of a manifest.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Output that holds the mean.
    pub mean: TensorRef,
    /// Output that holds the spread.
    pub spread: TensorRef,
    /// What the spread output holds.
    pub head: Head,
}

/// Heads whose names leave no doubt: mu, mean or z_mean with logvar, log_var or z_log_var.
pub fn unmistakable(graph: &Graph) -> Option<Declared> {
    let find = |names: [&str; 3]| {
        let mut found = graph.outputs.iter().filter(|(name, _)| names.contains(&name.as_str()));
        let (name, value) = found.next()?;
        found.next().is_none().then_some((name.clone(), *value))
    };
    let (mean, loc) = find(["mu", "mean", "z_mean"])?;
    let (spread, scale) = find(["logvar", "log_var", "z_log_var"])?;
    let same_shape = graph.values[loc].shape == graph.values[scale].shape;
    (graph.inputs.len() == 1 + graph.noise.len() && same_shape).then_some(Declared {
        mean: TensorRef::Name(mean),
        spread: TensorRef::Name(spread),
        head: Head::LogVar,
    })
}

/// What is known of a tensor's values from the node that makes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Maker {
    /// Never negative, made by this operator.
    Positive(String),
    /// Any sign, made by this operator.
    Unbounded(String),
    /// Nothing.
    Unknown,
}

/// Follows `value` back through nodes that move or shift values; one walk from the last node on.
pub fn maker(graph: &Graph, mut value: ValueId) -> Maker {
    let mut keeps_positive = true;
    for node in graph.nodes.iter().rev() {
        if node.output != value {
            continue;
        }
        value = match &node.op {
            Op::Unary(Unary::Exp | Unary::Softplus) if keeps_positive => {
                return Maker::Positive(node.op_type.clone());
            }
            Op::Gemm { .. }
            | Op::MatMul
            | Op::Conv { .. }
            | Op::ConvTranspose { .. }
            | Op::BatchNormalization { .. } => return Maker::Unbounded(node.op_type.clone()),
            Op::Unary(Unary::Relu | Unary::Sigmoid) if keeps_positive => {
                return Maker::Positive(node.op_type.clone());
            }
            Op::Unary(Unary::Clip(low, _)) if *low >= 0.0 && keeps_positive => {
                return Maker::Positive(node.op_type.clone());
            }
            Op::Unary(Unary::Clip(..)) => node.inputs[0],
            Op::Reshape | Op::Transpose { .. } | Op::Slice { .. } => node.inputs[0],
            Op::Binary(op) => {
                let Some((other, values)) = with_constant(graph, node, *op) else { break };
                keeps_positive &= keeps_sign(*op, values);
                other
            }
            _ => break,
        };
    }
    Maker::Unknown
}

/// The operand that is computed and the one that is constant; a constant is no dividend here.
fn with_constant<'g>(graph: &'g Graph, node: &Node, op: BinaryOp) -> Option<(ValueId, &'g [f32])> {
    let constant = |id: ValueId| graph.values[id].constant.as_deref();
    match [constant(node.inputs[0]), constant(node.inputs[1])] {
        [None, Some(values)] => Some((node.inputs[0], values)),
        [Some(values), None] if op != BinaryOp::Div => Some((node.inputs[1], values)),
        _ => None,
    }
}

/// Whether a positive number stays positive.
fn keeps_sign(op: BinaryOp, values: &[f32]) -> bool {
    match op {
        BinaryOp::Add => values.iter().all(|value| *value >= 0.0),
        BinaryOp::Mul | BinaryOp::Div => values.iter().all(|value| *value > 0.0),
        _ => false,
    }
}

/// Why the graph cannot mean what was declared of its spread output, and the cure.
pub fn contradiction(graph: &Graph, spread: ValueId, head: Spread) -> Option<String> {
    match (maker(graph, spread), head) {
        (Maker::Positive(op), Spread::LogVar | Spread::LogSigma) => Some(format!(
            "the graph makes it with {op}, so it is never negative, which no logarithm is: declare head = \"sigma\" or \"var\", as the model was trained"
        )),
        (Maker::Positive(op), Spread::SoftplusSigma | Spread::SoftplusVar) => Some(format!(
            "the graph makes it with {op}, so it is positive already: declare head = \"sigma\" or \"var\", as the model was trained"
        )),
        (Maker::Unbounded(op), Spread::Sigma | Spread::Var) => Some(format!(
            "the graph makes it with {op}, so it can be negative: declare head = \"logvar\", \"log_sigma\", \"softplus_sigma\" or \"softplus_var\", as the model was trained"
        )),
        _ => None,
    }
}
