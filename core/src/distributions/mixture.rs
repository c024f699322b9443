//! Mixtures of diagonal normals.

use super::diag_normal;
use super::sum::LogSum;
use crate::math::exp_exact;
use crate::pieces::pieces;

/// `sum_k w_k N(loc_k, diag(exp(log_var_k)))` over `D` latents, with `K` components of the weights
/// `w = softmax(logits)`.
///
/// Its entropy and its divergences have no closed form: they are averaged over draws.
///
/// ```
/// use elbow_core::distributions::Mixture;
/// let p = Mixture { logits: [0.0, 0.0], loc: [[-2.0], [2.0]], log_var: [[0.0], [0.0]] };
/// let mut z = [0.0];
/// assert_eq!(p.rsample(0.75, &[0.5], &mut z), 1);
/// assert_eq!(z, [2.5]);
/// assert_eq!(p.log_prob(&[1.0]), p.log_prob(&[-1.0]));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mixture<const D: usize, const K: usize> {
    /// Logarithms of the weights, up to a constant.
    pub logits: [f32; K],
    /// Means of each component.
    pub loc: [[f32; D]; K],
    /// Natural logarithms of the variances of each component.
    pub log_var: [[f32; D]; K],
}

impl<const D: usize, const K: usize> Mixture<D, K> {
    /// Writes the sample of the component that `u` selects to `z`, and returns the component's index; edges
    /// as for [`rsample`].
    pub fn rsample(&self, u: f32, eps: &[f32; D], z: &mut [f32; D]) -> usize {
        let [loc, log_var] = [self.loc.as_flattened(), self.log_var.as_flattened()];
        rsample(&self.logits, loc, log_var, u, eps, z)
    }

    /// Log-density `ln q(z)` in nats; formula and edges as for [`log_prob`].
    #[must_use]
    pub fn log_prob(&self, z: &[f32; D]) -> f32 {
        log_prob(&self.logits, self.loc.as_flattened(), self.log_var.as_flattened(), z)
    }

    /// Writes `d ln q(z) / dz` to `grad`; formula and edges as for [`score`].
    pub fn score(&self, z: &[f32; D], grad: &mut [f32; D]) {
        score(&self.logits, self.loc.as_flattened(), self.log_var.as_flattened(), z, grad);
    }
}

/// Index of the component that `u`, uniform in [0, 1), selects: the first `k` with `w_0 + .. + w_k > u`.
///
/// Where rounding leaves no such `k`, and where `u` is NaN or at least 1, it is the last component with a
/// weight above 0. Never one of weight 0 while another has a weight; 0 where `logits` are empty, all minus
/// infinity, or hold NaN or plus infinity.
#[inline]
#[must_use]
pub fn component(logits: &[f32], u: f32) -> usize {
    let total = log_total(logits);
    let (mut chosen, mut rest) = (0, u);
    for (index, logit) in logits.iter().enumerate() {
        let weight = exp_exact(logit - total);
        if weight > 0.0 {
            chosen = index;
            if rest < weight {
                break;
            }
        }
        rest -= weight;
    }
    chosen
}

/// Writes `z = loc_k + exp(log_var_k / 2) eps`, where `k` is the [`component`] that `u` selects, and returns
/// `k`.
///
/// Differentiable in the means and variances, not in the weights. `loc` and `log_var` hold the components one
/// after the other. Accuracy and edges are those of a diagonal normal's [`rsample`](diag_normal::rsample);
/// lengths that do not fit, no components and no dimensions fill `z` with NaN.
#[inline]
pub fn rsample(
    logits: &[f32],
    loc: &[f32],
    log_var: &[f32],
    u: f32,
    eps: &[f32],
    z: &mut [f32],
) -> usize {
    let chosen = component(logits, u);
    let own = parts(logits, loc, log_var, z.len()).and_then(|mut parts| parts.nth(chosen));
    match own {
        Some(own) if eps.len() == z.len() => {
            diag_normal::rsample(own.loc, own.log_var, eps, z);
        }
        _ => z.fill(f32::NAN),
    }
    chosen
}

