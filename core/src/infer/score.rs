//! Scores of an observation.

use crate::distributions::{DiagNormal, Likelihood};

/// The two terms of the evidence lower bound, in nats: averaged over draws of `z`, or at one `z`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ElboTerms {
    /// `ln p(x | z)`, or its average: how well the decoder explains the observation.
    pub log_likelihood: f32,
    /// `KL(q(z | x) || p(z))`: what the explanation costs.
    pub kl: f32,
}

impl ElboTerms {
    /// `log_likelihood - kl`, not its negative: larger is better.
    ///
    /// The evidence lower bound where `log_likelihood` is the average over `q`; at a single `z`, as
    /// [`elbo_at_mean`] takes it, a score that is no bound.
    ///
    /// NaN where a term is NaN, or both are plus infinity.
    #[inline]
    #[must_use]
    pub fn elbo(&self) -> f32 {
        self.log_likelihood - self.kl
    }
}

/// The terms of the deterministic score `ln p(x | z = loc) - KL(q || N(0, I))`.
///
/// `x_mean` is the decoder's output at `z = q.loc`, as long as `x`. The expectation over `q` is replaced by
/// its value at the mean, which takes no noise and one decoding. It is not a bound on the evidence. Edges are
/// those of [`Likelihood::log_prob`], which gives NaN for lengths that do not fit, and of
/// [`DiagNormal::kl_to_standard`].
///
/// ```
/// use elbow_core::distributions::{DiagNormal, Likelihood};
/// use elbow_core::infer::elbo_at_mean;
/// let q = DiagNormal { loc: [1.0], log_var: [0.0] };
/// let likelihood = Likelihood::gaussian(&[0.0]);
/// let terms = elbo_at_mean(&likelihood, &[0.3, 0.1], &[0.3, 0.1], &q);
/// assert_eq!(terms.kl, 0.5);
/// assert!((terms.elbo() - -2.337877).abs() < 1e-6);
/// ```
#[inline]
#[must_use]
pub fn elbo_at_mean<const D: usize>(
    likelihood: &Likelihood<'_>,
    x: &[f32],
    x_mean: &[f32],
    q: &DiagNormal<D>,
) -> ElboTerms {
    ElboTerms { log_likelihood: likelihood.log_prob(x, x_mean), kl: q.kl_to_standard() }
}
