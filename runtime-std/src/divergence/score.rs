//! What integers cost a score: its error in nats, and the grade of that.

use super::grade::Grade;
use super::kl::Kl;
use super::tolerance::{SCORE_MEAN, SCORE_MEAN_B, SCORE_P99, SCORE_P99_B};
use serde::Serialize;

/// Error of the integer score, `ln p(x | z = mean) - KL`, against the score in floats, over rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScoreError {
    /// Mean of the absolute errors, in nats.
    #[serde(rename = "error_mean")]
    pub mean: f64,
    /// 99th percentile of the absolute errors, nearest rank, in nats.
    #[serde(rename = "error_p99")]
    pub p99: f64,
    /// Standard deviation of the float score over the rows, of which the limits are fractions.
    pub spread: f64,
    /// A row whose integer score is below this is an anomaly, by the integer scores of these rows at a share of 1 %.
    #[serde(skip)]
    pub anomalous_below: f32,
    /// How good the score is.
    pub grade: Grade,
}

impl ScoreError {
    /// The error over the rows; both scores have one value per row. `None` of fewer than two rows, which have no
    /// spread. A NaN makes the grade [`Grade::Fail`].
    pub fn of(float: &[f32], integer: &[f32]) -> Option<Self> {
        let pairs = float.iter().zip(integer).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let errors = Kl::of_rows(pairs.map(|(float, integer)| (integer - float).abs()).collect());
        let (mean, p99, spread) = (errors.mean?, errors.p99?, spread(float)?);
        let anomalous_below = anomalous_below(integer.to_vec())?;
        Some(Self { mean, p99, spread, anomalous_below, grade: grade(mean, p99, spread) })
    }

    /// Nats by which a score of this spread may look better than it is: [`SCORE_P99`] of the spread, of grade B
    /// [`SCORE_P99_B`].
    pub fn allowance(&self) -> f64 {
        match self.grade {
            Grade::A => SCORE_P99 * self.spread,
            Grade::B | Grade::Fail => SCORE_P99_B * self.spread,
        }
    }
}

/// Share of normal rows that may be called anomalies, as of a manifest without `alpha`.
const ANOMALOUS: f64 = 0.01;

/// The score below which a row has a p-value of at most [`ANOMALOUS`] among these, or the smallest that they can show;
/// `None` of no scores.
fn anomalous_below(mut scores: Vec<f32>) -> Option<f32> {
    scores.sort_by(f32::total_cmp);
    let rank = (ANOMALOUS * (scores.len() as f64 + 1.0)).floor() as usize;
    scores.get(rank.saturating_sub(1)).copied()
}

/// Standard deviation of the scores; `None` of fewer than two.
fn spread(scores: &[f32]) -> Option<f64> {
    let count = scores.len() as f64;
    let mean = scores.iter().map(|score| f64::from(*score)).sum::<f64>() / count;
    let squares = scores.iter().map(|score| (f64::from(*score) - mean).powi(2)).sum::<f64>();
    (scores.len() > 1).then(|| (squares / (count - 1.0)).sqrt())
}

/// The best grade whose limits, as fractions of the spread, hold; [`Grade::Fail`] where none does or a figure is
/// NaN.
fn grade(mean: f64, p99: f64, spread: f64) -> Grade {
    let holds = |of_mean: f64, of_p99: f64| mean <= of_mean * spread && p99 <= of_p99 * spread;
    match (holds(SCORE_MEAN, SCORE_P99), holds(SCORE_MEAN_B, SCORE_P99_B)) {
        (true, _) => Grade::A,
        (false, true) => Grade::B,
        (false, false) => Grade::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grade_is_that_of_the_error_over_the_spread() {
        assert_eq!(grade(0.03, 0.1, 1.0), Grade::A);
        assert_eq!(grade(0.031, 0.1, 1.0), Grade::B);
        assert_eq!(grade(0.03, 0.11, 1.0), Grade::B);
        assert_eq!(grade(0.11, 0.1, 1.0), Grade::Fail);
        assert_eq!(grade(f64::NAN, 0.0, 1.0), Grade::Fail);
        assert_eq!(grade(0.3, 1.0, 10.0), Grade::A);
    }

    #[test]
    fn an_error_has_its_mean_and_the_spread_of_the_floats() {
        let error = ScoreError::of(&[1.0, 3.0], &[1.5, 2.75]).expect("two rows");
        assert_eq!((error.mean, error.p99), (0.375, 0.5));
        assert!((error.spread - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(error.grade, Grade::Fail);
        assert_eq!(ScoreError::of(&[1.0], &[1.0]), None);
    }
}
