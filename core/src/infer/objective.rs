//! The evidence lower bound, averaged over draws of the posterior.

use core::ops::Range;

use super::{ElboTerms, Gradient, InferError, LogLikelihood, Posterior};
use crate::distributions::sum::Sum;
use crate::distributions::{entropy, kl_to_standard, rsample};
use crate::math::{exp_exact, expm1};
use crate::noise::Draws;

/// Memory for one draw, each part as long as the latent.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scratch<'a> {
    /// Becomes the noise of each draw.
    pub eps: &'a mut [f32],
    /// Becomes the latent of each draw, `loc + scale eps`.
    pub z: &'a mut [f32],
}

/// The terms of the bound, in nats, with the divergence in closed form: `ln p(x | z)` averaged over the draws
/// `samples`, and `KL(q || N(0, I))`. Overwrites `scratch`.
///
/// Unbiased for independent or antithetic normal draws; exact for a log-likelihood that is quadratic in
/// `z` with whole matrices of [`Hadamard`](crate::noise::Hadamard) points of
/// [`Radius::One`](crate::noise::Radius::One) and their opposites. The average is a compensated sum,
/// divided once; no samples give NaN. Infinite and NaN log-likelihoods enter it as they are.
///
/// ```
/// use elbow_core::distributions::DiagNormal;
/// use elbow_core::infer::{InferError, LogLikelihood, Scratch, elbo};
/// use elbow_core::noise::{Antithetic, Hadamard, Radius};
/// /// `ln N(1; z, 1)`
/// struct Reading;
/// impl LogLikelihood for Reading {
///     fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
///         Ok(z.iter().map(|z| -0.9189385 - 0.5 * (1.0 - z) * (1.0 - z)).sum())
///     }
/// }
/// // The true posterior, where the bound is the evidence, ln N(1; 0, 2).
/// let q = DiagNormal { loc: [0.5], log_var: [-0.6931472] };
/// let mut noise = Antithetic(Hadamard { key: 1, datapoint: 0, set: 4, radius: Radius::One });
/// let scratch = Scratch { eps: &mut [0.0], z: &mut [0.0] };
/// let terms = elbo(&mut Reading, (&q).into(), &mut noise, 0..8, scratch)?;
/// assert!((terms.elbo() - -1.515512).abs() < 1e-6);
/// # Ok::<(), InferError>(())
/// ```
///
/// # Errors
///
/// The first error of the decoder or the noise.
pub fn elbo(
    likelihood: &mut (impl LogLikelihood + ?Sized),
    q: Posterior<'_>,
    noise: &mut (impl Draws + ?Sized),
    samples: Range<u32>,
    scratch: Scratch<'_>,
) -> Result<ElboTerms, InferError> {
    let mut log_likelihood = RunningMean::ZERO;
    for_each(likelihood, q, noise, samples, scratch, |log_p, _| log_likelihood.add(log_p))?;
    Ok(ElboTerms { log_likelihood: log_likelihood.value(), kl: kl_to_standard(q.loc, q.log_var) })
}

/// The terms of the bound, in nats, with the divergence averaged over the same draws: `kl` is the mean of
/// `ln q(z) - ln p(z)`. No samples give NaN. Overwrites `scratch`.
///
/// Noisier than [`elbo`] except where `q` is next to the true posterior: there the noise of the two
/// terms cancels, and every single draw gives the evidence (Roeder, Wu and Duvenaud, 2017). The `kl` of
/// one average may be negative.
///
/// # Errors
///
/// As for [`elbo`].
pub fn elbo_monte_carlo(
    likelihood: &mut (impl LogLikelihood + ?Sized),
    q: Posterior<'_>,
    noise: &mut (impl Draws + ?Sized),
    samples: Range<u32>,
    scratch: Scratch<'_>,
) -> Result<ElboTerms, InferError> {
    let [mut log_likelihood, mut kl] = [RunningMean::ZERO; 2];
    for_each(likelihood, q, noise, samples, scratch, |log_p, log_ratio| {
        log_likelihood.add(log_p);
        kl.add(-log_ratio);
    })?;
    Ok(ElboTerms { log_likelihood: log_likelihood.value(), kl: kl.value() })
}

