//! The table of supported operators: `elbow ops` and `docs/reference/operators.md` print it, import reads nodes by it.

mod along;
mod constant;
mod conv;
mod cures;
mod einsum;
mod elementwise;
mod estimators;
mod gather;
pub(super) mod known;
mod layout;
mod linear;
mod normalize;
mod one_hot;
mod pad;
mod pieces;
mod pool;
mod quantize;
mod random;
mod recurrent;
mod reshape;
mod resize;
mod scatter;
mod special;

use super::problem::{Read, refuse, shown};
use super::proto::{NodeProto, OLDEST_OPSET};
use super::scope::{Call, Outputs, Scope};
use along::{ReductionForm, reduce};
pub use cures::advice;
use cures::foreign_advice;
use elbow_core::kernels::{BinaryOp, Reduction, Unary};
use elementwise::{binary, extreme, parametric, parametric2, several, unary, unary_any};
use recurrent::{RecurrentKind, recurrent};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// Domain of the operator set, empty for the default one.
    pub domain: &'static str,
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

/// Reader of an operator: appends the operations of the node `Call` to the graph in the `Scope` and returns
/// the node's outputs in order; `Err` is the reason why it cannot be imported, and an advice.
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
const ARG: &[&str] = &["axis", "keepdims", "select_last_index"];
const AVERAGE_POOL: &[&str] =
    &["auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"];
const MAX_POOL: &[&str] =
    &["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"];
const QUANTIZE: &[&str] = &["axis", "block_size", "output_dtype", "precision", "saturate"];
const RESIZE: &[&str] = &[
    "antialias",
    "axes",
    "coordinate_transformation_mode",
    "cubic_coeff_a",
    "exclude_outside",
    "extrapolation_value",
    "keep_aspect_ratio_policy",
    "mode",
    "nearest_mode",
];
const RNN: &[&str] = &[
    "activation_alpha",
    "activation_beta",
    "activations",
    "clip",
    "direction",
    "hidden_size",
    "layout",
];
const GRU: &[&str] = &[
    "activation_alpha",
    "activation_beta",
    "activations",
    "clip",
    "direction",
    "hidden_size",
    "layout",
    "linear_before_reset",
];
const LSTM: &[&str] = &[
    "activation_alpha",
    "activation_beta",
    "activations",
    "clip",
    "direction",
    "hidden_size",
    "input_forget",
    "layout",
];
const BATCH_NORMALIZATION: &[&str] = &["epsilon", "momentum", "spatial", "training_mode"];

/// The note of a recurrent layer: `$note`, then the functions that its attribute `activations` may name.
macro_rules! recurrent_note {
    ($note:literal) => {
        concat!($note, "; activations ", recurrent::activations!())
    };
}