/// `ln q(z) = ln sum_k w_k N(z; loc_k, diag(exp(log_var_k)))`, in nats.
///
/// The largest term is taken out of the sum as it goes. Error at most 6e-7 of the sum of the magnitudes of
/// the logits and of all parts of the components that count. A component of weight 0 (a logit of minus
/// infinity) has no part. Lengths that do not fit, no components, no dimensions, no component with a weight,
/// and NaN give NaN.
#[inline]
pub fn log_prob(logits: &[f32], loc: &[f32], log_var: &[f32], z: &[f32]) -> f32 {
    let Some(parts) = parts(logits, loc, log_var, z.len()) else { return f32::NAN };
    let terms = parts.map(|part| weighted(&part, z));
    terms.fold(LogSum::ZERO, LogSum::add).value() - log_total(logits)
}

/// Writes `d ln q(z) / dz = sum_k r_k (loc_k - z) / exp(log_var_k)` to `grad`, where `r_k` is the probability
/// that `z` came from the component `k`.
///
/// Error at most 2e-6 of the sum of the magnitudes of its parts. Far from all components it is that of the
/// nearest. Lengths that do not fit, no components, none with a weight, NaN, and a `z` without density fill
/// `grad` with NaN.
#[inline]
pub fn score(logits: &[f32], loc: &[f32], log_var: &[f32], z: &[f32], grad: &mut [f32]) {
    grad.fill(0.0);
    let whole = log_prob(logits, loc, log_var, z) + log_total(logits);
    let parts = parts(logits, loc, log_var, z.len()).filter(|_| grad.len() == z.len());
    let Some(parts) = parts else { return grad.fill(f32::NAN) };
    for part in parts {
        let share = exp_exact(weighted(&part, z) - whole);
        let values = z.iter().zip(part.loc).zip(part.log_var);
        for (grad, ((z, loc), log_var)) in grad.iter_mut().zip(values) {
            *grad += share * ((loc - z) * exp_exact(-log_var));
        }
    }
}

/// `logit_k + ln N(z; loc_k, diag(exp(log_var_k)))`, in nats: the logarithm of the weighted density, up to
/// the constant of the logits. Minus infinity where the logit is, whatever the normal holds.
#[inline]
fn weighted(part: &Component<'_>, z: &[f32]) -> f32 {
    if part.logit == f32::NEG_INFINITY {
        return part.logit;
    }
    part.logit + diag_normal::log_prob(part.loc, part.log_var, z)
}

/// `ln sum_k e^logit_k`, the normalizer of the weights; minus infinity for no logits, NaN where one is NaN or
/// two are plus infinity.
#[inline]
fn log_total(logits: &[f32]) -> f32 {
    logits.iter().copied().fold(LogSum::ZERO, LogSum::add).value()
}

/// One component: its weight as a logit, and a diagonal normal distribution.
struct Component<'a> {
    logit: f32,
    loc: &'a [f32],
    log_var: &'a [f32],
}

/// Each component in order; `None` where `dims` is 0, there are no logits, or `loc` and `log_var` have not
/// `dims` values per logit.
#[inline]
fn parts<'a>(
    logits: &'a [f32],
    loc: &'a [f32],
    log_var: &'a [f32],
    dims: usize,
) -> Option<impl Iterator<Item = Component<'a>>> {
    let all = logits.len().checked_mul(dims)?;
    let fits = dims > 0 && !logits.is_empty() && loc.len() == all && log_var.len() == all;
    let normals = pieces(loc, dims).zip(pieces(log_var, dims));
    let parts = logits.iter().zip(normals).map(|(&logit, (loc, log_var))| Component {
        logit,
        loc,
        log_var,
    });
    fits.then_some(parts)
}
