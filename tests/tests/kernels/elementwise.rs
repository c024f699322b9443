//! Activations, affine maps, arithmetic of two tensors.

use crate::SEED;
use elbow_core::kernels::{Binary, BinaryOp, Unary, affine, binary, unary};
use elbow_tests::random::Random;
use elbow_tests::tolerance::ACTIVATION;

const INF: f32 = f32::INFINITY;

/// `2 / sqrt(pi) * e^(-x^2) * sum_n 2^n x^(2n+1) / (2n+1)!!`, whose terms have one sign.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let mut sum = 0.0;
    for n in 1..400 {
        sum += term;
        term *= 2.0 * x * x / f64::from(2 * n + 1);
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A function in f64.
type Formula = fn(f64) -> f64;

/// Every activation with its formula.
fn activations() -> Vec<(Unary, Formula)> {
    vec![
        (Unary::Relu, |x| x.max(0.0)),
        (Unary::LeakyRelu(0.125), |x| if x < 0.0 { 0.125 * x } else { x }),
        (Unary::Elu(0.75), |x| if x < 0.0 { 0.75 * x.exp_m1() } else { x }),
        (Unary::Tanh, f64::tanh),
        (Unary::Sigmoid, sigmoid),
        (Unary::Silu, |x| x * sigmoid(x)),
        (Unary::Gelu, |x| x / 2.0 * (1.0 + erf(x / 2f64.sqrt()))),
        (Unary::GeluTanh, |x| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
            x / 2.0 * (1.0 + inner.tanh())
        }),
        (Unary::Softplus, |x| (-x.abs()).exp().ln_1p() + x.max(0.0)),
        (Unary::Exp, f64::exp),
        (Unary::Erf, erf),
        (Unary::Clip(-0.5, 1.5), |x| x.clamp(-0.5, 1.5)),
    ]
}

fn apply(f: Unary, x: f32) -> f32 {
    let mut y = [x];
    unary(&mut y, f);
    y[0]
}

#[test]
fn activations_equal_their_formulas_in_f64() {
    let denormal = f32::from_bits(1);
    let corners = [0.0, -0.0, denormal, -denormal, f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 1e-20];
    for (f, formula) in activations() {
        let mut random = Random::new(SEED, 0);
        let grid = (0..4000).map(|_| random.uniform(-10.0, 10.0));
        for x in grid.chain(corners) {
            let (value, truth) = (f64::from(apply(f, x)), formula(f64::from(x)));
            let error = (value - truth).abs() / truth.abs().max(1.0);
            assert!(error <= ACTIVATION, "seed {SEED}, {f:?} of {x:e}: {value:e} for {truth:e}");
        }
    }
}

#[test]
fn activations_at_the_edges_are_as_documented() {
    for (f, _) in activations() {
        assert!(apply(f, f32::NAN).is_nan(), "{f:?}");
    }
    let limits = [
        (Unary::Relu, 0.0, INF),
        (Unary::LeakyRelu(0.125), -INF, INF),
        (Unary::Elu(0.75), -0.75, INF),
        (Unary::Tanh, -1.0, 1.0),
        (Unary::Sigmoid, 0.0, 1.0),
        (Unary::Silu, 0.0, INF),
        (Unary::Gelu, 0.0, INF),
        (Unary::GeluTanh, 0.0, INF),
        (Unary::Softplus, 0.0, INF),
        (Unary::Exp, 0.0, INF),
        (Unary::Erf, -1.0, 1.0),
        (Unary::Clip(-0.5, 1.5), -0.5, 1.5),
    ];
    for (f, low, high) in limits {
        assert_eq!((apply(f, -INF), apply(f, INF)), (low, high), "{f:?}");
    }
}

#[test]
fn affine_scales_and_shifts_each_channel() {
    for case in 0..200 {
        let mut random = Random::new(SEED, case);
        let (channels, inner) = (random.int(1, 9), random.int(1, 9));
        let (scale, shift) = (random.values(channels), random.values(channels));
        let x = random.values(channels * inner);
        let mut y = x.clone();
        affine(&mut y, &scale, &shift);
        for (at, (x, y)) in x.iter().zip(&y).enumerate() {
            let expected = x * scale[at / inner] + shift[at / inner];
            assert_eq!(y.to_bits(), expected.to_bits(), "seed {SEED}, case {case}");
        }
    }
}

#[test]
fn binary_broadcasts_its_operand() {
    for case in 0..400 {
        let mut random = Random::new(SEED, case);
        let dims = [0; 4].map(|_| random.int(1, 4));
        let repeats = [0; 4].map(|_| random.choose(&[true, false]));
        let (mut strides, mut len) = ([0; 4], 1);
        for axis in (0..4).rev().filter(|axis| !repeats[*axis]) {
            (strides[axis], len) = (len, len * dims[axis]);
        }
        let op = random.choose(&[BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div]);
        let shape = Binary { op, reversed: random.choose(&[true, false]), dims, strides };
        let (x, b) = (random.values(dims.iter().product()), random.values(len));
        let mut y = x.clone();
        binary(&mut y, &b, &shape);
        for (at, (x, y)) in x.iter().zip(&y).enumerate() {
            let mut rest = at;
            let mut from = 0;
            for axis in (0..4).rev() {
                from += rest % dims[axis] * strides[axis];
                rest /= dims[axis];
            }
            let (left, right) = if shape.reversed { (b[from], *x) } else { (*x, b[from]) };
            let expected = match op {
                BinaryOp::Add => left + right,
                BinaryOp::Sub => left - right,
                BinaryOp::Mul => left * right,
                BinaryOp::Div => left / right,
            };
            assert_eq!(y.to_bits(), expected.to_bits(), "seed {SEED}, case {case}, {shape:?}");
        }
    }
}
