//! The plan: kernels in order, with every buffer placed.

mod functions;
mod integer;

pub use integer::{Element, InFloats, Integer};

use crate::ir::Format;
use elbow_core::distributions::{Family, Parameter};
use elbow_core::kernels::{
    Along, Binary, Cell, ConvShape, ConvTransposeShape, MatMul, Mean, PoolShape, RecurrentShape,
    Reduction, Strided, Unary,
};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

/// Kernel calls in order, with the place of all their data. Sizes and offsets count floats.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the graph.
    pub name: String,
    /// Buffers that the caller fills.
    pub inputs: Vec<Port>,
    /// Buffers that the caller receives.
    pub outputs: Vec<Port>,
    /// Kernels in order.
    pub steps: Vec<Step>,
    /// Weights in the layout of their kernels; for integer kernels the words contain the bits of integers.
    pub weights: Vec<f32>,
    /// Nodes that were selected for integer arithmetic but compute with floats.
    pub floats: Vec<InFloats>,
    /// Length of the arena.
    pub arena: usize,
    /// Largest total of inputs and outputs of one step in the arena: a lower bound of `arena`.
    pub arena_lower_bound: usize,
}

/// An input or output of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// ONNX name.
    pub name: String,
    /// Shape with the batch axis as the file has it.
    pub shape: Vec<usize>,
}

impl Port {
    /// Number of values: 1 for a shape without axes.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the port holds no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One kernel call.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Name of the node that it comes from.
    pub name: String,
    /// Operator of that node.
    pub op: String,
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// Multiply-accumulates.
    pub macs: usize,
    /// The call.
    pub kernel: Kernel,
    /// Buffers that it reads, besides those that it changes in place.
    pub sources: Vec<Buffer>,
    /// Buffers that it writes; scratch memory comes last.
    pub outputs: Vec<Buffer>,
    /// Values of the ONNX file that are complete after this step.
    pub completes: Vec<CompletedValue>,
}

/// A value of the ONNX file that a step completes, and the output with it.
#[derive(Clone, Debug, PartialEq)]
pub struct CompletedValue {
    /// Index into [`Step::outputs`].
    pub output: usize,
    /// Name in the file.
    pub value: String,
    /// Integer encoding of the value; `None`: f32 in the order of the ONNX file.
    pub encoding: Option<Encoding>,
}

/// Integer encoding of a value in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding {
    /// Real value of each integer.
    pub format: Format,
    /// Order of the integers in memory.
    pub order: Order,
    /// Type of the integers.
    pub element: Element,
}

/// Order of values in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// This many in the file's order.
    AsIs(usize),
    /// A feature map of the file's order `[channels][positions]` as `[positions][channels]`.
    ChannelsLast {
        /// Values of a position.
        channels: usize,
        /// Positions.
        positions: usize,
    },
}

impl Order {
    /// Number of values.
    pub fn len(&self) -> usize {
        match *self {
            Self::AsIs(len) => len,
            Self::ChannelsLast { channels, positions } => channels * positions,
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Position in memory of the value whose index in the file's row-major order is `index`, which is below
    /// the number of values.
    pub fn place(&self, index: usize) -> usize {
        match *self {
            Self::AsIs(_) => index,
            Self::ChannelsLast { channels, positions } => {
                index % positions * channels + index / positions
            }
        }
    }
}

/// The bytes as the bits of words, four in each, little-endian; the last word is filled up with zeros.
pub(super) fn words_of_bytes(bytes: &[i8]) -> Vec<f32> {
    let word = |bytes: &[i8]| {
        let mut word = [0; size_of::<f32>()];
        word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from as u8);
        f32::from_le_bytes(word)
    };
    bytes.chunks(size_of::<f32>()).map(word).collect()
}

/// Where a tensor lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Buffer {
    /// The caller's input of this index.
    Input(usize),
    /// The caller's output of this index.
    Output(usize),
    /// A range of the arena.
    Arena(Range<usize>),
    /// A range of the weights; only ever read.
    Weights(Range<usize>),
}

