//! What the floats of a value stand for, and what operations make of it.

use super::problem::{Read, refuse};
use super::proto::{data_type, data_type_name};
use crate::ir::{Op, Pooling, unary};
use elbow_core::kernels::{BinaryOp, Reduction, Unary};
use std::fmt;

/// Type that the floats of a value represent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers of float32.
    #[default]
    Float,
    /// Whole numbers.
    Integer,
    /// 0 is false, 1 is true.
    Bool,
    /// Floats that the file casts to 64 bits, which changes none of them: they may be moved and compared, and
    /// cast back.
    Double,
    /// Integers of eight bits with a sign, which only a dequantizer reads.
    Signed8,
    /// The same without a sign.
    Unsigned8,
    /// Values of another floating-point type, which are moved and cast.
    Stored(i32),
    /// The same of float64, some of which float32 does not hold: they are rounded, and no integers or truth
    /// values follow from them.
    Rounded,
    /// What integers of this scale (its bits) and zero point stand for, which only a dequantizer reads.
    Quantized {
        /// Bits of the scale.
        scale: u32,
        /// Of the integers as they are held, with a sign.
        zero_point: i32,
        /// Whether the file has them with a sign too.
        signed: bool,
    },
}

impl Kind {
    /// Whether a declared element type is of this kind; false for types that [`of`](Self::of) does not take.
    pub fn is(self, data_type: i32) -> bool {
        Self::of(data_type) == Some(self)
    }

    /// Whether the floats are integers of eight bits, whose real values only a dequantizer gives.
    pub fn is_quantized(self) -> bool {
        matches!(self, Self::Signed8 | Self::Unsigned8 | Self::Quantized { .. })
    }

    /// Whether the floats hold values of another floating-point type, which have to be cast before any
    /// arithmetic.
    pub fn is_stored(self) -> bool {
        matches!(self, Self::Stored(_) | Self::Rounded)
    }

    /// The kind of float32, int64, int32 or bool; `None` for any other element type.
    pub fn of(data_type: i32) -> Option<Self> {
        match data_type {
            data_type::FLOAT => Some(Self::Float),
            data_type::INT64 | data_type::INT32 => Some(Self::Integer),
            data_type::BOOL => Some(Self::Bool),
            _ => None,
        }
    }

    /// The kind of values that ONNX takes as one type: theirs if all have one, else Float where one is Float,
    /// else Bool where one is Bool, else Integer; `check_kinds` refuses other mixtures beforehand. Known booleans are integers here, so these may stand beside computed booleans. Float where
    /// `kinds` is empty.
    fn joint(kinds: &[Self]) -> Self {
        match kinds {
            [] => Self::Float,
            [kind, rest @ ..] if rest.iter().all(|other| other == kind) => *kind,
            kinds if kinds.contains(&Self::Float) => Self::Float,
            kinds if kinds.contains(&Self::Bool) => Self::Bool,
            _ => Self::Integer,
        }
    }
}

/// As messages name the kind: `float32`, `integers`, `booleans`, `int8`, or the name of another element type.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stored(data_type) => return f.write_str(&data_type_name(*data_type)),
            Self::Float => "float32",
            Self::Integer => "integers",
            Self::Bool => "booleans",
            Self::Rounded => return f.write_str(&data_type_name(data_type::DOUBLE)),
            Self::Double => "float32 cast to float64",
            Self::Signed8 => "int8",
            Self::Unsigned8 => "uint8",
            Self::Quantized { .. } => "quantized integers",
        })
    }
}

