//! Refinement: from the encoder's posterior to a better one for this observation.

use super::objective::{RunningMean, accumulate};
use super::rule::{Adam, Ascent, Rule};
use super::{ElboTerms, Gradient, InferError, LogLikelihood, Posterior};
use crate::distributions::{DiagNormal, kl_to_standard, rsample};
use crate::infer::first_non_finite;
use crate::math::sqrt;
use crate::noise::{Draws, GUARD, Hadamard, Radius, STEPS, negate};
use crate::pieces::pieces_mut;

/// Floats per latent of a [`Refiner`]; [`Adam`](super::Adam) has four more.
pub const FLOATS_PER_LATENT: usize = 7;

/// The number of standard errors that a gain has to exceed for the refined posterior to be accepted.
const SURE_STANDARD_ERRORS: f32 = 4.0;

/// How many pairs of opposite draws are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pairs {
    /// In a step.
    pub step: u32,
    /// In the guard; fewer than 2 give no standard error, and keep the start.
    pub guard: u32,
}

impl Pairs {
    /// Eight draws a step, thirty-two for the guard.
    pub const DEFAULT: Self = Self { step: 4, guard: 16 };

    /// The noise for a refinement with these pairs: [`Hadamard`] points in sets of `step`, fresh for every
    /// step, with radii of [`Radius::Chi`].
    #[must_use]
    pub const fn noise(self, key: u64, datapoint: u64) -> Hadamard {
        Hadamard { key, datapoint, set: self.step, radius: Radius::Chi }
    }
}

impl Default for Pairs {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// `K` rows of `D` floats as one slice: memory for a [`Refiner`] or [`Adam`](super::Adam).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FloatRows<const D: usize, const K: usize>(pub [[f32; D]; K]);

impl<const D: usize, const K: usize> AsMut<[f32]> for FloatRows<D, K> {
    /// All rows, one after another.
    #[inline]
    fn as_mut(&mut self) -> &mut [f32] {
        self.0.as_flattened_mut()
    }
}

/// Climbs the evidence lower bound of one observation, from the posterior of an encoder or from any
/// other (from the prior it is variational inference per datapoint).
///
/// The caller owns the loop: [`step`](Self::step) as often as time allows, then
/// [`finish`](Self::finish), which accepts the result only if it is better by more than the noise. A
/// step takes `2 pairs.step` gradients, the guard `4 pairs.guard` decodings. Step `t`, from 0, uses
/// draws `STEPS + t pairs.step ..` of the noise, the guard draws `GUARD ..`: never the same
/// ([`Draws`] has the table). Noise that repeats from step to step is fitted instead of the posterior:
/// do not.
///
/// Memory: seven floats per latent (mean, log-variance, noise, latent, gradient, two averages) and a few
/// words, checked when it is compiled; eleven with Adam.
///
/// ```
/// use elbow_core::distributions::DiagNormal;
/// use elbow_core::infer::{Gradient, InferError, LogLikelihood, Pairs, Refiner, Stein};
/// /// `ln N(1; z, 1/100)`
/// struct Reading;
/// impl LogLikelihood for Reading {
///     fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
///         Ok(z.iter().map(|z| 1.3836466 - 50.0 * (1.0 - z) * (1.0 - z)).sum())
///     }
/// }
/// impl Gradient for Reading {
///     fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> Result<f32, InferError> {
///         grad.iter_mut().zip(z).for_each(|(g, z)| *g = 100.0 * (1.0 - z));
///         self.log_likelihood(z)
///     }
/// }
/// let mut q = DiagNormal { loc: [0.8], log_var: [-3.0] };
/// let mut noise = Pairs::DEFAULT.noise(1, 0);
/// let mut refiner = Refiner::new(&q, Stein::DEFAULT, Pairs::DEFAULT);
/// for _ in 0..20 {
///     refiner.step(&mut Reading, &mut noise)?;
/// }
/// let guarded = refiner.finish(&mut Reading, &mut noise, &mut q)?;
/// assert!(!guarded.kept_start);
/// assert!((q.loc[0] - 100.0 / 101.0).abs() < 0.01 && (q.log_var[0] - -4.6151).abs() < 0.3);
/// # Ok::<(), InferError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refiner<B, R> {
    floats: B,
    rule: R,
    pairs: Pairs,
    steps: u32,
}