/// A call of `elbow_core::kernels`, with its weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Kernel {
    /// `kernels::dense(source, weights, bias, target)`
    Dense {
        /// Panels.
        weights: Range<usize>,
        /// One per output.
        bias: Range<usize>,
    },
    /// `kernels::dense_rows(source, weights, bias, target, rows)`
    DenseRows {
        /// Rows that share the weights.
        rows: usize,
        /// Panels.
        weights: Range<usize>,
        /// One per output.
        bias: Range<usize>,
    },
    /// `kernels::dense_transposed(source, weights, target, rows)`
    DenseTransposed {
        /// Rows that share the weights.
        rows: usize,
        /// Panels of a dense layer.
        weights: Range<usize>,
    },
    /// `kernels::conv(source, weights, bias, target, shape)`
    Conv {
        /// Shapes.
        shape: ConvShape,
        /// Panels, group by group.
        weights: Range<usize>,
        /// One per filter.
        bias: Range<usize>,
    },
    /// `kernels::conv_depthwise(source, weights, bias, target, shape)`
    ConvDepthwise {
        /// Shapes, of one filter for each channel.
        shape: ConvShape,
        /// Filter by filter.
        weights: Range<usize>,
        /// One per filter.
        bias: Range<usize>,
    },
    /// `kernels::conv_phases(source, weights, bias, target, phases)`, or `conv_transpose` by the shape
    ConvTranspose {
        /// Shapes.
        shape: ConvTransposeShape,
        /// Panels, phase by phase.
        weights: Range<usize>,
        /// One per filter.
        bias: Range<usize>,
    },
    /// `kernels::affine(target, scale, shift)`, in place.
    Affine {
        /// One per channel.
        scale: Range<usize>,
        /// One per channel.
        shift: Range<usize>,
    },
    /// `kernels::unary(target, f)`, in place.
    Unary(Unary),
    /// `kernels::slope(target, source, f)`, in place.
    Slope(Unary),
    /// `distributions::Likelihood::score(x, mean, wrt, target)`, under the parameters; sources are x, the
    /// mean and the parameters of the family.
    Score {
        /// The likelihood's family.
        family: Family,
        /// Parameter by which the derivative is taken.
        wrt: Parameter,
    },
    /// `kernels::binary(target, source, shape)`, in place; the operand is the source.
    Binary(Binary),
    /// `kernels::strided_copy(source, target, shape)`
    Strided(Strided),
    /// `kernels::copy(source, target)`
    Copy,
    /// `kernels::fill(target, value)`
    Fill(f32),
    /// `kernels::matmul(a, b, target, shape)`
    MatMul(MatMul),
    /// `kernels::select(target, condition, other)`, in place.
    Select,
    /// `kernels::reduce(source, target, reduction, along)`
    Reduce(Reduction, Along),
    /// `kernels::softmax(target, along)`, in place.
    Softmax(Along),
    /// `kernels::log_softmax(target, along)`, in place.
    LogSoftmax(Along),
    /// `kernels::normalize(target, epsilon, along)`, in place.
    Normalize(f32, Along),
    /// `kernels::rms_normalize(target, epsilon, along)`, in place.
    RmsNormalize(f32, Along),
    /// `kernels::cumsum(target, exclusive, reverse, along)`, in place.
    CumSum {
        /// Without the value itself.
        exclusive: bool,
        /// From the end.
        reverse: bool,
        /// Shape.
        along: Along,
    },
    /// `kernels::arg_extreme(source, target, largest, last, along)`
    ArgExtreme {
        /// The largest value, not the smallest.
        largest: bool,
        /// The last one of equal values, not the first.
        last: bool,
        /// Shape.
        along: Along,
    },
    /// `kernels::max_pool(source, target, shape)`
    MaxPool(PoolShape),
    /// `kernels::average_pool(source, target, mean, shape)`
    AveragePool(Mean, PoolShape),
    /// `kernels::take(source, indices, target, along)`
    Take(Vec<u32>, Along),
    /// `kernels::take_by(source, indices, target, along)`; the second source holds the indices.
    TakeBy(Along),
    /// `kernels::take_along(source, indices, target, outputs, along)`; the second source holds the indices.
    TakeAlong {
        /// Length of the axis in the result.
        outputs: usize,
        /// Shape of the source.
        along: Along,
    },
    /// `kernels::resample(source, indices, weights, target, outputs, along)`
    Resample {
        /// Source index of every tap.
        indices: Vec<u32>,
        /// Its factor.
        weights: Range<usize>,
        /// Length of the axis in the result.
        outputs: usize,
        /// Shape of the source.
        along: Along,
    },
    /// `kernels::recurrent(source, weights, cell, memory, shape)`; the outputs are `h`, for an LSTM `c`,
    /// the sequence `y` where it is wanted, and scratch.
    Recurrent(Recurrent),
    /// A kernel of `kernels::integer`.
    Integer(Integer),
}

