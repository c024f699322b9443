//! The normal distribution with a full covariance `L L'`, given by its Cholesky factor `L`.
//!
//! Functions of slices take the factor row-major, as `dims` rows of `dims` values: natural logarithms on the
//! diagonal, and values right of it that are not read.

use super::diag_normal::{DiagNormal, LN_2_PI};
use super::kl::variance_excess;
use super::spread::{Spread, to_log_var};
use super::sum::{Sum, sum};
use crate::math::exp_exact;
use crate::pieces::{pieces, pieces_mut};

/// `N(loc, L L')` over `D` latents, with a lower triangular `L`.
///
/// ```
/// use elbow_core::distributions::FullNormal;
/// let q = FullNormal { loc: [1.0, 0.0], factor: [[0.0, 0.0], [2.0, 0.0]] };
/// let mut z = [0.0; 2];
/// q.rsample(&[0.5, 1.0], &mut z);
/// assert_eq!(z, [1.5, 2.0]);
/// assert_eq!(q.kl_to_standard(), 2.5);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FullNormal<const D: usize> {
    /// Means.
    pub loc: [f32; D],
    /// Rows of `L`, with natural logarithms on the diagonal: divergences need them as they are, and no
    /// variance can become 0. What lies right of the diagonal is not read.
    pub factor: [[f32; D]; D],
}

impl<const D: usize> FullNormal<D> {
    /// Writes the sample `loc + L eps` to `z`; edges as for [`rsample`].
    pub fn rsample(&self, eps: &[f32; D], z: &mut [f32; D]) {
        rsample(&self.loc, self.factor.as_flattened(), eps, z);
    }

    /// Log-density `ln q(z)` in nats; formula and edges as for [`log_prob`].
    #[must_use]
    pub fn log_prob(&self, z: &[f32; D]) -> f32 {
        log_prob(&self.loc, self.factor.as_flattened(), z, &mut [0.0; D])
    }

    /// Differential entropy in nats; formula and edges as for [`entropy`].
    #[must_use]
    pub fn entropy(&self) -> f32 {
        entropy(self.factor.as_flattened(), D)
    }

    /// `KL(self || N(0, I))` in nats; formula and edges as for [`kl_to_standard`].
    #[must_use]
    pub fn kl_to_standard(&self) -> f32 {
        kl_to_standard(&self.loc, self.factor.as_flattened())
    }

    /// `KL(self || other)` in nats, for a diagonal `other`; formula and edges as for [`kl_to_diagonal`].
    #[must_use]
    pub fn kl_to_diagonal(&self, other: &DiagNormal<D>) -> f32 {
        kl_to_diagonal(&self.loc, self.factor.as_flattened(), &other.loc, &other.log_var)
    }

    /// `KL(self || other)` in nats; formula and edges as for [`kl_divergence`].
    #[must_use]
    pub fn kl_divergence(&self, other: &Self) -> f32 {
        let (q, p) = (self.factor.as_flattened(), other.factor.as_flattened());
        kl_divergence(&self.loc, q, &other.loc, p, &mut [0.0; D])
    }
}

impl<const D: usize> From<&DiagNormal<D>> for FullNormal<D> {
    /// The same distribution: `log_var / 2` on the diagonal of the factor, 0 elsewhere.
    fn from(normal: &DiagNormal<D>) -> Self {
        let mut factor = [[0.0; D]; D];
        for (i, (row, log_var)) in factor.iter_mut().zip(&normal.log_var).enumerate() {
            row.iter_mut().skip(i).take(1).for_each(|own| *own = 0.5 * log_var);
        }
        Self { loc: normal.loc, factor }
    }
}

/// Writes to `factor` the `dims` rows of `dims` values of the Cholesky factor that the head's `values` stand
/// for: `values` is the lower triangle row by row (`L_00, L_10, L_11, L_20, ..`, PyTorch's `tril_indices`).
///
/// Left of the diagonal the values are copied, right of it is 0. On the diagonal `head` and `eps` say how the
/// value stands for the scale, or its square, as for a [`Spread`] head, and `factor` gets the natural
/// logarithm of the scale. Accuracy and edges of the diagonal are those of [`to_log_var`]. Lengths that do
/// not fit fill `factor` with NaN.
#[inline]
pub fn to_factor(values: &[f32], head: Spread, eps: f32, dims: usize, factor: &mut [f32]) {
    if values.len() * 2 != dims * (dims + 1) || factor.len() != dims * dims {
        return factor.fill(f32::NAN);
    }
    let mut values = values.iter();
    for (i, row) in pieces_mut(factor, dims).enumerate() {
        row.fill(0.0);
        for (to, from) in row.iter_mut().zip(values.by_ref().take(i + 1)) {
            *to = *from;
        }
        if let Some(own) = row.get_mut(i..=i) {
            to_log_var(own, head, eps);
            own.iter_mut().for_each(|own| *own *= 0.5);
        }
    }
}

