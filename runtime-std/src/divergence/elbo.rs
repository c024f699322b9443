//! The drop of the ELBO from one posterior to another, by common noise.

use super::kl::{Kl, expm1_minus};
use crate::posterior::Posteriors;
use elbow_core::noise::{Stream, fill_standard_normal};

/// ELBO(float) - ELBO(integer), with the same noise for both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElboDrop {
    /// Mean over the rows; below 0 where the integer posterior happens to be better.
    pub mean: f64,
    /// Standard error of that mean as an estimate for all rows there might be: the rows' standard
    /// deviation over the root of their number. It says how far these rows are from enough; more draws
    /// hardly lower it. NaN of a single row.
    pub rows_se: f64,
    /// Standard error of that mean for the given rows: that of the draws, from how antithetic pairs
    /// differ within a row. It is what a limit on the drop needs to be small. NaN of a single pair.
    pub draws_se: f64,
    /// 99th percentile of the rows, nearest rank.
    pub p99: f64,
}

/// ELBO(float) - ELBO(integer) of all rows, against the prior N(0, I), in nats. Both posteriors have the same
/// rows and latents, and `pairs` is at least 1; NaN of no rows.
///
/// `ELBO(q) = E_q[ln p(x|z)] - KL(q || N(0, I))`: the divergence in closed form, the expectation over `pairs`
/// antithetic pairs `z = m + sigma eps`, `z = m - sigma eps`, where `eps` is that of [`Stream`] `(key, row,
/// pair)`, the same for both posteriors. `log_likelihood(row, z)` is `ln p(x|z)`, called for float and
/// integer in turn.
///
/// # Errors
///
/// The first of `log_likelihood`'s.
pub fn elbo_drop<E>(
    float: &Posteriors<f64>,
    integer: &Posteriors<f64>,
    pairs: u32,
    key: u64,
    mut log_likelihood: impl FnMut(usize, &[f32]) -> Result<f64, E>,
) -> Result<ElboDrop, E> {
    let rows = float.loc.len() / float.latent.max(1);
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
        rows_se: (variance / rows as f64).sqrt(),
        draws_se: noise.sqrt() / rows as f64,
        p99: Kl::of_rows(drops).p99.unwrap_or(f64::NAN),
    })
}

/// Standard normal noise of one pair, a value per latent.
fn draw(key: u64, row: usize, pair: u32, latent: usize) -> Vec<f32> {
    let mut eps = vec![0.0; latent];
    let drawn = fill_standard_normal(&mut Stream::new(key, row as u64, pair), &mut eps);
    drawn.map_or(vec![f32::NAN; latent], |()| eps) // a counter never fails
}

/// `z = m + sign sigma eps` of a row of `q`, in f32, one value for each of `eps`.
fn sample(q: &Posteriors<f64>, row: usize, eps: &[f32], sign: f64) -> Vec<f32> {
    let latents = (row * q.latent..).zip(eps);
    let z = latents.map(|(i, eps)| {
        let sigma = (0.5 * q.log_var[i]).exp();
        (q.loc[i] + sign * sigma * f64::from(*eps)) as f32
    });
    z.collect()
}

/// `KL(q || N(0, I)) = 1/2 sum (m^2 + e^rho - 1 - rho)` of a row, in nats, with the log-variances `rho`.
fn kl_to_prior(q: &Posteriors<f64>, row: usize) -> f64 {
    let latents = row * q.latent..(row + 1) * q.latent;
    0.5 * latents.map(|i| q.loc[i] * q.loc[i] + expm1_minus(q.log_var[i])).sum::<f64>()
}

/// Mean, and variance with `n - 1` as divisor; the variance of a single value is NaN, and both are of none.
fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    (mean, squares.sum::<f64>() / (count - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posterior(latent: usize, loc: &[f64], log_var: &[f64]) -> Posteriors<f64> {
        Posteriors { latent, loc: loc.to_vec(), log_var: log_var.to_vec(), clamp_hits: 0 }
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
                let elbo = |q: &Posteriors<f64>| {
                    let (m, v) = (q.loc[i], q.log_var[i].exp());
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
        assert!((drop.mean - mean).abs() < 4.0 * drop.draws_se, "key 7: {drop:?} {mean}");
        assert!(drop.draws_se < 2e-3, "key 7: {drop:?}");
        let spread: f64 = exact.iter().map(|drop| (drop - mean).powi(2)).sum();
        let se = (spread / 12.0).sqrt();
        assert!((drop.rows_se / se - 1.0).abs() < 0.02, "key 7: {} {se}", drop.rows_se);
        let none = elbo_drop(&float, &float, 2, 7, likelihood).expect("a number");
        assert_eq!((none.mean, none.rows_se, none.draws_se, none.p99), (0.0, 0.0, 0.0, 0.0));
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
        let claimed = all.iter().map(|drop| drop.draws_se.powi(2)).sum::<f64>() / runs as f64;
        let ratio = mean_and_variance(&means).1 / claimed;
        assert!((0.75..1.33).contains(&ratio), "keys 0 to 399: {ratio}"); // 4 deviations of sqrt(2 / 400)
    }

    #[test]
    fn a_failing_likelihood_ends_the_run() {
        let q = posterior(1, &[0.0], &[0.0]);
        assert_eq!(elbo_drop(&q, &q, 2, 0, |_, _| Err("broken")), Err("broken"));
    }
}
