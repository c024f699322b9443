//! Priors `p(z)` of the latents: their densities, scores, divergences and draws.

use super::{diag_normal, kl, mixture};
use crate::math::exp_exact;

/// A prior `p(z)`.
///
/// ```
/// use elbow_core::distributions::Prior;
/// let mut grad = [0.0];
/// Prior::Standard.score(&[2.0], &mut grad);
/// assert_eq!(grad, [-2.0]);
/// assert_eq!(Prior::Standard.kl_of(&[1.0], &[0.0]), Some(0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Prior<'a> {
    /// `N(0, I)`
    Standard,
    /// `N(loc, diag(exp(log_var)))`
    Diagonal {
        /// Means.
        loc: &'a [f32],
        /// Natural logarithms of the variances.
        log_var: &'a [f32],
    },
    /// A mixture of diagonal normals, component by component; see [`Mixture`](super::Mixture).
    Mixture {
        /// Logarithms of the weights, up to a constant.
        logits: &'a [f32],
        /// Means.
        loc: &'a [f32],
        /// Natural logarithms of the variances.
        log_var: &'a [f32],
    },
}

impl Prior<'_> {
    /// `ln p(z)`, in nats; accuracy and edges are those of
    /// [`standard_log_prob`](diag_normal::standard_log_prob), [`log_prob`](diag_normal::log_prob) and
    /// [`mixture::log_prob`]. NaN where lengths do not fit.
    #[inline]
    #[must_use]
    pub fn log_prob(&self, z: &[f32]) -> f32 {
        match *self {
            Self::Standard => diag_normal::standard_log_prob(z),
            Self::Diagonal { loc, log_var } if [loc.len(), log_var.len()] == [z.len(); 2] => {
                diag_normal::log_prob(loc, log_var, z)
            }
            Self::Diagonal { .. } => f32::NAN,
            Self::Mixture { logits, loc, log_var } => mixture::log_prob(logits, loc, log_var, z),
        }
    }

    /// Writes `d ln p(z) / dz` to `grad`: `-z`, `(loc - z) / exp(log_var)`, or [`mixture::score`].
    ///
    /// Error of the normals at most 3e-7 of the magnitude. Lengths that do not fit fill `grad` with NaN.
    #[inline]
    pub fn score(&self, z: &[f32], grad: &mut [f32]) {
        match *self {
            Self::Standard if grad.len() == z.len() => {
                grad.iter_mut().zip(z).for_each(|(grad, z)| *grad = -z);
            }
            Self::Diagonal { loc, log_var }
                if [grad.len(), loc.len(), log_var.len()] == [z.len(); 3] =>
            {
                let normal = loc.iter().zip(log_var);
                for ((grad, z), (loc, log_var)) in grad.iter_mut().zip(z).zip(normal) {
                    *grad = (loc - z) * exp_exact(-log_var);
                }
            }
            Self::Standard | Self::Diagonal { .. } => grad.fill(f32::NAN),
            Self::Mixture { logits, loc, log_var } => {
                mixture::score(logits, loc, log_var, z, grad);
            }
        }
    }

    /// `KL(q || p)` of a diagonal normal `q`, in nats; `None` for a mixture, which has no closed form.
    ///
    /// Accuracy and edges are those of [`kl_to_standard`](kl::kl_to_standard) and
    /// [`kl_divergence`](kl::kl_divergence); NaN where lengths do not fit.
    #[inline]
    #[must_use]
    pub fn kl_of(&self, q_loc: &[f32], q_log_var: &[f32]) -> Option<f32> {
        match *self {
            Self::Mixture { .. } => None,
            _ if q_loc.len() != q_log_var.len() => Some(f32::NAN),
            Self::Standard => Some(kl::kl_to_standard(q_loc, q_log_var)),
            Self::Diagonal { loc, log_var } if [loc.len(), log_var.len()] == [q_loc.len(); 2] => {
                Some(kl::kl_divergence(q_loc, q_log_var, loc, log_var))
            }
            Self::Diagonal { .. } => Some(f32::NAN),
        }
    }

    /// Writes a draw of the prior to `z`: `eps` for the standard normal, `loc + exp(log_var / 2) eps` for
    /// others, of a mixture that of the component which `u`, uniform in [0, 1), selects. Only a mixture reads
    /// `u`.
    ///
    /// Accuracy and edges are those of [`rsample`](diag_normal::rsample); lengths that do not fit fill `z`
    /// with NaN.
    #[inline]
    pub fn rsample(&self, u: f32, eps: &[f32], z: &mut [f32]) {
        match *self {
            Self::Standard if eps.len() == z.len() => {
                z.iter_mut().zip(eps).for_each(|(z, eps)| *z = *eps);
            }
            Self::Diagonal { loc, log_var }
                if [eps.len(), loc.len(), log_var.len()] == [z.len(); 3] =>
            {
                diag_normal::rsample(loc, log_var, eps, z);
            }
            Self::Standard | Self::Diagonal { .. } => z.fill(f32::NAN),
            Self::Mixture { logits, loc, log_var } => {
                mixture::rsample(logits, loc, log_var, u, eps, z);
            }
        }
    }
}
