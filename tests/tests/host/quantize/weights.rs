//! GPTQ against its textbook form, and against rounding to nearest.

use super::SEED;
use elbow::lower::quantize::{IntegerWeights, Moments, gptq, nearest};
use elbow_tests::random::Random;

/// A layer and its calibration patches: correlated inputs of unlike sizes, as layers have them.
struct Case {
    inputs: usize,
    weights: Vec<f32>,
    patches: Vec<i16>,
}

impl Case {
    fn new(case: u64, inputs: usize, rows: usize) -> Self {
        let mut random = Random::new(SEED, case);
        let weights = random.normal(rows * inputs);
        let mixing = random.values(inputs * 3);
        let sizes = random.vector(inputs, 2.0, 60.0);
        let patch = |random: &mut Random| -> Vec<i16> {
            let (common, own) = (random.normal(3), random.normal(inputs));
            let value = |i: usize| {
                let shared: f32 = (0..3).map(|j| mixing[3 * i + j] * common[j]).sum();
                (sizes[i] * (1.0 + shared + 0.3 * own[i])).clamp(-255.0, 255.0) as i16
            };
            (0..inputs).map(value).collect()
        };
        let patches = (0..200).flat_map(|_| patch(&mut random)).collect();
        Self { inputs, weights, patches }
    }

    fn moments(&self) -> Moments {
        Moments::of(&self.patches, self.inputs)
    }

    /// The centred second moments, written out.
    fn covariance(&self) -> Vec<Vec<f64>> {
        let column =
            |k: usize| self.patches.iter().skip(k).step_by(self.inputs).map(|x| f64::from(*x));
        let count = (self.patches.len() / self.inputs) as f64;
        let centred = |k: usize| {
            let mean = column(k).sum::<f64>() / count;
            column(k).map(move |x| x - mean).collect::<Vec<f64>>()
        };
        let centred: Vec<_> = (0..self.inputs).map(centred).collect();
        let product =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / count;
        centred.iter().map(|a| centred.iter().map(|b| product(a, b)).collect()).collect()
    }
}

/// Frantar et al. (2023), section 3, as it stands there: the inverse is made by elimination and kept up
/// to date, and every error goes at once to all weights that are still to come.
fn textbook(weights: &[f32], scale: f32, covariance: &[Vec<f64>]) -> Vec<i8> {
    let n = weights.len();
    let mut damped = covariance.to_vec();
    let damping = 0.01 * (0..n).map(|i| covariance[i][i]).sum::<f64>() / n as f64;
    (0..n).for_each(|i| damped[i][i] += damping);
    let mut inverse = inverse(damped);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| covariance[*b][*b].total_cmp(&covariance[*a][*a]));
    let mut weights: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
    let mut integers = vec![0; n];
    for i in order {
        let q = (weights[i] / f64::from(scale)).round_ties_even().clamp(-127.0, 127.0);
        integers[i] = q as i8;
        let error = (weights[i] - f64::from(scale) * q) / inverse[i][i];
        let row = inverse[i].clone();
        weights.iter_mut().zip(&row).for_each(|(w, h)| *w -= error * h);
        let column: Vec<f64> = inverse.iter().map(|r| r[i]).collect();
        for (r, c) in inverse.iter_mut().zip(column) {
            r.iter_mut().zip(&row).for_each(|(h, p)| *h -= c * p / row[i]);
        }
    }
    integers
}

/// Gauss-Jordan elimination of a positive matrix.
fn inverse(mut a: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = a.len();
    for (i, row) in a.iter_mut().enumerate() {
        row.extend((0..n).map(|j| if i == j { 1.0 } else { 0.0 }));
    }
    for i in 0..n {
        let pivot = a[i][i];
        a[i].iter_mut().for_each(|v| *v /= pivot);
        let row = a[i].clone();
        for (_, other) in a.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let factor = other[i];
            other.iter_mut().zip(&row).for_each(|(v, p)| *v -= factor * p);
        }
    }
    a.into_iter().map(|row| row[n..].to_vec()).collect()
}

fn cost(weights: &[f32], scale: f32, integers: &[i8], covariance: &[Vec<f64>]) -> f64 {
    let error = |k: usize| f64::from(weights[k]) - f64::from(scale) * f64::from(integers[k]);
    let all = 0..weights.len();
    all.clone()
        .map(|i| all.clone().map(|j| error(i) * covariance[i][j] * error(j)).sum::<f64>())
        .sum()
}

#[test]
fn integers_are_those_of_the_textbook() {
    println!("seed {SEED}");
    for (case, inputs) in [(0, 1), (1, 2), (2, 9), (3, 40), (4, 96)] {
        let layer = Case::new(case, inputs, 6);
        let covariance = layer.covariance();
        let found = gptq(&layer.weights, &layer.moments());
        let plain = nearest(&layer.weights, inputs);
        assert_eq!(found.scale, plain.scale);
        for (row, weights) in layer.weights.chunks(inputs).enumerate() {
            let scale = found.scale[row];
            let expected = textbook(weights, scale, &covariance);
            let cost = |integers: &[i8]| cost(weights, scale, integers, &covariance);
            let better = cost(&expected) < cost(plain.row(row));
            let expected = if better { &expected[..] } else { plain.row(row) };
            assert_eq!(found.row(row), expected, "seed {SEED}, case {case}, row {row}");
        }
    }
}

#[test]
fn errors_make_up_for_each_other() {
    let layer = Case::new(10, 64, 16);
    let covariance = layer.covariance();
    let error = |q: &IntegerWeights| -> f64 {
        let rows = layer.weights.chunks(64).enumerate();
        rows.map(|(row, weights)| cost(weights, q.scale[row], q.row(row), &covariance)).sum()
    };
    let (plain, found) = (nearest(&layer.weights, 64), gptq(&layer.weights, &layer.moments()));
    let ratio = error(&found) / error(&plain);
    println!("seed {SEED}: {ratio}");
    assert!(ratio < 0.5, "seed {SEED}: {ratio}");
}

#[test]
fn nearest_is_within_half_a_step_and_uses_all_of_it() {
    let mut random = Random::new(SEED, 20);
    let weights = random.normal(5 * 33);
    let found = nearest(&weights, 33);
    for (row, weights) in weights.chunks(33).enumerate() {
        let scale = f64::from(found.scale[row]);
        for (w, q) in weights.iter().zip(found.row(row)) {
            let error = (f64::from(*w) - scale * f64::from(*q)).abs();
            assert!(error <= scale * 0.50001, "seed {SEED}, row {row}: {w} {q}");
        }
        assert_eq!(found.row(row).iter().map(|q| q.unsigned_abs()).max(), Some(127));
    }
}

#[test]
fn what_has_nothing_to_go_by_is_rounded_to_nearest() {
    let weights = [0.3, -1.0, 0.0, 0.0];
    for patches in [&[][..], &[0, 0], &[7, -7, 7, -7]] {
        let found = gptq(&weights, &Moments::of(patches, 2));
        assert_eq!(found.values, [38, -127, 0, 0]);
        assert_eq!(found.scale[1], 1.0);
    }
    // One dead input beside a live one.
    let found = gptq(&weights, &Moments::of(&[0, 1, 0, 5, 0, 9], 2));
    assert_eq!(found.values, [38, -127, 0, 0]);
}
