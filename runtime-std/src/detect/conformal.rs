//! Conformal p-values: how often a normal observation has such a score or a lower one.

use crate::manifest::PARTS;

/// Scores of normal observations that trained nothing, in ascending order.
///
/// With `n` of them `p(s) = (1 + #{s_i <= s}) / (n + 1)`, and `P(p <= alpha) <= alpha` for an observation that is
/// exchangeable with them (split conformal prediction; Vovk et al., 2005, Bates et al., 2023).
///
/// ```
/// use elbow::detect::Scores;
/// let scores = Scores::new(vec![-1.0, -3.0, -2.0]);
/// assert_eq!(scores.p(-3.0), 0.5);
/// assert_eq!(scores.p(f32::NAN), 0.25, "never the most normal");
/// assert_eq!(scores.threshold(500_000), Some(-2.0), "p <= 0.5 is s < -2");
/// assert_eq!(scores.threshold(10_000), None, "three scores cannot tell what happens in 1 of 100 cases");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scores(Vec<f32>);

impl Scores {
    /// The scores in any order. NaN counts as lower than all others.
    pub fn new(mut scores: Vec<f32>) -> Self {
        let key = |score: &f32| if score.is_nan() { f32::NEG_INFINITY } else { *score };
        scores.sort_by(|a, b| key(a).total_cmp(&key(b)));
        Self(scores)
    }

    /// All of them, from the lowest.
    pub fn sorted(&self) -> &[f32] {
        &self.0
    }

    /// The same with the opposite sign, for scores of which high ones are unusual.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self(self.0.iter().rev().map(|score| -score).collect())
    }

    /// `n`
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Number of scores that are not above `score`; 0 for NaN.
    fn not_above(&self, score: f32) -> usize {
        if score.is_nan() { 0 } else { self.0.partition_point(|own| *own <= score) }
    }

    /// The p-value, in (0, 1]; the smallest possible one, `1 / (n + 1)`, for NaN.
    pub fn p(&self, score: f32) -> f64 {
        (1 + self.not_above(score)) as f64 / (self.count() + 1) as f64
    }

    /// The p-value by which ties are broken at random, which is uniform for exchangeable scores:
    /// `(#{s_i < s} + u (1 + #{s_i = s})) / (n + 1)` with `u` uniform in [0, 1).
    pub fn p_smoothed(&self, score: f32, u: f64) -> f64 {
        let below = self.0.partition_point(|own| *own < score);
        let equal = self.not_above(score).saturating_sub(below);
        (below as f64 + u * (1 + equal) as f64) / (self.count() + 1) as f64
    }

    /// The p-value where the observation and those of the scores come from distributions of known ratio:
    /// `(sum_{s_i <= s} w_i + w) / (sum w_i + w)`, with `weights[i]` of the score `sorted()[i]` and `weight` of the
    /// observation (Tibshirani et al., 2019).
    pub fn p_weighted(&self, weights: &[f64], score: f32, weight: f64) -> f64 {
        let below: f64 = weights.iter().take(self.not_above(score)).sum();
        (below + weight) / (weights.iter().sum::<f64>() + weight)
    }

    /// `r = floor(alpha (n + 1))`, alpha in parts per million: `p <= alpha` says that fewer than `r` scores are not
    /// above the observation's.
    pub fn rank(&self, alpha_ppm: u64) -> usize {
        let product = u128::from(alpha_ppm) * (self.count() as u128 + 1);
        (product / PARTS as u128) as usize
    }

    /// The score below which `p <= alpha`, the one of that rank; `None` where so few scores cannot show such a rate.
    pub fn threshold(&self, alpha_ppm: u64) -> Option<f32> {
        self.rank(alpha_ppm).checked_sub(1).and_then(|index| self.0.get(index)).copied()
    }

    /// The smallest alpha that so many scores can show, `1 / (n + 1)`, in parts per million, rounded up.
    pub fn least_alpha_ppm(&self) -> u64 {
        (PARTS as u64).div_ceil(self.count() as u64 + 1)
    }
}

/// The p-value from scores of several folds, each by a model that was not trained on it, where `scores[k]` is the
/// observation's by the model of fold `k`. Proven is `P(p <= alpha) <= about 2 alpha` (Vovk, 2015): call it approximate.
pub fn cross_conformal(folds: &[Scores], scores: &[f32]) -> f64 {
    let rows: usize = folds.iter().map(Scores::count).sum();
    let below: usize = folds.iter().zip(scores).map(|(fold, score)| fold.not_above(*score)).sum();
    (1 + below) as f64 / (rows + 1) as f64
}
