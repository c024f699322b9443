//! Whether integers make rows beyond the calibrated range look normal.

use crate::divergence::ScoreError;
use crate::infer::{ScoredRow, scored_rows};
use crate::model::Loaded;
use crate::rows::Batch;
use crate::{Error, Result};
use serde::Serialize;
use std::cmp::Ordering;

/// The scores of outliers in floats and in integers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OutlierReport {
    /// Rows that were scored.
    pub rows: usize,
    /// Rows with values beyond the range of the integers, which a detector takes as anomalous.
    pub flagged: usize,
    /// Rows whose integer score is better than the float score by more than the allowance.
    pub better: usize,
    /// Those among them that are not flagged and are anomalies all the same: at most one in a hundred of the rows that
    /// the error was measured on scores lower in integers.
    pub better_anomalous: usize,
    /// Those among them that are neither: none may be.
    pub better_unflagged: usize,
    /// Nats by which an integer score may be better: the limit of the score's grade.
    pub allowance: f64,
    /// The most nats by which an integer score is better that is neither flagged nor anomalous; none where all are.
    pub most: Option<f64>,
}

impl OutlierReport {
    /// The scores of `outliers` in floats and in integers, held against the allowance of `error`, the error of the score on
    /// other rows. A score that is not finite on either side counts as better unless both are equal.
    ///
    /// # Errors
    ///
    /// An input error where the model has no integers or no score; a posterior that is not finite.
    pub fn of(
        float: &Loaded,
        integer: &Loaded,
        outliers: &Batch,
        error: Option<ScoreError>,
    ) -> Result<Self> {
        let scored = |loaded| scored_rows(loaded, outliers);
        let (Some(error), Some(float), Some(integer)) = (error, scored(float)?, scored(integer)?)
        else {
            return Err(Error::input(
                "--outliers compares the scores of integers and floats, which takes an integer precision, a [decoder] with one posterior and two rows of --input",
            ));
        };
        let allowance = error.allowance();
        let pairs = || float.iter().zip(&integer);
        let gain = |(float, integer): (&ScoredRow, &ScoredRow)| {
            let [float, integer] = [float.score, integer.score];
            if float.to_bits() == integer.to_bits() {
                0.0
            } else {
                f64::from(integer) - f64::from(float)
            }
        };
        // The negation counts NaN as well.
        let better = pairs().filter(|pair| {
            !matches!(gain(*pair).partial_cmp(&allowance), Some(Ordering::Less | Ordering::Equal))
        });
        let count = |is: fn(&ScoredRow, f32) -> bool| {
            better.clone().filter(|(_, row)| is(row, error.anomalous_below)).count()
        };
        let seen = pairs()
            .filter(|(_, row)| !is_flagged(row) && !is_anomalous(row, error.anomalous_below));
        Ok(Self {
            rows: integer.len(),
            flagged: integer.iter().filter(|row| is_flagged(row)).count(),
            better: count(|_, _| true),
            better_anomalous: count(|row, limit| !is_flagged(row) && is_anomalous(row, limit)),
            better_unflagged: count(|row, limit| !is_flagged(row) && !is_anomalous(row, limit)),
            allowance,
            most: seen.map(gain).reduce(f64::max),
        })
    }
}

/// Whether a value of the row was beyond the range of the integers.
fn is_flagged(row: &ScoredRow) -> bool {
    row.saturated > 0
}

/// Whether the row scores below `limit`; not so for NaN.
fn is_anomalous(row: &ScoredRow, limit: f32) -> bool {
    row.score < limit
}

impl std::fmt::Display for OutlierReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, flagged, better, better_anomalous, better_unflagged, allowance, .. } =
            self;
        write!(
            f,
            "{rows} rows, {flagged} flagged; {better} look better than in floats by more than the grade's {allowance:.1} nats, {better_anomalous} of them unflagged but below 99 % of the rows of --input, {better_unflagged} neither (limit 0)"
        )
    }
}
