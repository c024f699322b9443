//! Functions of one float: `libm`'s, or `micromath`'s where the feature `fast-math` asks for it.
//!
//! Every function is a fixed sequence of IEEE operations, with the same bits on every target. The
//! accuracies were measured against f64 over the grids in this file's test. NaN gives NaN, except in [`pow`].
//!
//! `fast-math` replaces [`exp`] and [`tanh`], which layers call once per value, and so [`sigmoid`], [`silu`]
//! and [`gelu_tanh`], which are built on them. It never touches a logarithm, a square root or what the
//! distributions use: `micromath`'s logarithm is off by up to 0.12, its square root by 6e-2.

mod trigonometry;

use core::f32::consts::FRAC_1_SQRT_2;
pub use trigonometry::{acos, acosh, asin, asinh, atan, atanh, cos, cosh, sin, sinh, tan};

/// `e^x`: 0 below -103.97, infinity above 88.72.
///
/// Relative error at most 8e-8 for `x` in [-87, 88]; 2.5e-3 with `fast-math`, which gives 0 below
/// -87.3.
#[inline]
#[must_use]
pub fn exp(x: f32) -> f32 {
    #[cfg(feature = "fast-math")]
    return fast::exp(x);
    #[cfg(not(feature = "fast-math"))]
    exp_exact(x)
}

/// `e^x` by `libm` under every feature: what the distributions use. Edges and accuracy are those of [`exp`]
/// without `fast-math`.
#[inline]
pub(crate) fn exp_exact(x: f32) -> f32 {
    libm::expf(x)
}

/// `e^x - 1`: -1 at minus infinity, infinity above 88.72.
///
/// Relative error at most 9e-8 for `x` in [-87, 88].
#[inline]
#[must_use]
pub fn expm1(x: f32) -> f32 {
    libm::expm1f(x)
}

/// Natural logarithm: minus infinity at 0, NaN below.
///
/// Error at most 8e-8 of `max(1, |ln x|)` for `x` in [1e-38, 1e38].
#[inline]
#[must_use]
pub fn ln(x: f32) -> f32 {
    libm::logf(x)
}

/// `ln(1 + x)`: minus infinity at -1, NaN below.
///
/// Relative error at most 9e-8 for `x` in [-0.9999, 1e38].
#[inline]
#[must_use]
pub fn log1p(x: f32) -> f32 {
    libm::log1pf(x)
}

/// Square root, correctly rounded; NaN below 0.
#[inline]
#[must_use]
pub fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}

/// Hyperbolic tangent: -1 and 1 at the infinities.
///
/// Relative error at most 1.7e-7 for `|x|` <= 100; 3.5e-3 with `fast-math`.
#[inline]
#[must_use]
pub fn tanh(x: f32) -> f32 {
    #[cfg(feature = "fast-math")]
    return fast::tanh(x);
    #[cfg(not(feature = "fast-math"))]
    libm::tanhf(x)
}

/// Logistic function `1 / (1 + e^-x)`: 0 below -88.72, 1 at infinity.
///
/// Relative error at most 2e-7 for `x` in [-87, 100]; 1e-3 with `fast-math`.
#[inline]
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `ln(1 + e^x)`, evaluated as `max(x, 0) + ln(1 + e^-|x|)`: 0 at minus infinity, infinity at infinity.
///
/// Relative error at most 1.5e-7 for `x` in [-87, 1e38].
#[inline]
#[must_use]
pub fn softplus(x: f32) -> f32 {
    let tail = log1p(exp_exact(-x.abs()));
    if x > 0.0 { x + tail } else { tail }
}

/// Error function: -1 and 1 at the infinities.
///
/// Relative error at most 1e-7 for `|x|` <= 10.
#[inline]
#[must_use]
pub fn erf(x: f32) -> f32 {
    libm::erff(x)
}

/// `x sigmoid(x)`, also called swish: 0 at minus infinity.
///
/// Relative error at most 2e-7 for `x` in [-87, 1e38]; 1e-3 with `fast-math`.
#[inline]
#[must_use]
pub fn silu(x: f32) -> f32 {
    floored(x) * sigmoid(x)
}

