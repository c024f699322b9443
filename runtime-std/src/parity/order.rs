//! Whether integers put rows in the order that floats do, which is what a score is for.

use crate::scoring::measures::{auroc, spearman};
use serde::Serialize;

/// The order of the scores in integers against that in floats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScoreOrder {
    /// Spearman's correlation of their ranks; none where all scores are equal.
    pub spearman: Option<f64>,
    /// How well both tell labelled anomalies from normal rows; none without labels of both kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auroc: Option<AurocLost>,
}

/// The area under the curve of true against false positives, by both scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AurocLost {
    /// By the score in floats.
    pub float: f64,
    /// By that in integers.
    pub integer: f64,
    /// How much less it is in integers; negative where it is more.
    pub lost: f64,
}

impl ScoreOrder {
    /// The order of these scores of the same rows, with labels where there are any, true for an anomaly.
    pub fn of(float: &[f32], integer: &[f32], labels: Option<&[bool]>) -> Self {
        let areas = labels.and_then(|labels| auroc(float, labels).zip(auroc(integer, labels)));
        let lost = |(float, integer)| AurocLost { float, integer, lost: float - integer };
        Self { spearman: spearman(float, integer), auroc: areas.map(lost) }
    }
}

impl std::fmt::Display for AurocLost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { float, integer, lost } = self;
        write!(f, "{lost:.5}, from {float:.5} to {integer:.5}")
    }
}
