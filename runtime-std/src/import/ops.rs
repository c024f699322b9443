//! The table of supported operators: `elbow ops` and the README print it, import reads nodes by it.

mod constant;
mod conv;
mod elementwise;
mod layout;
mod linear;
mod pieces;
mod reshape;

use super::problem::{Read, Refusal, refuse, shown};
use super::proto::{Node, OLDEST_OPSET};
use super::scope::{Call, Outputs, Scope};
use elbow_core::kernels::{BinaryOp, Unary};
use elementwise::{binary, unary};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// ONNX name.
    pub name: &'static str,
    /// First operator set that has it, or the oldest that import understands.
    pub since: i64,
    /// Element types.
    pub types: &'static str,
    /// What to know about it.
    pub notes: &'static str,
    /// Least and most inputs.
    pub(super) inputs: (usize, usize),
    /// Attributes of all operator sets.
    pub(super) attributes: &'static [&'static str],
    /// Reads a node.
    pub(super) read: Reader,
}

/// Reads a node: adds to the graph what it computes, and gives its outputs.
pub(super) type Reader = fn(&mut Scope, &Call<'_>) -> Outputs;

const CONV: &[&str] = &["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];
const CONV_TRANSPOSE: &[&str] = &[
    "auto_pad",
    "dilations",
    "group",
    "kernel_shape",
    "output_padding",
    "output_shape",
    "pads",
    "strides",
];
const CONSTANT: &[&str] = &["value", "value_float", "value_floats", "value_int", "value_ints"];
const BATCH_NORMALIZATION: &[&str] = &["epsilon", "momentum", "training_mode"];

/// Every supported operator, by name.
pub const OPERATORS: &[Operator] = &[
    any("Add", |s, c| binary(s, c, BinaryOp::Add)).takes(2, 2).note("broadcasts"),
    data("BatchNormalization", linear::batch_normalization)
        .takes(5, 5)
        .with(BATCH_NORMALIZATION)
        .note("inference; folds into its neighbour where it can"),
    any("Cast", constant::cast)
        .with(&["to", "saturate", "round_mode"])
        .note("float32 to float32, and of constants; folded away"),
    data("Clip", elementwise::clip).takes(1, 3).with(&["min", "max"]).note("limits are constants"),
    any("Concat", layout::concat).takes(1, usize::MAX).with(&["axis"]),
    any("Constant", constant::constant).takes(0, 0).with(CONSTANT).note("folded away"),
    any("ConstantOfShape", constant::constant_of_shape).with(&["value"]).note("folded away"),
    data("Conv", conv::conv)
        .takes(2, 3)
        .with(CONV)
        .note("1-D and 2-D; groups, dilations, strides, any pads, auto_pad"),
    data("ConvTranspose", conv::conv_transpose)
        .takes(2, 3)
        .with(CONV_TRANSPOSE)
        .note("1-D and 2-D; as Conv, and output_padding, output_shape"),
    any("Div", |s, c| binary(s, c, BinaryOp::Div))
        .takes(2, 2)
        .note("broadcasts; integers round towards zero"),
    data("Dropout", constant::dropout)
        .takes(1, 3)
        .with(&["ratio", "seed"])
        .note("evaluation; folded away"),
    data("Elu", elementwise::elu).with(&["alpha"]),
    integers("Equal", elementwise::equal).takes(2, 2).note("folded away"),
    data("Erf", |s, c| unary(s, c, Unary::Erf)).note("fused to GELU in its pattern"),
    data("Exp", |s, c| unary(s, c, Unary::Exp)),
    any("Expand", layout::expand).takes(2, 2).note("to a shape known at import"),
    any("Flatten", reshape::flatten).with(&["axis"]),
    any("Gather", pieces::gather)
        .takes(2, 2)
        .with(&["axis"])
        .note("indices known at import; of data: one index, or evenly spaced ones"),
    data("Gelu", elementwise::gelu)
        .since(20)
        .with(&["approximate"])
        .note("exact, and its tanh approximation"),
    data("Gemm", linear::gemm).takes(2, 3).with(&["alpha", "beta", "transA", "transB"]),
    data("Greater", elementwise::greater).takes(2, 2).note("the threshold of softplus"),
    any("Identity", constant::identity).note("folded away"),
    data("LeakyRelu", elementwise::leaky_relu).with(&["alpha"]),
    data("MatMul", linear::matmul).takes(2, 2).note("broadcasts"),
    data("Max", |s, c| elementwise::bound(s, c, |low| Unary::Clip(low, f32::MAX)))
        .takes(2, 2)
        .note("of data and a number"),
    data("Min", |s, c| elementwise::bound(s, c, |high| Unary::Clip(f32::MIN, high)))
        .takes(2, 2)
        .note("of data and a number"),
    any("Mul", |s, c| binary(s, c, BinaryOp::Mul))
        .takes(2, 2)
        .note("broadcasts; fused to SiLU in its pattern"),
    any("Range", constant::range)
        .since(11)
        .takes(3, 3)
        .with(&["stash_type"])
        .note("limits known at import; folded away"),
    data("Relu", |s, c| unary(s, c, Unary::Relu)),
    any("Reshape", reshape::reshape)
        .takes(2, 2)
        .with(&["allowzero"])
        .note("to a shape known at import; 0, -1, allowzero"),
    any("Shape", constant::shape).with(&["start", "end"]).note("folded away"),
    data("Sigmoid", |s, c| unary(s, c, Unary::Sigmoid)).note("fused to SiLU in its pattern"),
    any("Size", constant::size).note("folded away"),
    any("Slice", pieces::slice)
        .takes(1, 5)
        .with(&["starts", "ends", "axes"])
        .note("limits known at import; steps of either sign"),
    data("Softplus", |s, c| unary(s, c, Unary::Softplus)),
    data("Split", pieces::split).takes(1, 2).with(&["axis", "split", "num_outputs"]),
    any("Squeeze", reshape::squeeze).takes(1, 2).with(&["axes"]),
    any("Sub", |s, c| binary(s, c, BinaryOp::Sub)).takes(2, 2).note("broadcasts"),
    data("Tanh", |s, c| unary(s, c, Unary::Tanh)),
    any("Transpose", layout::transpose).with(&["perm"]),
    any("Unsqueeze", reshape::unsqueeze).takes(1, 2).with(&["axes"]),
    any("Where", elementwise::choose)
        .takes(3, 3)
        .note("of integers, folded away; the threshold of softplus"),
];

/// An operator of data.
const fn data(name: &'static str, read: Reader) -> Operator {
    let types = "float32";
    Operator { name, since: OLDEST_OPSET, types, notes: "", inputs: (1, 1), attributes: &[], read }
}

/// An operator of data, and of integers known at import.
const fn any(name: &'static str, read: Reader) -> Operator {
    Operator { types: "float32; int64, int32, bool (folded)", ..data(name, read) }
}

/// An operator of integers known at import.
const fn integers(name: &'static str, read: Reader) -> Operator {
    Operator { types: "int64, int32, bool (folded)", ..data(name, read) }
}

impl Operator {
    const fn since(self, since: i64) -> Self {
        Self { since, ..self }
    }

    const fn takes(self, least: usize, most: usize) -> Self {
        Self { inputs: (least, most), ..self }
    }

    const fn with(self, attributes: &'static [&'static str]) -> Self {
        Self { attributes, ..self }
    }

    const fn note(self, notes: &'static str) -> Self {
        Self { notes, ..self }
    }
}

/// The row of a node.
pub(super) fn find(node: &Node, opset: i64) -> Read<&'static Operator> {
    if !matches!(node.domain.as_str(), "" | "ai.onnx") {
        return Err(Refusal {
            reason: format!(
                "belongs to the domain `{}`, which is not supported",
                shown(&node.domain)
            ),
            advice: foreign_advice(&node.domain).to_string(),
        });
    }
    match OPERATORS.iter().find(|operator| operator.name == node.op_type) {
        Some(operator) if opset >= operator.since => Ok(operator),
        Some(operator) => refuse(
            format!("exists from opset {} on, the file declares {opset}", operator.since),
            "export again with a newer opset",
        ),
        None => refuse("this operator is not supported", advice(&node.op_type)),
    }
}

