//! Slow change of the latents: what no single window shows.
//!
//! Two moments of each latent are followed, `loc` and `loc^2 + exp(log_var)`, the first and the second moment
//! of the posterior. With `w += lambda (moment - mean - w)`, where the mean is that of the training data,
//!
//! ```text
//! statistic = (2 - lambda) / lambda sum w^2 / variance
//! ```
//!
//! over all latents and both moments (MEWMA with a diagonal covariance; Lowry et al., 1992).

use crate::infer::Posterior;
use crate::math;

/// What the training data say of one moment of one latent.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Moment {
    /// Its mean.
    pub mean: f32,
    /// What `w^2` is multiplied with: `((2 - lambda) / lambda) / variance`.
    pub weight: f32,
}

impl Moment {
    /// A moment of this mean and variance in the training data. Its weight is 0 where the variance is not
    /// above 0: what never varies is not followed.
    #[must_use]
    pub const fn new(mean: f32, variance: f32, lambda: f32) -> Self {
        let weight = if variance > 0.0 { ((2.0 - lambda) / lambda) / variance } else { 0.0 };
        Self { mean, weight }
    }
}

/// What a drift monitor was designed for.
///
/// ```
/// use elbow_core::detect::{DriftDesign, Moment};
/// use elbow_core::infer::Posterior;
/// let moments = [Moment::new(0.0, 1.0, 0.5), Moment::new(1.0, 1.0, 0.5)];
/// let design = DriftDesign { lambda: 0.5, threshold: 9.0, moments: &moments };
/// let (mut w, q) = ([0.0; 2], Posterior { loc: &[2.0], log_var: &[0.0] });
/// assert_eq!(design.step(&mut w, q), 3.0 + 12.0);
/// assert_eq!(w, [1.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DriftDesign<'a> {
    /// How fast the average forgets, in (0, 1].
    pub lambda: f32,
    /// A statistic above it is a drift.
    pub threshold: f32,
    /// `loc` and `loc^2 + exp(log_var)` of each latent in turn.
    pub moments: &'a [Moment],
}

impl DriftDesign<'_> {
    /// Counts one window and returns the statistic: sums in the order of the moments. `w` has one value for
    /// each moment, zeros at the start; the shortest of `w`, the moments and the posterior ends the loop. NaN
    /// in the posterior stays in `w`.
    #[inline]
    pub fn step(&self, w: &mut [f32], q: Posterior<'_>) -> f32 {
        let mut statistic = 0.0;
        let latents = w.as_chunks_mut::<2>().0.iter_mut().zip(self.moments.as_chunks::<2>().0);
        for ((w, moments), (loc, log_var)) in latents.zip(q.loc.iter().zip(q.log_var)) {
            let values = [*loc, loc * loc + math::exp(*log_var)];
            for ((w, moment), value) in w.iter_mut().zip(moments).zip(values) {
                *w += self.lambda * ((value - moment.mean) - *w);
                statistic += (*w * *w) * moment.weight;
            }
        }
        statistic
    }

    /// Whether a statistic is a drift; NaN is one.
    #[inline]
    #[must_use]
    pub fn is_drift(&self, statistic: f32) -> bool {
        statistic.is_nan() || statistic > self.threshold
    }
}

/// What many posteriors have in common in one latent: their aggregate, for reports.
///
/// ```
/// use elbow_core::detect::Aggregate;
/// let mut latent = Aggregate::NEW;
/// latent.push(0.5, 0.0);
/// latent.push(-0.5, 0.0);
/// assert_eq!((latent.mean(), latent.variance()), (0.0, 1.25));
/// assert!(latent.is_active());
/// assert!(latent.kl(0.0, 1.25).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Aggregate {
    count: f32,
    mean: f32,
    /// Sum of the squared deviations of `loc`.
    squares: f32,
    /// Mean of `exp(log_var)`.
    inner: f32,
}

impl Aggregate {
    /// Of no posterior.
    pub const NEW: Self = Self { count: 0.0, mean: 0.0, squares: 0.0, inner: 0.0 };

    /// Adds one posterior's `loc` and `log_var` (Welford, 1962). Up to 16 million are counted.
    #[inline]
    pub fn push(&mut self, loc: f32, log_var: f32) {
        self.count += 1.0;
        let before = loc - self.mean;
        self.mean += before / self.count;
        self.squares += before * (loc - self.mean);
        self.inner += (math::exp(log_var) - self.inner) / self.count;
    }

    /// Mean of `loc`; 0 of no posterior.
    #[inline]
    #[must_use]
    pub fn mean(&self) -> f32 {
        self.mean
    }

    /// Variance of `loc`; NaN of no posterior.
    #[inline]
    #[must_use]
    pub fn variance_of_means(&self) -> f32 {
        self.squares / self.count
    }

    /// Variance of the aggregate: that of `loc` plus the mean of the posteriors' own; NaN of no posterior.
    #[inline]
    #[must_use]
    pub fn variance(&self) -> f32 {
        self.variance_of_means() + self.inner
    }

    /// Whether the latent carries anything: its `loc` varies by more than 0.01 (Burda et al., 2016).
    #[inline]
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.variance_of_means() > 0.01
    }

    /// `KL(N(mean, variance) || N(reference_mean, reference_variance))` in nats, from normals with the moments
    /// of the aggregate and of the reference; NaN of no posterior.
    #[inline]
    #[must_use]
    pub fn kl(&self, reference_mean: f32, reference_variance: f32) -> f32 {
        let shift = self.mean - reference_mean;
        let ratio = self.variance() / reference_variance;
        0.5 * ((ratio - 1.0 - math::ln(ratio)) + shift * shift / reference_variance)
    }
}
