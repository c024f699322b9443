//! What a posterior is worth, and a step of its refinement, with the decoder of `decoder`.

use crate::decoder::{Decoder, LATENT, WIDE};
use crate::harness::{Work, crc32};
use core::marker::PhantomData;
use elbow_core::distributions::DiagNormal;
use elbow_core::infer::{InferError, Pairs, Refiner, Scratch, Stein, elbo, iwae};
use elbow_core::noise::{Draws, Independent, STEPS};
use elbow_kernels::workloads::Values;

/// Draws of a bound.
const SAMPLES: u32 = 16;
const KEY: u64 = 1;
const DATAPOINT: u64 = 2;
/// Of `max(1, |value|)`: f32 sums of 64 products, layer after layer.
const TOLERANCE: f64 = 1e-4;

type Q = DiagNormal<LATENT>;

/// What is inferred; results come one after another, the others stay zero.
pub trait Task {
    /// The results by the core; `decoder` keeps what it decoded last. `Err` where the core's function gives
    /// one.
    fn run(decoder: &mut Decoder, q: &Q) -> Result<[f32; WIDE], InferError>;

    /// The results by the reference, in f64; not 0 in front.
    fn truth(decoder: &Decoder, q: &Q) -> [f64; WIDE];
}

/// A task with its decoder and posterior.
pub struct Infer<T> {
    decoder: Decoder,
    q: Q,
    found: [f32; WIDE],
    /// Whether the last run failed.
    failed: bool,
    task: PhantomData<T>,
}

impl<T: Task> Infer<T> {
    /// Zeros, which take no flash.
    pub const fn new() -> Self {
        let (decoder, q, found) = (Decoder::new(), DiagNormal::standard(), [0.0; WIDE]);
        Self { decoder, q, found, failed: false, task: PhantomData }
    }
}

impl<T: Task> Work for Infer<T> {
    /// Draws the decoder, and sets the posterior.
    fn prepare(&mut self, values: &mut Values) {
        self.decoder.draw(values);
        self.q = DiagNormal { loc: [0.5, -0.25], log_var: [-2.0, -1.0] };
    }

    /// Runs the task and keeps its results, zeros after an error.
    #[inline(never)]
    fn run(&mut self) {
        let found = T::run(&mut self.decoder, &self.q);
        self.failed = found.is_err();
        self.found = found.unwrap_or([0.0; WIDE]);
    }

    /// Whether the last run did not fail, and its results are the reference's but for the tolerance.
    fn is_right(&mut self) -> bool {
        let truth = T::truth(&self.decoder, &self.q);
        let close = |(found, truth): (&f32, &f64)| {
            (f64::from(*found) - truth).abs() <= TOLERANCE * truth.abs().max(1.0)
        };
        !self.failed && truth[0] != 0.0 && self.found.iter().zip(&truth).all(close)
    }

    /// CRC-32 of the last results as little-endian bytes.
    fn check(&self) -> u32 {
        crc32(self.found.iter().flat_map(|value| value.to_le_bytes()))
    }
}

/// One forward pass.
pub struct Decode;

impl Task for Decode {
    /// The logits at the mean of the posterior.
    fn run(decoder: &mut Decoder, q: &Q) -> Result<[f32; WIDE], InferError> {
        decoder.decode(&q.loc);
        Ok(decoder.logits)
    }

    /// The logits at the mean of the posterior, in f64.
    fn truth(decoder: &Decoder, q: &Q) -> [f64; WIDE] {
        decoder.truth(q.loc.map(f64::from)).logits
    }
}

/// The bound from 16 draws.
pub struct Elbo;

impl Task for Elbo {
    /// Log-likelihood and divergence of the bound, in nats.
    fn run(decoder: &mut Decoder, q: &Q) -> Result<[f32; WIDE], InferError> {
        let scratch = Scratch { eps: &mut [0.0; LATENT], z: &mut [0.0; LATENT] };
        let mut noise = Independent { key: KEY, datapoint: DATAPOINT };
        let terms = elbo(decoder, q.into(), &mut noise, 0..SAMPLES, scratch)?;
        Ok(padded([terms.log_likelihood, terms.kl], 0.0))
    }

    /// Log-likelihood, at the draws of the same noise, and divergence by its formula, in nats and f64.
    fn truth(decoder: &Decoder, q: &Q) -> [f64; WIDE] {
        let sum: f64 = weighed(decoder, q).map(|(log_likelihood, _)| log_likelihood).sum();
        let parts = q.loc.iter().zip(&q.log_var).map(|(m, rho)| (f64::from(*m), f64::from(*rho)));
        let kl: f64 = parts.map(|(m, rho)| 0.5 * (m * m + libm::exp(rho) - 1.0 - rho)).sum();
        padded([sum / f64::from(SAMPLES), kl], 0.0)
    }
}

/// The importance-weighted bound from 16 draws.
pub struct Iwae;