/// The guard's comparison of the refined posterior with the start.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Guarded {
    /// Gain of the bound by refinement, in nats, estimated from fresh draws; NaN where the refined
    /// posterior is not finite.
    pub gain: f32,
    /// Its standard error over the pairs, in nats: infinite for fewer than two pairs, NaN where the gain is
    /// NaN.
    pub se: f32,
    /// True where the gain is not above four standard errors, and so the start was kept.
    pub kept_start: bool,
}

impl<const D: usize, R: Rule> Refiner<FloatRows<D, FLOATS_PER_LATENT>, R> {
    /// A refiner that starts from a copy of `q`, in memory of its own; no step is taken yet.
    pub fn new(q: &DiagNormal<D>, rule: R, pairs: Pairs) -> Self {
        const {
            let rule = size_of::<R>();
            assert!(size_of::<Self>() - rule <= size_of::<f32>() * (8 * D + 4));
        }
        Self::in_buffer(FloatRows([[0.0; D]; FLOATS_PER_LATENT]), q.into(), rule, pairs)
    }

    /// Replaces the start `q`, which is the one of [`new`](Self::new), by the refined posterior if its bound
    /// is surely higher: [`finish_slices`](Self::finish_slices) with a posterior of fixed length.
    ///
    /// # Errors
    ///
    /// The first error of the decoder or the noise; `q` is then unchanged.
    pub fn finish(
        &mut self,
        likelihood: &mut (impl LogLikelihood + ?Sized),
        noise: &mut (impl Draws + ?Sized),
        q: &mut DiagNormal<D>,
    ) -> Result<Guarded, InferError> {
        self.finish_slices(likelihood, noise, &mut q.loc, &mut q.log_var)
    }
}

impl<B: AsMut<[f32]>, R: Rule> Refiner<B, R> {
    /// A refiner that starts from a copy of `q`; no step is taken yet. Its memory is `floats`, of any content
    /// and [`FLOATS_PER_LATENT`] times as long as the latent, which is not checked: of less memory, latents
    /// at the end are left out.
    pub fn in_buffer(mut floats: B, q: Posterior<'_>, rule: R, pairs: Pairs) -> Self {
        let Parts { loc, log_var, .. } = Parts::of(floats.as_mut());
        copy(q.loc, loc);
        copy(q.log_var, log_var);
        Self { floats, rule, pairs, steps: 0 }
    }

    /// Moves the refiner's posterior once, by the rule; returns the terms of the bound before the move, in
    /// nats: the log-likelihood averaged over the draws of the step, the divergence in closed form.
    ///
    /// Gradients are averaged by plain sums in the order of the draws, each pair `eps`, then `-eps`. A number
    /// of pairs of 0 counts as 1.
    ///
    /// # Errors
    ///
    /// The first error of the decoder or the noise, or [`InferError::NonFiniteGradient`]. The posterior, the
    /// rule and the number of steps are then unchanged, and `finish` still works.
    pub fn step(
        &mut self,
        likelihood: &mut (impl Gradient + ?Sized),
        noise: &mut (impl Draws + ?Sized),
    ) -> Result<ElboTerms, InferError> {
        let pairs = self.pairs.step.max(1);
        let first = STEPS.wrapping_add(self.steps.wrapping_mul(pairs));
        let Parts { loc, log_var, eps, z, grad, gradient, stein } = Parts::of(self.floats.as_mut());
        gradient.fill(0.0);
        stein.fill(0.0);
        let mut log_likelihood = RunningMean::ZERO;
        for pair in 0..pairs {
            noise.draw(first.wrapping_add(pair), eps)?;
            for _ in 0..2 {
                rsample(loc, log_var, eps, z);
                log_likelihood.add(likelihood.gradient(z, grad)?);
                accumulate(eps, grad, gradient, stein);
                negate(eps);
            }
        }
        let share = 0.5 / pairs as f32;
        for sum in gradient.iter_mut().chain(&mut *stein) {
            *sum *= share;
        }
        let wrong = first_non_finite(gradient).or_else(|| first_non_finite(stein));
        wrong.map_or(Ok(()), |index| Err(InferError::NonFiniteGradient { index }))?;
        let terms =
            ElboTerms { log_likelihood: log_likelihood.value(), kl: kl_to_standard(loc, log_var) };
        self.steps = self.steps.wrapping_add(1);
        self.rule.update(Ascent { step: self.steps, loc, log_var, gradient, stein });
        Ok(terms)
    }

