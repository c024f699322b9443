//! Functions of one value and of two, in f64.

use elbow_core::kernels::{BinaryOp, Unary};

/// A function of two values.
pub fn binary(op: BinaryOp, a: f64, b: f64) -> f64 {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Min => a.min(b),
        BinaryOp::Max => a.max(b),
        BinaryOp::PRelu => {
            if a < 0.0 {
                a * b
            } else {
                a
            }
        }
        BinaryOp::Fmod => a % b,
        BinaryOp::Mod => a - (a / b).floor() * b,
        BinaryOp::Greater => truth(a > b),
        BinaryOp::GreaterOrEqual => truth(a >= b),
        BinaryOp::Less => truth(a < b),
        BinaryOp::LessOrEqual => truth(a <= b),
        BinaryOp::Equal => truth(a == b),
        BinaryOp::And => truth(a != 0.0 && b != 0.0),
        BinaryOp::Or => truth(a != 0.0 || b != 0.0),
        BinaryOp::Xor => truth((a != 0.0) != (b != 0.0)),
    }
}

/// An activation.
pub fn unary(f: Unary, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    match f {
        Unary::Relu => x.max(0.0),
        Unary::LeakyRelu(alpha) => {
            if x < 0.0 {
                f64::from(alpha) * x
            } else {
                x
            }
        }
        Unary::Elu(alpha) => {
            if x < 0.0 {
                f64::from(alpha) * x.exp_m1()
            } else {
                x
            }
        }
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => sigmoid(x),
        Unary::Silu => x * sigmoid(x),
        Unary::Gelu => 0.5 * x * libm::erfc(-x / 2f64.sqrt()),
        Unary::GeluTanh => {
            let scale = (2.0 / std::f64::consts::PI).sqrt();
            0.5 * x * (1.0 + (scale * (x + 0.044_715 * x.powi(3))).tanh())
        }
        Unary::Softplus => softplus(x),
        Unary::Exp => x.exp(),
        Unary::Erf => libm::erf(x),
        Unary::Clip(low, high) => x.max(f64::from(low)).min(f64::from(high)),
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sign => {
            if x == 0.0 {
                0.0
            } else {
                x.signum()
            }
        }
        Unary::Sqrt => x.sqrt(),
        Unary::Square => x * x,
        Unary::Reciprocal => 1.0 / x,
        Unary::Log => x.ln(),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Round => x.round_ties_even(),
        Unary::Trunc => x.trunc(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tan => x.tan(),
        Unary::Asin => x.asin(),
        Unary::Acos => x.acos(),
        Unary::Atan => x.atan(),
        Unary::Sinh => x.sinh(),
        Unary::Cosh => x.cosh(),
        Unary::Asinh => x.asinh(),
        Unary::Acosh => x.acosh(),
        Unary::Atanh => x.atanh(),
        // A gradient goes straight through the rounding.
        Unary::Half => x,
        Unary::Not => {
            if x == 0.0 {
                1.0
            } else {
                0.0
            }
        }
        Unary::HardSigmoid(alpha, beta) => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
        Unary::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Unary::Selu(alpha, gamma) => {
            let (alpha, gamma) = (f64::from(alpha), f64::from(gamma));
            gamma * if x > 0.0 { x } else { alpha * x.exp_m1() }
        }
        Unary::Celu(alpha) => {
            let alpha = f64::from(alpha);
            if x > 0.0 { x } else { alpha * (x / alpha).exp_m1() }
        }
        Unary::ThresholdedRelu(alpha) => {
            if x <= f64::from(alpha) {
                0.0
            } else {
                x
            }
        }
        Unary::Shrink(bias, lambd) => {
            let (bias, lambd) = (f64::from(bias), f64::from(lambd));
            match x {
                _ if x < -lambd => x + bias,
                _ if x > lambd => x - bias,
                _ => 0.0 * x,
            }
        }
        Unary::Softsign => x / (1.0 + x.abs()),
        Unary::Mish => x * softplus(x).tanh(),
    }
}
