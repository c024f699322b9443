//! Whether a difference may be the reference's own fault, and who else can be asked.

use super::basis::Basis;
use super::{ParityReport, Reference};
use crate::Precision;
use crate::parity::target::Answer;
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}.\n  Ask the other reference: {}.", self.reason, self.ask)
    }
}

impl ParityReport {
    /// The report with its reference as a suspect: where the reference's own value is not finite and the
    /// target's is, and where both differ although integers or other bits than the twin's do not explain it.
    #[must_use]
    pub(super) fn with_suspect(mut self, reference: &Reference, answer: &Answer) -> Self {
        let Some((name, other)) = names(reference.basis) else { return self };
        let target = &self.target;
        let broken = self.not_finite(reference, answer).map(|broken| {
            let NotFinite { output, row, reference, target: value } = broken;
            format!(
                "The reference's own output is not finite: {name} gives {reference} for {output:?} in row {row}, where \
                 {target} gives {value};\n  what differs there says nothing about {target}"
            )
        });
        let explained = self.twin_bit_exact == Some(false)
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

    fn not_finite(&self, reference: &Reference, answer: &Answer) -> Option<NotFinite> {
        let decoded = reference.decoded.as_ref().map_or(&[][..], |decoded| &decoded.outputs);
        let pairs = reference.outputs.iter().zip(&answer.outputs);
        let decoded = decoded.iter().zip(&answer.decoded);
        let flow = reference.flow.iter().zip(&answer.flow);
        // The outputs of the report are those of encoder, decoder and flow, in this order.
        let all = self.outputs.iter().zip(pairs.chain(decoded).chain(flow));
        all.filter_map(|(output, (reference, target))| {
            let (reference, target) = (reference.as_deref()?, target.as_deref()?);
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

/// The first value that a reference cannot tell.
struct NotFinite {
    output: String,
    row: usize,
    reference: f32,
    target: f32,
}

/// The runtime that a reference comes from, and the other one.
fn names(basis: Basis) -> Option<(&'static str, &'static str)> {
    match basis {
        Basis::Tract | Basis::QuantizedFile => Some(("tract", "onnxruntime")),
        Basis::Onnxruntime | Basis::QuantizedByOnnxruntime => Some(("onnxruntime", "tract")),
        Basis::Files => None,
    }
}
