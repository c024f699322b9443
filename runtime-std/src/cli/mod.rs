//! The command line: one file per subcommand.

mod bench;
mod calibrate;
mod chosen_target;
mod compile;
mod completions;
mod draw;
mod flash_file;
mod gap;
mod heads;
mod init;
mod inputs;
mod inspect;
mod monitor;
mod new;
mod on_target;
mod ops;
pub mod output;
mod parity;
mod precision;
mod program;
mod report;
mod run;
mod schedule;
mod score;
mod sources;
mod watch;

use clap::{Args, Parser, Subcommand};
use elbow::device;
use elbow::import::{self, FrozenNoise};
use elbow::lower::Core;
use elbow::manifest::TensorRef;
use elbow::model::{Declared, Loaded};
use elbow::reference::{self, Engine, Runtime};
use elbow::rows::Batch;
use elbow::{Context, Error, Precision, Result};
use elbow_core::distributions::Spread;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Compiles amortized posteriors from ONNX to microcontrollers, runs them, and proves parity.
///
/// MODEL is an .onnx file, an elbow.toml, or a folder that holds one. Exit codes: 0 done, 1 a check
/// failed, 2 bad input or usage, 3 the environment or the target failed.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Layers, shapes, multiply-accumulates, flash, RAM, roles; every unsupported node.
    Inspect(inspect::InspectOptions),
    /// Proposes the manifest, with the reason for each role.
    Init(init::InitOptions),
    /// The table of supported operators.
    Ops(ops::OpsOptions),
    /// Runs rows of data through a graph.
    Run(run::RunOptions),
    /// Writes model.rs, weights.bin and budget.json.
    Compile(compile::CompileOptions),
    /// Holds a target against a reference.
    Parity(parity::ParityOptions),
    /// Makes a project for a board: a program that reads a sensor and infers, ready to flash.
    New(new::NewOptions),
    /// Writes the file that flashes a board without a debug probe, when it is copied onto the board's drive.
    FlashFile(flash_file::FlashFileOptions),
    /// Instructions and bytes of an inference on a target.
    Bench(bench::BenchOptions),
    /// Shows and records what a board with a sensor finds: posteriors, scores, verdicts, counters.
    Monitor(monitor::MonitorOptions),
    /// What the encoder's posteriors cost: ELBO, optimized ELBO, log p(x), and the gaps between them.
    Gap(gap::GapOptions),
    /// Chooses the rates of anomalies and alarms by normal rows, and writes them into the elbow.toml.
    Calibrate(calibrate::CalibrateOptions),
    /// Scores of rows, what they mean, and how well they tell labelled anomalies apart.
    Score(score::ScoreOptions),
    /// One page with all of it: parity, posteriors, latent space, scores, gaps, drift, budget.
    Report(report::ReportOptions),
    /// Completions of this command for a shell, on stdout.
    Completions(completions::CompletionsOptions),
    /// Writes the manual pages of all commands.
    Man(completions::ManOptions),
    /// The reference's own process.
    #[command(hide = true, name = reference::SUBCOMMAND)]
    Reference { folder: PathBuf, python: Option<PathBuf> },
}

/// Runs one command on this thread, with its progress on the terminal.
///
/// # Errors
///
/// The error of the command, whose exit code the process ends with.
pub fn run(arguments: Arguments) -> Result<()> {
    elbow::watch::watched(watch::Terminal, || command(arguments.command))
}

/// Runs one command; progress goes to the watcher that is set.
fn command(command: Command) -> Result<()> {
    match command {
        Command::Inspect(options) => inspect::run(&options),
        Command::Init(options) => init::run(&options),
        Command::Ops(options) => ops::run(&options),
        Command::Run(options) => run::run(&options),
        Command::Compile(options) => compile::run(&options),
        Command::Parity(options) => parity::run(&options),
        Command::New(options) => new::run(&options),
        Command::FlashFile(options) => flash_file::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Monitor(options) => monitor::run(&options),
        Command::Gap(options) => gap::run(&options),
        Command::Calibrate(options) => calibrate::run(&options),
        Command::Score(options) => score::run(&options),
        Command::Report(options) => report::run(&options),
        Command::Completions(options) => completions::completions(&options),
        Command::Man(options) => completions::man(&options),
        Command::Reference { folder, python } => reference::answer(&folder, python.as_deref()),
    }
}

