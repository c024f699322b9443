//! Functions of two values, with broadcasting.

/// Which function of two values.
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
    pub dims: [usize; 4],
    /// Steps of `b` along each axis of `y`; 0 repeats.
    pub strides: [usize; 4],
}

/// Combines `y` with `b`, in place, value by value.
///
/// Inlined, so that an image holds only the functions that its model uses.
#[inline(always)]
pub fn binary(y: &mut [f32], b: &[f32], s: &Binary) {
    match (s.op, s.reversed) {
        (BinaryOp::Add, _) => combine(y, b, s, |y, b| y + b),
        (BinaryOp::Mul, _) => combine(y, b, s, |y, b| y * b),
        (BinaryOp::Sub, false) => combine(y, b, s, |y, b| y - b),
        (BinaryOp::Sub, true) => combine(y, b, s, |y, b| b - y),
        (BinaryOp::Div, false) => combine(y, b, s, |y, b| y / b),
        (BinaryOp::Div, true) => combine(y, b, s, |y, b| b / y),
    }
}

#[inline(never)]
fn combine(y: &mut [f32], b: &[f32], s: &Binary, f: impl Fn(f32, f32) -> f32) {
    let mut ys = y.iter_mut();
    super::layout::for_each_offset(&s.dims, &s.strides, 0, |offset| {
        if let (Some(y), Some(b)) = (ys.next(), b.get(offset)) {
            *y = f(*y, *b);
        }
    });
}
