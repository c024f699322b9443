//! Functions of angles, their hyperbolic counterparts and the inverses of both: `libm`'s.

/// Sine of an angle in radians: NaN at the infinities.
#[inline]
#[must_use]
pub fn sin(x: f32) -> f32 {
    libm::sinf(x)
}

/// Cosine of an angle in radians: NaN at the infinities.
#[inline]
#[must_use]
pub fn cos(x: f32) -> f32 {
    libm::cosf(x)
}

/// Tangent of an angle in radians: NaN at the infinities.
///
/// Relative error at most 8e-8 for `|x|` <= 100.
#[inline]
#[must_use]
pub fn tan(x: f32) -> f32 {
    libm::tanf(x)
}

/// Arc sine, in radians: NaN outside [-1, 1].
///
/// Relative error at most 8e-8.
#[inline]
#[must_use]
pub fn asin(x: f32) -> f32 {
    libm::asinf(x)
}

/// Arc cosine, in radians: NaN outside [-1, 1].
///
/// Error at most 1e-7 of `max(1, |acos x|)`.
#[inline]
#[must_use]
pub fn acos(x: f32) -> f32 {
    libm::acosf(x)
}

/// Arc tangent, in radians: half of pi, with the sign of `x`, at the infinities.
///
/// Relative error at most 8e-8.
#[inline]
#[must_use]
pub fn atan(x: f32) -> f32 {
    libm::atanf(x)
}

/// Hyperbolic sine: infinities at the infinities.
///
/// Relative error at most 1.4e-7 for `|x|` <= 88.
#[inline]
#[must_use]
pub fn sinh(x: f32) -> f32 {
    libm::sinhf(x)
}

/// Hyperbolic cosine: infinity at the infinities.
///
/// Relative error at most 1.2e-7 for `|x|` <= 88.
#[inline]
#[must_use]
pub fn cosh(x: f32) -> f32 {
    libm::coshf(x)
}

/// Inverse of [`sinh`]: infinities at the infinities.
///
/// Relative error at most 1.2e-7.
#[inline]
#[must_use]
pub fn asinh(x: f32) -> f32 {
    libm::asinhf(x)
}

/// Inverse of [`cosh`]: 0 at 1, NaN below, infinity at infinity.
///
/// Relative error at most 1.3e-7.
#[inline]
#[must_use]
pub fn acosh(x: f32) -> f32 {
    libm::acoshf(x)
}

/// Inverse of [`tanh`](super::tanh): infinities at -1 and 1, NaN outside.
///
/// Relative error at most 1.3e-7.
#[inline]
#[must_use]
pub fn atanh(x: f32) -> f32 {
    libm::atanhf(x)
}