/// Gaussian error linear unit `x / 2 * erfc(-x / sqrt(2))`: 0 at minus infinity.
///
/// Absolute error at most 1.1e-7 of `max(1, |x|)` for `|x|` <= 100.
#[inline]
#[must_use]
pub fn gelu(x: f32) -> f32 {
    0.5 * floored(x) * libm::erfcf(-x * FRAC_1_SQRT_2)
}

/// GELU in its tanh form `x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`: 0 at minus
/// infinity.
///
/// Absolute error at most 1.2e-7 of `max(1, |x|)` for `|x|` <= 100; 4e-4 with `fast-math`.
#[inline]
#[must_use]
pub fn gelu_tanh(x: f32) -> f32 {
    0.5 * floored(x) * (1.0 + tanh(0.797_884_6 * (x + 0.044_715 * x * x * x)))
}

/// `x`, but at least -1000, so that a product with a factor that is 0 there is not `infinity * 0`; NaN stays
/// NaN.
#[inline]
fn floored(x: f32) -> f32 {
    if x < -1e3 { -1e3 } else { x }
}

/// `a` to the power `b`: 1 for `b = 0` and for `a = 1`, also beside NaN; NaN for `a < 0` and a `b` that is
/// not whole.
///
/// Relative error at most 2e-7 where the power is a normal number.
#[inline]
#[must_use]
pub fn pow(a: f32, b: f32) -> f32 {
    libm::powf(a, b)
}

/// Largest whole number not above `x`; infinities and NaN stay.
#[inline]
#[must_use]
pub fn floor(x: f32) -> f32 {
    libm::floorf(x)
}

/// Smallest whole number not below `x`; infinities and NaN stay.
#[inline]
#[must_use]
pub fn ceil(x: f32) -> f32 {
    libm::ceilf(x)
}

/// Nearest whole number, halves to even; infinities and NaN stay.
#[inline]
#[must_use]
pub fn round(x: f32) -> f32 {
    libm::rintf(x)
}

/// Whole part, rounded towards 0; infinities and NaN stay.
#[inline]
#[must_use]
pub fn trunc(x: f32) -> f32 {
    libm::truncf(x)
}

/// Nearest float16, as an f32; halves to even, an infinity from a magnitude of 65520 on, NaN stays NaN.
#[inline]
#[must_use]
pub fn half(x: f32) -> f32 {
    const SIGN: u32 = 0x8000_0000;
    let bits = x.to_bits();
    let magnitude = bits & !SIGN;
    let rounded = match magnitude {
        // Below 2^-14 steps are of 2^-24, which are those of sums between 0.5 and 1.
        0..0x3880_0000 => (f32::from_bits(magnitude) + 0.5 - 0.5).to_bits(),
        0x3880_0000..0x477f_f000 => (magnitude + 0xfff + (magnitude >> 13 & 1)) & !0x1fff,
        0x477f_f000..=0x7f80_0000 => f32::INFINITY.to_bits(),
        _ => magnitude,
    };
    f32::from_bits(rounded | bits & SIGN)
}

/// -1, 0 or 1; zeros and NaN stay as they are.
#[inline]
#[must_use]
pub fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// The smaller of both, `b` where they are equal; NaN where one is NaN.
#[inline]
#[must_use]
pub fn min(a: f32, b: f32) -> f32 {
    if a < b || a.is_nan() { a } else { b }
}

