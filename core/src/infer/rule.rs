//! How a step of refinement moves a posterior along a sampled gradient.

use crate::math::{clamp, exp_exact, expm1, ln, pow, sqrt};

/// Parameters that a rule updates, and its inputs; all slices are as long as the latent.
///
/// `g = d ln p(x | z) / dz` is averaged over the draws `z = loc + scale eps` of the step.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ascent<'a> {
    /// Number of the step, from 1.
    pub step: u32,
    /// Means.
    pub loc: &'a mut [f32],
    /// Natural logarithms of the variances.
    pub log_var: &'a mut [f32],
    /// Average of `g`; a rule may overwrite it.
    pub gradient: &'a mut [f32],
    /// Average of `g eps`; a rule may overwrite it.
    pub stein: &'a mut [f32],
}

impl Ascent<'_> {
    /// Replaces `gradient` and `stein` by the derivatives of the bound with respect to `loc` and `log_var`:
    /// `g - loc` and `1/2 (scale E[g eps] - (e^log_var - 1))`.
    fn differentiate(&mut self) {
        for (g, loc) in self.gradient.iter_mut().zip(&*self.loc) {
            *g -= loc;
        }
        for (e, rho) in self.stein.iter_mut().zip(&*self.log_var) {
            *e = 0.5 * (exp_exact(0.5 * rho) * *e - expm1(*rho));
        }
    }
}

/// An update rule: one step of ascent along a sampled gradient.
pub trait Rule {
    /// Moves `loc` and `log_var` of `ascent` by one step of refinement, in place. `gradient` and `stein` are
    /// finite and may be overwritten; moments that the rule keeps in `self` are updated. The result may be
    /// infinite or NaN.
    fn update(&mut self, ascent: Ascent<'_>);
}

/// The rule that needs no tuning: steps as wide as the posterior, whose precision is estimated from the
/// same draws.
///
/// By Stein's identity `h = 1 - E[g eps] / scale` estimates the precision of the true posterior in every
/// dimension. With `b = rate / sqrt(step)`
///
/// ```text
/// scale^2 <- scale^2 / clamp(1 + b (h scale^2 - 1), 1/2, 8)
/// loc     <- loc + scale clamp(b scale (E[g] - loc), -3, 3)      with the new scale
/// ```
///
/// a natural-gradient step (Khan and Lin, 2017) with a decreasing rate, in which no dimension moves
/// further than its own width allows: stiff and soft posteriors take the same settings.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stein {
    /// Weight `b` of the first step; that of step `t` is `rate / sqrt(t)`.
    pub rate: f32,
}

impl Stein {
    /// What serves all models: a rate of 0.6.
    pub const DEFAULT: Self = Self { rate: 0.6 };
    /// The variance at most doubles in a step, and shrinks at most eightfold.
    pub const SHRINK: (f32, f32) = (0.5, 8.0);
    /// A mean moves at most this many standard deviations.
    pub const REACH: f32 = 3.0;
}

impl Default for Stein {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Rule for Stein {
    /// Moves `loc` and `log_var` by the formulas of [`Stein`]; keeps nothing between steps.
    fn update(&mut self, ascent: Ascent<'_>) {
        let Ascent { step, loc, log_var, gradient, stein } = ascent;
        let weight = self.rate / sqrt(step as f32);
        let (least, most) = Self::SHRINK;
        for (((loc, rho), g), e) in loc.iter_mut().zip(log_var).zip(gradient).zip(stein) {
            // h scale^2 - 1
            let excess = expm1(*rho) - *e * exp_exact(0.5 * *rho);
            *rho -= ln(clamp(1.0 + weight * excess, least, most));
            let scale = exp_exact(0.5 * *rho);
            *loc += scale * clamp(weight * scale * (*g - *loc), -Self::REACH, Self::REACH);
        }
    }
}

/// Gradient ascent in means and log-variances, with the gradient clipped to a norm.
///
/// The best `rate` differs from model to model by orders of magnitude: it has to be below 2 divided by
/// the largest precision of the posterior.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sgd {
    /// Length of a step per unit of gradient.
    pub rate: f32,
    /// Largest Euclidean norm of the gradient, over means and log-variances; infinity leaves it alone.
    pub clip: f32,
}

impl Rule for Sgd {
    /// Adds `rate` times the gradient of the bound to `loc` and `log_var`, after scaling the gradient to the
    /// norm `clip` where it is longer; keeps nothing between steps. Overwrites `gradient` and `stein`.
    fn update(&mut self, mut ascent: Ascent<'_>) {
        ascent.differentiate();
        let Ascent { loc, log_var, gradient, stein, .. } = ascent;
        let norm = sqrt(gradient.iter().chain(&*stein).map(|g| g * g).sum());
        let rate = if norm > self.clip { self.rate * (self.clip / norm) } else { self.rate };
        for (value, g) in loc.iter_mut().chain(log_var).zip(gradient.iter().chain(&*stein)) {
            *value += rate * g;
        }
    }
}

/// Adam (Kingma and Ba, 2015) in means and log-variances, with its usual constants 0.9, 0.999 and 1e-8.
///
/// `moments` is four times as long as the latent and begins with zeros: `FloatRows<LATENT, 4>`, or a vector
/// on the desktop.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adam<M> {
    /// Largest change of a mean or log-variance in a step, approximately.
    pub rate: f32,
    /// Running averages of the gradient, then of its square.
    pub moments: M,
}

impl<M: AsMut<[f32]>> Rule for Adam<M> {
    /// Adds `rate m / (sqrt(v) + 1e-8)` to `loc` and `log_var`, with the bias-corrected running averages `m`
    /// of the gradient of the bound and `v` of its square. Updates the moments; overwrites `gradient` and
    /// `stein`.
    fn update(&mut self, mut ascent: Ascent<'_>) {
        const DECAY: (f32, f32) = (0.9, 0.999);
        ascent.differentiate();
        let Ascent { step, loc, log_var, gradient, stein } = ascent;
        let moments = self.moments.as_mut();
        let (first, second) = moments.split_at_mut(moments.len() / 2);
        let seen = (1.0 - pow(DECAY.0, step as f32), 1.0 - pow(DECAY.1, step as f32));
        let gradient = gradient.iter().chain(&*stein);
        let values = loc.iter_mut().chain(log_var).zip(gradient);
        for ((value, g), (m, v)) in values.zip(first.iter_mut().zip(second)) {
            *m = DECAY.0 * *m + (1.0 - DECAY.0) * g;
            *v = DECAY.1 * *v + (1.0 - DECAY.1) * (g * g);
            *value += self.rate * (*m / seen.0) / (sqrt(*v / seen.1) + 1e-8);
        }
    }
}