/// Every supported operator, by name.
pub const OPERATORS: &[Operator] = &[
    any("Abs", |s, c| unary_any(s, c, Unary::Abs, i64::checked_abs)),
    data("Acos", |s, c| unary(s, c, Unary::Acos)),
    data("Acosh", |s, c| unary(s, c, Unary::Acosh)).since(9),
    any("Add", |s, c| binary(s, c, BinaryOp::Add)).takes(2, 2).note("broadcasts"),
    logic("And", |s, c| binary(s, c, BinaryOp::And)).takes(2, 2).note("broadcasts"),
    any("ArgMax", |s, c| along::arg_extreme(s, c, true)).with(ARG).note("gives whole numbers"),
    any("ArgMin", |s, c| along::arg_extreme(s, c, false)).with(ARG).note("gives whole numbers"),
    data("Asin", |s, c| unary(s, c, Unary::Asin)),
    data("Asinh", |s, c| unary(s, c, Unary::Asinh)).since(9),
    data("Atan", |s, c| unary(s, c, Unary::Atan)),
    data("Atanh", |s, c| unary(s, c, Unary::Atanh)).since(9),
    data("AveragePool", pool::average)
        .with(AVERAGE_POOL)
        .note("1-D and 2-D; count_include_pad, ceil_mode, dilations, auto_pad"),
    data("BatchNormalization", linear::batch_normalization)
        .takes(5, 5)
        .with(BATCH_NORMALIZATION)
        .note("inference; folds into its neighbour where it can"),
    any("Cast", constant::cast)
        .with(&["to", "saturate", "round_mode"])
        .note("between float32, integers and booleans"),
    any("CastLike", constant::cast_like).since(15).takes(2, 2).with(&["saturate", "round_mode"]),
    data("Ceil", |s, c| unary(s, c, Unary::Ceil)),
    data("Celu", |s, c| parametric(s, c, "alpha", 1.0, Unary::Celu)).since(12).with(&["alpha"]),
    any("Clip", elementwise::clip).takes(1, 3).with(&["min", "max"]),
    any("Concat", layout::concat).takes(1, usize::MAX).with(&["axis"]),
    any("Constant", constant::constant).takes(0, 0).with(CONSTANT).note("folded away"),
    any("ConstantOfShape", constant::constant_of_shape)
        .since(9)
        .with(&["value"])
        .note("folded away"),
    data("Conv", conv::conv)
        .takes(2, 3)
        .with(CONV)
        .note("1-D and 2-D; groups, dilations, strides, any pads, auto_pad"),
    data("ConvTranspose", conv::conv_transpose)
        .takes(2, 3)
        .with(CONV_TRANSPOSE)
        .note("1-D and 2-D; as Conv, and output_padding, output_shape"),
    data("Cos", |s, c| unary(s, c, Unary::Cos)),
    data("Cosh", |s, c| unary(s, c, Unary::Cosh)).since(9),
    any("CumSum", along::cumsum)
        .since(11)
        .takes(2, 2)
        .with(&["exclusive", "reverse"])
        .note("axis known at import"),
    data("DepthToSpace", layout::depth_to_space)
        .with(&["blocksize", "mode"])
        .note("modes DCR and CRD"),
    data("DequantizeLinear", quantize::dequantize)
        .since(10)
        .takes(2, 3)
        .with(QUANTIZE)
        .typed("int8, uint8, int32")
        .note("behind a QuantizeLinear, or of weights; layers between run with its integers"),
    any("Div", |s, c| binary(s, c, BinaryOp::Div))
        .takes(2, 2)
        .note("broadcasts; of integers, only of known ones: towards zero"),
    data("Dropout", constant::dropout)
        .takes(1, 3)
        .with(&["ratio", "seed"])
        .note("evaluation; folded away"),
    data("Einsum", einsum::einsum)
        .since(12)
        .takes(1, usize::MAX)
        .with(&["equation"])
        .note("one or two operands"),
    data("Elu", |s, c| parametric(s, c, "alpha", 1.0, Unary::Elu)).with(&["alpha"]),
    any("Equal", |s, c| binary(s, c, BinaryOp::Equal)).takes(2, 2).note("broadcasts"),
    data("Erf", |s, c| unary(s, c, Unary::Erf)).since(9).note("fused to GELU in its pattern"),
    data("Exp", |s, c| unary(s, c, Unary::Exp)),
    any("Expand", layout::expand).since(8).takes(2, 2).note("to a shape known at import"),
    any("EyeLike", known::eye_like).since(9).with(&["dtype", "k"]).note("folded away"),
    any("Flatten", reshape::flatten).with(&["axis"]),
    data("Floor", |s, c| unary(s, c, Unary::Floor)),
    data("GRU", |s, c| recurrent(s, c, RecurrentKind::Gru))
        .takes(3, 6)
        .with(GRU)
        .note(recurrent_note!("both directions, initial state; a state machine")),
    any("Gather", gather::gather)
        .takes(2, 2)
        .with(&["axis"])
        .note("indices known at import, or computed whole numbers"),
    any("GatherElements", gather::gather_elements)
        .since(11)
        .takes(2, 2)
        .with(&["axis"])
        .note("indices known at import, or computed whole numbers"),
    any("GatherND", gather::gather_nd)
        .since(11)
        .takes(2, 2)
        .with(&["batch_dims"])
        .note("indices known at import, or computed ones along the first axis"),
    data("Gelu", elementwise::gelu)
        .since(20)
        .with(&["approximate"])
        .note("exact, and its tanh approximation"),
    data("Gemm", linear::gemm).takes(2, 3).with(&["alpha", "beta", "transA", "transB"]),
    data("GlobalAveragePool", |s, c| pool::global(s, c, Reduction::Mean)),
    data("GlobalMaxPool", |s, c| pool::global(s, c, Reduction::Max)),
    any("Greater", |s, c| binary(s, c, BinaryOp::Greater)).takes(2, 2).note("broadcasts"),
    any("GreaterOrEqual", |s, c| binary(s, c, BinaryOp::GreaterOrEqual))
        .since(12)
        .takes(2, 2)
        .note("broadcasts"),
    data("GroupNormalization", normalize::group).since(18).takes(3, 3).with(&[
        "epsilon",
        "num_groups",
        "stash_type",
    ]),
    data("HardSigmoid", |s, c| {
        parametric2(s, c, ["alpha", "beta"], [0.2, 0.5], Unary::HardSigmoid)
    })
    .with(&["alpha", "beta"]),
    data("HardSwish", |s, c| unary(s, c, Unary::HardSwish)).since(14),
    data("Hardmax", one_hot::hardmax).with(&["axis"]),
    any("Identity", constant::identity).note("folded away"),
    logic("If", known::branch)
        .with(&["else_branch", "then_branch"])
        .note("condition known at import"),
    data("InstanceNormalization", normalize::instance).takes(3, 3).with(&["epsilon"]),
    data("IsInf", special::is_inf).since(10).with(&["detect_negative", "detect_positive"]),
    data("IsNaN", special::is_nan).since(9),
    data("LSTM", |s, c| recurrent(s, c, RecurrentKind::Lstm))
        .takes(3, 8)
        .with(LSTM)
        .note(recurrent_note!("both directions, initial state, peepholes; a state machine")),
    data("LayerNormalization", normalize::layer)
        .since(17)
        .takes(2, 3)
        .with(&["axis", "epsilon", "stash_type"])
        .note("also recognized where an exporter spells it out"),
    data("LeakyRelu", |s, c| parametric(s, c, "alpha", 0.01, Unary::LeakyRelu)).with(&["alpha"]),
    any("Less", |s, c| binary(s, c, BinaryOp::Less)).takes(2, 2).note("broadcasts"),
    any("LessOrEqual", |s, c| binary(s, c, BinaryOp::LessOrEqual))
        .since(12)
        .takes(2, 2)
        .note("broadcasts"),
    data("Log", |s, c| unary(s, c, Unary::Log)),
    data("LogSoftmax", |s, c| along::softmax(s, c, true)).with(&["axis"]),
    data("LpNormalization", normalize::lp).with(&["axis", "p"]).note("p of 1 and 2"),
    data("MatMul", linear::matmul).takes(2, 2).note("broadcasts; of data with data, too"),
    any("Max", |s, c| extreme(s, c, BinaryOp::Max, |low| Unary::Clip(low, f32::INFINITY)))
        .takes(1, usize::MAX)
        .note("broadcasts"),
    data("MaxPool", pool::max).with(MAX_POOL).note("1-D and 2-D; without its indices"),
    data("Mean", elementwise::mean).takes(1, usize::MAX).note("broadcasts"),
    data("MeanVarianceNormalization", normalize::mean_variance).since(9).with(&["axes"]),
    any("Min", |s, c| extreme(s, c, BinaryOp::Min, |high| Unary::Clip(f32::NEG_INFINITY, high)))
        .takes(1, usize::MAX)
        .note("broadcasts"),
    data("Mish", |s, c| unary(s, c, Unary::Mish)).since(18),
    any("Mod", elementwise::modulo).since(10).takes(2, 2).with(&["fmod"]).note("broadcasts"),
    any("Mul", |s, c| binary(s, c, BinaryOp::Mul))
        .takes(2, 2)
        .note("broadcasts; fused to SiLU in its pattern"),
    any("Neg", |s, c| unary_any(s, c, Unary::Neg, i64::checked_neg)),
    any("NonZero", known::non_zero).since(9).note(
        "of known values; a computed mask that selects and puts back the same places becomes Where",
    ),
    logic("Not", elementwise::not),
    any("OneHot", one_hot::one_hot)
        .since(9)
        .takes(3, 3)
        .with(&["axis"])
        .note("depth known at import"),
    logic("Or", |s, c| binary(s, c, BinaryOp::Or)).takes(2, 2).note("broadcasts"),
    data("PRelu", |s, c| binary(s, c, BinaryOp::PRelu)).takes(2, 2).note("broadcasts its slope"),
    any("Pad", pad::pad)
        .takes(1, 4)
        .with(&["mode", "pads", "value"])
        .note("constant, edge, reflect, wrap; pads known at import"),
    any("Pow", elementwise::pow).takes(2, 2).note("broadcasts"),
    data("QuantizeLinear", quantize::quantize)
        .since(10)
        .takes(2, 3)
        .with(QUANTIZE)
        .note("to int8 or uint8, one scale for a tensor"),
    data("RMSNormalization", normalize::rms)
        .since(23)
        .takes(2, 2)
        .with(&["axis", "epsilon", "stash_type"])
        .note("also recognized where an exporter spells it out"),
    data("RNN", |s, c| recurrent(s, c, RecurrentKind::Rnn))
        .takes(3, 6)
        .with(RNN)
        .note(recurrent_note!("both directions, initial state; a state machine")),
    data("RandomNormal", random::normal)
        .takes(0, 0)
        .with(&["dtype", "mean", "scale", "seed", "shape"])
        .note("becomes a noise input"),
    data("RandomNormalLike", random::normal)
        .with(&["dtype", "mean", "scale", "seed"])
        .note("becomes a noise input"),
    data("RandomUniform", random::uniform)
        .takes(0, 0)
        .with(&["dtype", "high", "low", "seed", "shape"])
        .note("becomes a noise input"),
    data("RandomUniformLike", random::uniform)
        .with(&["dtype", "high", "low", "seed"])
        .note("becomes a noise input"),
    any("Range", constant::range)
        .since(11)
        .takes(3, 3)
        .with(&["stash_type"])
        .note("limits known at import; folded away"),
    data("Reciprocal", |s, c| unary(s, c, Unary::Reciprocal)),
    reduction("ReduceL1", |s, c| reduce(s, c, ReductionForm::Plain(Reduction::SumOfMagnitudes))),
    reduction("ReduceL2", |s, c| {
        reduce(s, c, ReductionForm::Then(Reduction::SumOfSquares, Unary::Sqrt))
    }),
    reduction("ReduceLogSum", |s, c| reduce(s, c, ReductionForm::Then(Reduction::Sum, Unary::Log))),
    reduction("ReduceLogSumExp", |s, c| reduce(s, c, ReductionForm::LogSumExp)),
    reduction("ReduceMax", |s, c| reduce(s, c, ReductionForm::Plain(Reduction::Max))),
    reduction("ReduceMean", |s, c| reduce(s, c, ReductionForm::Plain(Reduction::Mean))),
    reduction("ReduceMin", |s, c| reduce(s, c, ReductionForm::Plain(Reduction::Min))),
    reduction("ReduceProd", |s, c| reduce(s, c, ReductionForm::Plain(Reduction::Product))),
    reduction("ReduceSum", |s, c| reduce(s, c, ReductionForm::Plain(Reduction::Sum))),
    reduction("ReduceSumSquare", |s, c| {
        reduce(s, c, ReductionForm::Plain(Reduction::SumOfSquares))
    }),
    data("Relu", |s, c| unary(s, c, Unary::Relu)),
    any("Reshape", reshape::reshape)
        .takes(2, 2)
        .with(&["allowzero"])
        .note("to a shape known at import; 0, -1, allowzero"),
    data("Resize", resize::resize)
        .since(10)
        .takes(1, 4)
        .with(RESIZE)
        .note("nearest as onnxruntime has it, linear, cubic; factors and sizes known at import"),
    data("Round", |s, c| unary(s, c, Unary::Round)).since(11).note("halves to even"),
    any("ScatterElements", scatter::scatter_elements)
        .since(11)
        .takes(3, 3)
        .with(&["axis", "reduction"])
        .note("indices known at import, or up to 32 computed ones along the axis"),
    any("ScatterND", scatter::scatter_nd)
        .since(11)
        .takes(3, 3)
        .with(&["reduction"])
        .note("to places known at import, or back to those of a mask"),
    data("Selu", |s, c| {
        parametric2(s, c, ["alpha", "gamma"], [1.673_263_2, 1.050_701], Unary::Selu)
    })
    .with(&["alpha", "gamma"]),
    any("Shape", constant::shape).with(&["start", "end"]).note("folded away"),
    data("Shrink", |s, c| parametric2(s, c, ["bias", "lambd"], [0.0, 0.5], Unary::Shrink))
        .since(9)
        .with(&["bias", "lambd"]),
    data("Sigmoid", |s, c| unary(s, c, Unary::Sigmoid)).note("fused to SiLU in its pattern"),
    any("Sign", |s, c| unary_any(s, c, Unary::Sign, |x| Some(x.signum()))).since(9),
    data("Sin", |s, c| unary(s, c, Unary::Sin)),
    data("Sinh", |s, c| unary(s, c, Unary::Sinh)).since(9),
    any("Size", constant::size).note("folded away"),
    any("Slice", pieces::slice)
        .takes(1, 5)
        .with(&["starts", "ends", "axes"])
        .note("limits known at import; steps of either sign"),
    data("Softmax", |s, c| along::softmax(s, c, false)).with(&["axis"]),
    data("Softplus", |s, c| unary(s, c, Unary::Softplus)),
    data("Softsign", |s, c| unary(s, c, Unary::Softsign)),
    data("SpaceToDepth", layout::space_to_depth).with(&["blocksize", "mode"]),
    any("Split", pieces::split).takes(1, 2).with(&["axis", "split", "num_outputs"]),
    data("Sqrt", |s, c| unary(s, c, Unary::Sqrt)),
    any("Squeeze", reshape::squeeze).takes(1, 2).with(&["axes"]),
    any("Sub", |s, c| binary(s, c, BinaryOp::Sub)).takes(2, 2).note("broadcasts"),
    any("Sum", |s, c| several(s, c, BinaryOp::Add)).takes(1, usize::MAX).note("broadcasts"),
    data("Swish", elementwise::swish).since(24).with(&["alpha"]),
    data("Tan", |s, c| unary(s, c, Unary::Tan)),
    data("Tanh", |s, c| unary(s, c, Unary::Tanh)),
    data("ThresholdedRelu", |s, c| parametric(s, c, "alpha", 1.0, Unary::ThresholdedRelu))
        .since(10)
        .with(&["alpha"]),
    any("Tile", layout::tile).takes(2, 2).note("repeats known at import"),
    any("TopK", known::top_k)
        .takes(1, 2)
        .with(&["axis", "k", "largest", "sorted"])
        .note("of known values"),
    any("Transpose", layout::transpose).with(&["perm"]),
    any("Trilu", layout::triangle).since(14).takes(1, 2).with(&["upper"]),
    any("Unsqueeze", reshape::unsqueeze).takes(1, 2).with(&["axes"]),
    data("Upsample", resize::upsample)
        .takes(1, 2)
        .with(&["mode", "scales"])
        .note("up to opset 9; then Resize"),
    any("Where", elementwise::choose).since(9).takes(3, 3).note("broadcasts"),
    logic("Xor", |s, c| binary(s, c, BinaryOp::Xor)).takes(2, 2).note("broadcasts"),
    estimator("Imputer", estimators::imputer)
        .with(&["imputed_value_floats", "replaced_value_float"])
        .note("replaces NaN or one number"),
    estimator("Normalizer", estimators::normalizer).with(&["norm"]),
    estimator("Scaler", estimators::scaler).with(&["offset", "scale"]),
];

