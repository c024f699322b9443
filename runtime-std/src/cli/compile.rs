//! `elbow compile`

use super::heads::{self, WithHeads};
use super::inputs;
use super::{ModelOptions, PrecisionOptions, firmware, output, program};
use clap::builder::PossibleValuesParser;
use elbow::detect::with_calibration;
use elbow::device::Target;
use elbow::emit::{Budget, emit};
use elbow::heads::HeadReport;
use elbow::lower::Core;
use elbow::model::{Covered, Loaded};
use elbow::parity::Program;
use elbow::{Error, Precision, Result};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct CompileOptions {
    #[command(flatten)]
    model: ModelOptions,
    /// Where model.rs, weights.bin and budget.json go
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    #[command(flatten)]
    precision: PrecisionOptions,
    /// Whose integer kernels read the weights
    #[arg(long, value_parser = PossibleValuesParser::new(Target::all().map(|target| target.name)))]
    target: Option<String>,
    /// Fail where the weights need more flash, or with --target the smallest program of the model, as it is linked
    #[arg(long, value_name = "BYTES")]
    max_flash: Option<usize>,
    /// Fail where the detector, else the workspace, needs more RAM, or with --target that program with its stack bound
    #[arg(long, value_name = "BYTES")]
    max_ram: Option<usize>,
    /// Rows for an input, the batch in front, on which the declared heads are held against every other reading
    #[arg(long, num_args = 1.., value_name = "X.npy")]
    input: Vec<String>,
    /// The firmware workspace, for the limits of a --target; found upwards from the current folder where left out
    #[arg(long, value_name = "DIR")]
    firmware: Option<PathBuf>,
    /// Print the budget as one JSON object
    #[arg(long)]
    json: bool,
}

/// `budget.json`.
#[derive(Serialize)]
struct CompileReport<'a> {
    precision_used: Precision,
    /// Of the decoder; nothing without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    decoder_precision_used: Option<Precision>,
    /// Ranges of inputs and latents that integers hold; nothing in floats.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    covers: Vec<Covered>,
    #[serde(flatten)]
    budget: &'a Budget,
}

/// Writes `model.rs`, `weights.bin` and `budget.json` into `--out-dir`, which is created; older files are
/// replaced.
///
/// # Errors
///
/// A failed check where a limit is exceeded, or where the rows speak against the heads; other errors where
/// the model or an option is wrong. Nothing is written then.
pub fn run(options: &CompileOptions) -> Result<()> {
    let target = options.target.as_deref().map(Target::named).transpose()?;
    let core = target.map_or_else(Core::default, |target| target.core);
    let float = options.model.load()?;
    let heads = heads(options, &float)?;
    heads::hold(heads.as_ref())?;
    let loaded = options.precision.apply(float, core)?;
    let (loaded, unusable) = with_calibration(loaded);
    let artifact = emit(&loaded.model)?;
    check(options, &artifact.budget)?;
    if let Some(target) =
        target.as_ref().filter(|_| options.max_flash.max(options.max_ram).is_some())
    {
        whole(options, &loaded, target)?;
    }
    let integers = loaded.precision() != Precision::F32;
    let report = CompileReport {
        precision_used: loaded.precision(),
        decoder_precision_used: loaded.decoder_precision().filter(|_| integers),
        covers: loaded.covered(),
        budget: &artifact.budget,
    };
    let mut budget = serde_json::to_vec_pretty(&report)
        .map_err(|error| Error::environment(format!("cannot write JSON: {error}")))?;
    budget.push(b'\n');
    let files = [
        ("model.rs".to_string(), artifact.source.into_bytes()),
        ("weights.bin".to_string(), artifact.pack),
        ("budget.json".to_string(), budget),
    ];
    output::folder(&options.out_dir, &files)?;
    output::note(&format!(
        "wrote model.rs, weights.bin ({} bytes) and budget.json in {} to {}; workspace {} bytes",
        artifact.budget.flash_bytes.weights,
        loaded.precision().name(),
        options.out_dir.display(),
        artifact.budget.ram_bytes.workspace
    ));
    for covered in &report.covers {
        output::note(&format!(
            "integers hold {covered}; what is beyond is cut off, and the workspace counts it as `saturated`"
        ));
    }
    if options.precision.precision != Precision::F32
        && report.decoder_precision_used == Some(Precision::F32)
    {
        output::note(
            "the decoder stays in f32: refinement follows its gradient, or there are several posteriors",
        );
    }
    let unusable = unusable.map(|error| error.to_string());
    if let Some(why) = unusable.as_ref().or(artifact.without_detector.as_ref()) {
        output::note(&format!("the module has no Detector: {why}"));
    }
    match (options.json, options.input.is_empty()) {
        (true, true) => output::json(&report),
        (true, false) => output::json(&WithHeads { report: &report, heads: heads.as_ref() }),
        (false, _) => Ok(()),
    }
}

/// What the rows of `--input` say of the heads; `None` without rows, and for a model of several posteriors.
/// An input error where there are rows and the model has no decoder.
fn heads(options: &CompileOptions, loaded: &Loaded) -> Result<Option<HeadReport>> {
    if options.input.is_empty() {
        return Ok(None);
    }
    if loaded.decoder.is_none() {
        return Err(Error::input(
            "--input holds the heads against rows, which needs a [decoder] in the elbow.toml; add it or leave --input out",
        ));
    }
    heads::read(loaded, &inputs::of_model(loaded, &options.input, 0)?.batch)
}

/// `Ok` where the whole program on the target keeps `--max-flash` and `--max-ram`, by an image that is built for this;
/// without a firmware workspace a note that says what was not counted.
///
/// # Errors
///
/// A failed check about each limit that is exceeded; environment errors of the toolchain.
fn whole(options: &CompileOptions, loaded: &Loaded, target: &Target) -> Result<()> {
    let Ok(firmware) = firmware(options.firmware.as_deref()) else {
        output::note(
            "no firmware workspace is here to build an image in: code and stack are not counted; name one by --firmware",
        );
        return Ok(());
    };
    let program = Program::of(&loaded.model, target, &firmware)?;
    program::check(program, options.max_flash, options.max_ram)
}

/// `Ok` where weights and workspace alone keep `--max-flash` and `--max-ram`, or there are no such limits;
/// else a failed check about each that is exceeded. Code and stack are not known yet.
fn check(options: &CompileOptions, budget: &Budget) -> Result<()> {
    let ram = &budget.ram_bytes;
    let memory = ram.detector.map_or(("workspace", ram.workspace), |bytes| ("detector", bytes));
    let parts = [
        ("flash", "--max-flash", "weights", "code", budget.flash_bytes.weights, options.max_flash),
        ("RAM", "--max-ram", memory.0, "stack", memory.1, options.max_ram),
    ];
    let over = parts.into_iter().filter_map(|(memory, option, known, unknown, bytes, limit)| {
        let limit = limit.filter(|limit| bytes > *limit)?;
        Some(format!(
            "the {known} alone need {bytes} bytes of {memory}, {option} allows {limit} ({unknown} bytes are not known before an image is built)"
        ))
    });
    match over.collect::<Vec<_>>() {
        over if over.is_empty() => Ok(()),
        over => Err(Error::check(format!(
            "{}; make the model smaller or raise the limit",
            over.join("; ")
        ))),
    }
}
