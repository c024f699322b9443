//! The verdict, as JSON and as a table.

use super::density::LogProb;
use super::integer::IntegerReport;
use super::layers::Layers;
use super::measure::{OutputMeasure, StepDistances};
use super::outputs::PaintedMemory;
use super::reference::Basis;
use super::suspect::Suspect;
use super::tolerance::{LOG_PROB_NATS, Limits, STEP_ROUNDING, STEPS_MAX, STEPS_WITHIN_ONE};
use crate::Precision;
use crate::divergence::tolerance::ELBO_DROP_ERRORS;
use crate::divergence::{Kl, ScoreError};
use crate::emit::{FlashBytes, RamBytes};
use crate::model::Role;
use serde::Serialize;
use std::fmt;

/// What `elbow parity` prints; `None` is `null`, for what the target cannot know.
#[derive(Clone, Debug, Serialize)]
pub struct ParityReport {
    /// Name of the model.
    pub model: String,
    /// What was held against the reference.
    pub target: String,
    /// Arithmetic that was asked for, or that the file brings.
    pub precision: Precision,
    /// Rows that were run.
    pub rows: usize,
    /// Who is right.
    pub reference: Basis,
    /// Version of the runtime that is.
    pub reference_version: Option<String>,
    /// Every output of every graph.
    pub outputs: Vec<OutputError>,
    /// Largest difference of a mean.
    pub mean: MaxAbs,
    /// Largest difference of a log-variance.
    pub log_var: MaxAbs,
    /// KL(reference posterior || target posterior) per row.
    pub kl_nats: KlFigures,
    /// Largest difference of `ln p(x)` by a flow, in nats.
    pub log_prob: LogProb,
    /// Log-variances that the target's clamp has moved.
    pub clamp_hits: Option<u64>,
    /// Whether target and twin agree in every bit of mean, log-variance and samples, and of what was
    /// inferred with the decoder.
    pub twin_bit_exact: Option<bool>,
    /// How many bounds and refinements were compared for that.
    pub inferences_compared: Option<usize>,
    /// Instructions of one inference, on an emulated board.
    pub instructions_per_inference: Option<u64>,
    /// Cycles of one inference, on a real board.
    pub cycles_per_inference: Option<u64>,
    /// Seconds of one inference, on a board that knows the speed of its timer.
    pub seconds_per_inference: Option<f64>,
    /// What lies in flash.
    pub flash_bytes: FlashBytes,
    /// What lies in RAM.
    pub ram_bytes: RamBytes,
    /// What the rows used of that RAM.
    pub measured: Option<PaintedMemory>,
    /// Whether the reference itself may be wrong; nothing where all is within the limits.
    pub suspect: Option<Suspect>,
    /// What `pass` was held against.
    pub limits: Limits,
    /// Whether any figure is held against a limit. An integer graph without a posterior has none, but for
    /// a quantized file against given files: there `pass` says no more than bit-exactness.
    pub judged: bool,
    /// Within the limits, and bit-exact where that is promised.
    pub pass: bool,
    /// What integers cost.
    #[serde(flatten)]
    pub integer: Option<IntegerReport>,
    /// Every step, where they were asked for.
    #[serde(flatten)]
    pub layers: Option<Layers>,
}

/// Difference of one output over all rows.
#[derive(Clone, Debug, Serialize)]
pub struct OutputError {
    /// ONNX name.
    pub name: String,
    /// Its role.
    pub role: Option<Role>,
    /// Largest absolute difference.
    pub max_abs: Option<f64>,
    /// Largest difference relative to `max(1, |reference|)`.
    pub max_relative: Option<f64>,
    /// Whether the user expects it and the target cannot give it.
    #[serde(skip)]
    pub unanswered: bool,
    /// The same in steps, of a quantized file's output that is judged so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<StepDistances>,
    /// What it is judged by; nothing where only its bits are.
    pub judged_by: Option<OutputMeasure>,
}

/// KL(reference posterior || target posterior).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct KlFigures {
    /// Over the rows.
    #[serde(flatten)]
    pub all: Kl,
    /// The part of the means in it, mean over the rows; of an integer precision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_part: Option<f64>,
    /// The part of the variances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance_part: Option<f64>,
}

/// A largest absolute difference.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MaxAbs {
    /// The difference.
    pub max_abs: Option<f64>,
}

impl OutputError {
    /// Whether it was compared, and a limit applies to it.
    pub(super) fn is_judged(&self) -> bool {
        self.judged_by.is_some() && self.max_abs.is_some()
    }

