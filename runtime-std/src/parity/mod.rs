//! Stage 6, report: does the target compute the posterior that was trained?
//!
//! | Step | From -> to | Item |
//! |---|---|---|
//! | 1 | ONNX files, or values that the user gives -> reference | [`Reference`] |
//! | 2 | model on a target -> its outputs | [`TargetOutputs`] |
//! | 3 | both -> differences in values and nats | [`compare()`] |
//! | 4 | differences and limits -> verdict | [`ParityReport`] |

pub mod arithmetic;
#[cfg(feature = "device")]
mod bits;
pub mod compare;
#[cfg(feature = "device")]
pub mod cost;
mod density;
#[cfg(feature = "device")]
mod inference;
pub mod integer;
pub mod layers;
mod locations;
pub mod measure;
#[cfg(feature = "device")]
mod on_device;
pub mod outliers;
pub mod outputs;
#[cfg(feature = "device")]
mod program;
pub mod reference;
mod report;
mod suspect;
pub mod tolerance;
#[cfg(feature = "device")]
mod verdicts;
#[cfg(feature = "device")]
mod wired;

pub use density::LogProb;
pub use integer::IntegerReport;
pub use layers::Layers;
#[cfg(feature = "device")]
pub use on_device::{checksums, device, on_board};
pub use outliers::OutlierReport;
pub use outputs::TargetOutputs;
#[cfg(feature = "device")]
pub use program::Program;
pub use reference::{Basis, Reference};
pub use report::{OutputError, ParityReport};
pub use suspect::Suspect;
pub use tolerance::Limits;
#[cfg(feature = "device")]
pub use verdicts::{VerdictReport, compare_verdicts, compare_verdicts_on};
#[cfg(feature = "device")]
pub use wired::matching;

use crate::Precision;
use crate::divergence::{Kl, KlParts};
use crate::emit::{Budget, FlashBytes, RamBytes};
use crate::model::{Loaded, Source};
use crate::posterior::Posteriors;
use measure::{OutputMeasure, StepDistances, output_step};
use report::{KlFigures, MaxAbs};

/// The model, target and rows that are compared with the reference.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'s> {
    /// The model that was run.
    pub loaded: &'s Loaded,
    /// Name of the target that ran it.
    pub target: &'s str,
    /// Rows that were run.
    pub rows: usize,
    /// Flash and RAM, as far as they are known without an image.
    pub budget: &'s Budget,
}

/// The report on the outputs of a target, compared with the reference under `limits`, and its verdict;
/// without integers and layers, which are added later.
pub fn compare(
    compared: Compared<'_>,
    reference: &Reference,
    answer: &TargetOutputs,
    limits: Limits,
) -> ParityReport {
    let Compared { loaded, target, rows, budget } = compared;
    let posterior = !reference.posteriors.is_empty() && !answer.posteriors.is_empty();
    let outputs = all_differences(loaded, reference, answer, posterior);
    let hits = answer.posteriors.iter().map(|posteriors| posteriors.clamp_hits);
    let clamp_hits = (!answer.posteriors.is_empty()).then(|| hits.sum());
    let image = answer.image;
    let mut report = ParityReport {
        model: loaded.model.name.clone(),
        target: target.to_string(),
        precision: loaded.precision(),
        rows,
        reference: reference.basis,
        reference_version: reference.version.clone(),
        suspect: None,
        mean: largest(reference, answer, |reference, target| (&reference.loc, &target.loc)),
        log_var: largest(reference, answer, |reference, target| {
            (&reference.log_var, &target.log_var)
        }),
        kl_nats: kl_nats(reference, answer, loaded.precision() != Precision::F32),
        log_prob: LogProb::of(loaded, &reference.outputs, answer.log_prob.as_deref()),
        clamp_hits,
        twin_bit_exact: image.twin_bit_exact,
        inferences_compared: image.inferences,
        instructions_per_inference: image.instructions,
        cycles_per_inference: image.cycles,
        seconds_per_inference: image.seconds,
        flash_bytes: FlashBytes { code: image.code, ..budget.flash_bytes },
        ram_bytes: RamBytes { stack: image.stack, ..budget.ram_bytes },
        measured: image.measured,
        limits: limits.held(posterior, &outputs),
        judged: posterior || outputs.iter().any(OutputError::is_judged),
        pass: false,
        outputs,
        integer: None,
        layers: None,
    };
    report.pass = report.failures().is_empty();
    report.with_suspect(reference, answer)
}