/// Row of an operator of float32 data: one input, no attributes, no notes, in the default domain since
/// `OLDEST_OPSET`. The methods below change these.
const fn data(name: &'static str, read: Reader) -> Operator {
    let types = "float32";
    let (domain, since) = ("", OLDEST_OPSET);
    Operator { domain, name, since, types, notes: "", inputs: (1, 1), attributes: &[], read }
}

/// `data` that also takes int64, int32 and bool; known integers and booleans are calculated at import.
const fn any(name: &'static str, read: Reader) -> Operator {
    Operator { types: "float32, int64, int32, bool", ..data(name, read) }
}

/// `data` in the domain `ai.onnx.ml` since its version 1: a preprocessing step of scikit-learn.
const fn estimator(name: &'static str, read: Reader) -> Operator {
    Operator { domain: "ai.onnx.ml", since: 1, ..data(name, read) }
}

/// `data` that takes booleans only.
const fn logic(name: &'static str, read: Reader) -> Operator {
    Operator { types: "bool", ..data(name, read) }
}

/// `any` that reduces over axes: one or two inputs, and the attributes that all reductions share.
const fn reduction(name: &'static str, read: Reader) -> Operator {
    let attributes = &["axes", "keepdims", "noop_with_empty_axes"];
    Operator { inputs: (1, 2), attributes, notes: "axes known at import", ..any(name, read) }
}

