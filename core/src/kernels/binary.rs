//! Functions of two values, with broadcasting.

use super::layout::{AXES, for_each_offset};
use crate::math;

/// A function of two values. The logical ones take 0 for false, and all else, NaN too, for true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BinaryOp {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`, IEEE: division by zero gives an infinity or NaN.
    Div,
    /// `a` to the power `b`
    Pow,
    /// The smaller; NaN where one is NaN.
    Min,
    /// The larger; NaN where one is NaN.
    Max,
    /// `a` for `a >= 0`, else `a * b`.
    PRelu,
    /// Remainder of the division rounded towards zero, with the sign of `a` (C's `fmod`); NaN for `b = 0`.
    Fmod,
    /// Remainder of the division rounded towards minus infinity, with the sign of `b`; NaN for `b = 0`.
    Mod,
    /// 1 where `a > b`, else 0, as for every comparison with NaN.
    Greater,
    /// 1 where `a >= b`, else 0.
    GreaterOrEqual,
    /// 1 where `a < b`, else 0.
    Less,
    /// 1 where `a <= b`, else 0.
    LessOrEqual,
    /// 1 where `a == b`, else 0.
    Equal,
    /// 1 where neither is 0, else 0.
    And,
    /// 1 where one is not 0, else 0.
    Or,
    /// 1 where exactly one is 0, else 0.
    Xor,
}

impl BinaryOp {
    /// Whether `a op b = b op a`.
    pub const fn commutes(self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Mul
                | Self::Min
                | Self::Max
                | Self::Equal
                | Self::And
                | Self::Or
                | Self::Xor
        )
    }
}

/// A function of two values and how its second operand is broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Binary {
    /// The function.
    pub op: BinaryOp,
    /// `false`: `y = y op b`; `true`: `y = b op y`.
    pub reversed: bool,
    /// Shape of `y`, padded with ones in front.
    pub dims: [usize; AXES],
    /// Steps of `b` along each axis of `y`; 0 repeats.
    pub strides: [usize; AXES],
}

/// `y[i] = y[i] op b[at]`, or `b[at] op y[i]` where `reversed`, in place, for every index of `s.dims` in
/// row-major order; `at` is the index's offset in `b` by `s.strides`.
///
/// A value of `y` behind the shape, or for which `b` has no value, stays as it is.
///
/// Inlined, so that an image holds only the functions that its model uses.
#[inline(always)]
pub fn binary(y: &mut [f32], b: &[f32], s: &Binary) {
    if s.reversed {
        apply(s.op, y, b, s, |a, b| (b, a));
    } else {
        apply(s.op, y, b, s, |a, b| (a, b));
    }
}

/// [`binary`] with the function `op` in place of that of `s`: `y[i]` becomes `op` of the pair
/// `order(y[i], b[at])`. Of `s` only shape and strides are read.
#[inline(always)]
fn apply(
    op: BinaryOp,
    y: &mut [f32],
    b: &[f32],
    s: &Binary,
    order: impl Fn(f32, f32) -> (f32, f32),
) {
    macro_rules! combine {
        ($f:expr) => {
            combine(y, b, s, |y, b| {
                let (a, b) = order(y, b);
                $f(a, b)
            })
        };
    }
    match op {
        BinaryOp::Add => combine!(|a, b| a + b),
        BinaryOp::Sub => combine!(|a, b| a - b),
        BinaryOp::Mul => combine!(|a, b| a * b),
        BinaryOp::Div => combine!(|a, b| a / b),
        BinaryOp::Pow => combine!(math::pow),
        BinaryOp::Min => combine!(math::min),
        BinaryOp::Max => combine!(math::max),
        BinaryOp::PRelu => combine!(|a: f32, b: f32| if a < 0.0 { a * b } else { a }),
        BinaryOp::Fmod => combine!(math::fmod),
        BinaryOp::Mod => combine!(math::modulo),
        BinaryOp::Greater => combine!(|a, b| truth(a > b)),
        BinaryOp::GreaterOrEqual => combine!(|a, b| truth(a >= b)),
        BinaryOp::Less => combine!(|a, b| truth(a < b)),
        BinaryOp::LessOrEqual => combine!(|a, b| truth(a <= b)),
        BinaryOp::Equal => combine!(|a, b| truth(a == b)),
        BinaryOp::And => combine!(|a, b| truth(a != 0.0 && b != 0.0)),
        BinaryOp::Or => combine!(|a, b| truth(a != 0.0 || b != 0.0)),
        BinaryOp::Xor => combine!(|a, b| truth((a != 0.0) != (b != 0.0))),
    }
}

/// 1 for true, 0 for false.
fn truth(holds: bool) -> f32 {
    if holds { 1.0 } else { 0.0 }
}

/// `y[i] = f(y[i], b[at])`, in place, for every index of `s.dims` in row-major order; `at` is its offset by
/// `s.strides`. Values of `y` for which `b` ends too early stay as they are.
#[inline(never)]
fn combine(y: &mut [f32], b: &[f32], s: &Binary, f: impl Fn(f32, f32) -> f32) {
    let mut ys = y.iter_mut();
    for_each_offset(&s.dims, [&s.strides], [0], |[offset]| {
        if let (Some(y), Some(b)) = (ys.next(), b.get(offset)) {
            *y = f(*y, *b);
        }
    });
}
