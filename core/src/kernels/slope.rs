//! Derivatives of the activations in [`Unary`], for the backward pass.

use super::Unary;
use crate::math;
use core::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// `1 / sqrt(2 pi)`
const DENSITY_AT_0: f32 = 0.398_942_3;

impl Unary {
    /// Whether [`slope`] takes the function's result `f(x)` as its `v`; where false, it takes the argument
    /// `x`.
    ///
    /// Results are preferred: an activation in place overwrites its argument, which then need not be
    /// kept for the backward pass.
    pub const fn slope_reads_result(self) -> bool {
        match self {
            Self::Relu
            | Self::Tan
            | Self::Tanh
            | Self::Sigmoid
            | Self::Softplus
            | Self::Exp
            | Self::Clip(..)
            | Self::Sqrt
            | Self::Reciprocal
            | Self::HardSigmoid(..)
            | Self::Celu(_)
            | Self::ThresholdedRelu(_)
            | Self::Softsign => true,
            Self::LeakyRelu(alpha) | Self::Elu(alpha) => alpha > 0.0,
            Self::Selu(alpha, gamma) => alpha > 0.0 && gamma > 0.0,
            Self::Silu
            | Self::Gelu
            | Self::GeluTanh
            | Self::Erf
            | Self::Neg
            | Self::Abs
            | Self::Sign
            | Self::Square
            | Self::Log
            | Self::Floor
            | Self::Ceil
            | Self::Round
            | Self::Trunc
            | Self::Half
            | Self::Sin
            | Self::Cos
            | Self::Asin
            | Self::Acos
            | Self::Atan
            | Self::Sinh
            | Self::Cosh
            | Self::Asinh
            | Self::Acosh
            | Self::Atanh
            | Self::Not
            | Self::HardSwish
            | Self::Shrink(..)
            | Self::Mish => false,
        }
    }

    /// Whether the function is piecewise constant (sign, roundings to whole numbers, logical not): its slope
    /// is 0, and no gradient passes. A rounding to float16 does not count.
    pub const fn is_stepped(self) -> bool {
        matches!(
            self,
            Self::Sign | Self::Floor | Self::Ceil | Self::Round | Self::Trunc | Self::Not
        )
    }
}

/// `g *= f'(x)` for every value, in place, where `v` holds `f(x)` if
/// [`f.slope_reads_result()`](Unary::slope_reads_result), else `x`.
///
/// At a kink it is the slope of one side or 0; functions that only round have slope 0, but a rounding to
/// float16 has that of what it rounds. Where a branch of `f` is constant the result is 0 whatever `g` is.
/// Slopes of activations that are constant or linear in the limit have those limits at the infinities. NaN in
/// `v` gives NaN where the formula reads it; where it only chooses a branch, `g` or 0.
///
/// Absolute error of the slope at most 1e-6 of `max(1, |slope|)`.
///
/// Inlined, so that an image holds only the functions that its model uses.
#[inline(always)]
pub fn slope(g: &mut [f32], v: &[f32], f: Unary) {
    match f {
        Unary::Relu | Unary::ThresholdedRelu(_) => {
            each(g, v, |g, y| if y == 0.0 { 0.0 } else { g })
        }
        Unary::LeakyRelu(alpha) => each(g, v, |g, v| if v < 0.0 { alpha * g } else { g }),
        Unary::Elu(alpha) if alpha > 0.0 => {
            each(g, v, |g, y| if y < 0.0 { (y + alpha) * g } else { g });
        }
        Unary::Elu(alpha) => {
            each(g, v, |g, x| if x < 0.0 { alpha * math::exp(x) * g } else { g });
        }
        Unary::Tanh => each(g, v, |g, y| (1.0 - y) * (1.0 + y) * g),
        Unary::Sigmoid => each(g, v, |g, y| y * (1.0 - y) * g),
        Unary::Silu => each(g, v, |g, x| silu(limited(x)) * g),
        Unary::Gelu => each(g, v, |g, x| gelu(limited(x)) * g),
        Unary::GeluTanh => each(g, v, |g, x| gelu_tanh(limited(x)) * g),
        Unary::Softplus => each(g, v, |g, y| -math::expm1(-y) * g),
        Unary::Exp => each(g, v, |g, y| y * g),
        Unary::Erf => each(g, v, |g, x| FRAC_2_SQRT_PI * math::exp(-(x * x)) * g),
        Unary::Clip(low, high) => each(g, v, |g, y| if low < y && y < high { g } else { 0.0 }),
        Unary::Neg => each(g, v, |g, _| -g),
        Unary::Half => {}
        Unary::Abs => each(g, v, |g, x| math::sign(x) * g),
        Unary::Sqrt => each(g, v, |g, y| 0.5 / y * g),
        Unary::Square => each(g, v, |g, x| 2.0 * x * g),
        Unary::Reciprocal => each(g, v, |g, y| -(y * y) * g),
        Unary::Log => each(g, v, |g, x| g / x),
        Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::Trunc | Unary::Not => {
            each(g, v, |_, _| 0.0)
        }
        Unary::Sin => each(g, v, |g, x| math::cos(x) * g),
        Unary::Cos => each(g, v, |g, x| -math::sin(x) * g),
        Unary::Tan => each(g, v, |g, y| (1.0 + y * y) * g),
        Unary::Asin => each(g, v, |g, x| g / math::sqrt((1.0 - x) * (1.0 + x))),
        Unary::Acos => each(g, v, |g, x| -g / math::sqrt((1.0 - x) * (1.0 + x))),
        Unary::Atan => each(g, v, |g, x| g / (1.0 + x * x)),
        Unary::Sinh => each(g, v, |g, x| math::cosh(x) * g),
        Unary::Cosh => each(g, v, |g, x| math::sinh(x) * g),
        Unary::Asinh => each(g, v, |g, x| g / math::sqrt(1.0 + x * x)),
        Unary::Acosh => each(g, v, |g, x| g / math::sqrt((x - 1.0) * (x + 1.0))),
        Unary::Atanh => each(g, v, |g, x| g / ((1.0 - x) * (1.0 + x))),
        Unary::HardSigmoid(alpha, _) => {
            each(g, v, |g, y| if 0.0 < y && y < 1.0 { alpha * g } else { 0.0 });
        }
        Unary::HardSwish => each(g, v, hard_swish),
        Unary::Selu(alpha, gamma) if alpha > 0.0 && gamma > 0.0 => {
            each(g, v, |g, y| if y > 0.0 { gamma * g } else { (y + gamma * alpha) * g });
        }
        Unary::Selu(alpha, gamma) => {
            let below = |x| gamma * alpha * math::exp(x);
            each(g, v, |g, x| if x > 0.0 { gamma * g } else { below(x) * g });
        }
        Unary::Celu(alpha) => each(g, v, |g, y| if y < 0.0 { (y / alpha + 1.0) * g } else { g }),
        Unary::Shrink(_, lambd) => {
            each(g, v, |g, x| if x < -lambd || x > lambd { g } else { 0.0 });
        }
        Unary::Softsign => each(g, v, |g, y| (1.0 - y.abs()) * (1.0 - y.abs()) * g),
        Unary::Mish => each(g, v, |g, x| mish(limited(x)) * g),
    }
}