    /// Why this output fails by value or in steps, in words: a limit is exceeded, or the difference is NaN.
    /// `None` within the limits, for a posterior's heads, and for what was not compared.
    fn failure(&self, limits: Limits) -> Option<String> {
        let name = &self.name;
        match (self.judged_by?, self.steps) {
            (OutputMeasure::Relative, _) => {
                let (max, limit) = (self.max_relative?, limits.output_relative);
                (max > limit || max.is_nan()).then(|| {
                    format!(
                        "output {name:?} is off by {max:.3e} relative to max(1, |value|), the limit is \
                         {limit:.0e}"
                    )
                })
            }
            (OutputMeasure::Steps, Some(StepDistances { within_one, max, .. })) => {
                let few = limits.steps_within_one.is_some_and(|limit| within_one < limit);
                let most = limits.steps_max.map(|limit| limit + STEP_ROUNDING);
                let far = most.is_some_and(|limit| max > limit || max.is_nan());
                (few || far).then(|| {
                    format!(
                        "output {name:?}: {:.2} % of the values are within a step, the farthest is {max:.2} \
                         steps off; the limits are {} % and {STEPS_MAX} steps",
                        100.0 * within_one,
                        100.0 * STEPS_WITHIN_ONE
                    )
                })
            }
            _ => None,
        }
    }

    /// The measure and limit of the output in parentheses, for its line in the table; empty for a posterior's
    /// heads, which have lines of their own.
    fn told(&self, limits: Limits) -> String {
        match (self.judged_by, self.steps) {
            (Some(OutputMeasure::Nats), _) => String::new(),
            (Some(OutputMeasure::Relative), _) => {
                format!(" (limit {:.0e} relative)", limits.output_relative)
            }
            (_, Some(StepDistances { step, within_one, max })) => format!(
                " ({:.2} % within a step of {step:.1e}, limit {} %; {max:.2} steps at most, limit {STEPS_MAX})",
                100.0 * within_one,
                100.0 * STEPS_WITHIN_ONE
            ),
            _ => " (not judged: integers, and no posterior's)".into(),
        }
    }
}

impl Limits {
    /// The limits without those that apply to nothing in this report: nats only with a `posterior`, steps
    /// only where an output is judged in steps.
    #[must_use]
    pub(super) fn held(self, posterior: bool, outputs: &[OutputError]) -> Self {
        let in_steps = outputs.iter().any(|output| output.judged_by == Some(OutputMeasure::Steps));
        Self {
            kl_nats_mean: self.kl_nats_mean.filter(|_| posterior),
            kl_nats_p99: self.kl_nats_p99.filter(|_| posterior),
            steps_within_one: in_steps.then_some(STEPS_WITHIN_ONE),
            steps_max: in_steps.then_some(STEPS_MAX),
            ..self
        }
    }
}

