//! Kullback-Leibler divergences of diagonal normal distributions, row by row, and their summary.

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
    /// Summary of the nats of the rows, in any order; all three figures are NaN where a row is. Of no rows
    /// the mean is NaN, and p99 and maximum are `None`.
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

/// `KL(a || b)` of every row in nats, summed over the posteriors of a hierarchy, of which `a` and `b` list
/// the same; empty without posteriors.
pub fn divergence(a: &[Posteriors], b: &[Posteriors]) -> Vec<f64> {
    let rows = a.iter().zip(b).map(|(a, b)| kl_rows(&a.into(), &b.loc, &b.log_var));
    let sum = |all: Vec<f64>, one: Vec<f64>| all.iter().zip(one).map(|(a, b)| a + b).collect();
    rows.reduce(sum).unwrap_or_default()
}

/// `KL(reference || target)` of every row in nats, where the target has these means and log-variances, row by
/// row: as many values as the reference. NaN where a value is; empty for a reference without latents, which does not
/// say how many rows it has.
pub fn kl_rows(reference: &Posteriors<f64>, mean: &[f32], log_var: &[f32]) -> Vec<f64> {
    let row = |start: usize| {
        let latents = start..start + reference.latent;
        latents.map(|i| {
            let (m2, v2) = (f64::from(mean[i]), f64::from(log_var[i]));
            let distance = reference.loc[i] - m2;
            0.5 * (expm1_minus(reference.log_var[i] - v2) + distance * distance * (-v2).exp())
        })
    };
    let starts = (0..reference.loc.len()).step_by(reference.latent.max(1));
    starts.map(|start| row(start).sum()).collect()
}

/// `e^d - 1 - d`, never negative; by its series below 1e-3 in magnitude, where it would cancel. NaN for NaN
/// and plus infinity.
pub(super) fn expm1_minus(d: f64) -> f64 {
    if d.abs() < 1e-3 {
        d * d / 2.0 * (1.0 + d / 3.0 * (1.0 + d / 4.0 * (1.0 + d / 5.0)))
    } else {
        d.exp_m1() - d
    }
}

/// KL(float || integer), by what differs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KlParts {
    /// `1/2 sum (m_f - m_q)^2 e^(-rho_q)` of each row: the means.
    pub mean: Vec<f64>,
    /// `1/2 sum e^d - 1 - d`, `d = rho_f - rho_q`, of each row: the variances.
    pub variance: Vec<f64>,
}

impl KlParts {
    /// The parts of KL(float || integer) of each row, in nats, for two posteriors with the same latents and
    /// rows. NaN where a value is.
    pub fn of(float: &Posteriors<f64>, integer: &Posteriors<f64>) -> Self {
        let rows = (0..float.loc.len()).step_by(float.latent.max(1));
        let latents = rows.map(|start| start..start + float.latent);
        let mean = latents.clone().map(|row| {
            let terms = row.map(|i| {
                let distance = float.loc[i] - integer.loc[i];
                distance * distance * (-integer.log_var[i]).exp()
            });
            0.5 * terms.sum::<f64>()
        });
        let variance = latents.map(|row| {
            let terms = row.map(|i| expm1_minus(float.log_var[i] - integer.log_var[i]));
            0.5 * terms.sum::<f64>()
        });
        Self { mean: mean.collect(), variance: variance.collect() }
    }

    /// The parts of two independent posteriors of the same rows together: their sums, row by row.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(b).map(|(a, b)| a + b).collect();
        Self { mean: sum(self.mean, other.mean), variance: sum(self.variance, other.variance) }
    }

    /// Sum of both parts of each row, KL(float || integer), in nats.
    pub fn total(&self) -> Vec<f64> {
        self.mean.iter().zip(&self.variance).map(|(mean, variance)| mean + variance).collect()
    }

    /// Mean over the rows of the part of the means, mean of the part of the variances, and the summary of
    /// their sums, in nats; means are NaN of no rows.
    pub fn summary(&self) -> (f64, f64, Kl) {
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        (mean(&self.mean), mean(&self.variance), Kl::of_rows(self.total()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posterior(latent: usize, loc: &[f64], log_var: &[f64]) -> Posteriors<f64> {
        Posteriors { latent, loc: loc.to_vec(), log_var: log_var.to_vec(), clamp_hits: 0 }
    }

    fn one(mean: f64, log_var: f64) -> Posteriors<f64> {
        Posteriors { latent: 1, loc: vec![mean], log_var: vec![log_var], clamp_hits: 0 }
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
    fn a_posterior_without_latents_has_no_rows_to_compare() {
        assert!(kl_rows(&posterior(0, &[], &[]), &[], &[]).is_empty());
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
    fn percentiles_are_nearest_ranks() {
        let kl = Kl::of_rows((1..=200).map(f64::from).collect());
        assert_eq!((kl.mean, kl.p99, kl.max), (Some(100.5), Some(198.0), Some(200.0)));
        assert_eq!(Kl::of_rows(vec![3.0]).p99, Some(3.0));
    }

    #[test]
    fn a_nan_is_in_every_summary() {
        for nan in [f64::NAN, -f64::NAN] {
            let kl = Kl::of_rows(vec![nan, 1.0, 2.0]);
            assert!([kl.mean, kl.p99, kl.max].iter().all(|v| v.is_some_and(f64::is_nan)));
        }
    }

    #[test]
    fn parts_are_the_known_divergences_and_add_up() {
        let float = posterior(2, &[1.0, 0.0, 3.0, 3.0], &[0.0, 0.0, 1.0, -1.0]);
        let integer = posterior(2, &[0.0, 0.0, 3.0, 3.0], &[4f64.ln(), 0.0, 1.0, 0.0]);
        let parts = KlParts::of(&float, &integer);
        // (1 - 0)^2 / 4 / 2; then N(., 1) against N(., 4), and N(., 1/e) against N(., 1).
        let first = 0.5 * (0.25 - 1.0 + 4f64.ln());
        let second = 0.5 * ((-1f64).exp() - 1.0 + 1.0);
        assert_eq!(parts.mean, [0.125, 0.0]);
        assert!((parts.variance[0] - first).abs() < 1e-15);
        assert!((parts.variance[1] - second).abs() < 1e-15);
        let f32s = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<_>>();
        let (mean, log_var) = (f32s(&integer.loc), f32s(&integer.log_var));
        let rows = kl_rows(&float, &mean, &log_var);
        for (total, row) in parts.total().iter().zip(rows) {
            assert!((total - row).abs() < 1e-7, "{total} {row}");
        }
        let (mean, variance, kl) = parts.summary();
        assert_eq!(Some(mean + variance), kl.mean);
        assert_eq!(kl.max, Some(parts.total()[0]));
    }
}
