//! The normal distribution with a diagonal covariance.
//!
//! Functions of slices use as many dimensions as their shortest slice has; they write no further value of
//! `z`.

use super::kl;
use super::sum::sum;
use crate::math::exp_exact;

/// `ln(2 pi)`
pub(super) const LN_2_PI: f32 = 1.837_877_1;

/// `N(loc, diag(exp(log_var)))` over `D` latents.
///
/// The logarithm of the variance is stored, not the scale: it is what most encoders answer, the
/// divergences need it as it is, and a scale could neither underflow to 0 nor be negative without
/// spoiling them. Other heads are brought to this form once, by [`to_log_var`](super::to_log_var).
///
/// ```
/// use elbow_core::distributions::DiagNormal;
/// let q = DiagNormal { loc: [0.5, -0.5], log_var: [0.0, 0.0] };
/// let mut z = [0.0; 2];
/// q.rsample(&[1.0, 0.0], &mut z);
/// assert_eq!(z, [1.5, -0.5]);
/// assert_eq!(q.kl_to_standard(), 0.25);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DiagNormal<const D: usize> {
    /// Means.
    pub loc: [f32; D],
    /// Natural logarithms of the variances.
    pub log_var: [f32; D],
}

impl<const D: usize> DiagNormal<D> {
    /// `N(0, I)`.
    #[must_use]
    pub const fn standard() -> Self {
        Self { loc: [0.0; D], log_var: [0.0; D] }
    }

    /// Standard deviations, `exp(log_var / 2)`, one per latent in order; relative error at most 1e-7 while
    /// they are normal f32 values.
    pub fn scale(&self) -> impl Iterator<Item = f32> {
        self.log_var.iter().map(|rho| scale_of(*rho))
    }

    /// Writes the sample `loc + exp(log_var / 2) * eps` to `z`; edges as for [`rsample`].
    pub fn rsample(&self, eps: &[f32; D], z: &mut [f32; D]) {
        rsample(&self.loc, &self.log_var, eps, z);
    }

    /// Log-density `ln q(z)` in nats; formula and edges as for [`log_prob`].
    #[must_use]
    pub fn log_prob(&self, z: &[f32; D]) -> f32 {
        log_prob(&self.loc, &self.log_var, z)
    }

    /// Differential entropy in nats; formula and edges as for [`entropy`].
    #[must_use]
    pub fn entropy(&self) -> f32 {
        entropy(&self.log_var)
    }

    /// `KL(self || N(0, I))` in nats; formula and edges as for [`kl_to_standard`](kl::kl_to_standard).
    #[must_use]
    pub fn kl_to_standard(&self) -> f32 {
        kl::kl_to_standard(&self.loc, &self.log_var)
    }

    /// `KL(self || other)` in nats; formula and edges as for [`kl_divergence`](kl::kl_divergence).
    #[must_use]
    pub fn kl_divergence(&self, other: &Self) -> f32 {
        kl::kl_divergence(&self.loc, &self.log_var, &other.loc, &other.log_var)
    }
}

/// Standard deviation `exp(log_var / 2)`: 0 at minus infinity, infinity above a `log_var` of 177.4, NaN for
/// NaN.
#[inline]
fn scale_of(log_var: f32) -> f32 {
    exp_exact(0.5 * log_var)
}

/// Writes `z_i = loc_i + exp(log_var_i / 2) * eps_i`, a sample of the normal, differentiable in `loc` and
/// `log_var` (the reparameterization trick of Kingma and Welling, 2014).
///
/// The product is rounded before the sum: error at most `2e-7 * (|loc| + scale * |eps|)` while the
/// scale is a normal f32. With `eps = 0` or a `log_var` of minus infinity `z` is `loc`; with plus
/// infinity it is infinite, or NaN where `eps` is 0. NaN in any argument gives NaN.
#[inline]
pub fn rsample(loc: &[f32], log_var: &[f32], eps: &[f32], z: &mut [f32]) {
    for (((z, loc), log_var), eps) in z.iter_mut().zip(loc).zip(log_var).zip(eps) {
        *z = loc + scale_of(*log_var) * eps;
    }
}

/// `ln q(z) = -1/2 sum_i (ln(2 pi) + log_var_i + (z_i - loc_i)^2 / exp(log_var_i))`, in nats.
///
/// Error at most 5e-7 of the sum of the magnitudes of all parts of all terms. A `log_var` of plus
/// infinity gives minus infinity; one of minus infinity, which has no density, gives NaN. NaN gives
/// NaN; no dimensions give 0.
#[inline]
#[must_use]
pub fn log_prob(loc: &[f32], log_var: &[f32], z: &[f32]) -> f32 {
    let terms = loc.iter().zip(log_var).zip(z).map(|((loc, log_var), z)| {
        let distance = (z - loc) * exp_exact(-0.5 * log_var);
        LN_2_PI + log_var + distance * distance
    });
    -0.5 * sum(terms)
}

/// `ln N(z; 0, I) = -1/2 sum_i (ln(2 pi) + z_i^2)`, in nats.
///
/// Error at most 5e-7 of its magnitude. Infinities give minus infinity, NaN gives NaN; no dimensions
/// give 0.
#[inline]
#[must_use]
pub fn standard_log_prob(z: &[f32]) -> f32 {
    -0.5 * sum(z.iter().map(|z| LN_2_PI + z * z))
}

/// Differential entropy `1/2 sum_i (1 + ln(2 pi) + log_var_i)`, in nats.
///
/// Error at most 2e-7 of the sum of the magnitudes of the constant and of all `log_var_i / 2`.
/// Infinite log-variances give an infinite entropy of their sign, or NaN where both signs occur; NaN gives
/// NaN; no dimensions give 0.
#[inline]
#[must_use]
pub fn entropy(log_var: &[f32]) -> f32 {
    0.5 * sum(log_var.iter().map(|log_var| 1.0 + LN_2_PI + log_var))
}