impl ParityReport {
    /// What differs from the reference beyond its limit, one sentence each; NaN exceeds every limit. Expected
    /// outputs that the target does not give are left out.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let Limits { kl_nats_max, kl_nats_mean, kl_nats_p99, .. } = self.limits;
        let Kl { mean, p99, max } = self.kl_nats.all;
        let held =
            [("max", max, kl_nats_max), ("mean", mean, kl_nats_mean), ("p99", p99, kl_nats_p99)];
        for (name, nats, limit) in held {
            if let (Some(nats), Some(limit)) = (nats, limit)
                && (nats > limit || nats.is_nan())
            {
                failures.push(format!("kl_nats.{name} is {nats:.3e}, the limit {limit:.0e}"));
            }
        }
        let limit = self.limits.output_relative;
        if let LogProb { max_abs: Some(nats), max_relative: Some(max) } = self.log_prob
            && (max > limit || max.is_nan())
        {
            failures.push(format!(
                "ln p(x) is off by {nats:.3e} nats, the limit is {limit:.0e} max(100, |ln p(x)|)"
            ));
        }
        let answered = self.outputs.iter().filter(|output| !output.unanswered);
        failures.extend(answered.filter_map(|output| output.failure(self.limits)));
        failures
    }

    /// Every reason why the check fails, one sentence each; empty where it passes.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = self.differences();
        failures.extend(self.lost_bound());
        let outliers = self.integer.as_ref().and_then(|integer| integer.outliers);
        if let Some(outliers) = outliers.filter(|outliers| outliers.better_unflagged > 0) {
            failures.push(format!("integers make outliers look normal: {outliers}"));
        }
        let has_posterior = self.kl_nats.all.max.is_some();
        if !has_posterior && self.outputs.iter().all(|output| output.max_relative.is_none()) {
            failures.push("nothing could be compared".into());
        }
        for output in self.outputs.iter().filter(|output| output.unanswered) {
            let name = &output.name;
            failures.push(format!("the target does not give the expected output {name:?}"));
        }
        if self.twin_bit_exact == Some(false) {
            failures.push("the target and the twin differ in some bit".into());
        }
        failures
    }

    /// The failure that the mean drop of the ELBO, less [`ELBO_DROP_ERRORS`] standard errors, exceeds its
    /// limit or is NaN; `None` without integers, decoder or limit.
    fn lost_bound(&self) -> Option<String> {
        let (drop, limit) = (self.integer.as_ref()?.elbo_drop, self.limits.elbo_drop?);
        let (mean, se) = (drop.mean?, drop.draws_se.unwrap_or(0.0));
        let least = mean - ELBO_DROP_ERRORS * se;
        (least > limit || least.is_nan()).then(|| {
            format!(
                "elbo_drop.mean is {mean:.3e} +- {se:.0e}, the limit {limit:.0e} and \
                 {ELBO_DROP_ERRORS} standard errors"
            )
        })
    }

    /// A note for the reader that nats against a quantized file say nothing of its quantization error; `None`
    /// for other references.
    fn caveat(&self) -> Option<&'static str> {
        self.reference.is_quantized().then_some(
            "  The file is quantized, and the reference is the file itself with its integers as floats:\n  \
             what differs is what integer kernels change, in nats or not, not the quantization error. For\n  \
             that, give the float model's outputs: --expect NAME=FILE.npy of mean and spread.",
        )
    }
}

/// Writes a line for each name that has a value.
struct Lines<'w, 'f>(&'w mut fmt::Formatter<'f>);

impl Lines<'_, '_> {
    /// Writes the line of `name` with its value; nothing without a value.
    fn line(&mut self, name: &str, value: Option<String>) -> fmt::Result {
        match value {
            Some(value) => writeln!(self.0, "  {name:<28} {value}"),
            None => Ok(()),
        }
    }

    /// Writes the line of `name` with a value in scientific notation; nothing without one.
    fn nats(&mut self, name: &str, value: Option<f64>) -> fmt::Result {
        self.line(name, value.map(|value| format!("{value:.3e}")))
    }

    /// Writes the line of `name` with a value and its limit, if it has one; nothing without a value.
    fn limited(&mut self, name: &str, value: Option<f64>, limit: Option<f64>) -> fmt::Result {
        let limit = limit.map_or(String::new(), |limit| format!(" (limit {limit:.0e})"));
        self.line(name, value.map(|value| format!("{value:.3e}{limit}")))
    }
}

impl fmt::Display for ParityReport {
    /// Writes the table, with notes where the verdict needs them, and PASS or FAIL as the last word, without
    /// a newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_title(f)?;
        let mut lines = Lines(f);
        self.write_posterior(&mut lines)?;
        if let Some(integer) = &self.integer {
            self.write_integers(integer, &mut lines)?;
        }
        for output in &self.outputs {
            let judged = output.told(self.limits);
            let error = output.max_abs.map(|max| format!("{max:.3e}{judged}"));
            lines.line(&format!("output {}", output.name), error)?;
        }
        self.write_device(&mut lines)?;
        if let Some(layers) = &self.layers {
            writeln!(f, "{layers}")?;
        }
        if let Some(caveat) = self.caveat() {
            writeln!(f, "{caveat}")?;
        }
        if let Some(suspect) = &self.suspect {
            writeln!(f, "{suspect}")?;
        }
        if !self.judged {
            writeln!(
                f,
                "  Not judged: no limit applies to integers without a posterior. PASS means at most that target\n  \
                 and twin agree in every bit."
            )?;
        }
        write!(f, "  {}", if self.pass { "PASS" } else { "FAIL" })
    }
}

impl ParityReport {
    /// Writes the line with model, target, reference, rows and precision.
    fn write_title(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let basis = match self.reference {
            Basis::Tract => "tract",
            Basis::QuantizedFile => "the quantized file itself, in floats by tract",
            Basis::Onnxruntime => "onnxruntime",
            Basis::QuantizedByOnnxruntime => "the quantized file itself by onnxruntime",
            Basis::Files => "the given files",
        };
        let version = self.reference_version.iter().map(|version| format!(" {version}"));
        let basis = format!("{basis}{}", version.collect::<String>());
        let (model, target, rows) = (&self.model, &self.target, self.rows);
        writeln!(f, "{model} on {target} against {basis}, {rows} rows, {}", self.precision.name())
    }

