//! What commands say of heads that the rows speak against.

use super::output;
use elbow::Result;
use elbow::heads::{HeadReport, Scale, Survey, Verdict};
use elbow::model::Loaded;
use elbow::rows::Batch;
use serde::Serialize;

/// A report with what the rows say of the heads; `null` where a model has no decoder, or no single posterior.
#[derive(Serialize)]
pub struct WithHeads<'a, R> {
    #[serde(flatten)]
    pub report: &'a R,
    pub heads: Option<&'a HeadReport>,
}

/// The report on every reading of the heads on the first rows of `batch`, also written to stderr unless the
/// declared one holds; `None` for a model without decoder or single posterior.
///
/// # Errors
///
/// An input is missing, or the decoder does not answer with observations.
pub fn read(loaded: &Loaded, batch: &Batch) -> Result<Option<HeadReport>> {
    let survey = Survey::of(loaded, batch, Scale::Declared)?;
    let report = survey.map(|mut survey| survey.report());
    if let Some(report) = &report
        && report.verdict != Verdict::Holds
    {
        note(report);
    }
    Ok(report)
}

/// Writes to stderr the table and the warning, if there is one; where the rows cannot decide, only why.
pub fn note(report: &HeadReport) {
    if let (Verdict::Undecided, Some(message)) = (report.verdict, &report.message) {
        return output::note(&format!("the heads were not held against the rows: {message}"));
    }
    output::note(&report.to_string());
    if let (Verdict::Warning, Some(message)) = (report.verdict, &report.message) {
        output::note(&format!("warning: the heads: {message}"));
    }
}

/// Passes unless the report says that the declared heads are wrong; also without a report.
///
/// # Errors
///
/// A failed check where they are wrong.
pub fn hold(report: Option<&HeadReport>) -> Result<()> {
    report.map_or(Ok(()), HeadReport::hold)
}
