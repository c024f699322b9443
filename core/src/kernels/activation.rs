//! Functions of one value, applied in place.

use crate::listed::listed;
use crate::math;

/// A function of one value. NaN stays NaN, but for `Not`, which makes it 0; infinities map to their limits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unary {
    /// `max(x, 0)`; NaN stays NaN.
    Relu,
    /// `x` for `x >= 0`, else `alpha * x`.
    LeakyRelu(f32),
    /// `x` for `x >= 0`, else `alpha * (exp(x) - 1)`.
    Elu(f32),
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `x / 2 * (1 + erf(x / sqrt(2)))`.
    Gelu,
    /// GELU with its tanh approximation.
    GeluTanh,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `e^x`.
    Exp,
    /// Error function.
    Erf,
    /// `min(max(x, low), high)`; NaN stays NaN.
    Clip(f32, f32),
    /// `-x`
    Neg,
    /// `|x|`
    Abs,
    /// -1, 0 or 1; NaN stays NaN.
    Sign,
    /// Square root; NaN below 0.
    Sqrt,
    /// `x * x`
    Square,
    /// `1 / x`
    Reciprocal,
    /// Natural logarithm; minus infinity at 0, NaN below.
    Log,
    /// Largest whole number not above `x`.
    Floor,
    /// Smallest whole number not below `x`.
    Ceil,
    /// Nearest whole number, halves to even.
    Round,
    /// Whole part of `x`, towards 0.
    Trunc,
    /// Nearest float16, halves to even; an infinity beyond its range.
    Half,
    /// Sine of an angle in radians; NaN at the infinities.
    Sin,
    /// Cosine of an angle in radians; NaN at the infinities.
    Cos,
    /// Tangent of an angle in radians; NaN at the infinities.
    Tan,
    /// Arc sine in radians; NaN outside `[-1, 1]`.
    Asin,
    /// Arc cosine in radians; NaN outside `[-1, 1]`.
    Acos,
    /// Arc tangent in radians.
    Atan,
    /// Hyperbolic sine.
    Sinh,
    /// Hyperbolic cosine.
    Cosh,
    /// Inverse hyperbolic sine.
    Asinh,
    /// Inverse hyperbolic cosine; NaN below 1.
    Acosh,
    /// Inverse hyperbolic tangent; infinite at -1 and 1, NaN outside.
    Atanh,
    /// 1 where `x` is 0, else 0.
    Not,
    /// `min(max(alpha * x + beta, 0), 1)`
    HardSigmoid(f32, f32),
    /// `x * min(max(x / 6 + 1 / 2, 0), 1)`
    HardSwish,
    /// `gamma * x` for `x > 0`, else `gamma * alpha * (exp(x) - 1)`; parameters alpha, gamma.
    Selu(f32, f32),
    /// `x` for `x > 0`, else `alpha * (exp(x / alpha) - 1)`.
    Celu(f32),
    /// `x` for `x > alpha`, else 0.
    ThresholdedRelu(f32),
    /// `x + bias` for `x < -lambd`, `x - bias` for `x > lambd`, else 0; parameters bias, lambd.
    Shrink(f32, f32),
    /// `x / (1 + |x|)`
    Softsign,
    /// `x * tanh(softplus(x))`
    Mish,
}

impl Unary {
    /// Every function, those with parameters for some values of them.
    pub const ALL: &[Self] = listed! { Unary:
        Relu => [Relu],
        LeakyRelu(..) => [LeakyRelu(0.125), LeakyRelu(-0.3), LeakyRelu(0.0)],
        Elu(..) => [Elu(0.75), Elu(-0.7)],
        Tanh => [Tanh],
        Sigmoid => [Sigmoid],
        Silu => [Silu],
        Gelu => [Gelu],
        GeluTanh => [GeluTanh],
        Softplus => [Softplus],
        Exp => [Exp],
        Erf => [Erf],
        Clip(..) => [Clip(-0.6, 1.3), Clip(1.5, -0.5)],
        Neg => [Neg],
        Abs => [Abs],
        Sign => [Sign],
        Sqrt => [Sqrt],
        Square => [Square],
        Reciprocal => [Reciprocal],
        Log => [Log],
        Floor => [Floor],
        Ceil => [Ceil],
        Round => [Round],
        Trunc => [Trunc],
        Half => [Half],
        Sin => [Sin],
        Cos => [Cos],
        Tan => [Tan],
        Asin => [Asin],
        Acos => [Acos],
        Atan => [Atan],
        Sinh => [Sinh],
        Cosh => [Cosh],
        Asinh => [Asinh],
        Acosh => [Acosh],
        Atanh => [Atanh],
        Not => [Not],
        HardSigmoid(..) => [HardSigmoid(0.2, 0.5)],
        HardSwish => [HardSwish],
        Selu(..) => [Selu(1.67, 1.05), Selu(-1.67, 1.05)],
        Celu(..) => [Celu(1.3)],
        ThresholdedRelu(..) => [ThresholdedRelu(0.4)],
        Shrink(..) => [Shrink(0.0, 0.5), Shrink(1.5, 0.8), Shrink(-0.3, -0.2)],
        Softsign => [Softsign],
        Mish => [Mish],
    };
}

