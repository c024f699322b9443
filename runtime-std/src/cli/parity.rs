//! `elbow parity`

mod verdicts;

use super::chosen_target::{ChosenTarget, Patience, TWIN};
use super::heads::{self, WithHeads};
use super::inputs;
use super::{ModelOptions, PrecisionOptions, PythonOptions, firmware, output, program};
use clap::ValueEnum;
use elbow::detect::with_calibration;
use elbow::device::{Connection, Device, Target};
use elbow::divergence::ScoreError;
use elbow::emit::emit;
use elbow::lower::Core;
use elbow::model::{Loaded, Source};
use elbow::parity::integer::{IntegerReport, Pair};
use elbow::parity::{
    Compared, Layers, Limits, OutlierReport, ParityReport, Program, Reference, compare, layers,
    matching, on_board, outputs, reference,
};
use elbow::reference::{Engine, Runtime};
use elbow::rows::Batch;
use elbow::{Context, Error, Precision, Result, npy};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct ParityOptions {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    rows_of: inputs::RowOptions,
    /// When each of the --readings came, in seconds, [time]; by the window's rate where left out
    #[arg(long, value_name = "T.npy", requires = "readings")]
    times: Option<PathBuf>,
    /// What is held against the reference: twin, an emulated board (qemu-m0, qemu-m3, qemu-m4, qemu-m7, qemu-m33,
    /// qemu-m55), or a board that has the parity image with the model (serial:PORT[,BAUD], tcp:HOST:PORT)
    #[arg(long, value_parser = ChosenTarget::parse, default_value = TWIN)]
    target: ChosenTarget,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    precision: PrecisionOptions,
    /// Who is right: a runtime that shares nothing with Elbow but the file; tract where left out
    #[arg(long, value_enum)]
    reference: Option<Judge>,
    #[command(flatten)]
    python: PythonOptions,
    /// Reference values of an output, in place of a runtime's
    #[arg(long, num_args = 1.., value_name = "NAME=FILE.npy")]
    expect: Vec<String>,
    /// Use the first N rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rows: Option<u64>,
    /// Key of the noise stream
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Rows far from all data, for an input each: fails where the integer score of one is better than the float score
    /// by more than its grade allows, no value of it was beyond the range of the integers, and more than one in a hundred
    /// rows of --input score lower
    #[arg(long, num_args = 1.., value_name = "X.npy")]
    outliers: Vec<String>,
    /// Labels of the rows, 0 normal and 1 anomalous: reports how much worse the integer score tells them apart
    #[arg(long, value_name = "Y.npy", conflicts_with = "readings")]
    labels: Option<PathBuf>,
    /// Report every layer
    #[arg(long)]
    layers: bool,
    /// Limit of the largest KL divergence
    #[arg(long, value_name = "NATS")]
    max_kl: Option<f64>,
    /// Fail where the smallest program of the model, as it is linked for the board, needs more flash
    #[arg(long, value_name = "BYTES")]
    max_flash: Option<usize>,
    /// Fail where it needs more RAM: its detector, else workspace, inputs and outputs, and the stack bound
    #[arg(long, value_name = "BYTES")]
    max_ram: Option<usize>,
    /// The firmware workspace; found upwards from the current folder where left out
    #[arg(long, value_name = "DIR")]
    firmware: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The engines of [`Runtime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Judge {
    Tract,
    Onnxruntime,
}

impl ParityOptions {
    /// The reference runtime, tract unless chosen otherwise. An input error where `--reference` or `--python`
    /// would not be used.
    fn runtime(&self) -> Result<Runtime> {
        if !self.expect.is_empty() && self.reference.is_some() && !self.layers {
            return Err(Error::input(
                "--expect gives the reference's values, so that --reference has nothing to do; leave out one of them",
            ));
        }
        if self.reference == Some(Judge::Onnxruntime) {
            return self.python.onnxruntime();
        }
        self.python.unused("add --reference onnxruntime")?;
        super::runtime(Engine::Tract)
    }
}

/// Runs target and reference on every row and prints the report to stdout.
///
/// # Errors
///
/// After the report a failed check, where the target is outside the limits or the rows speak against the
/// heads; without a report where an option, the model or the rows are wrong, or target or reference cannot
/// run.
pub fn run(options: &ParityOptions) -> Result<()> {
    if verdicts::are_asked(options) {
        return verdicts::run(options);
    }
    let runtime = options.runtime()?;
    let float = options.model.load()?;
    let (loaded, answering) = answering(&float, options)?;
    let limits = limits(options.max_kl, loaded.precision())?;
    let budget = emit(&loaded.model)?.budget;
    let batch = rows(&loaded, options)?;
    if options.rows_of.readings.is_some() {
        output::note(
            "the windows of --readings are the rows that are compared; --target NAME compares the verdicts of a board with the twin's, and `elbow score --readings` shows the twin's alone",
        );
    }
    let seen = options.precision.seen(&float, &batch)?;
    let reference = match reference(&float, &runtime, &batch, options) {
        Ok(reference) => reference,
        // What is wrong with the rows is told before what the reference made of it.
        Err(error) => return outputs::twin(&float, &batch, None).and(Err(error)),
    };
    let decoded = reference.decoded.as_ref().map(|decoded| &decoded.inputs);
    let layers = match options.layers {
        true => Some(layers(&loaded, &runtime, &answering, &batch, limits)?),
        false => None,
    };
    let answer = match answering {
        Answering::Twin => outputs::twin(&loaded, &batch, decoded)?,
        Answering::Emulated(board, firmware) => {
            elbow::parity::device(&loaded, &board, &firmware, &batch, options.seed)?
        }
        Answering::Board(mut device) => on_board(&mut device, &loaded, &batch, options.seed)?,
    };
    let (target, rows) = (options.target.to_string(), batch.len);
    let compared = Compared { loaded: &loaded, target: &target, rows, budget: &budget };
    let report = compare(compared, &reference, &answer, limits);
    // A quantized file brings its own precision, for which nobody has to ask.
    let precision = match options.precision.precision {
        Precision::F32 => report.precision,
        asked => asked,
    };
    let report = ParityReport { layers, precision, ..report };
    let labels = labels(options, batch.len)?;
    let pair = Pair { float: &float, integer: &loaded, batch: &batch, labels: labels.as_deref() };
    let integer = pair.report(&reference, &answer, report.kl_nats.all, options.seed)?;
    let report = report.with_integers(with_outliers(options, pair, integer)?);
    if seen > 0 {
        output::note(&format!(
            "{seen} of {} rows are calibration rows too, whose figures are better than those of others; give \
             rows that are not",
            batch.len
        ));
    }
    let heads = heads::read(&float, &batch)?;
    match options.json {
        true => output::json(&WithHeads { report: &report, heads: heads.as_ref() })?,
        false => output::text(&report.to_string())?,
    }
    match report.failures() {
        failures if failures.is_empty() => {
            limit(options, &loaded)?;
            heads::hold(heads.as_ref())
        }
        failures => Err(Error::check(format!("parity failed: {}", failures.join("; ")))),
    }
}

/// The labels of `--labels` for the first `rows` rows, true for 1; `None` without the option.
///
/// # Errors
///
/// An input error: another number of labels than rows, of which `--rows` takes the first ones, or a label that is neither
/// 0 nor 1.
fn labels(options: &ParityOptions, rows: usize) -> Result<Option<Vec<bool>>> {
    let Some(path) = &options.labels else { return Ok(None) };
    let mut labels = npy::read_labels(path)?;
    if options.rows.is_some() && labels.len() > rows {
        labels.truncate(rows);
    }
    inputs::one_per_row(path, labels, rows).map(Some)
}

/// What integers cost, with what they make of the rows of `--outliers`. An input error where an option asks about
/// integers that the model does not have.
fn with_outliers(
    options: &ParityOptions,
    pair: Pair<'_>,
    integer: Option<IntegerReport>,
) -> Result<Option<IntegerReport>> {
    let Some(integer) = integer else {
        let asked =
            [("--outliers", !options.outliers.is_empty()), ("--labels", pair.labels.is_some())];
        return match asked.into_iter().find(|(_, is_asked)| *is_asked) {
            Some((option, _)) => Err(Error::input(format!(
                "{option} is about integers, and this model is in f32; add --precision, or leave it out"
            ))),
            None => Ok(None),
        };
    };
    let error = integer.score.and_then(|score| score.error);
    let outliers = outliers(options, pair.float, pair.integer, error)?;
    Ok(Some(IntegerReport { outliers, ..integer }))
}

/// What the integers of `loaded` make of the rows of `--outliers`, where `error` is the error of the score on the rows of
/// `--input`; `None` without the option. An input error where the model has no score.
fn outliers(
    options: &ParityOptions,
    float: &Loaded,
    loaded: &Loaded,
    error: Option<ScoreError>,
) -> Result<Option<OutlierReport>> {
    if options.outliers.is_empty() {
        return Ok(None);
    }
    let rows = inputs::of_model(float, &options.outliers, options.seed).context("--outliers")?;
    OutlierReport::of(float, loaded, &rows.batch, error).map(Some)
}

/// `Ok` where the whole program on the board keeps `--max-flash` and `--max-ram`, or there are none.
///
/// # Errors
///
/// A failed check about each limit that is exceeded; an input error for limits without a board.
fn limit(options: &ParityOptions, loaded: &Loaded) -> Result<()> {
    if options.max_flash.or(options.max_ram).is_none() {
        return Ok(());
    }
    let ChosenTarget::Emulated(board) = options.target else {
        return Err(Error::input(
            "--max-flash and --max-ram are of a program that is built for an emulated board; name one by --target, or leave them out",
        ));
    };
    let firmware = firmware(options.firmware.as_deref())?;
    let (loaded, _) = with_calibration(loaded.clone());
    let program = Program::of(&loaded.model, &board, &firmware)?;
    program::check(program, options.max_flash, options.max_ram)
}

/// Differences of every step between reference and twin, and of an emulated board whether it has the twin's bits in
/// an image of its own. An error where reference or board fails; an input error for a board at a port.
fn layers(
    loaded: &Loaded,
    runtime: &Runtime,
    answering: &Answering,
    batch: &Batch,
    limits: Limits,
) -> Result<Layers> {
    if let Answering::Board(_) = answering {
        return Err(Error::input(
            "--layers needs an image of its own, which is built for emulated boards alone; leave it out, or look at \
             the layers with --target qemu-m4",
        ));
    }
    let (mut layers, twin) = layers::against_reference(loaded, runtime, batch, limits)?;
    if let Answering::Emulated(board, firmware) = answering {
        let target = elbow::parity::checksums(loaded, board, firmware, batch)?;
        layers.enter(&twin, &target, limits)?;
    }
    Ok(layers)
}

/// What is to answer.
enum Answering {
    /// The twin.
    Twin,
    /// An emulated board, and the firmware workspace for it.
    Emulated(Target, PathBuf),
    /// A board that has the model selected.
    Board(Box<Device<Connection>>),
}

/// The model in the precision of the options with its weights in the form of the target, and what is to answer. An
/// environment error where there is no firmware workspace, or the board does not answer or has another model; an input
/// error as [`PrecisionOptions::apply`].
fn answering(float: &Loaded, options: &ParityOptions) -> Result<(Loaded, Answering)> {
    let prepared = |core| options.precision.apply(float.clone(), core);
    match &options.target {
        ChosenTarget::Twin => Ok((prepared(Core::default())?, Answering::Twin)),
        ChosenTarget::Emulated(board) => {
            let firmware = firmware(options.firmware.as_deref())?;
            Ok((prepared(board.core)?, Answering::Emulated(*board, firmware)))
        }
        ChosenTarget::Board(address) => {
            let mut device = options.patience.open(address)?;
            let loaded = prepared(Core::default())?;
            let loaded = matching(&mut device, &loaded)?;
            Ok((loaded, Answering::Board(Box::new(device))))
        }
    }
}

/// The limits of a precision, with the largest divergence replaced by `--max-kl`; an input error where that
/// is negative or not finite.
fn limits(max_kl: Option<f64>, precision: Precision) -> Result<Limits> {
    let limits = Limits::of(precision);
    match max_kl {
        Some(nats) if !(nats.is_finite() && nats >= 0.0) => {
            Err(Error::input(format!("--max-kl {nats}: expected nats, finite and not negative")))
        }
        Some(_) => Ok(Limits { kl_nats_max: max_kl, ..limits }),
        None => Ok(limits),
    }
}

/// The first `--rows` rows of the inputs of all graphs but the decoder's latents; an input error where the
/// files have fewer.
fn rows(loaded: &Loaded, options: &ParityOptions) -> Result<Batch> {
    let batch = inputs::of_rows(loaded, &options.rows_of, options.seed)?.batch;
    Ok(batch.first(inputs::limited(options.rows, batch.len)?))
}

/// The reference by the runtime, or by the files of `--expect` where there are any, each cut to the rows of
/// `batch`. An input error where a file is wrong or has fewer rows, or where only decoder outputs are given.
fn reference(
    loaded: &Loaded,
    runtime: &Runtime,
    batch: &Batch,
    options: &ParityOptions,
) -> Result<Reference> {
    if options.expect.is_empty() {
        return reference::by_runtime(runtime, loaded, batch);
    }
    let sources: Vec<&Source> = loaded.sources().collect();
    let mut given: Vec<Vec<Option<Vec<f32>>>> =
        sources.iter().map(|source| vec![None; source.graph.outputs.len()]).collect();
    for text in &options.expect {
        let (graph, output, file) = expected(&sources, text)?;
        let (_, id) = &sources[graph].graph.outputs[output];
        let shape = &sources[graph].graph.values[*id].shape;
        let mut values = npy::read_rows(Path::new(file), shape)?.values;
        let len = shape.iter().product::<usize>();
        if values.len() < batch.len * len {
            return Err(Error::input(format!(
                "{file}: found {} rows, expected {} as in the input; limit both with --rows",
                values.len() / len,
                batch.len
            )));
        }
        values.truncate(batch.len * len);
        given[graph][output] = Some(values);
    }
    let mut given = given.into_iter();
    let outputs = given.next().unwrap_or_default();
    let decoded = loaded.decoder.as_ref().and_then(|_| given.next()).unwrap_or_default();
    let flow = given.next().unwrap_or_default();
    let reference = reference::by_files(loaded, batch, outputs, decoded, flow);
    let none = |outputs: &[Option<Vec<f32>>]| outputs.iter().all(Option::is_none);
    if reference.decoded.is_none() && none(&reference.outputs) && none(&reference.flow) {
        return Err(Error::input(
            "--expect: a decoder output alone cannot be judged; give the encoder's mean as well",
        ));
    }
    Ok(reference)
}

/// Position of the graph among `sources`, position of its output, and the file, of `NAME=FILE`; an input
/// error lists the outputs where no graph has one of this name.
fn expected<'a>(sources: &[&Source], text: &'a str) -> Result<(usize, usize, &'a str)> {
    let outputs = sources.iter().enumerate().flat_map(|(graph, source)| {
        source
            .graph
            .outputs
            .iter()
            .enumerate()
            .map(move |(output, (name, _))| (graph, output, name))
    });
    let named = outputs.clone().find_map(|(graph, output, name)| {
        Some((graph, output, text.strip_prefix(name.as_str())?.strip_prefix('=')?))
    });
    named.ok_or_else(|| {
        let names: Vec<&String> = outputs.map(|(_, _, name)| name).collect();
        Error::input(format!(
            "--expect {text}: expected NAME=FILE.npy with one of the outputs {names:?}"
        ))
    })
}
