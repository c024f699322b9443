//! Activations, affine maps, arithmetic of two tensors.

use super::SEED;
use elbow_core::kernels::{AXES, Binary, BinaryOp, Unary, affine, binary, unary};
use elbow_tests::formulas;
use elbow_tests::random::Random;
use elbow_tests::tolerance::ACTIVATION;

const INF: f32 = f32::INFINITY;

fn apply(f: Unary, x: f32) -> f32 {
    let mut y = [x];
    unary(&mut y, f);
    y[0]
}

#[test]
fn activations_equal_their_formulas_in_f64() {
    let denormal = f32::from_bits(1);
    let corners = [0.0, -0.0, denormal, -denormal, f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 1e-20];
    // A rounding to float16 has a formula for its slope alone; `import/widths.rs` compares its values.
    for &f in Unary::ALL.iter().filter(|f| **f != Unary::Half) {
        let mut random = Random::new(SEED, 0);
        let grid = (0..4000).map(|_| random.uniform(-10.0, 10.0));
        let mut worst = 0.0f64;
        for x in grid.chain(corners) {
            let (value, truth) = (apply(f, x), formulas::unary(f, f64::from(x)));
            let same = value == truth as f32 || value.is_nan() && truth.is_nan();
            let error = (f64::from(value) - truth).abs() / truth.abs().max(1.0);
            let error = if same { 0.0 } else { error };
            assert!(error <= ACTIVATION, "seed {SEED}, {f:?} of {x:e}: {value:e} for {truth:e}");
            worst = worst.max(error);
        }
        println!("{f:?} {worst:.1e}");
    }
}

#[test]
fn activations_at_the_edges_are_as_documented() {
    for f in Unary::ALL {
        // NaN is not 0.
        let expected = if *f == Unary::Not { 0.0 } else { f32::NAN };
        assert_eq!(apply(*f, f32::NAN).is_nan(), expected.is_nan(), "{f:?}");
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
        (Unary::Clip(1.5, -0.5), -0.5, -0.5),
        (Unary::Sinh, -INF, INF),
        (Unary::Cosh, INF, INF),
        (Unary::Asinh, -INF, INF),
    ];
    for (f, low, high) in limits {
        assert_eq!((apply(f, -INF), apply(f, INF)), (low, high), "{f:?}");
    }
    for x in [-INF, INF] {
        let error = f64::from(apply(Unary::Atan, x).abs()) - std::f64::consts::FRAC_PI_2;
        assert!(error.abs() <= ACTIVATION, "arc tangent of {x}: {error:e}");
        assert_eq!(apply(Unary::Atan, x).signum(), x.signum());
    }
    assert_eq!([-1.0, 1.0].map(|x| apply(Unary::Atanh, x)), [-INF, INF]);
    assert_eq!([1.0, INF].map(|x| apply(Unary::Acosh, x)), [0.0, INF]);
    for (f, outside) in [
        (Unary::Tan, [-INF, INF]),
        (Unary::Asin, [-1.001, INF]),
        (Unary::Acos, [-INF, 1.001]),
        (Unary::Acosh, [-INF, 0.999]),
        (Unary::Atanh, [-1.001, INF]),
    ] {
        assert!(outside.iter().all(|x| apply(f, *x).is_nan()), "{f:?}");
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

type Truth = fn(f32, f32) -> f32;

/// Every function of two values, once more.
const OPS: [(BinaryOp, Truth); 18] = [
    (BinaryOp::Add, |a, b| a + b),
    (BinaryOp::Sub, |a, b| a - b),
    (BinaryOp::Mul, |a, b| a * b),
    (BinaryOp::Div, |a, b| a / b),
    (BinaryOp::Pow, |a, b| f64::from(a).powf(f64::from(b)) as f32),
    (BinaryOp::Min, f32::min),
    (BinaryOp::Max, f32::max),
    (BinaryOp::PRelu, |a, b| if a < 0.0 { a * b } else { a }),
    (BinaryOp::Fmod, |a, b| a % b),
    (BinaryOp::Mod, |a, b| {
        let rest = a % b;
        if rest != 0.0 && rest.signum() != b.signum() { rest + b } else { rest }
    }),
    (BinaryOp::Greater, |a, b| f32::from(a > b)),
    (BinaryOp::GreaterOrEqual, |a, b| f32::from(a >= b)),
    (BinaryOp::Less, |a, b| f32::from(a < b)),
    (BinaryOp::LessOrEqual, |a, b| f32::from(a <= b)),
    (BinaryOp::Equal, |a, b| f32::from(a == b)),
    (BinaryOp::And, |a, b| f32::from(a != 0.0 && b != 0.0)),
    (BinaryOp::Or, |a, b| f32::from(a != 0.0 || b != 0.0)),
    (BinaryOp::Xor, |a, b| f32::from((a != 0.0) != (b != 0.0))),
];

#[test]
fn extremes_and_comparisons_know_nan() {
    let apply = |op, a: f32, b: f32| {
        let (dims, strides) = ([1; AXES], [0; AXES]);
        let mut y = [a];
        binary(&mut y, &[b], &Binary { op, reversed: false, dims, strides });
        y[0]
    };
    for (a, b) in [(f32::NAN, 1.0), (1.0, f32::NAN)] {
        assert!(apply(BinaryOp::Min, a, b).is_nan() && apply(BinaryOp::Max, a, b).is_nan());
        assert_eq!(apply(BinaryOp::Less, a, b), 0.0);
        assert_eq!(apply(BinaryOp::GreaterOrEqual, a, b), 0.0);
        assert_eq!(apply(BinaryOp::Equal, a, b), 0.0);
    }
}

#[test]
fn binary_broadcasts_its_operand() {
    for case in 0..400 {
        let mut random = Random::new(SEED, case);
        let dims = [0; AXES].map(|_| random.int(1, 3));
        let repeats = [0; AXES].map(|_| random.choose(&[true, false]));
        let (mut strides, mut len) = ([0; AXES], 1);
        for axis in (0..AXES).rev().filter(|axis| !repeats[*axis]) {
            (strides[axis], len) = (len, len * dims[axis]);
        }
        let op = random.choose(&OPS.map(|(op, _)| op));
        let shape = Binary { op, reversed: random.choose(&[true, false]), dims, strides };
        let (x, b) = (random.values(dims.iter().product()), random.values(len));
        let mut y = x.clone();
        binary(&mut y, &b, &shape);
        for (at, (x, y)) in x.iter().zip(&y).enumerate() {
            let mut rest = at;
            let mut from = 0;
            for axis in (0..AXES).rev() {
                from += rest % dims[axis] * strides[axis];
                rest /= dims[axis];
            }
            let (left, right) = if shape.reversed { (b[from], *x) } else { (*x, b[from]) };
            let expected = OPS.iter().find(|(other, _)| *other == op).expect("it is listed").1;
            let expected = expected(left, right);
            // A power is the library's, not an operation of IEEE.
            let slack = if op == BinaryOp::Pow { 2e-7 * expected.abs() } else { 0.0 };
            let same = (y - expected).abs() <= slack || y.to_bits() == expected.to_bits();
            let same = same || (y.is_nan() && expected.is_nan());
            assert!(same, "seed {SEED}, case {case}, {shape:?}: {y} for {expected}");
        }
    }
}