/// For each row of the factor, from the first: the values left of the diagonal, and the logarithm on it. A
/// row that ends in front of its diagonal is left out.
#[inline]
fn rows(factor: &[f32], dims: usize) -> impl Iterator<Item = (&[f32], f32)> {
    pieces(factor, dims).enumerate().filter_map(|(i, row)| {
        let (left, rest) = row.split_at_checked(i)?;
        Some((left, *rest.first()?))
    })
}

/// Writes `z = loc + L eps`, a sample of the normal, differentiable in `loc` and `L`.
///
/// Error at most 2e-7 of the sum of the magnitudes of a component's parts. NaN in an argument gives NaN in
/// the components that depend on it; lengths that do not fit fill `z` with NaN.
#[inline]
pub fn rsample(loc: &[f32], factor: &[f32], eps: &[f32], z: &mut [f32]) {
    if !fits(factor, [loc.len(), eps.len(), z.len()]) {
        return z.fill(f32::NAN);
    }
    let noise = eps.iter().zip(rows(factor, loc.len()));
    for ((z, loc), (own, (left, log))) in z.iter_mut().zip(loc).zip(noise) {
        let before = left.iter().zip(eps).map(|(l, eps)| l * eps);
        let total = before.fold(Sum::ZERO.add(*loc), Sum::add);
        *z = total.add(exp_exact(log) * own).value();
    }
}

/// `ln q(z) = -1/2 (D ln(2 pi) + |y|^2) - sum_i ln L_ii` with `L y = z - loc`, in nats.
///
/// `scratch` is as long as `z`, and is overwritten with `y`. Error at most 1e-6 of the sum of the magnitudes
/// of all parts for a well-conditioned `L`; forward substitution carries a rounding on as far as `|L| |L^-1|`
/// says. Lengths that do not fit give NaN, NaN gives NaN, no dimensions 0.
#[inline]
pub fn log_prob(loc: &[f32], factor: &[f32], z: &[f32], scratch: &mut [f32]) -> f32 {
    if !fits(factor, [loc.len(), z.len(), scratch.len()]) {
        return f32::NAN;
    }
    solve(factor, z.iter().zip(loc).map(|(z, loc)| z - loc), scratch);
    let terms = scratch.iter().zip(rows(factor, loc.len()));
    -sum(terms.map(|(y, (_, log))| 0.5 * LN_2_PI + log + 0.5 * y * y))
}

/// Differential entropy `sum_i (1/2 + ln(2 pi) / 2 + ln L_ii)` of `dims` dimensions, in nats.
///
/// Error at most 2e-7 of the sum of the magnitudes of its parts. NaN on the diagonal, and a factor that has
/// not `dims * dims` values, give NaN; no dimensions give 0.
#[inline]
#[must_use]
pub fn entropy(factor: &[f32], dims: usize) -> f32 {
    match fits(factor, [dims; 3]) {
        true => sum(rows(factor, dims).map(|(_, log)| 0.5 + 0.5 * LN_2_PI + log)),
        false => f32::NAN,
    }
}

/// `KL(q || N(0, I)) = 1/2 sum_i (loc_i^2 + sum_{j<i} L_ij^2 + L_ii^2 - 1 - 2 ln L_ii)`, in nats.
///
/// `factor` has `loc.len()` rows and as many columns. Never negative. Relative error and edges as for
/// [`kl_to_standard`](super::kl_to_standard) of diagonal normals; lengths that do not fit give NaN.
#[inline]
#[must_use]
pub fn kl_to_standard(loc: &[f32], factor: &[f32]) -> f32 {
    if !fits(factor, [loc.len(); 3]) {
        return f32::NAN;
    }
    let terms = loc.iter().zip(rows(factor, loc.len()));
    0.5 * terms
        .fold(Sum::ZERO, |total, (m, (left, log))| {
            let total = left.iter().fold(total, |total, l| total.add(l * l));
            total.add(m * m + variance_excess(2.0 * log))
        })
        .value()
}

