//! Importance weights of draws: tighter bounds, and how far they can be trusted.

use core::ops::Range;

use super::objective::for_each;
use super::{InferError, LogLikelihood, Posterior, Scratch};
use crate::distributions::sum::Sum;
use crate::math::{exp_exact, ln};
use crate::noise::Draws;

/// Calls `each` with `ln w = ln p(x | z) + ln p(z) - ln q(z)`, in nats, of one draw of `z` per number in
/// `samples`, in their order; `p(z)` is `N(0, I)`. Overwrites `scratch`.
///
/// One pass serves [`Iwae`] and [`psis::Tail`](super::psis::Tail) together. An importance-weighted bound
/// needs independent draws from `noise`, which is not checked.
///
/// # Errors
///
/// The first error of the decoder or the noise, which ends the loop: `each` has got the draws before it.
pub fn log_weights(
    likelihood: &mut (impl LogLikelihood + ?Sized),
    q: Posterior<'_>,
    noise: &mut (impl Draws + ?Sized),
    samples: Range<u32>,
    scratch: Scratch<'_>,
    mut each: impl FnMut(f32),
) -> Result<(), InferError> {
    for_each(likelihood, q, noise, samples, scratch, |log_p, ratio| each(log_p + ratio))
}

/// The importance weights of the draws `samples`, by [`log_weights`], taken into an [`Iwae`] for the bound on
/// `ln p(x)`; no samples give one whose bound is NaN. Overwrites `scratch`.
///
/// # Errors
///
/// As for [`log_weights`].
pub fn iwae(
    likelihood: &mut (impl LogLikelihood + ?Sized),
    q: Posterior<'_>,
    noise: &mut (impl Draws + ?Sized),
    samples: Range<u32>,
    scratch: Scratch<'_>,
) -> Result<Iwae, InferError> {
    let mut iwae = Iwae::new();
    log_weights(likelihood, q, noise, samples, scratch, |log_w| iwae.push(log_w))?;
    Ok(iwae)
}

/// The mean of weights given by their logarithms, in memory that does not grow with their number.
///
/// `ln (1/K sum_k w_k)` of importance weights is the importance-weighted bound on `ln p(x)` (Burda, Grosse
/// and Salakhutdinov, 2016): in the mean never below the ELBO, never above the evidence, short of it by about
/// `Var(w / p(x)) / (2 K)` where that variance is finite. Of `ln p(x_new | z)` at draws of a posterior it is
/// the logarithm of the posterior predictive density.
///
/// Kept are the largest logarithm and the sums of `e^(ln w - max)` and of its square, compensated, and
/// rescaled whenever a larger weight comes.
///
/// ```
/// use elbow_core::infer::Iwae;
/// let mut iwae = Iwae::new();
/// [-1000.0, -1000.0, -1001.0].into_iter().for_each(|log_w| iwae.push(log_w));
/// assert!((iwae.bound() - -1000.2366).abs() < 2e-4);
/// assert!((iwae.ess() - 2.6257).abs() < 1e-4);
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Iwae {
    max: f32,
    sum: Sum,
    squares: Sum,
    count: u32,
}

impl Iwae {
    /// The mean of no weights yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { max: f32::NEG_INFINITY, sum: Sum::ZERO, squares: Sum::ZERO, count: 0 }
    }

    /// Takes another weight by its logarithm in nats; minus infinity is a weight of zero. Plus infinity makes
    /// the bound infinite, or NaN together with a second one; NaN makes the bound and the effective sample
    /// size NaN for good.
    pub fn push(&mut self, log_weight: f32) {
        self.count = self.count.saturating_add(1);
        if log_weight == f32::NEG_INFINITY {
            return;
        }
        if log_weight <= self.max {
            let weight = exp_exact(log_weight - self.max);
            self.sum = self.sum.add(weight);
            self.squares = self.squares.add(weight * weight);
        } else {
            // NaN comes here, and stays.
            let shrink = exp_exact(self.max - log_weight);
            self.sum = Sum::ZERO.add(self.sum.value() * shrink).add(1.0);
            self.squares = Sum::ZERO.add(self.squares.value() * shrink * shrink).add(1.0);
            self.max = log_weight;
        }
    }

    /// `ln (1/K sum_k w_k)` in nats: minus infinity where all weights are zero, NaN for none.
    ///
    /// Error at most 2e-7 of `max(1, |bound|)` beyond that of the weights.
    #[must_use]
    pub fn bound(&self) -> f32 {
        if self.count == 0 {
            return f32::NAN;
        }
        self.max + ln(self.sum.value() / self.count as f32)
    }

    /// The effective sample size `(sum w)^2 / sum w^2` (Kong, 1992), from 1 to the number of weights;
    /// NaN where there is none above zero.
    ///
    /// Below a hundredth of [`count`](Self::count) it says that `bound` hangs on a few draws.
    #[must_use]
    pub fn ess(&self) -> f32 {
        let sum = self.sum.value();
        sum * sum / self.squares.value()
    }

    /// Number of weights taken so far, zeros included.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }
}

impl Default for Iwae {
    fn default() -> Self {
        Self::new()
    }
}