/// Calls `each` with `ln p(x | z)` and `ln p(z) - ln q(z)`, in nats, of one draw of `z` per number in
/// `samples`, in their order, for `p(z) = N(0, I)`. `Err` is the first error of the decoder or the noise,
/// which ends the loop: `each` has got the draws before it. Overwrites `scratch`.
pub(super) fn for_each(
    likelihood: &mut (impl LogLikelihood + ?Sized),
    q: Posterior<'_>,
    noise: &mut (impl Draws + ?Sized),
    samples: Range<u32>,
    scratch: Scratch<'_>,
    mut each: impl FnMut(f32, f32),
) -> Result<(), InferError> {
    let Scratch { eps, z } = scratch;
    for sample in samples {
        noise.draw(sample, eps)?;
        rsample(q.loc, q.log_var, eps, z);
        each(likelihood.log_likelihood(z)?, log_ratio(q.log_var, eps, z));
    }
    Ok(())
}

/// `ln p(z) - ln q(z) = 1/2 sum_i (log_var_i + eps_i^2 - z_i^2)`, in nats, for `z = loc + scale eps`: the
/// constants cancel, and nothing is divided by a variance.
fn log_ratio(log_var: &[f32], eps: &[f32], z: &[f32]) -> f32 {
    let parts = log_var.iter().zip(eps).zip(z);
    let add = |sum: Sum, ((rho, eps), z): ((&f32, &f32), &f32)| {
        sum.add(*rho).add(eps * eps).add(-(z * z))
    };
    0.5 * parts.fold(Sum::ZERO, add).value()
}

/// The function of the posterior that is maximized, in place of the bound:
/// `E_q[ln p(x | z)] - beta KL(q || p) + entropy_weight H(q)`.
///
/// `beta = 1` and no entropy weight is the bound itself. With another `beta` (Higgins et al., 2017) or
/// an entropy bonus the value is no bound: report it beside [`ElboTerms::elbo`], never in its place. For
/// a linear-Gaussian model the optimum under an entropy weight `w` has the posterior's variance times
/// `1 + w`, at a loss of `d / 2 (w - ln(1 + w))` nats of the bound.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Objective {
    /// Weight of the divergence.
    pub beta: f32,
    /// Weight of the posterior's entropy, beside the one inside the divergence.
    pub entropy_weight: f32,
}

impl Objective {
    /// The evidence lower bound.
    pub const ELBO: Self = Self { beta: 1.0, entropy_weight: 0.0 };

    /// The objective in nats, from the terms of the bound at `q`. Of `q` only the log-variances are read, for
    /// the entropy.
    #[must_use]
    pub fn value(&self, terms: &ElboTerms, q: Posterior<'_>) -> f32 {
        let weighted = terms.log_likelihood - self.beta * terms.kl;
        weighted + self.entropy_weight * entropy(q.log_var)
    }
}

/// How the gradient of an objective is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum GradientEstimator {
    /// Gradient of the log-likelihood averaged over draws, of divergence and entropy in closed form.
    ClosedKl,
    /// Gradients of all terms averaged over the same draws, without the score of `q` (sticking the landing,
    /// Roeder, Wu and Duvenaud, 2017): the gradient of every draw vanishes where `q` is the true posterior
    /// and the objective is the bound.
    StickingTheLanding,
}

/// Where the gradient of an objective goes, and what its average needs; each as long as the latent.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GradientScratch<'a> {
    /// Becomes the derivative with respect to the means.
    pub loc: &'a mut [f32],
    /// Becomes the derivative with respect to the log-variances.
    pub log_var: &'a mut [f32],
    /// Becomes the noise of each draw.
    pub eps: &'a mut [f32],
    /// Becomes the latent of each draw, `loc + scale eps`.
    pub z: &'a mut [f32],
    /// Becomes the gradient of the log-likelihood at each draw.
    pub grad: &'a mut [f32],
}

