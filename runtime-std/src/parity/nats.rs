//! What quantization costs, in nats: divergence in its two parts, ELBO lost, and the grade for both.

use super::basis::Posterior;
use super::compare::{Kl, expm1_minus};
use super::tolerance::{
    ELBO_DROP, ELBO_DROP_B, INTEGER_KL_MEAN, INTEGER_KL_MEAN_B, INTEGER_KL_P99, INTEGER_KL_P99_B,
};
use elbow_core::noise::{Stream, fill_standard_normal};
use serde::Serialize;

/// KL(float || integer), by what differs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// `1/2 sum (m_f - m_q)^2 e^(-rho_q)` of each row: the means.
    pub mean: Vec<f64>,
    /// `1/2 sum e^d - 1 - d`, `d = rho_f - rho_q`, of each row: the variances.
    pub variance: Vec<f64>,
}

impl Parts {
    /// Of two posteriors with the same latents and rows; nats are additive over latents, and over the
    /// parts of a hierarchy. NaN where a value is.
    pub fn of(float: &Posterior, integer: &Posterior) -> Self {
        let rows = (0..float.mean.len()).step_by(float.latent.max(1));
        let latents = rows.map(|start| start..start + float.latent);
        let mean = latents.clone().map(|row| {
            let terms = row.map(|i| {
                let distance = float.mean[i] - integer.mean[i];
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

    /// Those of two posteriors together, which are independent of each other.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(b).map(|(a, b)| a + b).collect();
        Self { mean: sum(self.mean, other.mean), variance: sum(self.variance, other.variance) }
    }

    /// Both together, of each row.
    pub fn total(&self) -> Vec<f64> {
        self.mean.iter().zip(&self.variance).map(|(mean, variance)| mean + variance).collect()
    }

    /// Mean over the rows of each part, then summary of the total: the report's figures.
    pub fn summary(&self) -> (f64, f64, Kl) {
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        (mean(&self.mean), mean(&self.variance), Kl::of_rows(self.total()))
    }
}

/// ELBO(float) - ELBO(integer), with the same noise for both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ElboDrop {
    /// Mean over the rows; below 0 where the integer posterior happens to be better.
    pub mean: f64,
    /// Standard error of that mean as an estimate for all rows there might be: the rows' standard
    /// deviation over the root of their number. It says how far these rows are from enough; more draws
    /// hardly lower it. NaN of a single row.
    pub se: f64,
    /// Standard error of that mean for the given rows: that of the draws, from how antithetic pairs
    /// differ within a row. It is what a limit on the drop needs to be small. NaN of a single pair.
    pub noise_se: f64,
    /// 99th percentile of the rows, nearest rank.
    pub p99: f64,
}

/// The ELBO that rows lose, against the prior N(0, I).
///
/// `ELBO(q) = E_q[ln p(x|z)] - KL(q || N(0, I))`: the divergence in closed form, the expectation over
/// `pairs` antithetic pairs `z = m + sigma eps`, `z = m - sigma eps`, where `eps` is that of
/// [`Stream`] `(key, row, pair)`, the same for both posteriors. `log_likelihood(row, z)` is `ln p(x|z)`,
/// called for float and integer in turn.
///
/// # Errors
///
/// The first of `log_likelihood`'s.
pub fn elbo_drop<E>(
    float: &Posterior,
    integer: &Posterior,
    pairs: u32,
    key: u64,
    mut log_likelihood: impl FnMut(usize, &[f32]) -> Result<f64, E>,
) -> Result<ElboDrop, E> {
    let rows = float.mean.len() / float.latent.max(1);
    let (mut drops, mut noise) = (Vec::with_capacity(rows), 0.0);
    for row in 0..rows {
        let mut gains = Vec::new();
        for pair in 0..pairs {
            let eps = draw(key, row, pair, float.latent);
            let mut gain = 0.0;
            for sign in [1.0, -1.0] {
                gain += log_likelihood(row, &sample(float, row, &eps, sign))?;
                gain -= log_likelihood(row, &sample(integer, row, &eps, sign))?;
            }
            gains.push(gain / 2.0);
        }
        let (gain, variance) = mean_and_variance(&gains);
        noise += variance / f64::from(pairs);
        drops.push(gain - (kl_to_prior(float, row) - kl_to_prior(integer, row)));
    }
    let (mean, variance) = mean_and_variance(&drops);
    Ok(ElboDrop {
        mean,
        se: (variance / rows as f64).sqrt(),
        noise_se: noise.sqrt() / rows as f64,
        p99: Kl::of_rows(drops).p99.unwrap_or(f64::NAN),
    })
}

fn draw(key: u64, row: usize, pair: u32, latent: usize) -> Vec<f32> {
    let mut eps = vec![0.0; latent];
    let drawn = fill_standard_normal(&mut Stream::new(key, row as u64, pair), &mut eps);
    drawn.map_or(vec![f32::NAN; latent], |()| eps) // a counter never fails
}

fn sample(q: &Posterior, row: usize, eps: &[f32], sign: f64) -> Vec<f32> {
    let latents = (row * q.latent..).zip(eps);
    let z = latents.map(|(i, eps)| {
        let sigma = (0.5 * q.log_var[i]).exp();
        (q.mean[i] + sign * sigma * f64::from(*eps)) as f32
    });
    z.collect()
}

/// `1/2 sum m^2 + e^rho - 1 - rho`.
fn kl_to_prior(q: &Posterior, row: usize) -> f64 {
    let latents = row * q.latent..(row + 1) * q.latent;
    0.5 * latents.map(|i| q.mean[i] * q.mean[i] + expm1_minus(q.log_var[i])).sum::<f64>()
}

/// The variance with `n - 1` as divisor; NaN of a single value.
fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    (mean, squares.sum::<f64>() / (count - 1.0))
}

/// How good an integer posterior is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Grade {
    /// Nothing that one would notice: the loss is small against what amortization costs.
    A,
    /// Usable.
    B,
    /// Not the posterior that was trained.
    #[serde(rename = "fail")]
    Fail,
}

/// Largest mean divergence, p99, and mean drop of the ELBO, of a grade.
struct Limits {
    mean: f64,
    p99: f64,
    drop: f64,
}

const A: Limits = Limits { mean: INTEGER_KL_MEAN, p99: INTEGER_KL_P99, drop: ELBO_DROP };
const B: Limits = Limits { mean: INTEGER_KL_MEAN_B, p99: INTEGER_KL_P99_B, drop: ELBO_DROP_B };

impl Grade {
    /// The best grade whose limits hold.
    ///
    /// `drop` is the mean drop of the ELBO, none without a decoder, when the divergence decides alone. NaN
    /// fails.
    pub fn of(kl: &Kl, drop: Option<f64>) -> Self {
        let within = |value: Option<f64>, limit: f64| value.is_some_and(|value| value <= limit);
        let holds = |limits: &Limits| {
            within(kl.mean, limits.mean)
                && within(kl.p99, limits.p99)
                && drop.is_none_or(|drop| drop <= limits.drop)
        };
        match (holds(&A), holds(&B)) {
            (true, _) => Self::A,
            (false, true) => Self::B,
            (false, false) => Self::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posterior(latent: usize, mean: &[f64], log_var: &[f64]) -> Posterior {
        Posterior { latent, mean: mean.to_vec(), log_var: log_var.to_vec() }
    }

    #[test]
    fn parts_are_the_known_divergences_and_add_up() {
        let float = posterior(2, &[1.0, 0.0, 3.0, 3.0], &[0.0, 0.0, 1.0, -1.0]);
        let integer = posterior(2, &[0.0, 0.0, 3.0, 3.0], &[4f64.ln(), 0.0, 1.0, 0.0]);
        let parts = Parts::of(&float, &integer);
        // (1 - 0)^2 / 4 / 2; then N(., 1) against N(., 4), and N(., 1/e) against N(., 1).
        let first = 0.5 * (0.25 - 1.0 + 4f64.ln());
        let second = 0.5 * ((-1f64).exp() - 1.0 + 1.0);
        assert_eq!(parts.mean, [0.125, 0.0]);
        assert!((parts.variance[0] - first).abs() < 1e-15);
        assert!((parts.variance[1] - second).abs() < 1e-15);
        let f32s = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<_>>();
        let (mean, log_var) = (f32s(&integer.mean), f32s(&integer.log_var));
        let rows = crate::parity::compare::kl_rows(&float, &mean, &log_var);
        for (total, row) in parts.total().iter().zip(rows) {
            assert!((total - row).abs() < 1e-7, "{total} {row}");
        }
        let (mean, variance, kl) = parts.summary();
        assert_eq!(Some(mean + variance), kl.mean);
        assert_eq!(kl.max, Some(parts.total()[0]));
    }

    /// Independent: with x ~ N(w z, s2) the expected log-likelihood has a closed form.
    #[test]
    fn the_elbo_drop_of_a_linear_decoder_is_its_closed_form() {
        let (w, s2) = (1.5, 0.3);
        let x = [0.4, -1.0, 2.0, 0.1];
        let float = posterior(1, &[0.3, -0.5, 1.1, 0.0], &[-1.0, -1.2, -0.8, -1.0]);
        let integer = posterior(1, &[0.35, -0.52, 1.0, 0.02], &[-1.1, -1.2, -0.7, -0.9]);
        let constant = -0.5 * (2.0 * std::f64::consts::PI * s2).ln();
        let exact: Vec<f64> = (0..4)
            .map(|i| {
                let elbo = |q: &Posterior| {
                    let (m, v) = (q.mean[i], q.log_var[i].exp());
                    let fit = constant - ((x[i] - w * m).powi(2) + w * w * v) / (2.0 * s2);
                    fit - 0.5 * (m * m + v - 1.0 - q.log_var[i])
                };
                elbo(&float) - elbo(&integer)
            })
            .collect();
        let likelihood = |row: usize, z: &[f32]| {
            Ok::<_, ()>(constant - (x[row] - w * f64::from(z[0])).powi(2) / (2.0 * s2))
        };
        let drop = elbo_drop(&float, &integer, 4000, 7, likelihood).expect("a number");
        let mean = exact.iter().sum::<f64>() / 4.0;
        assert!((drop.mean - mean).abs() < 4.0 * drop.noise_se, "key 7: {drop:?} {mean}");
        assert!(drop.noise_se < 2e-3, "key 7: {drop:?}");
        let spread: f64 = exact.iter().map(|drop| (drop - mean).powi(2)).sum();
        let se = (spread / 12.0).sqrt();
        assert!((drop.se / se - 1.0).abs() < 0.02, "key 7: {} {se}", drop.se);
        let none = elbo_drop(&float, &float, 2, 7, likelihood).expect("a number");
        assert_eq!((none.mean, none.se, none.noise_se, none.p99), (0.0, 0.0, 0.0, 0.0));
    }

    /// The noise part of the error is what repeating with other keys shows.
    #[test]
    fn the_noise_error_is_honest() {
        let float = posterior(2, &[0.3, -0.5, 1.1, 0.0], &[-1.0, -1.2, -0.8, -1.0]);
        let integer = posterior(2, &[0.35, -0.5, 1.0, 0.1], &[-1.3, -1.2, -0.7, -0.9]);
        let likelihood =
            |_: usize, z: &[f32]| Ok::<_, ()>(-f64::from(z[0]).powi(4) + f64::from(z[0] * z[1]));
        let runs = 400;
        let drops = |key| elbo_drop(&float, &integer, 16, key, likelihood).expect("a number");
        let all: Vec<ElboDrop> = (0..runs).map(drops).collect();
        let means: Vec<f64> = all.iter().map(|drop| drop.mean).collect();
        let claimed = all.iter().map(|drop| drop.noise_se.powi(2)).sum::<f64>() / runs as f64;
        let ratio = mean_and_variance(&means).1 / claimed;
        assert!((0.75..1.33).contains(&ratio), "keys 0 to 399: {ratio}"); // 4 deviations of sqrt(2 / 400)
    }

    #[test]
    fn a_failing_likelihood_ends_the_run() {
        let q = posterior(1, &[0.0], &[0.0]);
        assert_eq!(elbo_drop(&q, &q, 2, 0, |_, _| Err("broken")), Err("broken"));
    }

    #[test]
    fn grades_follow_their_limits() {
        let kl = |mean, p99| Kl { mean: Some(mean), p99: Some(p99), max: Some(9.0) };
        let cases = [
            (kl(0.01, 0.05), Some(0.02), Grade::A),
            (kl(0.01, 0.05), None, Grade::A),
            (kl(0.01, 0.05), Some(-1.0), Grade::A),
            (kl(0.0101, 0.05), None, Grade::B),
            (kl(0.01, 0.051), None, Grade::B),
            (kl(0.01, 0.05), Some(0.021), Grade::B),
            (kl(0.05, 0.25), Some(0.1), Grade::B),
            (kl(0.05, 0.25), Some(0.101), Grade::Fail),
            (kl(0.051, 0.25), None, Grade::Fail),
            (kl(0.05, 0.251), None, Grade::Fail),
            (kl(f64::NAN, f64::NAN), None, Grade::Fail),
            (kl(0.0, 0.0), Some(f64::NAN), Grade::Fail),
            (Kl::default(), None, Grade::Fail),
        ];
        for (kl, drop, grade) in cases {
            assert_eq!(Grade::of(&kl, drop), grade, "{kl:?} {drop:?}");
        }
        assert_eq!(serde_json::to_string(&Grade::Fail).expect("a string"), "\"fail\"");
    }
}
