//! A whole integer layer, put together as the plan will, against its real value.

use super::SEED;
use elbow::ir::Format;
use elbow::lower::quantize::{Multipliers, SumBounds, fold_bias, largest_input, nearest};
use elbow_tests::random::Random;

/// Independent: the layer of the integers' real values in f64. What is left are roundings: half a step
/// for the output, half a unit of the sum for the bias, a quarter of a step for the multiplier.
fn check(case: u64, input: Format, output: Format, inputs: usize) {
    let mut random = Random::new(SEED, 100 + case);
    let rows = 8;
    let weights = nearest(&random.normal(rows * inputs), inputs);
    let bias = random.vector(rows, -2.0, 2.0);
    let sum_scale: Vec<f64> =
        weights.scale.iter().map(|s| f64::from(*s) * f64::from(input.scale)).collect();
    let real: Vec<f64> = sum_scale.iter().map(|s| s / f64::from(output.scale)).collect();
    let multipliers = Multipliers::of(&real).expect("multipliers");
    for (row, scale) in sum_scale.iter().enumerate() {
        let w = weights.row(row);
        let folded =
            fold_bias(f64::from(bias[row]), *scale, input.zero_point, w, row).expect("i32");
        let limit = largest_input(folded, w, multipliers.shift);
        let input = if input.zero_point == 0 { input.limited(limit) } else { input };
        let reach = SumBounds::of(folded, w, [input.low, input.high]);
        reach.check(multipliers.shift, row).expect("no overflow");
        for _ in 0..50 {
            let x: Vec<i32> = random.normal(inputs).iter().map(|x| input.quantize(*x)).collect();
            let products = w.iter().zip(&x).map(|(w, x)| i32::from(*w) * x);
            let acc = products.fold(folded, |sum, product| sum.checked_add(product).expect("i32"));
            let acc = i64::from(acc.checked_mul(1 << multipliers.shift).expect("i32"));
            let high = (acc * i64::from(multipliers.multipliers[row]) + (1 << 31)) >> 32;
            let y = (i64::from(output.zero_point) + high)
                .clamp(i64::from(output.low), i64::from(output.high));
            let terms =
                w.iter().zip(&x).map(|(w, x)| f64::from(*w) * f64::from(x - input.zero_point));
            let value = f64::from(bias[row]) + scale * terms.sum::<f64>();
            let steps = value / f64::from(output.scale) + f64::from(output.zero_point);
            let steps = steps.clamp(f64::from(output.low), f64::from(output.high));
            let bound = 0.5 + 0.5 * real[row] + 0.25;
            assert!((y as f64 - steps).abs() <= bound, "seed {SEED}, case {case}: {y} {steps}");
        }
    }
}

#[test]
fn layers_of_both_widths_give_their_real_values_to_the_nearest_step() {
    let i8 = |min, max| Format::asymmetric_i8(min, max).expect("finite");
    let wide = |max, bits| Format::symmetric(max, bits).expect("finite");
    check(0, i8(-3.0, 3.5), i8(-20.0, 25.0), 40);
    check(1, i8(0.0, 4.0), i8(0.0, 30.0), 128);
    check(2, i8(-3.0, 1.0), i8(-0.1, 0.1), 7); // multipliers beyond 1/2 are pre-shifted
    check(3, wide(3.0, 13), wide(30.0, 13), 64);
    check(4, wide(3.0, 16), wide(30.0, 12), 700);
    check(5, wide(3.0, 12), i8(-40.0, 40.0), 64);
}