/// `g[i] = f(g[i], v[i])`, in place, up to the end of the shorter one.
#[inline(never)]
fn each(g: &mut [f32], v: &[f32], f: impl Fn(f32, f32) -> f32) {
    g.iter_mut().zip(v).for_each(|(g, v)| *g = f(*g, *v));
}

/// `x` limited to `-1000..=1000`, so that products with a vanished factor do not become `infinity * 0`; NaN
/// stays NaN.
#[inline]
fn limited(x: f32) -> f32 {
    math::clamp(x, -1e3, 1e3)
}

/// Derivative of `x * sigmoid(x)` at a finite `x`: `sigmoid(x) * (1 + x * sigmoid(-x))`.
#[inline]
fn silu(x: f32) -> f32 {
    math::sigmoid(x) * (1.0 + x * math::sigmoid(-x))
}

/// Derivative of GELU at a finite `x`: `P(x) + x * p(x)`, with distribution function and density of the
/// standard normal.
#[inline]
fn gelu(x: f32) -> f32 {
    0.5 * (1.0 + math::erf(x * FRAC_1_SQRT_2)) + x * DENSITY_AT_0 * math::exp(-0.5 * x * x)
}

/// Derivative of `x / 2 * (1 + tanh(u))` at a finite `x`, with `u = sqrt(2 / pi) * (x + 0.044715 * x^3)`.
#[inline]
fn gelu_tanh(x: f32) -> f32 {
    const SCALE: f32 = 0.797_884_6;
    const CUBE: f32 = 0.044_715;
    let t = math::tanh(SCALE * (x + CUBE * x * x * x));
    let inner = SCALE * (1.0 + 3.0 * CUBE * x * x);
    0.5 * (1.0 + t) + 0.5 * x * (1.0 - t) * (1.0 + t) * inner
}

/// `g` times the derivative of hard swish at `x`: 0 up to -3, `g` from 3 on, `(x / 3 + 1 / 2) * g` between;
/// NaN for NaN.
#[inline]
fn hard_swish(g: f32, x: f32) -> f32 {
    if x <= -3.0 {
        0.0
    } else if x >= 3.0 {
        g
    } else {
        (x / 3.0 + 0.5) * g
    }
}

/// Derivative of `x * tanh(softplus(x))` at a finite `x`: `t + x * (1 - t^2) * sigmoid(x)`, with
/// `t = tanh(softplus(x))`.
#[inline]
fn mish(x: f32) -> f32 {
    let t = math::tanh(math::softplus(x));
    t + x * (1.0 - t) * (1.0 + t) * math::sigmoid(x)
}
