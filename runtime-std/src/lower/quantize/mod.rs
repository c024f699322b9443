//! The numerics of an integer model: floats in, integers and proofs out, no graph in sight.
//!
//! | Step | From -> to | Item |
//! |---|---|---|
//! | 1 | calibration values -> what an integer stands for | [`Range`], [`Format`](crate::ir::Format) |
//! | 2 | patches of integer inputs -> their means and products | [`Moments`] |
//! | 3 | weights, moments -> integer weights | [`resolve()`], [`gptq`], [`nearest`] |
//! | 4 | integer sums, float outputs -> a better scale and bias | [`refit()`] |
//! | 5 | real scale and bias -> what the kernel adds and multiplies | [`fold_bias`], [`Multipliers`] |
//! | 6 | weights, input range -> no overflow, or an error | [`SumBounds`], [`largest_input`] |
//! | 7 | a function -> its table, or polynomials | [`table()`], [`PiecewiseFit`] |
//!
//! # What is rounded, and how
//!
//! - **Values** are `scale * (q - zero_point)` (Jacob et al. 2018, <https://arxiv.org/abs/1712.05877>).
//!   A float becomes `clamp(round(x / scale) + zero_point)`, ties to even, the quotient in f32: ONNX's
//!   QuantizeLinear, and the device's own kernel.
//! - **8-bit activations** have a zero point and take all of their calibrated range, the real 0
//!   included: clipping what is rare costs more than the finer step gives, where a posterior is stiff.
//!   So no percentile and no search for a smaller range (against Nagel et al. 2021, section 3.1,
//!   <https://arxiv.org/abs/2106.08295>, who look at classifiers).
//! - **Wide activations** are symmetric in i16. Their step comes from the calibrated range at
//!   [`WIDE_BITS`], their clamp from i16: eight times the calibrated range fits, so that rare large
//!   readings are not cut off.
//! - **Weights** are symmetric, -127 to 127, with a scale per output: the largest magnitude over 127, an
//!   f32. Each is rounded to nearest, ties to even, after the errors of those before it were moved on to
//!   it (GPTQ, Frantar et al. 2023, <https://arxiv.org/abs/2210.17323>).
//! - **Biases** are rounded to nearest, ties to even, in units of the sum, and then lose
//!   `zero_point * sum of weights` exactly, in i64.
//! - **Sums** become outputs by the kernels' rule, whose multipliers are rounded here to nearest, ties
//!   to even.
//!
//! Nothing here depends on the host: f64 and f32 additions, products, quotients, square roots and
//! roundings in one order, which IEEE 754 defines, and integers. Products of calibration values are
//! whole numbers below 2^53, so that even their order does not matter. Functions in tables are the
//! caller's, normally the kernels' own.

mod format;
mod moments;
mod piecewise;
mod refit;
mod requantize;
mod resolve;
mod table;
mod weights;

pub use format::{Range, WIDE_BITS};
pub use moments::{Moments, sample, sample_size};
pub use piecewise::{LARGEST_ERROR, PiecewiseFit};
pub use refit::{Adjust, Refit, ScaleBias, refit};
pub use requantize::{Multipliers, SumBounds, fold_bias, largest_input};
pub use resolve::resolve;
pub use table::table;
pub use weights::{IntegerWeights, gptq, nearest};

/// Why numbers have no integer form; the caller names the layer, and runs it in f32 or refuses it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QuantizeError {
    /// A calibrated range has no end, or none at all.
    Range,
    /// A bias or a scale that is not a number, or beyond i32 in units of the sum.
    Bias {
        /// Output channel.
        row: usize,
    },
    /// Some input makes the sum of this output leave i32.
    Overflow {
        /// Output channel.
        row: usize,
        /// Largest magnitude that its sum can reach, shifted.
        reach: i64,
    },
    /// A multiplier is not positive, or needs a larger pre-shift than an i32 has room for.
    Multiplier {
        /// Output channel.
        row: usize,
    },
    /// No polynomial of the allowed number of pieces comes near enough to the function.
    Rough,
}

/// What does not fit, without the name of the layer.
impl std::fmt::Display for QuantizeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Range => write!(f, "the calibrated range is not finite"),
            Self::Bias { row } => {
                write!(f, "the bias of output {row} does not fit its integer sum")
            }
            Self::Overflow { row, reach } => {
                write!(f, "the integer sum of output {row} can reach {reach}, beyond 32 bits")
            }
            Self::Multiplier { row } => {
                write!(f, "the scales of output {row} leave the range of an integer multiplier")
            }
            Self::Rough => write!(f, "too steep for a table of quadratic pieces"),
        }
    }
}

impl std::error::Error for QuantizeError {}