/// The larger of both, `b` where they are equal; NaN where one is NaN.
#[inline]
#[must_use]
pub fn max(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

/// Remainder `a - b trunc(a / b)`, exact, with the sign of `a`; `a` for an infinite `b`, NaN for `b = 0` or
/// an infinite `a`.
#[inline]
#[must_use]
pub fn fmod(a: f32, b: f32) -> f32 {
    libm::fmodf(a, b)
}

/// Remainder `a - b floor(a / b)`, with the sign of `b` unless it is 0; NaN for `b = 0` or an infinite `a`.
/// For an infinite `b` it is `a`, or `b` where the signs differ and `a` is not 0.
#[inline]
#[must_use]
pub fn modulo(a: f32, b: f32) -> f32 {
    let rest = fmod(a, b);
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

/// `x min(max(x / 6 + 1 / 2, 0), 1)`: 0 at minus infinity.
#[inline]
#[must_use]
pub fn hard_swish(x: f32) -> f32 {
    floored(x) * clamp(x * (1.0 / 6.0) + 0.5, 0.0, 1.0)
}

/// `gamma x` for `x > 0`, else `gamma alpha (e^x - 1)`.
#[inline]
#[must_use]
pub fn selu(x: f32, alpha: f32, gamma: f32) -> f32 {
    gamma * if x > 0.0 { x } else { alpha * expm1(x) }
}

/// `x` for `x > 0`, else `alpha (e^(x / alpha) - 1)`; NaN at 0 for an `alpha` of 0.
#[inline]
#[must_use]
pub fn celu(x: f32, alpha: f32) -> f32 {
    if x > 0.0 { x } else { alpha * expm1(x / alpha) }
}

/// `x / (1 + |x|)`: -1 and 1 at the infinities.
#[inline]
#[must_use]
pub fn softsign(x: f32) -> f32 {
    if x.is_infinite() { sign(x) } else { x / (1.0 + x.abs()) }
}

/// `x tanh(softplus(x))`: 0 at minus infinity.
#[inline]
#[must_use]
pub fn mish(x: f32) -> f32 {
    floored(x) * tanh(softplus(x))
}

/// `min(max(x, low), high)`, which is `high` where `low > high`; NaN stays NaN.
#[inline]
#[must_use]
pub fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let raised = if x < low { low } else { x };
    if raised > high { high } else { raised }
}

/// `micromath`'s functions, with defined results for NaN, infinities and overflow.
#[cfg(feature = "fast-math")]
mod fast {
    use micromath::F32Ext;

    /// `e^x`: infinity above 88.7, 0 below -87.3, NaN for NaN.
    pub fn exp(x: f32) -> f32 {
        if x > 88.7 {
            f32::INFINITY
        } else if x < -87.3 {
            0.0
        } else if x.is_nan() {
            x
        } else {
            F32Ext::exp(x)
        }
    }

    /// Hyperbolic tangent `(1 - e) / (1 + e)` with `e = e^(-2 |x|)` and the sign of `x`; for `|x| < 1/4`,
    /// where the quotient would cancel, its Taylor polynomial `x - x^3 / 3`.
    pub fn tanh(x: f32) -> f32 {
        if x.abs() < 0.25 {
            return x - x * x * x * (1.0 / 3.0);
        }
        let e = exp(-2.0 * x.abs());
        let y = (1.0 - e) / (1.0 + e);
        if x < 0.0 { -y } else { y }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: bool = cfg!(feature = "fast-math");

    /// What an error is relative to.
    #[derive(Clone, Copy)]
    enum Relative {
        Value,
        ValueOrOne,
        InputOrOne,
    }

    /// 200,001 points from `low` to `high`.
    #[derive(Clone, Copy, Debug)]
    enum Grid {
        Equal(f64, f64),
        /// Equal ratios, for ranges of many magnitudes.
        Geometric(f64, f64),
    }

    impl Grid {
        fn points(self) -> impl Iterator<Item = f32> {
            let parts = (0..=200_000).map(|i| f64::from(i) / 200_000.0);
            parts.map(move |part| match self {
                Self::Equal(low, high) => (low + (high - low) * part) as f32,
                Self::Geometric(low, high) => (low * (high / low).powf(part)) as f32,
            })
        }
    }

    /// Largest error of `f` against `truth` over a grid.
    fn error(f: fn(f32) -> f32, truth: fn(f64) -> f64, grid: Grid, to: Relative) -> f64 {
        let errors = grid.points().map(|x| {
            let y = truth(f64::from(x));
            let size = match to {
                Relative::Value => y.abs(),
                Relative::ValueOrOne => y.abs().max(1.0),
                Relative::InputOrOne => f64::from(x).abs().max(1.0),
            };
            let difference = (f64::from(f(x)) - y).abs();
            if difference == 0.0 { 0.0 } else { difference / size }
        });
        errors.fold(0.0, f64::max)
    }

    fn gelu_tanh_f64(x: f64) -> f64 {
        let c = (2.0 / std::f64::consts::PI).sqrt();
        0.5 * x * (1.0 + (c * (x + 0.044715 * x * x * x)).tanh())
    }

    #[test]
    fn functions_are_as_accurate_as_their_docs_say() {
        use Grid::{Equal, Geometric};
        use Relative::{InputOrOne, Value, ValueOrOne};
        type Case = (&'static str, fn(f32) -> f32, fn(f64) -> f64, Grid, Relative, [f64; 2]);
        let sigmoid_f64 = |x: f64| 1.0 / (1.0 + (-x).exp());
        let silu_f64 = |x: f64| x / (1.0 + (-x).exp());
        let softplus_f64 = |x: f64| (-x.abs()).exp().ln_1p() + x.max(0.0);
        let gelu_f64 = |x: f64| 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
        // std's cancels beside 1.
        let acosh_f64 = |x: f64| 2.0 * ((x - 1.0) / 2.0).sqrt().asinh();
        // Name, function, truth, grid, relative to, limits without and with `fast-math`.
        let cases: [Case; 43] = [
            ("exp", exp, f64::exp, Equal(-87.0, 88.0), Value, [8e-8, 2.5e-3]),
            ("expm1", expm1, f64::exp_m1, Equal(-87.0, 88.0), Value, [9e-8; 2]),
            ("expm1", expm1, f64::exp_m1, Equal(-0.5, 0.5), Value, [9e-8; 2]),
            ("ln", ln, f64::ln, Geometric(1e-38, 1e38), ValueOrOne, [8e-8; 2]),
            ("ln", ln, f64::ln, Equal(1e-5, 10.0), ValueOrOne, [8e-8; 2]),
            ("log1p", log1p, f64::ln_1p, Equal(-0.9999, 4.0), Value, [9e-8; 2]),
            ("log1p", log1p, f64::ln_1p, Geometric(1e-30, 1e38), Value, [9e-8; 2]),
            ("log1p", log1p, f64::ln_1p, Geometric(-1e-30, -0.9999), Value, [9e-8; 2]),
            ("sqrt", sqrt, f64::sqrt, Geometric(1e-30, 1e38), Value, [6e-8; 2]),
            ("tanh", tanh, f64::tanh, Equal(-100.0, 100.0), Value, [1.7e-7, 3.5e-3]),
            ("tanh", tanh, f64::tanh, Equal(-2.0, 2.0), Value, [1.7e-7, 3.5e-3]),
            ("tanh", tanh, f64::tanh, Geometric(1e-30, 2.0), Value, [1.7e-7, 3.5e-3]),
            ("sigmoid", sigmoid, sigmoid_f64, Equal(-87.0, 100.0), Value, [2e-7, 1e-3]),
            ("sigmoid", sigmoid, sigmoid_f64, Equal(-2.0, 2.0), Value, [2e-7, 1e-3]),
            ("softplus", softplus, softplus_f64, Equal(-87.0, 100.0), Value, [1.5e-7; 2]),
            ("softplus", softplus, softplus_f64, Equal(-2.0, 2.0), Value, [1.5e-7; 2]),
            ("softplus", softplus, softplus_f64, Geometric(1e-30, 1e38), Value, [1.5e-7; 2]),
            ("erf", erf, libm::erf, Equal(-10.0, 10.0), Value, [1e-7; 2]),
            ("erf", erf, libm::erf, Geometric(1e-30, 10.0), Value, [1e-7; 2]),
            ("silu", silu, silu_f64, Equal(-87.0, 100.0), Value, [2e-7, 1e-3]),
            ("silu", silu, silu_f64, Equal(-2.0, 2.0), Value, [2e-7, 1e-3]),
            ("silu", silu, silu_f64, Geometric(1e-30, 1e38), Value, [2e-7, 1e-3]),
            ("gelu", gelu, gelu_f64, Equal(-100.0, 100.0), InputOrOne, [1.1e-7; 2]),
            ("gelu", gelu, gelu_f64, Equal(-6.0, 6.0), InputOrOne, [1.1e-7; 2]),
            (
                "gelu_tanh",
                gelu_tanh,
                gelu_tanh_f64,
                Equal(-100.0, 100.0),
                InputOrOne,
                [1.2e-7, 4e-4],
            ),
            ("gelu_tanh", gelu_tanh, gelu_tanh_f64, Equal(-6.0, 6.0), InputOrOne, [1.2e-7, 4e-4]),
            ("tan", tan, f64::tan, Equal(-100.0, 100.0), Value, [8e-8; 2]),
            ("tan", tan, f64::tan, Geometric(1e-30, 2.0), Value, [8e-8; 2]),
            ("asin", asin, f64::asin, Equal(-1.0, 1.0), Value, [8e-8; 2]),
            ("asin", asin, f64::asin, Geometric(1e-30, 1.0), Value, [8e-8; 2]),
            ("acos", acos, f64::acos, Equal(-1.0, 1.0), ValueOrOne, [1e-7; 2]),
            ("atan", atan, f64::atan, Equal(-10.0, 10.0), Value, [8e-8; 2]),
            ("atan", atan, f64::atan, Geometric(1e-30, 1e38), Value, [8e-8; 2]),
            ("sinh", sinh, f64::sinh, Equal(-88.0, 88.0), Value, [1.4e-7; 2]),
            ("sinh", sinh, f64::sinh, Geometric(1e-30, 2.0), Value, [1.4e-7; 2]),
            ("cosh", cosh, f64::cosh, Equal(-88.0, 88.0), Value, [1.2e-7; 2]),
            ("cosh", cosh, f64::cosh, Equal(-2.0, 2.0), Value, [1.2e-7; 2]),
            ("asinh", asinh, f64::asinh, Equal(-10.0, 10.0), Value, [1.2e-7; 2]),
            ("asinh", asinh, f64::asinh, Geometric(1e-30, 1e38), Value, [1.2e-7; 2]),
            ("acosh", acosh, acosh_f64, Equal(1.0, 3.0), Value, [1.3e-7; 2]),
            ("acosh", acosh, acosh_f64, Geometric(1.0, 1e38), Value, [1.3e-7; 2]),
            ("atanh", atanh, f64::atanh, Equal(-0.999, 0.999), Value, [1.3e-7; 2]),
            ("atanh", atanh, f64::atanh, Geometric(1e-30, 0.9999), Value, [1.3e-7; 2]),
        ];
        for (name, f, truth, grid, relative, limits) in cases {
            let (error, limit) = (error(f, truth, grid, relative), limits[usize::from(FAST)]);
            println!("{name:<10} {grid:?}: {error:.2e}");
            assert!(error <= limit, "{name} over {grid:?}: {error:e} exceeds {limit:e}");
        }
    }

    #[test]
    fn functions_reach_their_limits_at_the_infinities() {
        let inf = f32::INFINITY;
        type Case = (fn(f32) -> f32, f32, f32);
        let cases: [Case; 11] = [
            (exp, 0.0, inf),
            (expm1, -1.0, inf),
            (ln, f32::NAN, inf),
            (log1p, f32::NAN, inf),
            (tanh, -1.0, 1.0),
            (sigmoid, 0.0, 1.0),
            (softplus, 0.0, inf),
            (erf, -1.0, 1.0),
            (silu, 0.0, inf),
            (gelu, 0.0, inf),
            (gelu_tanh, 0.0, inf),
        ];
        for (f, low, high) in cases {
            assert!(f(-inf) == low || (low.is_nan() && f(-inf).is_nan()));
            assert_eq!(f(inf), high);
            assert!(f(f32::NAN).is_nan());
            assert!([100.0, 1e5, 3e38].iter().all(|x| !f(*x).is_nan()));
        }
        for x in [-3e38, -1e5, -100.0] {
            assert!(
                [exp(x), sigmoid(x), softplus(x), silu(x), gelu(x), gelu_tanh(x)]
                    .iter()
                    .all(|y| y.abs() < 1e-40)
            );
            assert_eq!((expm1(x), tanh(x), erf(x)), (-1.0, -1.0, -1.0));
        }
        assert!(clamp(f32::NAN, -1.0, 1.0).is_nan());
    }
}
