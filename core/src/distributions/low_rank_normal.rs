//! The normal distribution whose covariance is a diagonal matrix plus one of low rank.
//!
//! Functions of slices take the factor `F` row-major, one row of `R >= 1` values per latent.

use super::diag_normal::{DiagNormal, LN_2_PI};
use super::gamma::log_excess;
use super::sum::Sum;
use crate::math::{exp_exact, expm1, log1p, max, sqrt};
use crate::pieces::{pieces, pieces_mut};

/// `N(loc, diag(exp(log_var)) + F F')` over `D` latents, with an `F` of `D` rows and `R` columns.
///
/// ```
/// use elbow_core::distributions::LowRankNormal;
/// let q = LowRankNormal { loc: [0.0; 2], log_var: [0.0; 2], factor: [[2.0], [1.0]] };
/// let mut z = [0.0; 2];
/// q.rsample(&[0.5, 0.0], &[1.0], &mut z);
/// assert_eq!(z, [2.5, 1.0]);
/// // det(I + F F') = 1 + 2^2 + 1^2
/// assert!((q.kl_to_standard() - 0.5 * (5.0 - 6f32.ln())).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LowRankNormal<const D: usize, const R: usize> {
    /// Means.
    pub loc: [f32; D],
    /// Natural logarithms of the variances that no other latent shares.
    pub log_var: [f32; D],
    /// Rows of `F`.
    pub factor: [[f32; R]; D],
}

impl<const D: usize, const R: usize> LowRankNormal<D, R> {
    /// Writes the sample `loc + exp(log_var / 2) eps + F common` to `z`; edges as for [`rsample`].
    pub fn rsample(&self, eps: &[f32; D], common: &[f32; R], z: &mut [f32; D]) {
        rsample(&self.loc, &self.log_var, self.factor.as_flattened(), eps, common, z);
    }

    /// Log-density `ln q(z)` in nats; formula and edges as for [`log_prob`].
    #[must_use]
    pub fn log_prob(&self, z: &[f32; D]) -> f32 {
        self.with_scratch(|factor, scratch| log_prob(&self.loc, &self.log_var, factor, z, scratch))
    }

    /// Differential entropy in nats; formula and edges as for [`entropy`].
    #[must_use]
    pub fn entropy(&self) -> f32 {
        self.with_scratch(|factor, scratch| entropy(&self.log_var, factor, scratch))
    }

    /// `KL(self || N(0, I))` in nats; formula and edges as for [`kl_to_standard`].
    #[must_use]
    pub fn kl_to_standard(&self) -> f32 {
        self.with_scratch(|factor, scratch| {
            kl_to_standard(&self.loc, &self.log_var, factor, scratch)
        })
    }

    /// `KL(self || other)` in nats, for a diagonal `other`; formula and edges as for [`kl_to_diagonal`].
    #[must_use]
    pub fn kl_to_diagonal(&self, other: &DiagNormal<D>) -> f32 {
        let p = [&other.loc[..], &other.log_var];
        self.with_scratch(|factor, scratch| {
            kl_to_diagonal(&self.loc, &self.log_var, factor, p, scratch)
        })
    }

    /// Result of `f`, called with the factor row by row and with scratch memory of `R R + 2 R` zeros on the
    /// stack.
    fn with_scratch(&self, f: impl FnOnce(&[f32], Scratch<'_>) -> f32) -> f32 {
        let (mut root, mut row, mut right) = ([[0.0; R]; R], [0.0; R], [0.0; R]);
        let root = root.as_flattened_mut();
        f(self.factor.as_flattened(), Scratch { root, row: &mut row, right: &mut right })
    }
}

/// Memory of a density or a divergence for a factor of `R` columns; its contents do not matter and are
/// overwritten.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scratch<'a> {
    /// `R R` values: the root of the precision, row by row.
    pub root: &'a mut [f32],
    /// `R` values: the row that is rotated into the root.
    pub row: &'a mut [f32],
    /// `R` values: the right-hand side, rotated likewise.
    pub right: &'a mut [f32],
}

/// Writes `z = loc + exp(log_var / 2) eps + F common`, a sample of the normal, differentiable in `loc`,
/// `log_var` and `F`.
///
/// `factor` holds the rows of `F`, each as long as `common`, which has at least one value. Error at most 3e-7
/// of the sum of the magnitudes of a component's parts. NaN in an argument gives NaN in the components that
/// depend on it; lengths that do not fit fill `z` with NaN.
#[inline]
pub fn rsample(
    loc: &[f32],
    log_var: &[f32],
    factor: &[f32],
    eps: &[f32],
    common: &[f32],
    z: &mut [f32],
) {
    let lens = [log_var.len(), eps.len(), z.len()];
    if lens != [loc.len(); 3] || !is_of(factor, loc.len(), common.len()) {
        return z.fill(f32::NAN);
    }
    let own = loc.iter().zip(log_var).zip(eps);
    for ((z, ((loc, log_var), eps)), row) in z.iter_mut().zip(own).zip(pieces(factor, common.len()))
    {
        let own = Sum::ZERO.add(*loc).add(exp_exact(0.5 * log_var) * eps);
        let parts = row.iter().zip(common).map(|(f, common)| f * common);
        *z = parts.fold(own, Sum::add).value();
    }
}