impl Op {
    /// The kind of the operation's result, by the kinds of its operands. An error where it may not compute
    /// with these ([`check_kinds`](Self::check_kinds)), and where it would leave fractions of integers, which
    /// ONNX drops.
    pub(super) fn kind(&self, inputs: &[Kind]) -> Read<Kind> {
        self.check_kinds(inputs)?;
        let first = inputs.first().copied().unwrap_or_default();
        let joint = Kind::joint(inputs);
        Ok(match self {
            // The reader of the quantizer says so of integers that the file has without a sign.
            Self::Round(format) => Kind::Quantized {
                scale: format.scale.to_bits(),
                zero_point: format.zero_point,
                signed: true,
            },
            Self::Binary(op) if is_truth(*op) => Kind::Bool,
            Self::Binary(BinaryOp::Div) if joint != Kind::Float => return fractions("divides"),
            Self::Binary(BinaryOp::Pow) => Kind::Float,
            Self::Unary(Unary::Not) => Kind::Bool,
            Self::Unary(Unary::Shrink(bias, _)) if bias.fract() != 0.0 && first != Kind::Float => {
                return fractions("shifts");
            }
            Self::Unary(f) if unary::keeps_whole(*f) => first,
            Self::Reduce { reduction: Reduction::Mean, .. } if first != Kind::Float => {
                return fractions("averages");
            }
            Self::Resample { .. } if first != Kind::Float => return fractions("resamples"),
            Self::Where => Kind::joint(inputs.get(1..).unwrap_or_default()),
            Self::ArgExtreme { .. } => Kind::Integer,
            Self::Binary(_) | Self::Concat { .. } | Self::MatMul | Self::Gemm { .. } => joint,
            Self::Reshape
            | Self::Transpose { .. }
            | Self::Expand
            | Self::Slice { .. }
            | Self::Take { .. }
            | Self::TakeBy { .. }
            | Self::TakeAlong { .. }
            | Self::Pad { .. }
            | Self::CumSum { .. }
            | Self::Reduce { .. }
            | Self::Pool { kind: Pooling::Max, .. } => first,
            Self::Unary(_)
            | Self::Slope(_)
            | Self::Score { .. }
            | Self::Resample { .. }
            | Self::Conv { .. }
            | Self::ConvTranspose { .. }
            | Self::BatchNormalization { .. }
            | Self::Normalize { .. }
            | Self::Softmax { .. }
            | Self::Pool { .. }
            | Self::Recurrent { .. } => Kind::Float,
        })
    }

    /// An error where the operation computes with quantized integers, with values of another floating-point
    /// type that were not cast, or with float64; Reshape, Transpose, Expand, Slice and Take accept them all.
    /// Joining values of one kind, picking by computed indices and Relu are also allowed for uncast values;
    /// comparing, logic, `Abs` and `Neg` for float32 cast to float64.
    fn check_kinds(&self, inputs: &[Kind]) -> Read<()> {
        let first = inputs.first().copied().unwrap_or_default();
        let moves = matches!(
            self,
            Self::Reshape
                | Self::Transpose { .. }
                | Self::Expand
                | Self::Slice { .. }
                | Self::Take { .. }
        );
        if let Some(kind) = inputs.iter().find(|kind| kind.is_quantized() && !moves) {
            let advice = "let a DequantizeLinear stand in front of it";
            return refuse(format!("computes with {kind}"), advice);
        }
        let joins = matches!(self, Self::Concat { .. }) && inputs.iter().all(|kind| *kind == first);
        let picks =
            matches!(self, Self::TakeBy { .. } | Self::TakeAlong { .. } | Self::Unary(Unary::Relu));
        if let Some(kind) = inputs.iter().find(|kind| kind.is_stored())
            && !(moves || joins || picks)
        {
            return refuse(
                format!("computes in {kind}, expected float32"),
                "cast its operands to float32 in front of it: values of another type are taken, their \
                 arithmetic is not",
            );
        }
        let compares = matches!(self, Self::Binary(op) if is_truth(*op));
        let compares = compares || matches!(self, Self::Unary(Unary::Abs | Unary::Neg));
        if inputs.contains(&Kind::Double) && !moves && !compares {
            return refuse(
                "computes with float64, expected float32",
                float_cure(data_type::DOUBLE),
            );
        }
        Ok(())
    }
}

/// What to do about an element type that import does not take, as messages say it.
pub(super) fn float_cure(data_type: i32) -> &'static str {
    match data_type {
        data_type::DOUBLE => {
            "cast the model before exporting: `model.float()`, and write constants as float32"
        }
        data_type::FLOAT16 | data_type::BFLOAT16 => {
            "export in float32 (`model.float()`, no autocast); `elbow` chooses the device's precision itself"
        }
        // Those that quantizers use besides eight bits, and floats of eight and four.
        data_type::UINT16 | data_type::INT16 | 17.. => {
            "quantize to integers of eight bits (`activation_type` and `weight_type` of `quantize_static`: \
             `QuantType.QUInt8` or `QuantType.QInt8`), or give the float model: `elbow` quantizes it \
             (`--precision int8 --calibration X.npy`)"
        }
        _ => "let the model compute in float32; integers serve for shapes and axes only",
    }
}

/// The refusal of an operation on integers that would leave fractions; always an error.
#[cold]
fn fractions(verb: &str) -> Read<Kind> {
    refuse(format!("{verb} computed integers"), "cast them to float32 before, and back behind")
}

/// Whether the operation gives booleans: a comparison, And, Or or Xor.
fn is_truth(op: BinaryOp) -> bool {
    use BinaryOp::*;
    matches!(op, Greater | GreaterOrEqual | Less | LessOrEqual | Equal | And | Or | Xor)
}
