//! Whether integers make rows beyond the calibrated range look normal.

use crate::divergence::ScoreError;
use crate::infer::scored_rows;
use crate::model::Loaded;
use crate::rows::Batch;
use crate::{Error, Result};
use serde::Serialize;

/// The scores of outliers in floats and in integers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OutlierReport {
    /// Rows that were scored.
    pub rows: usize,
    /// Rows with values beyond the range of the integers, which a detector takes as anomalous.
    pub flagged: usize,
    /// Rows whose integer score is better than the float score by more than the allowance.
    pub better: usize,
    /// Those among them that are not flagged: none may be.
    pub better_unflagged: usize,
    /// Nats by which an integer score may be better: the limit of the score's grade. It is a fraction of the spread of
    /// the other rows, for a row further than that from their mean the same fraction of its distance.
    pub allowance: f64,
    /// Most of the allowance that a row uses which is not flagged; none where all are.
    pub most_used: Option<f64>,
}

impl OutlierReport {
    /// The scores of `outliers` in floats and in integers, held against the allowance that `error` gives, the error of the score on other rows.
    /// A score that is not finite on either side counts as better unless both are equal.
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
        // The error of a residual is that of the mean times the residual: it grows with the distance.
        let allowed = |float: f32| {
            allowance * ((error.float_mean - f64::from(float)) / error.spread).max(1.0)
        };
        let gain = |(float, integer): (f32, f32)| match float.to_bits() == integer.to_bits() {
            true => 0.0,
            false => f64::from(integer) - f64::from(float),
        };
        let rows: Vec<(f64, bool)> = float
            .iter()
            .zip(&integer)
            .map(|(float, row)| {
                let used = gain((float.score, row.score)) / allowed(float.score);
                (used, row.saturated > 0)
            })
            .collect();
        // The negation counts NaN as well.
        let better = |used: f64| used > 1.0 || used.is_nan();
        let unflagged = rows.iter().filter(|(_, flagged)| !flagged).map(|(gain, _)| *gain);
        Ok(Self {
            rows: rows.len(),
            flagged: rows.iter().filter(|(_, flagged)| *flagged).count(),
            better: rows.iter().filter(|(gain, _)| better(*gain)).count(),
            better_unflagged: unflagged.clone().filter(|gain| better(*gain)).count(),
            allowance,
            most_used: unflagged.reduce(f64::max),
        })
    }
}

impl std::fmt::Display for OutlierReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, flagged, better, better_unflagged, allowance, .. } = self;
        write!(
            f,
            "{rows} rows, {flagged} flagged; {better} look better by more than the grade allows ({allowance:.1} nats near the data), {better_unflagged} of them not flagged (limit 0)"
        )
    }
}
