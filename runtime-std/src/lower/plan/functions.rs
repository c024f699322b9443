//! The functions of `elbow_core` that steps call.

use super::{Integer, Kernel};
use elbow_core::kernels::integer::Form;

/// The function that each variant of `Kernel` calls, and the list of all these functions; a variant without a
/// function does not compile.
macro_rules! functions {
    ($($variant:pat => $function:literal),* $(,)?) => {
        /// Every function that a kernel calls.
        pub const FUNCTIONS: &[&str] = &[$($function),*];

        /// Path of the `elbow_core` function that the kernel calls, from its module on: `kernels::dense`.
        pub fn function(&self) -> &'static str {
            match self {
                $($variant => $function),*
            }
        }
    };
}

impl Kernel {
    functions! {
        Self::Dense { .. } => "kernels::dense",
        Self::DenseRows { .. } => "kernels::dense_rows",
        Self::DenseTransposed { .. } => "kernels::dense_transposed",
        Self::Conv { .. } => "kernels::conv",
        Self::ConvDepthwise { .. } => "kernels::conv_depthwise",
        Self::ConvTranspose { .. } => "kernels::conv_phases",
        Self::Affine { .. } => "kernels::affine",
        Self::Unary(_) => "kernels::unary",
        Self::Slope(_) => "kernels::slope",
        Self::Score { .. } => "distributions::score",
        Self::Binary(_) => "kernels::binary",
        Self::Strided(_) => "kernels::strided_copy",
        Self::Copy => "kernels::copy",
        Self::Fill(_) => "kernels::fill",
        Self::MatMul(_) => "kernels::matmul",
        Self::Select => "kernels::select",
        Self::Reduce(..) => "kernels::reduce",
        Self::Softmax(_) => "kernels::softmax",
        Self::LogSoftmax(_) => "kernels::log_softmax",
        Self::Normalize(..) => "kernels::normalize",
        Self::RmsNormalize(..) => "kernels::rms_normalize",
        Self::CumSum { .. } => "kernels::cumsum",
        Self::ArgExtreme { .. } => "kernels::arg_extreme",
        Self::MaxPool(_) => "kernels::max_pool",
        Self::AveragePool(..) => "kernels::average_pool",
        Self::Take(..) => "kernels::take",
        Self::TakeBy(_) => "kernels::take_by",
        Self::TakeAlong { .. } => "kernels::take_along",
        Self::Resample { .. } => "kernels::resample",
        Self::Recurrent(_) => "kernels::recurrent",
        Self::Integer(Integer::Quantize { .. }) => "integer::quantize",
        Self::Integer(Integer::PaddedCopy { .. }) => "integer::padded_copy",
        Self::Integer(Integer::Dequantize { .. }) => "integer::dequantize",
        Self::Integer(Integer::Linear { form: Form::Plain, .. }) => "integer::linear_plain",
        Self::Integer(Integer::Linear { form: Form::Paired, .. }) => "integer::linear_paired",
        Self::Integer(Integer::Linear { form: Form::Wide, .. }) => "integer::linear_wide",
        Self::Integer(Integer::Linear { form: Form::Helium, .. }) => "integer::linear_helium",
        Self::Integer(Integer::Depthwise { .. }) => "integer::depthwise",
        Self::Integer(Integer::MaxPool(..)) => "integer::max_pool",
        Self::Integer(Integer::AveragePool { .. }) => "integer::average_pool",
        Self::Integer(Integer::Lookup(_)) => "integer::lookup",
        Self::Integer(Integer::Piecewise { .. }) => "integer::piecewise",
        Self::Integer(Integer::Add(..)) => "integer::add",
    }
}
