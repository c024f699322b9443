//! Properties of the elementwise functions: range, and whether they map whole numbers to whole numbers.

use super::Range;
use elbow_core::kernels::Unary;
use std::f32::consts::{FRAC_PI_2, PI};

/// Whether the function maps every whole number to a whole number. Thresholds and bounds of clips are not
/// checked: a clip to 0.5 counts as well.
pub(crate) fn keeps_whole(f: Unary) -> bool {
    use Unary::*;
    match f {
        Relu | ThresholdedRelu(_) | Clip(..) | Neg | Abs | Sign | Square | Floor | Ceil | Round
        | Trunc | Not => true,
        Shrink(bias, _) => bias.fract() == 0.0,
        LeakyRelu(_) | Elu(_) | Tanh | Sigmoid | Silu | Gelu | GeluTanh | Softplus | Exp | Erf
        | Sqrt | Reciprocal | Log | Half | Sin | Cos | Tan | Asin | Acos | Atan | Sinh | Cosh
        | Asinh | Acosh | Atanh | HardSigmoid(..) | HardSwish | Selu(..) | Celu(_) | Softsign
        | Mish => false,
    }
}

/// Bounds of the results of `f` for arguments in the range `x`, often wider than necessary; infinite on both
/// sides where `f` has a pole among the arguments (`Tan` always) or is a `LeakyRelu` of negative slope.
/// Functions that keep the sign or round have the operator of `x`, and its `goes_negative` where the lower
/// bound is below 0; so has a `Clip`, but with the operator `op` where it raises the lower bound. For all
/// others the operator is `op` and `goes_negative` is false.
pub(crate) fn range(f: Unary, x: &Range, op: &str) -> Range {
    let (low, high) = (x.low, x.high);
    let infinity = f32::INFINITY;
    // Keeps the sign of each value.
    let odd = |bound: f32| x.within(if low >= 0.0 { 0.0 } else { -bound }, bound);
    // Keeps the sign, with its lowest value between.
    let dipped = |dip: f32| x.within(if low >= 0.0 { 0.0 } else { dip }, high.max(0.0));
    match f {
        Unary::Relu => Range::new(low.max(0.0), high.max(0.0), op),
        Unary::Exp => Range::new(low.exp(), high.exp(), op),
        Unary::Softplus | Unary::Abs | Unary::Square => Range::new(0.0, infinity, op),
        // Nothing but zero is below a threshold that is not negative.
        Unary::ThresholdedRelu(alpha) => x.within(low.max(alpha).min(0.0), high.max(0.0)),
        Unary::Sqrt => Range::new(low.max(0.0).sqrt(), high.sqrt(), op),
        Unary::Sigmoid | Unary::HardSigmoid(..) | Unary::Not => Range::new(0.0, 1.0, op),
        Unary::Tanh | Unary::Erf | Unary::Softsign | Unary::Sign => odd(1.0),
        Unary::Asin | Unary::Atan => odd(FRAC_PI_2),
        Unary::Acos => Range::new(0.0, PI, op),
        Unary::Sinh | Unary::Asinh | Unary::Atanh => odd(infinity),
        Unary::Cosh => Range::new(1.0, infinity, op),
        Unary::Acosh => Range::new(0.0, infinity, op),
        Unary::Sin | Unary::Cos => Range::new(-1.0, 1.0, op),
        Unary::LeakyRelu(alpha) if alpha >= 0.0 => odd(infinity),
        Unary::LeakyRelu(_) => Range::unknown(op),
        Unary::Elu(alpha) | Unary::Celu(alpha) => dipped(-alpha.abs()),
        Unary::Selu(alpha, gamma) => {
            let reached = dipped(-(alpha * gamma).abs());
            Range { high: infinity, ..reached }
        }
        Unary::Shrink(bias, lambd) => {
            let below = (low < -lambd).then(|| [low + bias, high.min(-lambd) + bias]);
            let above = (high > lambd).then(|| [low.max(lambd) - bias, high - bias]);
            let ends = [below, above].into_iter().flatten().flatten();
            let wider = |[low, high]: [f32; 2], end: f32| [low.min(end), high.max(end)];
            let [low, high] = ends.fold([0.0; 2], wider);
            Range::new(low, high, op)
        }
        Unary::Silu => dipped(-0.2785),
        Unary::Gelu | Unary::GeluTanh => dipped(-0.1701),
        Unary::Mish => dipped(-0.3089),
        Unary::HardSwish => dipped(-0.375),
        Unary::Clip(least, most) => {
            let bounded = x.within(low.max(least).min(most), high.min(most).max(least));
            if low >= least { bounded } else { Range { op: op.into(), ..bounded } }
        }
        Unary::Neg => Range::new(-high, -low, op),
        Unary::Reciprocal if low >= 0.0 => Range::new(0.0, infinity, op),
        Unary::Log if low > 0.0 => Range::new(low.ln(), high.ln(), op),
        Unary::Reciprocal | Unary::Log | Unary::Tan => Range::unknown(op),
        Unary::Floor | Unary::Ceil | Unary::Round | Unary::Trunc => {
            x.within(low.floor(), high.ceil())
        }
        Unary::Half => x.within(elbow_core::math::half(low), elbow_core::math::half(high)),
    }
}