impl Operator {
    /// The row with another first operator set.
    const fn since(self, since: i64) -> Self {
        Self { since, ..self }
    }

    /// The row with another least and greatest number of inputs.
    const fn takes(self, least: usize, most: usize) -> Self {
        Self { inputs: (least, most), ..self }
    }

    /// The row with these attributes in place of its own.
    const fn with(self, attributes: &'static [&'static str]) -> Self {
        Self { attributes, ..self }
    }

    /// The row with other element types.
    const fn typed(self, types: &'static str) -> Self {
        Self { types, ..self }
    }

    /// The row with other notes.
    const fn note(self, notes: &'static str) -> Self {
        Self { notes, ..self }
    }
}

/// The row of a node, by domain (`ai.onnx` is the default one) and name. `opset` is the file's version of the
/// default domain; a row of another domain fits any version. `Err`, with advice, where the operator is newer
/// than `opset` or not supported.
pub(super) fn find(node: &NodeProto, opset: i64) -> Read<&'static Operator> {
    let domain = match node.domain.as_str() {
        "ai.onnx" => "",
        domain => domain,
    };
    let own = |operator: &&Operator| operator.name == node.op_type && operator.domain == domain;
    match OPERATORS.iter().find(own) {
        Some(operator) if opset >= operator.since || !domain.is_empty() => Ok(operator),
        Some(operator) => refuse(
            format!("exists from opset {} on, the file declares {opset}", operator.since),
            "export again with a newer opset",
        ),
        None if domain.is_empty() => {
            refuse("this operator is not supported", advice(&node.op_type))
        }
        None => refuse(
            format!("belongs to the domain `{}`, which is not supported", shown(domain)),
            foreign_advice(domain, &node.op_type),
        ),
    }
}
