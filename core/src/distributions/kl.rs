//! Kullback-Leibler divergences between diagonal normals.
//!
//! Only as many dimensions count as the shortest slice has.

use super::sum::sum;
use crate::math::{exp_exact, expm1};

/// Below this `|rho|`, [`variance_excess`] is a series.
const SERIES: f32 = 0.5;

/// `KL(q || N(0, I)) = 1/2 sum_i (loc_i^2 + e^log_var_i - 1 - log_var_i)`, in nats.
///
/// Never negative, also where `q` is next to the prior. Relative error at most 4e-7 for
/// `|loc|` <= 3 and `|log_var|` <= 30 while no term underflows. A `log_var` of either infinity
/// or an infinite `loc` gives infinity; NaN gives NaN; no dimensions give 0.
///
/// Source: Kingma and Welling (2014), appendix B.
///
/// ```
/// use elbow_core::distributions::kl_to_standard;
/// assert_eq!(kl_to_standard(&[1.0, -2.0], &[0.0, 0.0]), 2.5);
/// ```
#[doc(alias = "relative entropy")]
#[inline]
#[must_use]
pub fn kl_to_standard(loc: &[f32], log_var: &[f32]) -> f32 {
    let terms = loc.iter().zip(log_var).map(|(m, rho)| m * m + variance_excess(*rho));
    0.5 * sum(terms)
}

/// `KL(q || p) = 1/2 sum_i (e^d_i - 1 - d_i + (q_loc_i - p_loc_i)^2 / e^p_log_var_i)`, in nats.
///
/// `d_i` is `q_log_var_i - p_log_var_i`. `q` comes first: it is the distribution that is integrated
/// over. Never negative. Relative error at most `5e-7 * max(1, |q_log_var|, |p_log_var|)`, since `d` is
/// rounded, for all `|loc|` <= 3 and `|log_var|` <= 30 while no term underflows. A `q_log_var` or
/// `p_log_var` of either infinity gives infinity; two equal infinite log-variances, a `p_log_var` of minus
/// infinity where the means are equal, and NaN give NaN; no dimensions give 0.
#[inline]
#[must_use]
pub fn kl_divergence(q_loc: &[f32], q_log_var: &[f32], p_loc: &[f32], p_log_var: &[f32]) -> f32 {
    let q = q_loc.iter().zip(q_log_var);
    let p = p_loc.iter().zip(p_log_var);
    let terms = q.zip(p).map(|((q_loc, q_rho), (p_loc, p_rho))| {
        let distance = (q_loc - p_loc) * exp_exact(-0.5 * p_rho);
        distance * distance + variance_excess(q_rho - p_rho)
    });
    0.5 * sum(terms)
}

/// `e^rho - 1 - rho`, which is at least 0; infinity at both infinities and where `e^rho` overflows, NaN for
/// NaN.
///
/// For `|rho| < 1/2`, where the difference cancels, it is the series
/// `rho^2/2 (1 + rho/3 (1 + rho/4 (1 + ... rho/8)))`, whose factors are positive.
#[inline]
pub(super) fn variance_excess(rho: f32) -> f32 {
    if rho.abs() < SERIES {
        let steps = [1.0 / 8.0, 1.0 / 7.0, 1.0 / 6.0, 1.0 / 5.0, 1.0 / 4.0, 1.0 / 3.0];
        let series = steps.iter().fold(1.0, |series, step| 1.0 + rho * step * series);
        return 0.5 * rho * rho * series;
    }
    let excess = expm1(rho);
    if excess == f32::INFINITY { excess } else { excess - rho }
}
