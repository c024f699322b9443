//! The imported graph: static shapes, batch 1, float values, every node understood.

use super::Format;
use elbow_core::distributions::{Family, Parameter};
use elbow_core::kernels::{BinaryOp, Cell, Mean, Reduction, Unary};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// A validated graph in topological order.
///
/// Import has already removed nodes without arithmetic: constants of shapes, `Identity`, `Dropout`,
/// `Constant`, casts from float to float. What remains is float data flow.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The graph's name in the file.
    pub name: String,
    /// Opset of the default domain.
    pub opset: i64,
    /// Every value, addressed by [`ValueId`].
    pub values: Vec<Value>,
    /// Nodes in an order in which each comes after its inputs.
    pub nodes: Vec<Node>,
    /// Values given by the caller: those that the file declares, then the noise of each random node.
    pub inputs: Vec<ValueId>,
    /// Element types of those inputs that the file declares otherwise than float32.
    pub element_types: HashMap<ValueId, ElementType>,
    /// Which of the inputs stand for random nodes.
    pub noise: Vec<Noise>,
    /// Integers of the weights that the file stores quantized, by the name of the constant that holds the
    /// floats they stand for.
    pub quantized: HashMap<String, QuantizedWeights>,
    /// Values that hold all places, where in the file they hold only those that a mask selects, so that their length
    /// there depends on data.
    pub selected: HashSet<ValueId>,
    /// Values returned, with the names that the file gives them (two names may share a value, and a
    /// value may be an input or a constant as well).
    pub outputs: Vec<(String, ValueId)>,
}

/// Integer weights of a quantized file.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedWeights {
    /// Steps from the zero point.
    pub integers: Vec<i32>,
    /// One, or one per channel.
    pub scales: Vec<f32>,
}

/// Element type that the file declares for an input. Elbow computes with floats, which represent integers up to
/// 2^24 exactly, and booleans as 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// 32-bit floats.
    #[default]
    Float32,
    /// 64-bit integers.
    Int64,
    /// 32-bit integers.
    Int32,
    /// Truth values.
    Bool,
}

/// An input that stands for a random node of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noise {
    /// The input.
    pub value: ValueId,
    /// Name in the file of the output of the random node.
    pub output: String,
    /// Its distribution.
    pub kind: NoiseKind,
}

/// Distribution of a noise input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseKind {
    /// Standard normal; mean and scale of the random node are nodes behind it.
    Normal,
    /// Uniform in `[0, 1)`; the limits of the random node are nodes behind it.
    Uniform,
}

/// Index into [`Graph::values`].
pub type ValueId = usize;

/// A tensor of 32-bit floats.
#[derive(Clone, Debug)]
pub struct Value {
    /// Name in the file.
    pub name: String,
    /// Shape with the batch axis, pinned to 1, in front as the file has it.
    pub shape: Vec<usize>,
    /// The values, where they are known before running; row-major.
    pub constant: Option<Vec<f32>>,
}

impl Value {
    /// Number of values: 1 for a tensor without axes.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the tensor holds no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Node {
    /// Name in the file; where it is empty, the operator and the position (`Gemm#3`).
    pub name: String,
    /// Operator in the file (`Gemm`), for reports.
    pub op_type: String,
    /// The operation.
    pub op: Op,
    /// Operands.
    pub inputs: Vec<ValueId>,
    /// Result.
    pub output: ValueId,
}