/// `KL(q || p)` for a diagonal `p`: `1/2 sum_i ((d_i^2 + sum_{j<i} L_ij^2) / v_i + r_i - 1 - ln r_i)` with
/// `d = q_loc - p_loc`, `v_i = e^p_log_var_i` and `r_i = L_ii^2 / v_i`, in nats.
///
/// Never negative. Relative error and edges as for [`kl_divergence`](super::kl_divergence) of
/// diagonal normals; lengths that do not fit give NaN.
#[inline]
#[must_use]
pub fn kl_to_diagonal(q_loc: &[f32], q_factor: &[f32], p_loc: &[f32], p_log_var: &[f32]) -> f32 {
    if !fits(q_factor, [q_loc.len(), p_loc.len(), p_log_var.len()]) {
        return f32::NAN;
    }
    let q = q_loc.iter().zip(rows(q_factor, q_loc.len()));
    let terms = q.zip(p_loc.iter().zip(p_log_var));
    0.5 * terms
        .fold(Sum::ZERO, |total, ((q_loc, (left, log)), (p_loc, p_log_var))| {
            let precision = exp_exact(-0.5 * p_log_var);
            let scaled = |value: f32| (value * precision) * (value * precision);
            let total = left.iter().fold(total, |total, l| total.add(scaled(*l)));
            total.add(scaled(q_loc - p_loc) + variance_excess(2.0 * log - p_log_var))
        })
        .value()
}

/// `KL(q || p) = 1/2 (|M|^2 + |y|^2 - D) + sum_i ln(P_ii / L_ii)` with `P M = L` and
/// `P y = q_loc - p_loc`, in nats.
///
/// `scratch` is as long as `q_loc`, and is overwritten; its contents do not matter. Never negative: what
/// stands on the diagonal of `M` is taken together with its logarithm. Relative error at most 1e-6 for a
/// well-conditioned `P`; see [`log_prob`]. Lengths that do not fit give NaN.
#[inline]
pub fn kl_divergence(
    q_loc: &[f32],
    q_factor: &[f32],
    p_loc: &[f32],
    p_factor: &[f32],
    scratch: &mut [f32],
) -> f32 {
    let dims = q_loc.len();
    let lens = [dims, p_loc.len(), scratch.len()];
    if !fits(q_factor, lens) || !fits(p_factor, lens) {
        return f32::NAN;
    }
    let diagonals = rows(q_factor, dims).zip(rows(p_factor, dims));
    let total = diagonals
        .fold(Sum::ZERO, |total, ((_, q), (_, p))| total.add(variance_excess(2.0 * (q - p))));
    solve(p_factor, q_loc.iter().zip(p_loc).map(|(q, p)| q - p), scratch);
    let total = scratch.iter().fold(total, |total, y| total.add(y * y));
    let total = (0..dims).fold(total, |total, j| {
        let column = rows(q_factor, dims).enumerate().map(|(i, (left, log))| {
            if i == j { exp_exact(log) } else { left.get(j).copied().unwrap_or(0.0) }
        });
        solve(p_factor, column, scratch);
        scratch.iter().skip(j + 1).fold(total, |total, m| total.add(m * m))
    });
    0.5 * total.value()
}

/// Writes to `y` the solution of `L y = values`, by forward substitution; what `y` holds before does not
/// matter. `values` has as many numbers as `y`, and `factor` as many rows and columns: where one has fewer,
/// the rest of `y` stays as it is. NaN in a row or value gives NaN in all later numbers that depend on it.
#[inline]
fn solve(factor: &[f32], values: impl Iterator<Item = f32>, y: &mut [f32]) {
    let dims = y.len();
    for (value, (left, log)) in values.zip(rows(factor, dims)) {
        let Some((known, [own, ..])) = y.split_at_mut_checked(left.len()) else { return };
        let known = left.iter().zip(&*known).map(|(l, y)| -(l * y));
        *own = known.fold(Sum::ZERO.add(value), Sum::add).value() * exp_exact(-log);
    }
}

/// Whether `factor` has `dims * dims` values, and the second and third length are `dims` too; false where the
/// product overflows.
#[inline]
fn fits(factor: &[f32], [dims, second, third]: [usize; 3]) -> bool {
    dims == second && dims == third && dims.checked_mul(dims) == Some(factor.len())
}
