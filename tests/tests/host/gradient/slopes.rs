//! Slopes of all activations, against central differences of f64 formulas and at the limits.

use elbow::ir::{Format, Op, Pooling};
use elbow::stages::{gradient, lower};
use elbow::twin::Twin;
use elbow_core::kernels::{self, Unary};
use elbow_tests::formulas::unary;
use elbow_tests::graphs::Builder;
use elbow_tests::tolerance::SLOPE;

fn slope(f: Unary, x: f32) -> f32 {
    let mut of = [x];
    if f.slope_reads_result() {
        kernels::unary(&mut of, f);
    }
    let mut g = [1.0];
    kernels::slope(&mut g, &of, f);
    g[0]
}

/// Where a function is smooth, and its slope not steeper than differences tell.
fn domain(f: Unary) -> [f32; 2] {
    match f {
        Unary::Sqrt | Unary::Log => [0.05, 20.0],
        Unary::Asin | Unary::Acos | Unary::Atanh => [-0.99, 0.99],
        Unary::Tan => [-1.5, 1.5],
        Unary::Acosh => [1.05, 20.0],
        _ => [-20.0, 20.0],
    }
}

#[test]
fn slopes_are_those_of_the_functions() {
    for &f in Unary::ALL {
        let [low, high] = domain(f);
        let mut worst = 0.0f64;
        for i in -799..800i32 {
            // Off every kink, and off 0.
            let x = (f64::from(i) / 40.0 + 0.0121) as f32;
            if !(low..=high).contains(&x) {
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
            assert!(f64::from(slope.abs()) <= SLOPE, "{f:?} at {x}: {slope}");
        }
    }
    for f in [Unary::Elu(0.7), Unary::Celu(1.3), Unary::Relu, Unary::HardSwish] {
        assert_eq!(ends(f), [0.0, 0.0, 1.0, 1.0], "{f:?}");
    }
}

#[test]
fn values_that_a_quantized_file_rounds_count_as_not_rounded() {
    let mut graph = Builder::new("rounded");
    let z = graph.input("z", &[1, 2]);
    let format = Format { scale: 0.5, zero_point: 0, low: -127, high: 127 };
    let rounded = graph.node("QuantizeLinear", Op::Round(format), &[z], &[1, 2]);
    let square = graph.node("Square", Op::Unary(Unary::Square), &[rounded], &[1, 2]);
    graph.output("y", square);
    let both = gradient(&graph.graph, &[0], &[0]).expect("it has a gradient");
    let plan = lower(&both, &[0, 1]).expect("it lowers");
    let found = Twin::new(&plan).run(&[&[0.8, -1.1], &[1.0, 10.0]]).expect("it runs");
    assert_eq!(found, [vec![1.0, 1.0], vec![2.0, -20.0]]);
}

/// Of each window of 3 by 3, two apart and two wide, with a pad of one, `g` goes to the first of the largest.
fn to_the_first(x: &[f32], g: &[f32]) -> Vec<f32> {
    let mut found = vec![0.0; 25];
    for (at, g) in g.iter().enumerate() {
        let taps = (0..9).map(|tap| (at / 3 * 2 + tap / 3 * 2, at % 3 * 2 + tap % 3 * 2));
        let inside = taps.filter(|(row, column)| (1..6).contains(row) && (1..6).contains(column));
        let inside: Vec<usize> = inside.map(|(row, column)| (row - 1) * 5 + column - 1).collect();
        let largest = inside.iter().map(|&index| x[index]).fold(f32::NEG_INFINITY, f32::max);
        let first = inside.iter().find(|&&index| x[index] == largest);
        found[*first.expect("a value inside")] += g;
    }
    found
}

#[test]
fn of_equal_values_the_first_of_a_window_has_the_gradient() {
    let mut graph = Builder::new("pool");
    let z = graph.input("z", &[1, 1, 5, 5]);
    let op = Op::Pool {
        kernel: vec![3, 3],
        strides: vec![2, 2],
        dilations: vec![2, 2],
        pads: vec![1, 1],
        pads_end: vec![3, 3],
        kind: Pooling::Max,
    };
    let y = graph.node("MaxPool", op, &[z], &[1, 1, 3, 3]);
    graph.output("y", y);
    let both = gradient(&graph.graph, &[0], &[0]).expect("it has a gradient");
    let plan = lower(&both, &[0, 1]).expect("it lowers");
    let g: Vec<f32> = (0..9u8).map(|bit| f32::from(1u16 << bit)).collect();
    for kinds in 1..=4u16 {
        let x: Vec<f32> = (0..25u16).map(|at| f32::from(at * at % 7 % kinds) - 1.0).collect();
        let found = Twin::new(&plan).run(&[&x, &g]).expect("it runs");
        assert_eq!(found[1], to_the_first(&x, &g), "{kinds} kinds of values");
    }
}
