//! Functions of one value, applied in place.

use crate::math;

/// A function of one value. NaN stays NaN; infinities map to their limits.
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
}

/// Applies `f` to every value of `y`, in place.
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
    }
}

#[inline(never)]
fn map(y: &mut [f32], f: impl Fn(f32) -> f32) {
    y.iter_mut().for_each(|y| *y = f(*y));
}
