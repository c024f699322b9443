//! Differences between two answers, in values and in nats.

use super::basis::Posterior;
use crate::posterior::Posteriors;
use serde::Serialize;

/// KL(reference || target) over the rows, in nats; nothing without posteriors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Kl {
    /// Mean over the rows.
    pub mean: Option<f64>,
    /// 99th percentile, nearest rank.
    pub p99: Option<f64>,
    /// Worst row.
    pub max: Option<f64>,
}

impl Kl {
    /// Summary of at least one row.
    pub fn of_rows(mut rows: Vec<f64>) -> Self {
        if rows.iter().any(|row| row.is_nan()) {
            let nan = Some(f64::NAN); // of either sign; it fails every limit
            return Self { mean: nan, p99: nan, max: nan };
        }
        rows.sort_by(f64::total_cmp);
        let rank = (rows.len() * 99).div_ceil(100).saturating_sub(1);
        Self {
            mean: Some(rows.iter().sum::<f64>() / rows.len() as f64),
            p99: rows.get(rank).copied(),
            max: rows.last().copied(),
        }
    }
}

/// `KL(a || b)` of every row, over all posteriors of a hierarchy together.
pub fn divergence(a: &[Posteriors], b: &[Posteriors]) -> Vec<f64> {
    let rows = a.iter().zip(b).map(|(a, b)| kl_rows(&a.into(), &b.mean, &b.log_var));
    let sum = |all: Vec<f64>, one: Vec<f64>| all.iter().zip(one).map(|(a, b)| a + b).collect();
    rows.reduce(sum).unwrap_or_default()
}

/// `KL(reference || target)` of every row.
///
/// Per latent `(e^d - 1 - d + (m1 - m2)^2 e^(-v2)) / 2` with `d = v1 - v2` the difference of the
/// log-variances; `e^d - 1 - d` by its series where it would cancel.
pub fn kl_rows(reference: &Posterior, mean: &[f32], log_var: &[f32]) -> Vec<f64> {
    let row = |start: usize| {
        let latents = start..start + reference.latent;
        latents.map(|i| {
            let (m2, v2) = (f64::from(mean[i]), f64::from(log_var[i]));
            let distance = reference.mean[i] - m2;
            0.5 * (expm1_minus(reference.log_var[i] - v2) + distance * distance * (-v2).exp())
        })
    };
    (0..reference.mean.len()).step_by(reference.latent).map(|start| row(start).sum()).collect()
}

/// `e^d - 1 - d`, never negative.
pub(super) fn expm1_minus(d: f64) -> f64 {
    if d.abs() < 1e-3 {
        d * d / 2.0 * (1.0 + d / 3.0 * (1.0 + d / 4.0 * (1.0 + d / 5.0)))
    } else {
        d.exp_m1() - d
    }
}

/// Largest `|reference - target|`; NaN where one of them is NaN.
pub fn max_abs(reference: impl IntoIterator<Item = f64>, target: &[f32]) -> f64 {
    let pairs = reference.into_iter().zip(target);
    pairs.map(|(a, b)| difference(a, *b)).fold(0.0, worse)
}

/// Largest `|reference - target| / max(1, |reference|)`; NaN where one of them is NaN.
pub fn max_relative(reference: &[f32], target: &[f32]) -> f64 {
    let pairs = reference.iter().map(|a| f64::from(*a)).zip(target);
    pairs.map(|(a, b)| difference(a, *b) / a.abs().clamp(1.0, f64::MAX)).fold(0.0, worse)
}

/// The largest difference, if there is any; NaN where one is NaN.
pub fn worst(differences: impl Iterator<Item = f64>) -> Option<f64> {
    differences.reduce(worse)
}

/// Nothing between equal infinities, which masks are full of.
fn difference(a: f64, b: f32) -> f64 {
    let b = f64::from(b);
    if a == b { 0.0 } else { (a - b).abs() }
}

fn worse(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(mean: f64, log_var: f64) -> Posterior {
        Posterior { latent: 1, mean: vec![mean], log_var: vec![log_var] }
    }

    #[test]
    fn kl_of_known_pairs() {
        // KL(N(1, 4) || N(0, 1)) = (4 + 1 - 1 - ln 4) / 2
        let known = (4.0 - 4f64.ln()) / 2.0;
        let kl = kl_rows(&one(1.0, 4f64.ln()), &[0.0], &[0.0])[0];
        assert!((kl - known).abs() < 1e-15, "{kl} {known}");
        assert_eq!(kl_rows(&one(0.5, -1.0), &[0.5], &[-1.0]), [0.0]);
    }

    #[test]
    fn kl_is_smooth_where_the_series_takes_over() {
        for d in [9.99e-4f64, 1.001e-3, -9.99e-4, -1.001e-3, 1e-9] {
            let series = d * d / 2.0 + d.powi(3) / 6.0 + d.powi(4) / 24.0 + d.powi(5) / 120.0;
            let error = expm1_minus(d) / series - 1.0;
            assert!(error.abs() < 1e-9, "{d}: {error}");
        }
    }

    #[test]
    fn a_nan_is_never_hidden() {
        assert!(max_abs([1.0, f64::NAN], &[1.0, f32::NAN]).is_nan());
        assert!(max_relative(&[f32::NAN, 2.0], &[f32::NAN, 3.0]).is_nan());
        assert!(max_abs([1.0, 1.0], &[f32::NAN, 2.0]).is_nan());
        let inf = f32::INFINITY;
        assert_eq!(max_relative(&[inf, -inf, 1.0], &[inf, -inf, 1.0]), 0.0);
        assert_eq!(max_relative(&[inf, 1.0], &[-inf, 1.0]), f64::INFINITY);
        assert!(max_relative(&[1.0, f32::NAN], &[2.0, 2.0]).is_nan());
        for nan in [f64::NAN, -f64::NAN] {
            let kl = Kl::of_rows(vec![nan, 1.0, 2.0]);
            assert!([kl.mean, kl.p99, kl.max].iter().all(|v| v.is_some_and(f64::is_nan)));
        }
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let kl = Kl::of_rows((1..=200).map(f64::from).collect());
        assert_eq!((kl.mean, kl.p99, kl.max), (Some(100.5), Some(198.0), Some(200.0)));
        assert_eq!(Kl::of_rows(vec![3.0]).p99, Some(3.0));
    }
}
