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
pub mod cost;
mod inference;
pub mod integer;
pub mod layers;
pub mod nats;
mod on_device;
mod places;
mod report;
pub mod target;
pub mod tolerance;

pub use basis::{Basis, Reference};
pub use integer::IntegerReport;
pub use layers::Layers;
pub use on_device::{checksums, device};
pub use report::{OutputError, ParityReport};
pub use target::Answer;
pub use tolerance::Limits;

use crate::Precision;
use crate::emit::{Budget, FlashBytes, RamBytes};
use crate::model::{Loaded, Source};
use crate::posterior::Posteriors;
use compare::Kl;
use report::{MaxAbs, Nats};

/// A posterior of the reference and the target's.
type Pair<'a> = (&'a basis::Posterior, &'a Posteriors);

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
    if let Some(flow) = &loaded.flow {
        outputs.extend(differences(flow, &reference.flow, &answer.flow, expected));
    }
    let posteriors = reference.posteriors.iter().zip(&answer.posteriors);
    let parts = posteriors
        .clone()
        .map(|(reference, target)| nats::Parts::of(reference, &basis::Posterior::from(target)));
    // The posterior of a hierarchy is the product of its parts.
    let kl_nats = parts.reduce(nats::Parts::plus).map(|parts| parts.summary());
    let integer = loaded.precision() != Precision::F32;
    let kl_nats = match kl_nats {
        None => Nats { all: Kl::default(), mean_part: None, variance_part: None },
        Some((mean, variance, all)) => Nats {
            all,
            mean_part: integer.then_some(mean),
            variance_part: integer.then_some(variance),
        },
    };
    let pairs: Vec<_> = posteriors.collect();
    let max_abs = |values: for<'a> fn(&'a Pair<'_>) -> (&'a [f64], &'a [f32])| MaxAbs {
        max_abs: compare::worst(pairs.iter().map(|pair| {
            let (reference, target) = values(pair);
            compare::max_abs(reference.iter().copied(), target)
        })),
    };
    let hits = answer.posteriors.iter().map(|posteriors| posteriors.clamp_hits);
    let clamp_hits = (!answer.posteriors.is_empty()).then(|| hits.sum());
    let image = answer.image;
    let mut report = ParityReport {
        model: loaded.model.name.clone(),
        target: target.to_string(),
        precision: loaded.precision(),
        rows,
        reference: reference.basis,
        mean: max_abs(|(reference, target)| (&reference.mean, &target.mean)),
        log_var: max_abs(|(reference, target)| (&reference.log_var, &target.log_var)),
        kl_nats,
        clamp_hits,
        twin_bit_exact: image.twin_bit_exact,
        inferences_compared: image.inferences,
        instructions_per_inference: image.instructions,
        flash_bytes: FlashBytes { code: image.code, ..budget.flash_bytes },
        ram_bytes: RamBytes { stack: image.stack, ..budget.ram_bytes },
        measured: image.measured,
        limits,
        pass: false,
        outputs,
        integer: None,
        layers: None,
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
            integer: source.integers.is_some(),
            head: source.heads.as_flattened().contains(&at),
        }
    });
    differences.collect()
}