    /// The posterior after the steps so far, which no guard has compared with the start.
    pub fn posterior(&mut self) -> Posterior<'_> {
        let Parts { loc, log_var, .. } = Parts::of(self.floats.as_mut());
        Posterior { loc, log_var }
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Overwrites the start, `loc` and `log_var`, with the refined posterior if the bound of that is higher
    /// by more than four standard errors (with heavy tails, sixteen pairs underestimate the standard error);
    /// returns the gain. `loc` and `log_var` hold the posterior that the refiner was made with. Its own
    /// posterior stays, so that further steps may follow.
    ///
    /// Both are decoded at the same fresh draws, and the gain is averaged over their pairs. No sampled
    /// guard can promise "never worse": this one bounds how often. A refined posterior that is not
    /// finite is never accepted.
    ///
    /// # Errors
    ///
    /// The first error of the decoder or the noise; `loc` and `log_var` are then unchanged.
    pub fn finish_slices(
        &mut self,
        likelihood: &mut (impl LogLikelihood + ?Sized),
        noise: &mut (impl Draws + ?Sized),
        loc: &mut [f32],
        log_var: &mut [f32],
    ) -> Result<Guarded, InferError> {
        let parts = Parts::of(self.floats.as_mut());
        if first_non_finite(parts.loc).or(first_non_finite(parts.log_var)).is_some() {
            return Ok(Guarded { gain: f32::NAN, se: f32::NAN, kept_start: true });
        }
        let cost = kl_to_standard(parts.loc, parts.log_var) - kl_to_standard(loc, log_var);
        let mut gains = RunningMoments::NONE;
        for pair in 0..self.pairs.guard {
            noise.draw(GUARD.wrapping_add(pair), parts.eps)?;
            let mut gain = 0.0;
            for _ in 0..2 {
                rsample(parts.loc, parts.log_var, parts.eps, parts.z);
                let refined = likelihood.log_likelihood(parts.z)?;
                rsample(loc, log_var, parts.eps, parts.z);
                gain += 0.5 * (refined - likelihood.log_likelihood(parts.z)?);
                negate(parts.eps);
            }
            gains.add(gain - cost);
        }
        let (gain, se) = (gains.mean, gains.standard_error());
        let better = gain > SURE_STANDARD_ERRORS * se;
        if better {
            copy(parts.loc, loc);
            copy(parts.log_var, log_var);
        }
        Ok(Guarded { gain, se, kept_start: !better })
    }
}

const _: () = {
    type WithAdam = Refiner<FloatRows<8, FLOATS_PER_LATENT>, Adam<FloatRows<8, 4>>>;
    assert!(size_of::<WithAdam>() <= size_of::<f32>() * 12 * 8);
};

/// The memory of a refiner, in named slices.
struct Parts<'a> {
    loc: &'a mut [f32],
    log_var: &'a mut [f32],
    eps: &'a mut [f32],
    z: &'a mut [f32],
    grad: &'a mut [f32],
    gradient: &'a mut [f32],
    stein: &'a mut [f32],
}

impl<'a> Parts<'a> {
    /// Splits `floats` into seven slices of a seventh of its length each, in the order of the fields; a
    /// remainder is not used.
    fn of(floats: &'a mut [f32]) -> Self {
        let latents = floats.len() / FLOATS_PER_LATENT;
        let mut parts = pieces_mut(floats, latents);
        let mut next = || parts.next().unwrap_or_default();
        Self {
            loc: next(),
            log_var: next(),
            eps: next(),
            z: next(),
            grad: next(),
            gradient: next(),
            stein: next(),
        }
    }
}

/// Copies `from` to `to`, as many values as the shorter has.
fn copy(from: &[f32], to: &mut [f32]) {
    for (from, to) in from.iter().zip(to) {
        *to = *from;
    }
}

/// Running mean and sum of squared deviations of some values (Welford, 1962).
struct RunningMoments {
    count: u32,
    mean: f32,
    squares: f32,
}

impl RunningMoments {
    const NONE: Self = Self { count: 0, mean: 0.0, squares: 0.0 };

    /// Takes another value.
    fn add(&mut self, value: f32) {
        self.count = self.count.wrapping_add(1);
        let before = value - self.mean;
        self.mean += before / self.count as f32;
        self.squares += before * (value - self.mean);
    }

    /// Standard error of the mean, `sqrt(squares / (n (n - 1)))`; infinite for fewer than two values.
    fn standard_error(&self) -> f32 {
        if self.count < 2 {
            return f32::INFINITY;
        }
        let count = self.count as f32;
        sqrt(self.squares / (count * (count - 1.0)))
    }
}
