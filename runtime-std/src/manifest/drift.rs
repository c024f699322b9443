//! `[drift]`: when posteriors in the long run are not those of the calibration.

use super::Manifest;
use serde::Deserialize;
use std::path::PathBuf;

/// `[drift]`: moving averages of the posterior's mean and second moment, against those of normal windows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftTable {
    /// Weight of the newest window in the averages.
    #[serde(default = "lambda")]
    pub lambda: f64,
    /// File of mean and variance of `loc`, then of `loc^2 + exp(log_var)`, `[4, latents]`.
    pub reference: PathBuf,
    /// Drift is reported when the statistic exceeds it.
    pub threshold: f64,
}

/// The default of `lambda`, 0.02.
fn lambda() -> f64 {
    0.02
}

impl Manifest {
    /// Adds to `problems` what is wrong with `[drift]`, where there is one: a lambda outside (0, 1), a threshold
    /// that is not positive, or no encoder.
    pub(super) fn check_drift(&self, problems: &mut Vec<String>) {
        let Some(drift) = &self.drift else { return };
        if !(drift.lambda > 0.0 && drift.lambda < 1.0) {
            problems.push(format!(
                "drift.lambda: found {}, expected a number between 0 and 1, such as 0.02",
                drift.lambda
            ));
        }
        if !(drift.threshold.is_finite() && drift.threshold > 0.0) {
            problems.push(format!(
                "drift.threshold: found {}, expected a finite number above 0",
                drift.threshold
            ));
        }
        if self.encoder.is_none() {
            problems.push(
                "[drift] watches the posteriors of an [encoder]; add it, or remove [drift]".into(),
            );
        }
    }
}
