//! The imported graph: static shapes, batch 1, float values, every node understood.

use elbow_core::kernels::{BinaryOp, Unary};

/// A validated graph in topological order.
///
/// Import has already resolved what leaves no arithmetic: constants of shapes, `Identity`, `Dropout`,
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
    /// Values given by the caller.
    pub inputs: Vec<ValueId>,
    /// Values returned, with the names that the file gives them (two names may share a value, and a
    /// value may be an input or a constant as well).
    pub outputs: Vec<(String, ValueId)>,
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
    /// Number of values.
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
    /// What it computes.
    pub op: Op,
    /// Operands.
    pub inputs: Vec<ValueId>,
    /// Result.
    pub output: ValueId,
}

/// What a node computes; attributes are parsed and checked, negative axes resolved.
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
}
