//! Whether a difference may be the reference's own fault, and who else can be asked.

use super::reference::Basis;
use super::{ParityReport, Reference, TargetOutputs};
use crate::Precision;
use serde::Serialize;
use std::fmt;

/// A reference that may be wrong itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suspect {
    /// Its name.
    pub reference: &'static str,
    /// Why.
    pub reason: String,
    /// How to ask the other one.
    pub ask: String,
}

impl fmt::Display for Suspect {
    /// Writes two lines, the reason and whom to ask, without the last newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  A suspect: {}.\n  Ask the other reference: {}", self.reason, self.ask)
    }
}

impl ParityReport {
    /// The report with its reference as a suspect where the reference has a value that is not finite and the
    /// target's is, or where both differ beyond the limits although neither integers, other bits than the
    /// twin's, nor a NaN in both explain it. Unchanged for the user's files.
    #[must_use]
    pub(super) fn with_suspect(mut self, reference: &Reference, answer: &TargetOutputs) -> Self {
        let Some((name, other)) = names(reference.basis) else { return self };
        let target = &self.target;
        let broken = self.not_finite(reference, answer).map(|broken| {
            let NotFinite { output, row, reference, target: value } = broken;
            format!(
                "the reference's own output is not finite: {name} gives {reference} for {output:?} in row {row}, \
                 where {target} gives {value:.3e}; either may be wrong: the value may lie beyond a type's range"
            )
        });
        let explained = self.twin_bit_exact == Some(false)
            || pairs(reference, answer).flatten().any(|(reference, target)| {
                reference.iter().zip(target).any(|(a, b)| a.is_nan() && b.is_nan())
            })
            || (self.precision != Precision::F32 && !reference.basis.is_quantized());
        let differs = !self.differences().is_empty() && !explained;
        let reason = broken.or_else(|| {
            differs.then(|| {
                format!("{name} and {target} differ beyond the limit, and either may be wrong")
            })
        });
        self.suspect = reason.map(|reason| Suspect {
            reference: name,
            reason,
            ask: format!("--reference {other}"),
        });
        self
    }

    /// The first value of any output that is not finite in the reference and finite in the target; `None`
    /// without one.
    fn not_finite(&self, reference: &Reference, answer: &TargetOutputs) -> Option<NotFinite> {
        // The outputs of the report are in the order of all answers.
        let all = self.outputs.iter().zip(pairs(reference, answer));
        all.filter_map(|(output, pair)| {
            let (reference, target) = pair?;
            let is_broken = |(a, b): (&f32, &f32)| !a.is_finite() && b.is_finite();
            let at = reference.iter().zip(target).position(is_broken)?;
            Some(NotFinite {
                output: output.name.clone(),
                row: at / (reference.len() / self.rows.max(1)).max(1),
                reference: reference[at],
                target: target[at],
            })
        })
        .next()
    }
}

/// The values of reference and target for every output of main graph, decoder and flow; `None` where one of
/// them does not have it.
fn pairs<'a>(
    reference: &'a Reference,
    answer: &'a TargetOutputs,
) -> impl Iterator<Item = Option<(&'a [f32], &'a [f32])>> {
    let decoded = reference.decoded.as_ref().map_or(&[][..], |decoded| &decoded.outputs);
    let outputs = reference.outputs.iter().zip(&answer.outputs);
    let all = outputs.chain(decoded.iter().zip(&answer.decoded));
    let all = all.chain(reference.flow.iter().zip(&answer.flow));
    all.map(|(reference, target)| Some((reference.as_deref()?, target.as_deref()?)))
}

/// A value that is not finite in the reference and finite in the target.
struct NotFinite {
    output: String,
    row: usize,
    reference: f32,
    target: f32,
}

/// Names of the runtime that a reference comes from, and of the other one; `None` for the user's files.
fn names(basis: Basis) -> Option<(&'static str, &'static str)> {
    match basis {
        Basis::Tract | Basis::QuantizedFile => Some(("tract", "onnxruntime")),
        Basis::Onnxruntime | Basis::QuantizedByOnnxruntime => Some(("onnxruntime", "tract")),
        Basis::Files => None,
    }
}
