//! Importance weights of a normal `q` against a normal truth: bound, effective size and tail.

use super::{KEY, assert_near, mean_and_se, one_latent};
use elbow_core::distributions::rsample;
use elbow_core::infer::psis::{Tail, insert, k_hat};
use elbow_core::infer::{InferError, Iwae, LogLikelihood, Posterior, Scratch, iwae, log_weights};
use elbow_core::noise::{Draws, Independent};
use elbow_tests::tolerance::{ESS, ESS_SHARE, IWAE, PARETO_ARVIZ, PARETO_DEVICE, PARETO_HOST};
use nalgebra::DVector;

/// One latent with the posterior `N(0, 1/2)` and an evidence of 1: `ln p(x | z) = ln 2 / 2 - z^2 / 2`.
struct Half;

impl LogLikelihood for Half {
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
        Ok(0.5 * (std::f32::consts::LN_2 - z[0] * z[0]))
    }
}

/// `q = N(delta, rho / 2)`, whose variance is `rho` times the truth's.
struct Proposal {
    loc: [f32; 1],
    log_var: [f32; 1],
}

impl Proposal {
    fn new(rho: f32, delta: f32) -> Self {
        Self { loc: [delta], log_var: [(0.5 * rho).ln()] }
    }

    fn q(&self) -> Posterior<'_> {
        Posterior { loc: &self.loc, log_var: &self.log_var }
    }

    fn push(&self, datapoint: u64, samples: u32, each: impl FnMut(f32)) {
        let mut noise = Independent { key: KEY, datapoint };
        let scratch = Scratch { eps: &mut [0.0], z: &mut [0.0] };
        log_weights(&mut Half, self.q(), &mut noise, 0..samples, scratch, each).unwrap();
    }
}

/// `E[(w / p(x))^2]`, finite for `rho > 1/2`.
fn second_moment(rho: f64, delta: f64) -> f64 {
    let spread = 2.0 * rho - 1.0;
    rho / spread.sqrt() * (delta * delta / (0.5 * spread)).exp()
}

#[test]
fn the_bound_falls_short_by_half_the_variance_over_the_draws() {
    for (draws, rho, delta) in [(4, 1.2, 0.0), (16, 1.5, 0.2), (64, 0.8, 0.3)] {
        let proposal = Proposal::new(rho, delta);
        let mut estimate = |datapoint| {
            let mut noise = Independent { key: KEY, datapoint };
            let scratch = Scratch { eps: &mut [0.0], z: &mut [0.0] };
            let iwae = iwae(&mut Half, proposal.q(), &mut noise, 0..draws, scratch).unwrap();
            f64::from(iwae.bound())
        };
        let bounds: Vec<f64> = (0..40_000).map(&mut estimate).collect();
        let (mean, se) = mean_and_se(&bounds);
        let variance = second_moment(f64::from(rho), f64::from(delta)) - 1.0;
        let short = variance / (2.0 * f64::from(draws));
        println!("K={draws}: {:.5} short +- {se:.5}, {short:.5} by the formula", -mean);
        assert!(short > 3.0 * se, "the test would not see it");
        assert_near(-mean, short, 3.0 * se);
    }
}

#[test]
fn the_effective_size_is_the_inverse_of_the_second_moment() {
    const DRAWS: u32 = 100_000;
    for (rho, delta) in [(0.8, 0.0), (1.5, 0.3), (2.0, 0.0)] {
        let proposal = Proposal::new(rho, delta);
        let mut iwae = Iwae::new();
        proposal.push(77, DRAWS, |log_w| iwae.push(log_w));
        let share = f64::from(iwae.ess()) / f64::from(iwae.count());
        let truth = 1.0 / second_moment(f64::from(rho), f64::from(delta));
        assert_near(share, truth, ESS_SHARE);
    }
}