/// The firmware workspace: `named` as it is, or the one found upwards from the current folder, or that of the sources
/// which the command carries; an environment error where there is none to be found.
fn firmware(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = named {
        return Ok(folder.to_path_buf());
    }
    match device::find_firmware() {
        Err(error) => sources::carried_firmware()?.ok_or(error),
        found => found,
    }
}

/// The model that a command works on.
#[derive(Debug, Args)]
struct ModelOptions {
    /// An .onnx file, an elbow.toml, or a folder that holds one
    model: PathBuf,
    /// Output of a bare .onnx that holds the posterior's mean
    #[arg(long, value_name = "NAME", requires = "spread")]
    mean: Option<String>,
    /// Output of a bare .onnx that holds its spread, and what it is: logvar, log_sigma, sigma, var,
    /// softplus_sigma or softplus_var
    #[arg(long, value_name = "NAME:HEAD", requires = "mean", value_parser = spread)]
    spread: Option<(String, Spread)>,
    #[command(flatten)]
    import: ImportOptions,
}

/// What the user has decided about a file.
#[derive(Debug, Args)]
struct ImportOptions {
    /// Take a constant of a bare .onnx that looks like noise drawn at export for a trained factor
    #[arg(long)]
    accept_frozen_noise: bool,
    /// Length of a dynamic axis of a bare .onnx, by its symbol in the file (INPUT.AXIS where it has none);
    /// may be given several times
    #[arg(long, value_name = "NAME=N", value_parser = dim)]
    dim: Vec<(String, usize)>,
}

impl ImportOptions {
    /// The options as import takes them.
    fn decided(&self) -> import::Options {
        let frozen_noise = match self.accept_frozen_noise {
            true => FrozenNoise::Accept,
            false => FrozenNoise::Refuse,
        };
        import::Options { frozen_noise, dims: self.dim.clone() }
    }
}

/// The symbol and length of `NAME=N`, split at the last `=`; the error is a sentence that says what was
/// expected, also for a length of 0.
fn dim(text: &str) -> std::result::Result<(String, usize), String> {
    let expected = "expected NAME=N, the length N a whole number from 1 on";
    let (name, length) = text.rsplit_once('=').ok_or(expected)?;
    let length = length.parse().ok().filter(|length| *length > 0).ok_or(expected)?;
    Ok((name.to_string(), length))
}

impl ModelOptions {
    /// The model of the command line; an input error where it cannot be loaded.
    fn load(&self) -> Result<Loaded> {
        Loaded::read(&self.model, self.declared().as_ref(), &self.import.decided())
    }

    /// The heads of `--mean` and `--spread`, which come together; `None` without them.
    fn declared(&self) -> Option<Declared> {
        let (mean, (spread, head)) = self.mean.as_ref().zip(self.spread.as_ref())?;
        let tensor = |name: &String| TensorRef::Name(name.clone());
        Some(Declared { mean: tensor(mean), spread: tensor(spread), head: *head })
    }
}

/// The output and head of `NAME:HEAD`, split at the last `:`; the error is a sentence that says what was
/// expected.
fn spread(text: &str) -> std::result::Result<(String, Spread), String> {
    let expected = "expected NAME:HEAD, HEAD one of logvar, log_sigma, sigma, var, softplus_sigma, softplus_var";
    let (name, head) = text.rsplit_once(':').ok_or(expected)?;
    Ok((name.to_string(), Spread::named(head).ok_or(expected)?))
}