    /// Writes the differences of the posterior and of a density; a line each where there is one.
    fn write_posterior(&self, lines: &mut Lines<'_, '_>) -> fmt::Result {
        let Limits { kl_nats_max, kl_nats_mean, kl_nats_p99, .. } = self.limits;
        let KlFigures { all: Kl { mean, p99, max }, mean_part, variance_part } = self.kl_nats;
        lines.nats("mean, largest difference", self.mean.max_abs)?;
        lines.nats("log-variance, largest", self.log_var.max_abs)?;
        lines.limited("KL in nats, mean", mean, kl_nats_mean)?;
        lines.limited("KL in nats, p99", p99, kl_nats_p99)?;
        lines.limited("KL in nats, max", max, kl_nats_max)?;
        lines.nats("KL in nats, of the means", mean_part)?;
        lines.nats("KL in nats, of the variances", variance_part)?;
        let log_prob = self.log_prob.max_abs.map(|max| {
            let limit = self.limits.output_relative;
            format!("{max:.3e} (limit {:.0e}, or {limit:.0e} of it)", LOG_PROB_NATS * limit)
        });
        lines.line("ln p(x) in nats, largest", log_prob)
    }

    /// Writes the drop of the ELBO, grade, precision, share of integers, and a line per layer.
    fn write_integers(&self, integer: &IntegerReport, lines: &mut Lines<'_, '_>) -> fmt::Result {
        lines.line("ELBO lost, in nats", integer.elbo_drop.told(self.limits.elbo_drop))?;
        lines.nats("ELBO lost in nats, p99", integer.elbo_drop.p99)?;
        lines.line("grade", integer.grade.map(|grade| format!("{grade:?}")))?;
        lines.line("precision used", Some(integer.precision_used.name().into()))?;
        if let Some(score) = &integer.score {
            let of = |error: ScoreError| {
                let ScoreError { mean, p99, spread, grade, .. } = error;
                format!(
                    "{mean:.3e} mean, {p99:.3e} p99, of a spread of {spread:.3e}: grade {grade:?}"
                )
            };
            lines.line("error of the score, nats", score.error.map(of))?;
            lines.line("rows beyond the integers", Some(score.rows_outside.to_string()))?;
            lines.line("outliers", integer.outliers.map(|outliers| outliers.to_string()))?;
            lines.line("decoder's precision", Some(score.decoder_precision_used.name().into()))?;
        }
        lines.line("with int8 weights", Some(integer.macs.to_string()))?;
        for layer in integer.layers.iter().flatten() {
            lines.line(&format!("layer {}", layer.name), Some(layer.to_string()))?;
        }
        Ok(())
    }

    /// Writes clamp hits, bit-exactness, instructions, flash and RAM; a line each where it is known.
    fn write_device(&self, lines: &mut Lines<'_, '_>) -> fmt::Result {
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        lines.line("clamp hits", number(self.clamp_hits))?;
        lines
            .line("bit-exact with the twin", self.twin_bit_exact.map(|exact| exact.to_string()))?;
        let compared = self.inferences_compared.map(|n| n.to_string());
        lines.line("bounds, refinements compared", compared)?;
        lines.line("instructions per inference", number(self.instructions_per_inference))?;
        lines.line("cycles per inference", number(self.cycles_per_inference))?;
        let seconds = self.seconds_per_inference.map(|seconds| format!("{:.3} ms", 1e3 * seconds));
        lines.line("time per inference", seconds)?;
        lines.line("code, bytes of flash", self.flash_bytes.code.map(|n| n.to_string()))?;
        lines.line("weights, bytes of flash", Some(self.flash_bytes.weights.to_string()))?;
        let measured = |used: Option<u32>| used.map_or(String::new(), |n| format!(" (used {n})"));
        let arena = measured(self.measured.map(|used| used.arena_bytes));
        let workspace = format!("{}{arena}", self.ram_bytes.workspace);
        lines.line("workspace, bytes of RAM", Some(workspace))?;
        let painted = measured(self.measured.and_then(|used| used.stack_bytes));
        let stack = self.ram_bytes.stack.map(|n| format!("{n}{painted}"));
        lines.line("stack, bytes of RAM", stack)
    }
}
