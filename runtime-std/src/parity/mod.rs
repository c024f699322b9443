//! Stage 6, report: does the target compute the posterior that was trained?
//!
//! | Step | From -> to | Item |
//! |---|---|---|
//! | 1 | ONNX files or the user's -> who is right | [`Reference`] |
//! | 2 | model on a target -> what it answers | [`Answer`] |
//! | 3 | both -> differences in values and nats | [`compare()`] |
//! | 4 | differences and limits -> verdict | [`ParityReport`] |

pub mod basis;
pub mod compare;
mod on_device;
mod report;
pub mod target;
pub mod tolerance;

pub use basis::{Basis, Reference};
pub use on_device::device;
pub use report::{OutputError, ParityReport};
pub use target::Answer;
pub use tolerance::Limits;

use crate::emit::{Budget, FlashBytes, RamBytes};
use crate::model::{Loaded, Role, Source};
use compare::Kl;
use report::MaxAbs;

/// The report on `rows` rows; `target` and `budget` say what answered.
pub fn compare(
    loaded: &Loaded,
    target: &str,
    rows: usize,
    reference: &Reference,
    answer: &Answer,
    budget: &Budget,
    limits: Limits,
) -> ParityReport {
    let decoded = reference.decoded.as_ref().map_or(&[][..], |decoded| &decoded.outputs);
    let expected = reference.basis == Basis::Files;
    let mut outputs = differences(&loaded.encoder, &reference.outputs, &answer.outputs, expected);
    if let Some(decoder) = &loaded.decoder {
        outputs.extend(differences(decoder, decoded, &answer.decoded, expected));
    }
    let posteriors = reference.posterior.as_ref().zip(answer.posteriors.as_ref());
    let kl_nats = posteriors.map_or(Kl::default(), |(reference, target)| {
        Kl::of_rows(compare::kl_rows(reference, &target.mean, &target.log_var))
    });
    let max_abs = |reference: &[f64], target: &[f32]| MaxAbs {
        max_abs: Some(compare::max_abs(reference.iter().copied(), target)),
    };
    let none = MaxAbs { max_abs: None };
    let image = answer.image;
    let mut report = ParityReport {
        model: loaded.model.name.clone(),
        target: target.to_string(),
        precision: "f32",
        rows,
        reference: reference.basis,
        mean: posteriors.map_or(none, |(reference, target)| max_abs(&reference.mean, &target.mean)),
        log_var: posteriors
            .map_or(none, |(reference, target)| max_abs(&reference.log_var, &target.log_var)),
        kl_nats,
        clamp_hits: answer.posteriors.as_ref().map(|posteriors| posteriors.clamp_hits),
        twin_bit_exact: image.twin_bit_exact,
        instructions_per_inference: image.instructions,
        flash_bytes: FlashBytes { code: image.code, ..budget.flash_bytes },
        ram_bytes: RamBytes { stack: image.stack, ..budget.ram_bytes },
        measured: image.measured,
        limits,
        pass: false,
        outputs,
    };
    report.pass = report.failures().is_empty();
    report
}

/// One entry per output of a graph; `expected` says that the user demands those with a reference.
fn differences(
    source: &Source,
    reference: &[Option<Vec<f32>>],
    target: &[Option<Vec<f32>>],
    expected: bool,
) -> Vec<OutputError> {
    let names = source.graph.outputs.iter().zip(&source.output_roles).enumerate();
    let differences = names.map(|(at, ((name, _), role))| {
        let values = |side: &[Option<Vec<f32>>]| side.get(at).cloned().flatten();
        let (reference, target) = (values(reference), values(target));
        let unanswered = expected && reference.is_some() && target.is_none();
        let both = reference.zip(target);
        OutputError {
            name: name.clone(),
            role: *role,
            max_abs: both
                .as_ref()
                .map(|(a, b)| compare::max_abs(a.iter().map(|value| f64::from(*value)), b)),
            max_relative: both.as_ref().map(|(a, b)| compare::max_relative(a, b)),
            unanswered,
            head: *role == Some(Role::Mean) || source.spread == Some(at),
        }
    });
    differences.collect()
}
