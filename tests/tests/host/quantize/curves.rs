//! Functions of integer activations against f64.

use elbow::ir::Format;
use elbow::lower::quantize::{LARGEST_ERROR, PiecewiseFit, QuantizeError, table};
use elbow_core::math;

/// A function as the kernels have it, and in f64.
struct Curve {
    name: &'static str,
    float: fn(f32) -> f32,
    wide: fn(f64) -> f64,
}

fn elu(x: f32) -> f32 {
    if x > 0.0 { x } else { math::expm1(x) }
}

const CURVES: &[Curve] = &[
    Curve { name: "tanh", float: math::tanh, wide: f64::tanh },
    Curve { name: "sigmoid", float: math::sigmoid, wide: |x| 1.0 / (1.0 + (-x).exp()) },
    Curve {
        name: "softplus",
        float: math::softplus,
        wide: |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
    },
    Curve { name: "elu", float: elu, wide: |x| if x > 0.0 { x } else { x.exp_m1() } },
    Curve { name: "gelu", float: math::gelu, wide: |x| 0.5 * x * libm::erfc(-x / 2f64.sqrt()) },
    Curve { name: "silu", float: math::silu, wide: |x| x / (1.0 + (-x).exp()) },
    Curve { name: "exp", float: math::exp, wide: f64::exp },
];

/// The function's largest magnitude over the calibrated range.
fn largest(curve: &Curve, range: f32) -> f32 {
    let at = |i: i32| (curve.float)(range * i as f32 / 100.0).abs();
    (-100..=100).map(at).fold(0.0, f32::max)
}

#[test]
fn polynomials_stay_within_a_step_of_every_function_over_every_input() {
    for curve in CURVES {
        for bits in [12, 13, 16] {
            for range in [0.5, 3.0, 8.0] {
                let input = Format::symmetric(range, bits).expect("finite");
                let output = Format::symmetric(largest(curve, range), bits).expect("finite");
                let case = format!("{} of {bits} bits to {range}", curve.name);
                let fit = PiecewiseFit::fit(&input, &output, curve.float)
                    .unwrap_or_else(|e| panic!("{case}: {e}"));
                let error = |q: i32| {
                    let x = f64::from(input.scale) * f64::from(q);
                    let y = (curve.wide)(x) / f64::from(output.scale);
                    let y = y.clamp(f64::from(output.low), f64::from(output.high));
                    (f64::from(fit.eval(q).expect("no overflow")) - y).abs()
                };
                let worst = (input.low..=input.high).map(error).fold(0.0, f64::max);
                println!("{case}: {} pieces, error {worst:.3}", fit.coefficients.len());
                assert!(fit.largest_error <= LARGEST_ERROR && worst <= 1.0, "{case}: {worst}");
                // The kernels' f32 functions are 2e-7 off, of up to 32767 steps.
                assert!((worst - fit.largest_error).abs() < 0.01, "{case}: {worst}");
            }
        }
    }
}

#[test]
fn inputs_beyond_the_format_are_harmless() {
    let format = Format::symmetric(8.0, 16).expect("finite");
    let unit = Format::symmetric(1.0, 13).expect("finite");
    let fit = PiecewiseFit::fit(&format, &unit, math::tanh).expect("smooth");
    let ends = [i32::from(i16::MIN), i32::from(i16::MAX)].map(|q| fit.eval(q));
    assert_eq!(ends, [Some(-4095), Some(4095)]);
    assert_eq!([i32::MIN, i32::MAX].map(|q| fit.eval(q)), ends, "as at the ends of i16");
}

#[test]
fn what_jumps_is_refused_but_at_zero() {
    let format = Format::symmetric(1.0, 16).expect("finite");
    let step_at = |edge: f32| move |x: f32| if x < edge { -0.25 } else { 0.25 };
    assert_eq!(PiecewiseFit::fit(&format, &format, step_at(0.3)), Err(QuantizeError::Rough));
    let fit = PiecewiseFit::fit(&format, &format, step_at(0.0)).expect("an edge of pieces");
    assert_eq!([-1, 0].map(|q| fit.eval(q)), [Some(-8192), Some(8192)]);
    let nan = PiecewiseFit::fit(&format, &format, |_| f32::NAN).expect("zero everywhere");
    assert_eq!(nan.eval(5), Some(0));
}

/// Independent: the definition in f64, where no two roundings can hide a tie.
#[test]
fn tables_are_the_function_to_the_nearest_step() {
    for curve in CURVES {
        let input = Format::asymmetric_i8(-4.0, 3.0).expect("finite");
        let at = |x: f32| (curve.float)(x);
        let ends = [at(-4.0), at(-0.5), at(3.0)];
        let (min, max) = ends.iter().fold((0.0f32, 0.0f32), |(a, b), y| (a.min(*y), b.max(*y)));
        let output = Format::asymmetric_i8(min, max).expect("finite");
        let table = table(&input, &output, curve.float);
        for q in -128..=127 {
            let x = f64::from(input.scale) * f64::from(q - input.zero_point);
            let steps = (curve.wide)(x) / f64::from(output.scale) + f64::from(output.zero_point);
            let error = f64::from(table[q as u8 as usize]) - steps.clamp(-128.0, 127.0);
            assert!(error.abs() <= 0.5001, "{} at {q}: {error}", curve.name);
        }
    }
}