/// The operation of a node; attributes are parsed and checked, negative axes resolved.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `alpha * op(a) * op(b) + beta * c`; inputs a, b and optionally c.
    Gemm {
        /// Transpose a.
        trans_a: bool,
        /// Transpose b.
        trans_b: bool,
        /// Factor of the product.
        alpha: f32,
        /// Factor of c.
        beta: f32,
    },
    /// Matrix product with ONNX broadcasting; inputs a, b.
    MatMul,
    /// Elementwise with ONNX broadcasting; inputs a, b.
    Binary(BinaryOp),
    /// Elementwise.
    Unary(Unary),
    /// `g * f'(x)`, elementwise; inputs g, and what `kernels::slope` reads of `f`: its result or `x`.
    /// Only backward passes have it.
    Slope(Unary),
    /// `d ln p(x | z) / d wrt`, of the shape of that parameter; inputs x, the mean, and the parameters of
    /// the family. Only backward passes have it.
    Score {
        /// The likelihood's family.
        family: Family,
        /// The mean, or one of its parameters.
        wrt: Parameter,
    },
    /// Convolution, one or two spatial axes; inputs x, w and optionally b.
    Conv {
        /// Per spatial axis.
        strides: Vec<usize>,
        /// Per spatial axis.
        dilations: Vec<usize>,
        /// Zeros in front, per spatial axis (those behind follow from the output's shape).
        pads: Vec<usize>,
        /// Groups.
        groups: usize,
    },
    /// Transposed convolution, one or two spatial axes; inputs x, w and optionally b.
    ConvTranspose {
        /// Per spatial axis.
        strides: Vec<usize>,
        /// Per spatial axis.
        dilations: Vec<usize>,
        /// Cut off in front, per spatial axis.
        pads: Vec<usize>,
        /// Groups.
        groups: usize,
    },
    /// Inference form; inputs x, scale, bias, mean, variance.
    BatchNormalization {
        /// Added to the variance.
        epsilon: f32,
    },
    /// Same values, other shape: `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`.
    Reshape,
    /// `y.shape[i] = x.shape[perm[i]]`
    Transpose {
        /// Source axis of each result axis.
        perm: Vec<usize>,
    },
    /// Repeats along axes of length 1 and along new axes in front, as ONNX broadcasts.
    Expand,
    /// Joins its inputs along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// `y[i] = x[start + i * step]` per axis; `Slice`, and one per result of `Split`.
    Slice {
        /// First index per axis.
        starts: Vec<usize>,
        /// Step per axis, not zero.
        steps: Vec<isize>,
    },
    /// `a` where the condition is not 0, else `b`; inputs condition, a, b, with ONNX broadcasting.
    Where,
    /// One number for all values along the axes; whether they stay, as length 1, the result's shape says.
    Reduce {
        /// Which number.
        reduction: Reduction,
        /// In ascending order, at least one.
        axes: Vec<usize>,
    },
    /// `(x - mean) / sqrt(variance + epsilon)` over the axes from `axis` on, without scale and shift.
    Normalize {
        /// First of the axes that are normalized together.
        axis: usize,
        /// Added to the variance.
        epsilon: f32,
        /// `x / sqrt(mean of squares + epsilon)` instead.
        rms: bool,
    },
    /// `exp(x) / sum(exp(x))` along an axis.
    Softmax {
        /// The axis.
        axis: usize,
        /// Its logarithm instead.
        log: bool,
    },
    /// Sums of all values up to each, along an axis.
    CumSum {
        /// The axis.
        axis: usize,
        /// Without the value itself.
        exclusive: bool,
        /// From the end.
        reverse: bool,
    },
    /// Index of the extreme value along an axis.
    ArgExtreme {
        /// The axis.
        axis: usize,
        /// The largest value, not the smallest.
        largest: bool,
        /// The last one of equal values, not the first.
        last: bool,
    },
    /// The largest value or the mean of a window, over one or two spatial axes at the end.
    Pool {
        /// Per spatial axis.
        kernel: Vec<usize>,
        /// Per spatial axis.
        strides: Vec<usize>,
        /// Per spatial axis.
        dilations: Vec<usize>,
        /// Left out in front, per spatial axis.
        pads: Vec<usize>,
        /// Left out behind, per spatial axis; what `ceil_mode` adds to it is no pad.
        pads_end: Vec<usize>,
        /// Which number.
        kind: Pooling,
    },
    /// The value repeated around the input, which starts at these indices.
    Pad {
        /// First index of the input, per axis.
        starts: Vec<usize>,
        /// The value around it.
        value: f32,
    },
    /// `y[.., i, ..] = x[.., indices[i], ..]` along an axis.
    Take {
        /// The axis.
        axis: usize,
        /// Source index of each result index.
        indices: Vec<usize>,
    },
    /// [`Take`](Self::Take) by indices that are computed; inputs x, indices. In the shape, their axes replace
    /// the axis. A negative index counts from the end; one outside takes the nearest value.
    TakeBy {
        /// The axis.
        axis: usize,
    },
    /// `y[.., i, ..] = x[.., indices[.., i, ..], ..]` along an axis, by computed indices of the result's
    /// shape, which is that of x but for the axis; inputs x, indices. A negative index counts from the end; one
    /// outside takes the nearest value.
    TakeAlong {
        /// The axis.
        axis: usize,
    },
    /// `y[.., i, ..] = sum_t weights[i * taps + t] * x[.., indices[i * taps + t], ..]` along an axis.
    Resample {
        /// The axis.
        axis: usize,
        /// Source values of each result value.
        taps: usize,
        /// Their indices.
        indices: Vec<usize>,
        /// Their factors.
        weights: Vec<f32>,
    },
    /// Rounds x to the nearest values of an integer format (QuantizeLinear, then DequantizeLinear).
    Round(Format),
    /// A recurrent layer in one direction. Inputs: x `[steps, rows, inputs]`, constant weights w
    /// `[gates * hidden, inputs]`, r `[gates * hidden, hidden]` and biases b `[2 * gates * hidden]` in
    /// ONNX's order of gates, initial state `[rows, hidden]`; for an LSTM also the initial cell
    /// `[rows, hidden]` and optionally constant peepholes `[3 * hidden]`.
    ///
    /// Nodes that differ only in `gives` become one kernel call.
    Recurrent {
        /// The recurrence.
        cell: Cell,
        /// From the last step to the first; the sequence keeps the order of the steps.
        reverse: bool,
        /// Which of its results.
        gives: RecurrentOutput,
    },
}

impl Op {
    /// Whether it is an operator that usually has weights: a matrix product, a convolution, batch
    /// normalization or a recurrent layer. Its operands are not looked at, so a product of two computed
    /// values counts as well.
    pub fn has_weights(&self) -> bool {
        matches!(
            self,
            Self::Gemm { .. }
                | Self::MatMul
                | Self::Conv { .. }
                | Self::ConvTranspose { .. }
                | Self::BatchNormalization { .. }
                | Self::Recurrent { .. }
        )
    }
}

/// Reduction of a pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The largest value.
    Max,
    /// The mean.
    Average(Mean),
}

/// Selects a result of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecurrentOutput {
    /// States after every step: `[steps, rows, hidden]`.
    Sequence,
    /// State after the last step: `[rows, hidden]`.
    Hidden,
    /// An LSTM's cell after the last step: `[rows, hidden]`.
    Cell,
}