/// The reference that runs this engine in a process of this same program; an environment error where the
/// program's path is not known. Nothing is started.
fn runtime(engine: Engine) -> Result<Runtime> {
    let program = std::env::current_exe().map_err(|error| {
        Error::environment(format!(
            "cannot start the reference process: {error}; start elbow by its full path"
        ))
    })?;
    Ok(Runtime { engine, program })
}

/// The Python of a reference.
#[derive(Debug, Args)]
struct PythonOptions {
    /// The Python that has onnxruntime; where left out, python3 or python on PATH
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

impl PythonOptions {
    /// The reference onnxruntime in the Python of `--python`, or the first that has it. Nothing is started.
    fn onnxruntime(&self) -> Result<Runtime> {
        runtime(Engine::Onnxruntime { python: self.python.clone() })
    }

    /// `Ok` without `--python`; an input error that ends in `cure` with it, for commands in which no
    /// onnxruntime runs.
    fn unused(&self, cure: &str) -> Result<()> {
        match &self.python {
            None => Ok(()),
            Some(_) => Err(Error::input(format!("--python is the Python of onnxruntime; {cure}"))),
        }
    }
}

#[derive(Debug, Args)]
struct PrecisionOptions {
    /// Arithmetic of the target
    #[arg(long, value_parser = precision::parser(), default_value = "f32")]
    precision: Precision,
    /// Rows that choose the scales of an integer precision, for an input each
    #[arg(long, num_args = 1.., value_name = "X.npy")]
    calibration: Vec<String>,
}

impl PrecisionOptions {
    /// The model in this precision (quantized on the calibration rows, read here), with the weights in the
    /// form of `core`.
    ///
    /// # Errors
    ///
    /// An input error for an integer precision without calibration rows, rows with `f32`, either of them for
    /// a file that is quantized already, and for rows that are wrong.
    fn apply(&self, loaded: Loaded, core: Core) -> Result<Loaded> {
        let quantized = loaded.precision() != Precision::F32;
        let loaded = match (self.precision, &self.calibration[..]) {
            (Precision::F32, []) => loaded,
            (Precision::F32, _) => {
                return Err(Error::input(
                    "--calibration is for integer precisions; leave it out with --precision f32",
                ));
            }
            _ if quantized => {
                return Err(Error::input(
                    "the file is quantized already, its scales are used as they are; leave out --precision and --calibration",
                )
                .context(loaded.main.path.display()));
            }
            (precision, []) => {
                return Err(Error::input(format!(
                    "--precision {} needs rows that choose its scales: give --calibration X.npy, some hundred observations that are not test rows",
                    precision.name()
                )));
            }
            (precision, _) => loaded.quantized(precision, &self.calibration(&loaded)?)?,
        };
        if core == Core::default() { Ok(loaded) } else { loaded.for_core(core) }
    }

    /// The rows of `--calibration`, for the inputs of the main graph, read from the files. An input error
    /// where one is missing or a file is wrong.
    fn calibration(&self, loaded: &Loaded) -> Result<Batch> {
        let source = &loaded.main;
        let own = |name: &str| source.given().any(|input| source.input_name(input) == name);
        let inputs = inputs::read(&[source], own, &self.calibration, 0);
        Ok(inputs.context("--calibration")?.batch)
    }

    /// Number of rows of `batch` that equal a calibration row in every bit of the calibration's inputs, on
    /// which integers look better than they are; 0 without calibration.
    ///
    /// # Errors
    ///
    /// An input error where a calibration file is wrong.
    fn seen(&self, loaded: &Loaded, batch: &Batch) -> Result<usize> {
        if self.calibration.is_empty() {
            return Ok(0);
        }
        let calibration = self.calibration(loaded)?;
        let row = |given: &Batch, row: usize| -> Vec<u32> {
            let own = calibration.inputs.iter().filter_map(|input| given.get(&input.name));
            own.flat_map(|input| input.row(row)).map(|value| value.to_bits()).collect()
        };
        let seen: HashSet<_> = (0..calibration.len).map(|at| row(&calibration, at)).collect();
        Ok((0..batch.len).filter(|at| seen.contains(&row(batch, *at))).count())
    }
}
