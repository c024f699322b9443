//! What computes each layer of an integer model, integers or floats, and why.

use crate::lower::plan::Integer;
use crate::lower::{Kernel, Plan, Step};
use elbow_core::kernels::BinaryOp;
use serde::Serialize;

/// How a layer is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// By integer kernels, whose weights have eight bits.
    Int8,
    /// In floats.
    F32,
}

/// A node of the model, all of its steps together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IntegerLayer {
    /// Name of the node.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// Multiply-accumulates.
    pub macs: usize,
    /// How it is computed.
    pub arithmetic: Arithmetic,
    /// Why in floats.
    pub reason: Option<String>,
    /// KL(float || integer in this layer alone), mean over the rows. None without a posterior, of layers
    /// without integer weights, and of a quantized file, whose rounding is in its floats as well.
    pub kl_nats: Option<f64>,
}

/// Multiply-accumulates of an integer model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Macs {
    /// Of everything.
    pub all: usize,
    /// Of dense and convolution layers.
    pub linear: usize,
    /// Of those with integer weights.
    pub int8: usize,
    /// `int8 / linear`; none where there is no such layer.
    pub int8_share: Option<f64>,
}

/// Every node of the plan that computes, in order; steps of one node that follow one another count as one.
/// Such an entry is in floats where any of its steps is, with the first such step's reason. Steps that only
/// move or requantize values are left out.
pub fn layers(plan: &Plan) -> Vec<IntegerLayer> {
    let mut layers: Vec<IntegerLayer> = Vec::new();
    for step in &plan.steps {
        let Some(arithmetic) = arithmetic(&step.kernel) else { continue };
        let same = layers.last_mut().filter(|last| last.name == step.name);
        if let Some(layer) = same {
            layer.macs += step.macs;
            if arithmetic == Arithmetic::F32 {
                layer.arithmetic = arithmetic;
                layer.reason.get_or_insert_with(|| reason(plan, step));
            }
            continue;
        }
        layers.push(IntegerLayer {
            name: step.name.clone(),
            op: step.op.clone(),
            macs: step.macs,
            arithmetic,
            reason: (arithmetic == Arithmetic::F32).then(|| reason(plan, step)),
            kl_nats: None,
        });
    }
    layers
}

/// The multiply-accumulates of a plan: all, those of dense and convolution layers, and those of them with
/// integer weights.
pub fn macs(plan: &Plan) -> Macs {
    let sum = |counts: fn(&Kernel) -> bool| -> usize {
        plan.steps.iter().filter(|step| counts(&step.kernel)).map(|step| step.macs).sum()
    };
    let is_integer = |kernel: &Kernel| matches!(kernel, Kernel::Integer(_));
    let int8 = sum(is_integer);
    let linear = int8 + sum(is_linear);
    let int8_share = (linear > 0).then(|| int8 as f64 / linear as f64);
    Macs { all: plan.macs(), linear, int8, int8_share }
}

/// Whether a kernel is that of a dense or (transposed) convolution layer in floats.
fn is_linear(kernel: &Kernel) -> bool {
    matches!(
        kernel,
        Kernel::Dense { .. }
            | Kernel::DenseRows { .. }
            | Kernel::DenseTransposed { .. }
            | Kernel::Conv { .. }
            | Kernel::ConvDepthwise { .. }
            | Kernel::ConvTranspose { .. }
    )
}

/// How a kernel computes; `None` where it only moves, quantizes or dequantizes values.
fn arithmetic(kernel: &Kernel) -> Option<Arithmetic> {
    match kernel {
        Kernel::Copy | Kernel::Strided(_) | Kernel::Fill(_) | Kernel::Take(..) => None,
        Kernel::TakeBy(_) | Kernel::TakeAlong { .. } => None,
        Kernel::Integer(
            Integer::Quantize { .. } | Integer::Dequantize { .. } | Integer::PaddedCopy { .. },
        ) => None,
        Kernel::Integer(_) => Some(Arithmetic::Int8),
        _ => Some(Arithmetic::F32),
    }
}

/// Why a step in floats is not in integers, in words: the reason that lowering gave for its node, else one by
/// its kernel.
fn reason(plan: &Plan, step: &Step) -> String {
    if let Some(own) = plan.floats.iter().find(|own| own.node == step.name) {
        return own.reason.clone();
    }
    let between = match &step.kernel {
        Kernel::Unary(_) | Kernel::MaxPool(_) | Kernel::AveragePool(..) => true,
        Kernel::Binary(binary) => binary.op == BinaryOp::Add,
        _ => false,
    };
    match (between, is_linear(&step.kernel)) {
        (true, _) => "it does not lie between two integer layers".into(),
        (_, true) => "its shape or its weights have no integer form".into(),
        _ => format!("{} has no integer kernel", step.op),
    }
}

impl std::fmt::Display for Macs {
    /// Writes the numbers and the share on one line, without a newline.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { int8, linear, .. } = self;
        let share =
            self.int8_share.map_or(String::new(), |share| format!(", {:.2} %", 100.0 * share));
        write!(f, "{int8} of {linear} multiply-accumulates of dense and convolution layers{share}")
    }
}

impl std::fmt::Display for IntegerLayer {
    /// Writes figures and reason on one line, without name and newline.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} MACs, ", self.macs)?;
        match (self.arithmetic, &self.reason) {
            (Arithmetic::Int8, _) => f.write_str("int8")?,
            (Arithmetic::F32, reason) => {
                write!(f, "f32: {}", reason.as_deref().unwrap_or_default())?
            }
        }
        self.kl_nats.map_or(Ok(()), |nats| write!(f, ", alone {nats:.3e} nats"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dense_layer_read_across_is_linear_too() {
        assert!(is_linear(&Kernel::DenseTransposed { rows: 1, weights: 0..8 }));
        assert!(!is_linear(&Kernel::Copy));
    }
}
