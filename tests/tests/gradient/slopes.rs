//! Slopes of all activations, against central differences of f64 formulas and at the limits.

use super::exact::unary;
use elbow_core::kernels::{self, Unary};
use elbow_tests::tolerance::SLOPE;

const ALL: [Unary; 35] = [
    Unary::Relu,
    Unary::LeakyRelu(0.1),
    Unary::LeakyRelu(-0.3),
    Unary::LeakyRelu(0.0),
    Unary::Elu(0.7),
    Unary::Elu(-0.7),
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Silu,
    Unary::Gelu,
    Unary::GeluTanh,
    Unary::Softplus,
    Unary::Exp,
    Unary::Erf,
    Unary::Clip(-0.6, 1.3),
    Unary::Neg,
    Unary::Abs,
    Unary::Sign,
    Unary::Sqrt,
    Unary::Square,
    Unary::Reciprocal,
    Unary::Log,
    Unary::Floor,
    Unary::Ceil,
    Unary::Round,
    Unary::Trunc,
    Unary::Sin,
    Unary::Cos,
    Unary::Not,
    Unary::HardSigmoid(0.2, 0.5),
    Unary::HardSwish,
    Unary::Selu(1.67, 1.05),
    Unary::Selu(-1.67, 1.05),
    Unary::Celu(1.3),
    Unary::Mish,
];

fn slope(f: Unary, x: f32) -> f32 {
    let mut of = [x];
    if f.slope_reads_result() {
        kernels::unary(&mut of, f);
    }
    let mut g = [1.0];
    kernels::slope(&mut g, &of, f);
    g[0]
}

#[test]
fn slopes_are_those_of_the_functions() {
    for f in ALL.into_iter().chain([Unary::ThresholdedRelu(0.4), Unary::Softsign]) {
        let positive = matches!(f, Unary::Sqrt | Unary::Log);
        let mut worst = 0.0f64;
        for i in -799..800i32 {
            // Off every kink, and off 0.
            let x = (f64::from(i) / 40.0 + 0.0121) as f32;
            if positive && x < 0.05 {
                continue;
            }
            let (x64, h) = (f64::from(x), 1e-5);
            let truth = (unary(f, x64 + h) - unary(f, x64 - h)) / (2.0 * h);
            let error = (f64::from(slope(f, x)) - truth).abs() / truth.abs().max(1.0);
            assert!(error <= SLOPE, "{f:?} at {x}: {} for {truth}", slope(f, x));
            worst = worst.max(error);
        }
        println!("{f:?} {worst:.1e}");
    }
}

#[test]
fn slopes_end_at_their_limits() {
    let ends = |f| [-f32::INFINITY, -1e4, 1e4, f32::INFINITY].map(|x| slope(f, x));
    for f in [Unary::Silu, Unary::Gelu, Unary::GeluTanh, Unary::Mish, Unary::Softplus] {
        assert_eq!(ends(f), [0.0, 0.0, 1.0, 1.0], "{f:?}");
    }
    for f in
        [Unary::Tanh, Unary::Sigmoid, Unary::Erf, Unary::Softsign, Unary::HardSigmoid(0.2, 0.5)]
    {
        for (x, slope) in [-1e4, 1e4].into_iter().zip([ends(f)[0], ends(f)[3]]) {
            assert!(slope.abs() <= 1e-7, "{f:?} at {x}: {slope}");
        }
    }
    for f in [Unary::Elu(0.7), Unary::Celu(1.3), Unary::Relu, Unary::HardSwish] {
        assert_eq!(ends(f), [0.0, 0.0, 1.0, 1.0], "{f:?}");
    }
}
