//! Quasi-random draws: which averages are exact, and how far the points lie out.

use elbow_core::noise::{Antithetic, Draws, GUARD, Hadamard, Independent, Radius, STEPS};

fn points(noise: &mut impl Draws, first: u32, count: u32, d: usize) -> Vec<Vec<f32>> {
    let draw = |sample| {
        let mut eps = vec![f32::NAN; d];
        noise.draw(sample, &mut eps).unwrap();
        eps
    };
    (first..first + count).map(draw).collect()
}

#[test]
fn a_whole_matrix_has_the_covariance_of_the_normal() {
    for d in 1..=70_usize {
        let rows = d.max(4).next_power_of_two() as u32;
        let mut noise = Hadamard { key: 5, datapoint: 9, set: rows, radius: Radius::One };
        let points = points(&mut noise, 3 * rows, rows, d);
        for i in 0..d {
            for j in 0..d {
                let moment: f32 = points.iter().map(|eps| eps[i] * eps[j]).sum();
                assert_eq!(moment, if i == j { rows as f32 } else { 0.0 }, "d={d}, {i}, {j}");
            }
        }
    }
}

#[test]
fn sets_are_fresh_and_begin_where_steps_begin() {
    let noise = |set| Hadamard { key: 5, datapoint: 9, set, radius: Radius::One };
    for first in [0, STEPS, GUARD] {
        let of = |number: u32| points(&mut noise(8), first + 8 * number, 8, 8);
        let [one, two] = [of(0), of(1)];
        assert_ne!(one, two);
        // In a set of 3, rows 0 to 2 of one matrix: orthogonal to each other.
        let three = points(&mut noise(3), first, 3, 4);
        let products = [(0, 1), (0, 2), (1, 2)].map(|(a, b)| dot(&three[a], &three[b]));
        assert_eq!(products, [0.0; 3]);
    }
    // A set longer than the matrix has a second one: 2 dimensions have 4 rows.
    let eight = points(&mut noise(8), 0, 8, 2);
    assert_eq!(eight.iter().map(|eps| eps[0] * eps[1]).sum::<f32>(), 0.0);
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Chi-squared with `m` degrees of freedom over `m` has mean 1 and variance `2 / m`.
#[test]
fn radii_are_those_of_normal_draws() {
    const DRAWS: u32 = 20_000;
    for (d, m) in [(1, 4.0), (2, 4.0), (4, 4.0), (8, 8.0), (13, 13.0)] {
        let mut noise = Hadamard { key: 5, datapoint: 9, set: 4, radius: Radius::Chi };
        let points = points(&mut noise, 0, DRAWS, d);
        assert!(points.iter().all(|eps| eps.iter().all(|e| e.abs() == eps[0].abs())));
        let squares: Vec<f64> = points.iter().map(|eps| f64::from(eps[0]).powi(2)).collect();
        let mean = squares.iter().sum::<f64>() / f64::from(DRAWS);
        let variance = squares.iter().map(|s| (s - 1.0).powi(2)).sum::<f64>() / f64::from(DRAWS);
        let se = (2.0 / m / f64::from(DRAWS)).sqrt();
        assert!((mean - 1.0).abs() < 4.0 * se, "d={d}: {mean}");
        // Its fourth central moment is 12 (m + 4) / m^3.
        let se = ((12.0 * (m + 4.0) / (m * m * m) - 4.0 / (m * m)) / f64::from(DRAWS)).sqrt();
        assert!((variance - 2.0 / m).abs() < 4.0 * se, "d={d}: {variance}");
    }
}

/// Pearson's statistics have 15 and 5 degrees of freedom: above 50 in one key of 100,000.
#[test]
fn all_signs_and_all_pairs_of_rows_are_as_frequent() {
    const SETS: u32 = 16_000;
    let mut noise = Hadamard { key: 5, datapoint: 9, set: 4, radius: Radius::One };
    let [mut signs, mut pairs] = [[0_u32; 16]; 2];
    for set in 0..SETS {
        let points = points(&mut noise, 4 * set, 2, 4);
        let pattern = |of: &dyn Fn(usize) -> f32| {
            (0..4).fold(0, |bits, i| 2 * bits + usize::from(of(i) < 0.0))
        };
        signs[pattern(&|i| points[0][i])] += 1;
        pairs[pattern(&|i| points[0][i] * points[1][i])] += 1;
    }
    // Two rows are orthogonal: they differ in two places of four, in one of 6 ways.
    for (counts, kinds) in [(signs, 16), (pairs, 6)] {
        let expected = f64::from(SETS) / f64::from(kinds);
        let met: Vec<f64> = counts.iter().filter(|c| **c > 0).map(|c| f64::from(*c)).collect();
        assert_eq!(met.len(), kinds as usize);
        let pearson: f64 = met.iter().map(|c| (c - expected).powi(2) / expected).sum();
        assert!(pearson < 50.0, "{kinds} kinds: {pearson}");
    }
}

#[test]
fn opposite_draws_are_neighbours() {
    let inside = Independent { key: 5, datapoint: 9 };
    let plain = points(&mut { inside }, 0, 4, 5);
    let pairs = points(&mut Antithetic(inside), 0, 8, 5);
    for (j, eps) in plain.iter().enumerate() {
        assert_eq!(&pairs[2 * j], eps);
        assert!(pairs[2 * j + 1].iter().zip(eps).all(|(minus, plus)| *minus == -plus));
    }
}