/// Draws of the prior average to the evidence, draws of a posterior to the density that it predicts of
/// another observation: `N(W m + mu, W S W^T + Psi)`.
#[test]
fn generated_latents_average_to_marginal_densities() {
    const DRAWS: u32 = 20_000;
    let (model, x) = one_latent();
    let posterior = model.best(&x, 1.0, 0.0);
    let mut predictive = model.clone();
    predictive.mu += &model.w * &posterior.loc;
    predictive.w *= posterior.var[0].sqrt();
    let other = DVector::from_vec(vec![0.0, 2.5]);
    let (loc, log_var) = posterior.floats();
    let mut decoder = model.decoder(&other);
    for (loc, log_var, truth) in [
        ([0.0], [0.0], model.evidence(&other)),
        ([loc[0]], [log_var[0]], predictive.evidence(&other)),
    ] {
        let mut noise = Independent { key: KEY, datapoint: 6 };
        let mut density = Iwae::new();
        for sample in 0..DRAWS {
            let [mut eps, mut z] = [[0.0]; 2];
            noise.draw(sample, &mut eps).unwrap();
            rsample(&loc, &log_var, &eps, &mut z);
            density.push(decoder.log_likelihood(&z).unwrap());
        }
        let se = (1.0 / f64::from(density.ess()) - 1.0 / f64::from(DRAWS)).sqrt();
        assert!(se < 0.02);
        assert_near(f64::from(density.bound()), truth, 3.0 * se);
    }
}

/// Against the sums in f64, over weights that rise, fall and vanish.
#[test]
fn streaming_sums_equal_sums_of_all() {
    let rising: Vec<f32> = (0..500).map(|i| 0.3 * i as f32 - 700.0).collect();
    let falling: Vec<f32> = rising.iter().rev().copied().collect();
    let mut shuffled = rising.clone();
    shuffled.extend([f32::NEG_INFINITY, -1e30, 12.5]);
    shuffled.sort_by_key(|v| v.to_bits().wrapping_mul(0x9E37_79B9));
    for weights in [rising, falling, shuffled] {
        let mut iwae = Iwae::new();
        weights.iter().for_each(|log_w| iwae.push(*log_w));
        let max = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exps: Vec<f64> = weights.iter().map(|v| f64::from(v - max).exp()).collect();
        let (sum, squares) = (exps.iter().sum::<f64>(), exps.iter().map(|e| e * e).sum::<f64>());
        let bound = f64::from(max) + (sum / weights.len() as f64).ln();
        assert_near(f64::from(iwae.bound()), bound, IWAE * bound.abs().max(1.0));
        assert_near(f64::from(iwae.ess()), sum * sum / squares, ESS * sum);
    }
}

#[test]
fn weights_of_zero_and_none_and_too_many_are_what_the_docs_say() {
    let of = |weights: &[f32]| {
        let mut iwae = Iwae::new();
        weights.iter().for_each(|log_w| iwae.push(*log_w));
        iwae
    };
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    assert!(of(&[]).bound().is_nan() && of(&[]).ess().is_nan());
    assert_eq!(of(&[-inf, -inf]).bound(), -inf);
    assert!(of(&[-inf]).ess().is_nan());
    assert_eq!(of(&[-inf, 0.0]).bound(), 0.5_f32.ln());
    assert_eq!(of(&[0.0, inf, 0.0]).bound(), inf);
    assert!(of(&[0.0, nan, 0.0]).bound().is_nan() && of(&[nan]).ess().is_nan());
    assert_eq!(size_of::<Iwae>(), 24, "whatever the number of draws");
}

/// Estimates of `k` from 2,000 draws by the decoder's weights.
fn device_k_hats(rho: f32, repeats: u64) -> Vec<f64> {
    let proposal = Proposal::new(rho, 0.0);
    let estimate = |datapoint| {
        let mut tail = Tail::<137>::new();
        proposal.push(datapoint, 2000, |log_w| tail.push(log_w));
        f64::from(tail.k_hat().unwrap())
    };
    (0..repeats).map(estimate).collect()
}