/// KL(reference || target) over the rows, and with `in_parts` the means of its two parts; all `None` without
/// posteriors.
fn kl_nats(reference: &Reference, answer: &TargetOutputs, in_parts: bool) -> KlFigures {
    let posteriors = reference.posteriors.iter().zip(&answer.posteriors);
    let parts =
        posteriors.map(|(reference, target)| KlParts::of(reference, &Posteriors::from(target)));
    // The posterior of a hierarchy is the product of its parts.
    match parts.reduce(KlParts::plus).map(|parts| parts.summary()) {
        None => KlFigures { all: Kl::default(), mean_part: None, variance_part: None },
        Some((mean, variance, all)) => KlFigures {
            all,
            mean_part: in_parts.then_some(mean),
            variance_part: in_parts.then_some(variance),
        },
    }
}

/// Selects what is compared of the posterior of the reference and of the target.
type SelectedValues = for<'a> fn(&'a Posteriors<f64>, &'a Posteriors) -> (&'a [f64], &'a [f32]);

/// The largest difference between both sides in what `values` selects of a posterior, over all posteriors;
/// NaN where one is NaN, `None` without posteriors.
fn largest(reference: &Reference, answer: &TargetOutputs, values: SelectedValues) -> MaxAbs {
    let pairs = reference.posteriors.iter().zip(&answer.posteriors);
    let differences = pairs.map(|(reference, target)| {
        let (reference, target) = values(reference, target);
        compare::max_abs(reference.iter().copied(), target)
    });
    MaxAbs { max_abs: compare::worst(differences) }
}

/// One entry per output of main graph, decoder and flow, in this order; `posterior` tells whether both sides
/// have one.
fn all_differences(
    loaded: &Loaded,
    reference: &Reference,
    answer: &TargetOutputs,
    posterior: bool,
) -> Vec<OutputError> {
    let expected = reference.basis == Basis::Files;
    let known = Criteria { expected, counts_steps: reference.basis.counts_steps(), posterior };
    let mut outputs = differences(&loaded.main, &reference.outputs, &answer.outputs, known);
    if let Some(decoder) = &loaded.decoder {
        let decoded = reference.decoded.as_ref().map_or(&[][..], |decoded| &decoded.outputs);
        outputs.extend(differences(decoder, decoded, &answer.decoded, known));
    }
    if let Some(flow) = &loaded.flow {
        outputs.extend(differences(flow, &reference.flow, &answer.flow, known));
    }
    outputs
}

/// Facts that decide by which measure an output is judged.
#[derive(Clone, Copy)]
struct Criteria {
    /// The reference consists of files of the user: the target must have every output among them.
    expected: bool,
    /// The reference rounds as a quantized file says.
    counts_steps: bool,
    /// Target and reference have a posterior.
    posterior: bool,
}

impl Criteria {
    /// The measure of an output (`head` of a posterior or not): nats for heads where both sides have a
    /// posterior, relative for f32 files, steps for quantized files against references that round alike.
    /// `None` for other outputs of integer files.
    fn judge(self, source: &Source, head: bool) -> Option<OutputMeasure> {
        match (source.integers.is_some(), self.posterior) {
            (_, true) if head => Some(OutputMeasure::Nats),
            (false, _) => Some(OutputMeasure::Relative),
            (true, false) => {
                (self.counts_steps && source.is_quantized()).then_some(OutputMeasure::Steps)
            }
            (true, true) => None,
        }
    }
}

/// One entry per output of the graph of `source`, by `reference` and `target`, which have one each;
/// differences are `None` where one side does not have the output.
fn differences(
    source: &Source,
    reference: &[Option<Vec<f32>>],
    target: &[Option<Vec<f32>>],
    known: Criteria,
) -> Vec<OutputError> {
    let names = source.graph.outputs.iter().zip(&source.output_roles).enumerate();
    let differences = names.map(|(at, ((name, value), role))| {
        let values = |side: &[Option<Vec<f32>>]| side.get(at).cloned().flatten();
        let (reference, target) = (values(reference), values(target));
        let unanswered = known.expected && reference.is_some() && target.is_none();
        let both = reference.zip(target);
        let judged_by = known.judge(source, source.heads.as_flattened().contains(&at));
        let step = || output_step(&source.graph, *value);
        let steps = both.as_ref().filter(|_| judged_by == Some(OutputMeasure::Steps));
        OutputError {
            name: name.clone(),
            role: *role,
            max_abs: both
                .as_ref()
                .map(|(a, b)| compare::max_abs(a.iter().map(|value| f64::from(*value)), b)),
            max_relative: both.as_ref().map(|(a, b)| compare::max_relative(a, b)),
            unanswered,
            steps: steps.map(|(a, b)| StepDistances::of(a, b, step())),
            judged_by,
        }
    });
    differences.collect()
}
