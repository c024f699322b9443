//! Pareto-smoothed importance sampling's diagnostic: how heavy the tail of the weights is.

use crate::distributions::sum::sum;
use crate::math::{ceil, exp_exact, ln, log1p, sqrt};

/// The largest importance weights of a stream, and from them `k_hat`.
///
/// `M` floats hold the `M - 1` largest weights and the one below, whatever the number of draws. With `S`
/// draws the fit uses the largest `min(S / 5, 3 sqrt(S))` of them: `M = 137` serves up to 2,000 draws,
/// `M = 950` up to 100,000; with fewer the fit uses what there is and is noisier.
///
/// ```
/// use elbow_core::infer::psis::Tail;
/// let mut tail = Tail::<137>::new();
/// // Weights 1 / u of a uniform grid: a Pareto tail with k = 1.
/// (0..2000).for_each(|i| tail.push(-((i as f32 + 0.5) / 2000.0).ln()));
/// assert!((tail.k_hat().unwrap_or(0.0) - 1.0).abs() < 0.1);
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tail<const M: usize> {
    largest: [f32; M],
    count: u32,
}

impl<const M: usize> Tail<M> {
    /// The tail of no weights yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { largest: [f32::NEG_INFINITY; M], count: 0 }
    }

    /// Takes the logarithm of another weight; minus infinity is a weight of zero, and after a NaN
    /// [`k_hat`](Self::k_hat) is `None`.
    pub fn push(&mut self, log_weight: f32) {
        self.count = self.count.saturating_add(1);
        insert(&mut self.largest, log_weight);
    }

    /// Pareto shape of the weights so far, `None` where it cannot be estimated, as [`k_hat()`] says.
    #[must_use]
    pub fn k_hat(&self) -> Option<f32> {
        k_hat(&self.largest, self.count)
    }

    /// Number of weights taken so far, zeros included.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }
}

impl<const M: usize> Default for Tail<M> {
    fn default() -> Self {
        Self::new()
    }
}

/// Inserts `value` into `largest`, which is sorted in descending order, and drops the smallest entry. A value
/// that is not above the last entry changes nothing; the caller starts with a slice of minus infinities.
///
/// Most values of a long stream cost only that comparison. NaN goes first and stays.
pub fn insert(largest: &mut [f32], value: f32) {
    if largest.last().is_none_or(|last| value <= *last) {
        return;
    }
    let mut held = value;
    for slot in largest {
        if held > *slot || held.is_nan() {
            core::mem::swap(slot, &mut held);
        }
    }
}

/// Shape of the generalized Pareto distribution that the tail of the weights resembles; `None` where there
/// are fewer than 5 weights in the tail, where the lower quarter of them equals the cutoff (as equal weights
/// do), where one is NaN, or where the estimate is not finite.
///
/// `largest` are the logarithms of the largest of `count` weights, descending, as [`insert`] leaves them. The
/// tail is the first `ceil(min(count / 5, 3 sqrt(count)))` of them, but at most `largest.len() - 1`, and the
/// weight behind it is the cutoff.
///
/// Below 0.5 the weights have a variance and averages converge as usual; up to 0.7 they are usable; above,
/// neither an importance-weighted bound nor any other average with these weights is reliable.
/// For a normal posterior whose variance is `rho` times that of the normal truth, `k` is `1 - rho` (the
/// estimate is lower by 0.04 at `rho = 0.4` with 100,000 draws, and varies by 0.05; with 2,000 by 0.12).
///
/// The weights above the cutoff, less the cutoff, are fitted by the method of Zhang and Stephens (2009),
/// and the estimate is drawn towards 0.5 as if by ten weights more (Vehtari, Simpson, Gelman, Yao and
/// Gabry, 2024, appendix C). In f32, within 0.01 of the same in f64; about `n (30 + sqrt(n))`
/// logarithms for `n` weights in the tail. A constant plus all logarithms changes nothing.
#[must_use]
pub fn k_hat(largest: &[f32], count: u32) -> Option<f32> {
    let wanted = ceil((0.2 * count as f32).min(3.0 * sqrt(count as f32)));
    let length = (wanted as usize).min(largest.len().checked_sub(1)?);
    let (tail, rest) = largest.split_at_checked(length)?;
    let (max, cutoff) = (tail.first()?, rest.first()?);
    if length < 5 || max.is_nan() {
        return None;
    }
    let excess = Excess { tail, max: *max, below: exp_exact(cutoff - max) };
    let shape = excess.shape(excess.rate()?);
    let n = length as f32;
    Some((n * shape + 10.0 * 0.5) / (n + 10.0)).filter(|k| k.is_finite())
}

/// Exceedances `w - u` of the tail's weights over the cutoff `u`, divided by the largest weight.
struct Excess<'a> {
    /// Logarithms of the weights, descending.
    tail: &'a [f32],
    /// Logarithm of the largest weight.
    max: f32,
    /// The cutoff divided by the largest weight.
    below: f32,
}

impl Excess<'_> {
    /// The exceedance of the weight with this logarithm, divided by the largest weight:
    /// `e^(log_weight - max) - below`.
    fn of(&self, log_weight: f32) -> f32 {
        exp_exact(log_weight - self.max) - self.below
    }

    /// The shape that maximizes the likelihood for a `rate`: the mean of `ln(1 - rate x)` over the
    /// exceedances `x`; NaN where `1 - rate x` is below 0, minus infinity where it is 0.
    fn shape(&self, rate: f32) -> f32 {
        let terms = self.tail.iter().map(|log_weight| log1p(-rate * self.of(*log_weight)));
        sum(terms) / self.tail.len() as f32
    }

    /// The posterior mean of the rate `-k / sigma` on the grid of Zhang and Stephens; `None` where the lower
    /// quartile of the exceedances is not above 0, NaN where no grid point has a finite likelihood.
    ///
    /// One pass over the grid: the posterior's weights are relative to the largest so far, and rescaled with
    /// each larger one.
    fn rate(&self) -> Option<f32> {
        let n = self.tail.len() as f32;
        let largest = self.of(self.max);
        let quartile = (n / 4.0 + 0.5) as usize;
        let quartile = self.of(*self.tail.get(self.tail.len().checked_sub(quartile)?)?);
        if quartile.is_nan() || quartile <= 0.0 {
            return None;
        }
        let points = 30 + sqrt(n) as u32;
        let (mut most, mut total, mut mean) = (f32::NEG_INFINITY, 0.0, 0.0);
        for point in 0..points {
            let place = sqrt(points as f32 / (point as f32 + 0.5));
            let rate = 1.0 / largest + (1.0 - place) / (3.0 * quartile);
            let shape = self.shape(rate);
            let log_profile = n * (ln(-rate / shape) - shape - 1.0);
            if !log_profile.is_finite() {
                continue;
            }
            if log_profile > most {
                let shrink = exp_exact(most - log_profile);
                (most, total, mean) = (log_profile, total * shrink, mean * shrink);
            }
            let weight = exp_exact(log_profile - most);
            total += weight;
            mean += weight * rate;
        }
        Some(mean / total)
    }
}