/// Writes the gradient of `objective` with respect to the means and log-variances of `q`, averaged over the
/// draws `samples`, to `scratch.loc` and `scratch.log_var`, and returns the terms of the bound from the same
/// draws (`kl` in closed form).
///
/// With `g = d ln p(x | z) / dz` at `z = loc + scale eps` and averages over the draws,
///
/// ```text
/// d / d loc     = E[g] - beta loc
/// d / d log_var = 1/2 (scale E[g eps] - beta (e^log_var - 1) + entropy_weight)
/// ```
///
/// and, sticking the landing, with `h = g - beta z + (beta + entropy_weight) eps / scale`,
///
/// ```text
/// d / d loc = E[h],   d / d log_var = 1/2 scale E[h eps]
/// ```
///
/// Sums are plain, in the order of the samples. Infinities and NaN of the decoder come through; no
/// samples give NaN.
///
/// # Errors
///
/// As for [`elbo`]; the content of `scratch` must then not be used.
pub fn elbo_gradient(
    likelihood: &mut (impl Gradient + ?Sized),
    q: Posterior<'_>,
    (objective, estimator): (Objective, GradientEstimator),
    noise: &mut (impl Draws + ?Sized),
    samples: Range<u32>,
    scratch: GradientScratch<'_>,
) -> Result<ElboTerms, InferError> {
    let GradientScratch { loc, log_var, eps, z, grad } = scratch;
    let Objective { beta, entropy_weight } = objective;
    loc.fill(0.0);
    log_var.fill(0.0);
    let mut log_likelihood = RunningMean::ZERO;
    for sample in samples {
        noise.draw(sample, eps)?;
        rsample(q.loc, q.log_var, eps, z);
        log_likelihood.add(likelihood.gradient(z, grad)?);
        if estimator == GradientEstimator::StickingTheLanding {
            for (((g, z), eps), rho) in grad.iter_mut().zip(&*z).zip(&*eps).zip(q.log_var) {
                *g += (beta + entropy_weight) * eps * exp_exact(-0.5 * rho) - beta * z;
            }
        }
        accumulate(eps, grad, loc, log_var);
    }
    let count = log_likelihood.count as f32;
    let parameters = q.loc.iter().zip(q.log_var);
    for ((by_loc, by_log_var), (m, rho)) in loc.iter_mut().zip(log_var).zip(parameters) {
        *by_loc /= count;
        *by_log_var = 0.5 * exp_exact(0.5 * rho) * (*by_log_var / count);
        if estimator == GradientEstimator::ClosedKl {
            *by_loc -= beta * m;
            *by_log_var += 0.5 * (entropy_weight - beta * expm1(*rho));
        }
    }
    Ok(ElboTerms { log_likelihood: log_likelihood.value(), kl: kl_to_standard(q.loc, q.log_var) })
}

/// Adds `grad_i` to `sum_i` and `grad_i eps_i` to `stein_i`, as many values as the shortest slice has.
#[inline]
pub(super) fn accumulate(eps: &[f32], grad: &[f32], sum: &mut [f32], stein: &mut [f32]) {
    for (((sum, stein), eps), grad) in sum.iter_mut().zip(stein).zip(eps).zip(grad) {
        *sum += grad;
        *stein += grad * eps;
    }
}

/// A running mean by a compensated sum.
#[derive(Clone, Copy)]
pub(super) struct RunningMean {
    sum: Sum,
    count: u32,
}

impl RunningMean {
    pub(super) const ZERO: Self = Self { sum: Sum::ZERO, count: 0 };

    /// Takes another value; an infinity or NaN stays in the mean as in a plain sum.
    pub(super) fn add(&mut self, value: f32) {
        self.sum = self.sum.add(value);
        self.count = self.count.wrapping_add(1);
    }

    /// The mean of the values so far; NaN for none.
    pub(super) fn value(&self) -> f32 {
        self.sum.value() / self.count as f32
    }
}