/// Applies `f` to every value of `y`, in place; NaN and infinities as [`Unary`] says.
///
/// Inlined, so that an image holds only the functions that its model uses.
#[inline(always)]
pub fn unary(y: &mut [f32], f: Unary) {
    match f {
        Unary::Relu => map(y, |x| if x < 0.0 { 0.0 } else { x }),
        Unary::LeakyRelu(alpha) => map(y, |x| if x < 0.0 { alpha * x } else { x }),
        Unary::Elu(alpha) => map(y, |x| if x < 0.0 { alpha * math::expm1(x) } else { x }),
        Unary::Tanh => map(y, math::tanh),
        Unary::Sigmoid => map(y, math::sigmoid),
        Unary::Silu => map(y, math::silu),
        Unary::Gelu => map(y, math::gelu),
        Unary::GeluTanh => map(y, math::gelu_tanh),
        Unary::Softplus => map(y, math::softplus),
        Unary::Exp => map(y, math::exp),
        Unary::Erf => map(y, math::erf),
        Unary::Clip(low, high) => map(y, |x| math::clamp(x, low, high)),
        Unary::Neg => map(y, |x| -x),
        Unary::Abs => map(y, f32::abs),
        Unary::Sign => map(y, math::sign),
        Unary::Sqrt => map(y, math::sqrt),
        Unary::Square => map(y, |x| x * x),
        Unary::Reciprocal => map(y, |x| 1.0 / x),
        Unary::Log => map(y, math::ln),
        Unary::Floor => map(y, math::floor),
        Unary::Ceil => map(y, math::ceil),
        Unary::Round => map(y, math::round),
        Unary::Trunc => map(y, math::trunc),
        Unary::Half => map(y, math::half),
        Unary::Sin => map(y, math::sin),
        Unary::Cos => map(y, math::cos),
        Unary::Tan => map(y, math::tan),
        Unary::Asin => map(y, math::asin),
        Unary::Acos => map(y, math::acos),
        Unary::Atan => map(y, math::atan),
        Unary::Sinh => map(y, math::sinh),
        Unary::Cosh => map(y, math::cosh),
        Unary::Asinh => map(y, math::asinh),
        Unary::Acosh => map(y, math::acosh),
        Unary::Atanh => map(y, math::atanh),
        Unary::Not => map(y, |x| if x == 0.0 { 1.0 } else { 0.0 }),
        Unary::HardSigmoid(alpha, beta) => map(y, |x| math::clamp(alpha * x + beta, 0.0, 1.0)),
        Unary::HardSwish => map(y, math::hard_swish),
        Unary::Selu(alpha, gamma) => map(y, |x| math::selu(x, alpha, gamma)),
        Unary::Celu(alpha) => map(y, |x| math::celu(x, alpha)),
        Unary::ThresholdedRelu(alpha) => map(y, |x| if x <= alpha { 0.0 } else { x }),
        Unary::Shrink(bias, lambd) => map(y, |x| {
            if x < -lambd {
                x + bias
            } else if x <= lambd {
                0.0
            } else {
                x - bias
            }
        }),
        Unary::Softsign => map(y, math::softsign),
        Unary::Mish => map(y, math::mish),
    }
}

/// `y[i] = f(y[i])` for every value, in place.
#[inline(never)]
fn map(y: &mut [f32], f: impl Fn(f32) -> f32) {
    y.iter_mut().for_each(|y| *y = f(*y));
}