/// What to do about an operator that is not supported.
pub fn advice(op: &str) -> &'static str {
    match op {
        "RandomNormal" | "RandomNormalLike" | "RandomUniform" | "RandomUniformLike"
        | "Bernoulli" | "Multinomial" => {
            "export the encoder up to its heads (mean and spread) and leave the sampling out: \
             `elbow` samples on the device from noise of its own; or give the noise as an input"
        }
        "If" | "Loop" | "Scan" | "SequenceMap" => {
            "export without control flow: fixed shapes, loops unrolled, branches decided, \
             then simplify the file (`onnxsim`)"
        }
        "GRU" | "LSTM" | "RNN" => {
            "use a convolution over the window, or dense layers, in place of the recurrent layer"
        }
        "LayerNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "RMSNormalization"
        | "LpNormalization" => "use batch normalization, which folds into the layer before it",
        "AveragePool" | "MaxPool" | "GlobalAveragePool" | "GlobalMaxPool" | "LpPool" => {
            "use a convolution with a stride in place of the pooling"
        }
        "HardSigmoid" | "HardSwish" | "PRelu" | "Selu" | "Celu" | "Mish" | "ThresholdedRelu"
        | "Softsign" | "Swish" => {
            "use one of Relu, LeakyRelu, Elu, Gelu, SiLU, Tanh, Sigmoid, Softplus"
        }
        "Log" | "Sqrt" | "Pow" | "Reciprocal" | "Neg" | "Abs" => {
            "export the head itself, as log-variance or before its transform, and name the transform in \
             elbow.toml (`head`); elsewhere use Add, Sub, Mul, Div and Exp"
        }
        "Softmax" | "LogSoftmax" | "Attention" | "MultiHeadAttention" | "Einsum" => {
            "attention and softmax are not supported: use dense or convolutional layers"
        }
        "Pad" => {
            "put the padding into the convolution that follows (`padding=`; pads may be uneven)"
        }
        "Resize" | "Upsample" => "use ConvTranspose with a stride in place of upsampling",
        "QuantizeLinear"
        | "DequantizeLinear"
        | "QLinearConv"
        | "QLinearMatMul"
        | "DynamicQuantizeLinear"
        | "MatMulInteger"
        | "ConvInteger" => "export the float model, before quantization",
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "CumSum" => {
            "write the mean or sum as a dense layer or a convolution with constant weights"
        }
        _ => {
            "rewrite this part of the model with supported operators (`elbow ops` lists them), \
             or cut the export before it"
        }
    }
}

fn foreign_advice(domain: &str) -> &'static str {
    if domain.starts_with("com.microsoft") || domain.starts_with("com.ms") {
        "this is an operator of onnxruntime's optimizer: give the file as the exporter wrote it, before optimization"
    } else if domain.starts_with("pkg.") {
        "this is a function of the exporter's: inline it (`onnx.inliner`), or export with a newer PyTorch"
    } else {
        "export with standard ONNX operators only (`elbow ops` lists those that are supported)"
    }
}