/// A recurrent layer in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrent {
    /// The recurrence.
    pub cell: Cell,
    /// Shapes.
    pub shape: RecurrentShape,
    /// Panels of the input's matrices.
    pub w: Range<usize>,
    /// Panels of the state's matrices.
    pub r: Range<usize>,
    /// Biases of the input's matrices.
    pub bias_w: Range<usize>,
    /// Biases of the state's matrices.
    pub bias_r: Range<usize>,
    /// Peepholes; empty where there are none.
    pub peepholes: Range<usize>,
    /// Whether the sequence is wanted.
    pub sequence: bool,
}

impl Plan {
    /// Multiply-accumulates of one run.
    pub fn macs(&self) -> usize {
        self.steps.iter().map(|step| step.macs).sum()
    }
}

impl Kernel {
    /// Multiply-accumulates of a call whose result has this shape and whose first source has `source` values;
    /// 0 for kernels that multiply by no weights or matrix.
    pub(super) fn macs(&self, shape: &[usize], source: usize) -> usize {
        let len: usize = shape.iter().product();
        match self {
            Self::Dense { .. } => len * source,
            Self::DenseRows { rows, .. } | Self::DenseTransposed { rows, .. } => {
                len * source / (*rows).max(1)
            }
            Self::Conv { shape, .. } | Self::ConvDepthwise { shape, .. } => shape.macs(),
            Self::ConvTranspose { shape, .. } => shape.macs(),
            Self::Affine { .. } => len,
            Self::MatMul(s) => s.batch * s.rows * s.inner * s.columns,
            Self::Resample { indices, along, .. } => indices.len() * along.outer * along.inner,
            Self::Recurrent(Recurrent { cell, shape, .. }) => {
                let RecurrentShape { steps, rows, inputs, hidden, .. } = shape;
                steps * rows * cell.gates() * hidden * (inputs + hidden)
            }
            Self::Integer(Integer::Linear { macs, .. }) => *macs,
            Self::Integer(Integer::Depthwise { shape, .. }) => shape.macs(),
            _ => 0,
        }
    }
}

impl Step {
    /// Floats of the arena that the step reads or writes; a buffer that occurs twice counts once.
    pub(super) fn arena_len(&self) -> usize {
        let buffers: HashSet<_> = self.sources.iter().chain(&self.outputs).collect();
        buffers.into_iter().map(Buffer::arena_len).sum()
    }
}

impl Buffer {
    /// Length of the buffer if it lies in the arena, otherwise 0.
    pub(super) fn arena_len(&self) -> usize {
        match self {
            Self::Arena(range) => range.len(),
            Self::Input(_) | Self::Output(_) | Self::Weights(_) => 0,
        }
    }
}