/// `ln q(z)`, in nats, by the chain rule: `sum_i ln N(z_i; m_i, v_i)`, where `m_i` and `v_i` are mean and
/// variance of `z_i` given the latents before it.
///
/// The distribution of the common noise given the latents so far is kept as a triangular root of its
/// precision, into which the row of each latent is rotated (the square-root information filter; Bierman,
/// 1977, chapter V). Only squares are added: a small `log_var` beside a large `F`, with which the Woodbury
/// identity subtracts nearly equal numbers, costs no digits. Error at most 1e-6 of the sum of the magnitudes
/// of all parts, but a rounding of `z - loc` or `F` counts in units of `e^(log_var / 2)`. `scratch` is
/// overwritten and its contents do not matter. Takes about `4 D R^2` operations and `R` square roots per
/// latent. Lengths that do not fit, `|F|^2 / e^log_var` above 1e38, and NaN give NaN; no dimensions give 0.
#[inline]
#[must_use]
pub fn log_prob(
    loc: &[f32],
    log_var: &[f32],
    factor: &[f32],
    z: &[f32],
    scratch: Scratch<'_>,
) -> f32 {
    if [log_var.len(), z.len()] != [loc.len(); 2] || !scratch.fits(factor, loc.len()) {
        return f32::NAN;
    }
    let mut filter = Filter::new(scratch);
    let latents = loc.iter().zip(log_var).zip(z).zip(pieces(factor, filter.columns()));
    let total = latents.fold(Sum::ZERO, |total, (((loc, log_var), z), row)| {
        let added = filter.add(row, exp_exact(-0.5 * log_var), z - loc);
        total.add(LN_2_PI + log_var).add(added.log + added.distance * added.distance)
    });
    -0.5 * total.value()
}

/// Differential entropy `1/2 sum_i (1 + ln(2 pi) + ln v_i)` with the variances of [`log_prob`], in nats.
///
/// Error at most 1e-6 of the sum of the magnitudes of its parts. Edges are those of [`log_prob`].
#[inline]
#[must_use]
pub fn entropy(log_var: &[f32], factor: &[f32], scratch: Scratch<'_>) -> f32 {
    if !scratch.fits(factor, log_var.len()) {
        return f32::NAN;
    }
    let mut filter = Filter::new(scratch);
    let latents = log_var.iter().zip(pieces(factor, filter.columns()));
    let total = latents.fold(Sum::ZERO, |total, (log_var, row)| {
        let added = filter.add(row, exp_exact(-0.5 * log_var), 0.0);
        total.add(1.0 + LN_2_PI + log_var).add(added.log)
    });
    0.5 * total.value()
}

/// `KL(q || N(0, I)) = 1/2 sum_i (loc_i^2 + |F_i|^2 + e^log_var_i - 1 - ln v_i)` with the variances of
/// [`log_prob`], in nats; `F_i` is a row of `F`.
///
/// Never negative, also next to the prior: `v_i - 1 - ln v_i` and `|F_i|^2 + e^log_var_i - v_i`, the
/// variance that the latents before explain, are taken apart. Error at most 1e-6 of the sum of `loc_i^2`,
/// `|F_i|^2`, and what a diagonal normal of the variances `v_i` has. Edges are those of [`log_prob`]; an
/// infinite `log_var` gives NaN.
#[inline]
#[must_use]
pub fn kl_to_standard(loc: &[f32], log_var: &[f32], factor: &[f32], scratch: Scratch<'_>) -> f32 {
    let latents = loc.iter().zip(log_var).map(|(loc, log_var)| (*loc, *log_var, 1.0));
    let fits = loc.len() == log_var.len() && scratch.fits(factor, loc.len());
    if fits { divergence(latents, factor, scratch) } else { f32::NAN }
}

/// `KL(q || p)` for a diagonal `p`, given by its means and log-variances: [`kl_to_standard`] in units of
/// `p`.
///
/// Never negative. Error and edges as there, but for the difference of two log-variances, which is
/// rounded at their size.
#[inline]
#[must_use]
pub fn kl_to_diagonal(
    loc: &[f32],
    log_var: &[f32],
    factor: &[f32],
    [p_loc, p_log_var]: [&[f32]; 2],
    scratch: Scratch<'_>,
) -> f32 {
    let lens = [log_var.len(), p_loc.len(), p_log_var.len()];
    if lens != [loc.len(); 3] || !scratch.fits(factor, loc.len()) {
        return f32::NAN;
    }
    let q = loc.iter().zip(log_var);
    let latents = q.zip(p_loc.iter().zip(p_log_var)).map(|((loc, log_var), (p_loc, p_log_var))| {
        let precision = exp_exact(-0.5 * p_log_var);
        ((loc - p_loc) * precision, log_var - p_log_var, precision)
    });
    divergence(latents, factor, scratch)
}