/// Estimates of `k` from 100,000 draws by the formula `ln w = (ln rho + (1 - rho) eps^2) / 2`.
fn host_k_hats(rho: f32, repeats: u32) -> Vec<f64> {
    let mut eps = vec![0.0; 100_000];
    let mut estimate = |repeat| {
        Independent { key: KEY, datapoint: 9 }.draw(repeat, &mut eps).unwrap();
        let mut largest = [f32::NEG_INFINITY; 950];
        eps.iter().for_each(|e| insert(&mut largest, 0.5 * (rho.ln() + (1.0 - rho) * e * e)));
        f64::from(k_hat(&largest, 100_000).unwrap())
    };
    (0..repeats).map(&mut estimate).collect()
}

#[test]
fn the_tail_shape_is_one_minus_the_ratio_of_variances() {
    for rho in [0.8, 0.6, 0.5, 0.4, 0.3, 0.2] {
        let (host, host_se) = mean_and_se(&host_k_hats(rho, 20));
        let (device, device_se) = mean_and_se(&device_k_hats(rho, 60));
        println!(
            "rho {rho}: k {host:.3} +- {host_se:.3} by 100,000, {device:.3} +- {device_se:.3}"
        );
        let truth = 1.0 - f64::from(rho);
        assert_near(host, truth, PARETO_HOST + 3.0 * host_se);
        assert_near(device, truth, PARETO_DEVICE);
    }
    assert!(mean_and_se(&device_k_hats(1.5, 20)).0 < 0.0, "wider than the truth: bounded weights");
}

/// `arviz.psislw` (0.22.0) on `-k ln u` and `ln(1 - u)` for `u = (i + 1/2) / 2000`.
#[test]
fn the_fit_is_that_of_arviz() {
    let u = |i: i32| (f64::from(i) + 0.5) / 2000.0;
    let of = |log_weight: &dyn Fn(f64) -> f64, shift: f32| {
        let mut tail = Tail::<137>::new();
        (0..2000).for_each(|i| tail.push(log_weight(u(i)) as f32 + shift));
        f64::from(tail.k_hat().unwrap())
    };
    for shift in [0.0, -900.0] {
        for (k, arviz) in [(0.3, 0.3171292424), (0.7, 0.6786439980), (1.2, 1.1305491441)] {
            assert_near(of(&|u: f64| -k * u.ln(), shift), arviz, PARETO_ARVIZ);
        }
        assert_near(of(&|u: f64| (-u).ln_1p(), shift), -0.8639110771, PARETO_ARVIZ);
    }
}

#[test]
fn no_tail_has_no_shape() {
    let of = |weights: &mut dyn Iterator<Item = f32>| {
        let mut tail = Tail::<16>::new();
        weights.for_each(|log_w| tail.push(log_w));
        tail.k_hat()
    };
    let slope = |i: i32| 0.1 * i as f32;
    assert!(of(&mut (0..100).map(slope)).is_some());
    assert_eq!(of(&mut std::iter::empty()), None);
    assert_eq!(of(&mut (0..20).map(slope)), None, "4 weights in the tail");
    assert_eq!(of(&mut std::iter::repeat_n(-3.0, 100)), None);
    assert_eq!(of(&mut std::iter::repeat_n(f32::NEG_INFINITY, 100)), None);
    assert_eq!(of(&mut (0..100).map(|i| if i == 50 { f32::NAN } else { slope(i) })), None);
    assert_eq!(of(&mut (0..100).map(|i| if i == 50 { f32::INFINITY } else { slope(i) })), None);
    assert_eq!(k_hat(&[], 100), None);
    let mut largest = [f32::NEG_INFINITY; 3];
    [1.0, 5.0, 2.0, 4.0, 3.0].into_iter().for_each(|v| insert(&mut largest, v));
    assert_eq!(largest, [5.0, 4.0, 3.0]);
}