/// Text of the plan without the weights' values; the fingerprint of generated code is made of it.
impl Plan {
    /// Text of everything that generated code depends on: shapes of inputs and outputs, kernels with their
    /// buffers, and the lengths of arena and weights; without names and without the values of weights.
    pub fn structure(&self) -> String {
        let mut text = String::new();
        for ports in [&self.inputs, &self.outputs] {
            text += &ports.iter().map(|port| format!("{:?} ", port.shape)).collect::<String>();
            text += "\n";
        }
        for step in &self.steps {
            text += &format!("{}\n", step.call());
        }
        text + &format!("arena {}, weights {}\n", self.arena, self.weights.len())
    }
}

/// A line with the name, one for each input, step and output, and one with the sizes; without the values of
/// weights.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {}", self.name)?;
        for (index, port) in self.inputs.iter().enumerate() {
            writeln!(f, "  {}: {} {:?}", Buffer::Input(index), port.name, port.shape)?;
        }
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        for (index, port) in self.outputs.iter().enumerate() {
            writeln!(f, "  {}: {} {:?}", Buffer::Output(index), port.name, port.shape)?;
        }
        let (arena, bound, weights) = (self.arena, self.arena_lower_bound, self.weights.len());
        writeln!(f, "  arena {arena} (at least {bound}), weights {weights}, macs {}", self.macs())
    }
}

/// The call, then `# NAME (OPERATOR) SHAPE`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  # {} ({}) {:?}", self.call(), self.name, self.op, self.shape)
    }
}

impl Step {
    /// Text `outputs = kernel of sources`; without ` of` where the step has no sources.
    fn call(&self) -> String {
        let list = |buffers: &[Buffer]| {
            buffers.iter().map(Buffer::to_string).collect::<Vec<_>>().join(", ")
        };
        let call = format!("{} = {}", list(&self.outputs), self.kernel);
        if self.sources.is_empty() { call } else { format!("{call} of {}", list(&self.sources)) }
    }
}

/// `input 0`, `output 0`, `arena[0..4]` or `weights[0..4]`.
impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(index) => write!(f, "input {index}"),
            Self::Output(index) => write!(f, "output {index}"),
            Self::Arena(range) => write!(f, "arena[{range:?}]"),
            Self::Weights(range) => write!(f, "weights[{range:?}]"),
        }
    }
}

/// The kernel with all that its call is made of but the buffers.
impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense { weights, bias } => {
                write!(f, "dense rows 1 weights[{weights:?}] bias[{bias:?}]")
            }
            Self::DenseRows { rows, weights, bias } => {
                write!(f, "dense rows {rows} weights[{weights:?}] bias[{bias:?}]")
            }
            Self::DenseTransposed { rows, weights } => {
                write!(f, "dense_transposed rows {rows} weights[{weights:?}]")
            }
            Self::Conv { shape, weights, bias } | Self::ConvDepthwise { shape, weights, bias } => {
                write!(f, "{shape:?} weights[{weights:?}] bias[{bias:?}]")
            }
            Self::ConvTranspose { shape, weights, bias } => {
                write!(f, "{shape:?} weights[{weights:?}] bias[{bias:?}]")
            }
            Self::Affine { scale, shift } => write!(f, "affine scale[{scale:?}] shift[{shift:?}]"),
            Self::Unary(unary) => write!(f, "{unary:?}"),
            Self::Slope(unary) => write!(f, "slope of {unary:?}"),
            Self::Binary(binary) => write!(f, "{binary:?}"),
            Self::Score { family, wrt } => write!(f, "score of {wrt:?}, {family:?}"),
            Self::Strided(strided) => write!(f, "{strided:?}"),
            Self::Copy => f.write_str("copy"),
            Self::Recurrent(layer) => write!(f, "{layer:?}"),
            other => write!(f, "{other:?}"),
        }
    }
}