/// `KL(q || N(0, I))` in nats. `latents` yields `(loc, log_var, scale)` of each latent, and `scale`
/// multiplies its row of `factor`. Overwrites `scratch`, which must have passed [`Scratch::fits`] with
/// `factor` and the number of latents.
#[inline]
fn divergence(
    latents: impl Iterator<Item = (f32, f32, f32)>,
    factor: &[f32],
    scratch: Scratch<'_>,
) -> f32 {
    let mut filter = Filter::new(scratch);
    let rows = pieces(factor, filter.columns());
    let total = latents.zip(rows).fold(Sum::ZERO, |total, ((loc, log_var, scale), row)| {
        let shared = row.iter().fold(Sum::ZERO, |total, f| total.add((f * scale) * (f * scale)));
        let added = filter.add(row, scale * exp_exact(-0.5 * log_var), 0.0);
        let left = exp_exact(log_var) * added.growth;
        let excess = log_excess(expm1(log_var) + left, || log_var + added.log);
        total.add(loc * loc + excess).add(max(shared.value() - left, 0.0))
    });
    0.5 * total.value()
}

/// The distribution of the common noise `c` given the latents so far: standard normal before the first, then
/// `root c ~ N(right, I)` with an upper triangular root of the precision (square-root information filter).
struct Filter<'a>(Scratch<'a>);

/// What one latent contributes to a density or divergence.
struct Added {
    /// Its distance from its mean given the latents before, in standard deviations.
    distance: f32,
    /// `v / e^log_var - 1`, for its variance `v` given the latents before.
    growth: f32,
    /// `ln(v / e^log_var)`
    log: f32,
}

impl<'a> Filter<'a> {
    /// The filter before the first latent; writes the identity to `root` and zeros to `right`. The lengths in
    /// `scratch` must be those that [`Scratch::fits`] asks for.
    #[inline]
    fn new(scratch: Scratch<'a>) -> Self {
        for (i, row) in pieces_mut(scratch.root, scratch.row.len()).enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value = if i == j { 1.0 } else { 0.0 };
            }
        }
        scratch.right.fill(0.0);
        Self(scratch)
    }

    /// Number of columns of the factor, `R`.
    #[inline]
    fn columns(&self) -> usize {
        self.0.row.len()
    }

    /// Takes in one latent: updates root and right-hand side by Givens rotations, and returns its
    /// contribution.
    ///
    /// `factor` is the latent's row of `F` and `distance` is `z - loc`; both are multiplied by `precision`,
    /// the inverse of the standard deviation `e^(log_var / 2)`. Overwrites `row`. `factor` is as long as
    /// `row`.
    #[inline]
    fn add(&mut self, factor: &[f32], precision: f32, distance: f32) -> Added {
        let Scratch { root, row, right } = &mut self.0;
        let columns = row.len();
        row.iter_mut().zip(factor).for_each(|(to, from)| *to = from * precision);
        let mut added = Added { distance: distance * precision, growth: 0.0, log: 0.0 };
        for (k, (root, right)) in pieces_mut(root, columns).zip(&mut **right).enumerate() {
            let Some((_, [own, after @ ..])) = root.split_at_mut_checked(k) else { break };
            let Some((_, [value, rest @ ..])) = row.split_at_mut_checked(k) else { break };
            let slope = *value / *own;
            let length = sqrt(1.0 + slope * slope);
            let (cos, sin) = (1.0 / length, slope / length);
            let turn = |root: &mut f32, row: &mut f32| {
                (*root, *row) = (cos * *root + sin * *row, cos * *row - sin * *root);
            };
            after.iter_mut().zip(rest).for_each(|(root, row)| turn(root, row));
            turn(right, &mut added.distance);
            *own *= length;
            added.growth += (1.0 + added.growth) * (slope * slope);
            added.log += log1p(slope * slope);
        }
        added
    }
}

impl Scratch<'_> {
    /// Whether the lengths fit each other for `dims` latents: `row` has `R >= 1` values, `right` has `R`,
    /// `root` has `R R`, and `factor` has `dims R`.
    #[inline]
    fn fits(&self, factor: &[f32], dims: usize) -> bool {
        let columns = self.row.len();
        self.right.len() == columns
            && is_of(self.root, columns, columns)
            && is_of(factor, dims, columns)
    }
}

/// Whether `values` has `rows * columns` values and `columns` is not 0; false where the product overflows.
#[inline]
fn is_of(values: &[f32], rows: usize, columns: usize) -> bool {
    columns > 0 && rows.checked_mul(columns) == Some(values.len())
}