impl Task for Iwae {
    /// The bound, in nats, and the effective sample size.
    fn run(decoder: &mut Decoder, q: &Q) -> Result<[f32; WIDE], InferError> {
        let scratch = Scratch { eps: &mut [0.0; LATENT], z: &mut [0.0; LATENT] };
        let mut noise = Independent { key: KEY, datapoint: DATAPOINT };
        let iwae = iwae(decoder, q.into(), &mut noise, 0..SAMPLES, scratch)?;
        Ok(padded([iwae.bound(), iwae.ess()], 0.0))
    }

    /// The bound, in nats, and the effective sample size by their formulas, at the draws of the same noise,
    /// in f64.
    fn truth(decoder: &Decoder, q: &Q) -> [f64; WIDE] {
        let all = || weighed(decoder, q).map(|(log_likelihood, ratio)| log_likelihood + ratio);
        let largest = all().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = all().map(|log_w| libm::exp(log_w - largest)).sum();
        let squares: f64 = all().map(|log_w| libm::exp(2.0 * (log_w - largest))).sum();
        let bound = largest + libm::log(sum / f64::from(SAMPLES));
        padded([bound, sum * sum / squares], 0.0)
    }
}

/// The first step of the rule that needs no tuning, from eight gradients.
pub struct Step;

impl Task for Step {
    /// Means and log-variances of the posterior after one step of refinement; `q` itself stays.
    fn run(decoder: &mut Decoder, q: &Q) -> Result<[f32; WIDE], InferError> {
        let mut refiner = Refiner::new(q, Stein::DEFAULT, Pairs::DEFAULT);
        refiner.step(decoder, &mut Pairs::DEFAULT.noise(KEY, DATAPOINT))?;
        let q = refiner.posterior();
        Ok(padded([q.loc[0], q.loc[1], q.log_var[0], q.log_var[1]], 0.0))
    }

    /// Means and log-variances after one step of refinement in f64, as `Stein` is documented, with the weight
    /// of the first step.
    fn truth(decoder: &Decoder, q: &Q) -> [f64; WIDE] {
        let (mut gradient, mut stein) = ([0.0; LATENT], [0.0; LATENT]);
        let (mut noise, mut eps) = (Pairs::DEFAULT.noise(KEY, DATAPOINT), [0.0; LATENT]);
        let weight = f64::from(Stein::DEFAULT.rate);
        let share = 0.5 / f64::from(Pairs::DEFAULT.step);
        for pair in 0..Pairs::DEFAULT.step {
            let _ = noise.draw(STEPS + pair, &mut eps);
            for sign in [1.0, -1.0] {
                let eps = eps.map(|eps| sign * f64::from(eps));
                let truth = decoder.truth(at(q, eps));
                for i in 0..LATENT {
                    gradient[i] += share * truth.gradient[i];
                    stein[i] += share * truth.gradient[i] * eps[i];
                }
            }
        }
        let mut found = [0.0; WIDE];
        for i in 0..LATENT {
            let (m, rho) = (f64::from(q.loc[i]), f64::from(q.log_var[i]));
            let scale = libm::exp(0.5 * rho);
            let precision = 1.0 - stein[i] / scale;
            let shrink = (1.0 + weight * (precision * scale * scale - 1.0)).clamp(0.5, 8.0);
            let rho = rho - libm::log(shrink);
            let scale = libm::exp(0.5 * rho);
            let reach = (weight * scale * (gradient[i] - m)).clamp(-3.0, 3.0);
            (found[i], found[LATENT + i]) = (m + scale * reach, rho);
        }
        found
    }
}

/// `ln p(x | z)` and `ln p(z) - ln q(z)` of every draw, in nats, by the reference.
fn weighed(decoder: &Decoder, q: &Q) -> impl Iterator<Item = (f64, f64)> {
    (0..SAMPLES).map(move |sample| {
        let mut eps = [0.0; LATENT];
        let _ = Independent { key: KEY, datapoint: DATAPOINT }.draw(sample, &mut eps);
        let eps = eps.map(f64::from);
        let z = at(q, eps);
        let ratio = |i: usize| f64::from(q.log_var[i]) + eps[i] * eps[i] - z[i] * z[i];
        (decoder.truth(z).log_likelihood, 0.5 * (0..LATENT).map(ratio).sum::<f64>())
    })
}

/// The latent of a draw, `loc + scale eps`, in f64.
fn at(q: &Q, eps: [f64; LATENT]) -> [f64; LATENT] {
    core::array::from_fn(|i| {
        f64::from(q.loc[i]) + libm::exp(0.5 * f64::from(q.log_var[i])) * eps[i]
    })
}

/// `values`, followed by as many `zero` as there is room for.
fn padded<T: Copy, const N: usize>(values: [T; N], zero: T) -> [T; WIDE] {
    core::array::from_fn(|at| values.get(at).copied().unwrap_or(zero))
}
