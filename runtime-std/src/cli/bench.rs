//! `elbow bench`

use super::chosen_target::{ChosenTarget, Patience};
use super::schedule::{Schedule, ScheduleOptions};
use super::{ModelOptions, PrecisionOptions, firmware, inputs, output, program};
use elbow::detect::with_calibration;
use elbow::device::{Address, Spent, Target};
use elbow::emit::{FlashBytes, RamBytes, emit};
use elbow::model::Loaded;
use elbow::parity::cost::{Cost, WorkCost, cost, longest};
use elbow::parity::{Program, matching};
use elbow::rows::Batch;
use elbow::{Core, Error, Precision, Result};
use elbow_toolchain::Compiler;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct BenchOptions {
    #[command(flatten)]
    model: ModelOptions,
    /// An emulated board (qemu-m0, qemu-m3, qemu-m4, qemu-m7, qemu-m33, qemu-m55), or one that has the parity image
    /// with the model (serial:PORT[,BAUD], tcp:HOST:PORT)
    #[arg(long, value_parser = ChosenTarget::parse_board)]
    target: ChosenTarget,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    schedule: ScheduleOptions,
    #[command(flatten)]
    precision: PrecisionOptions,
    /// Rows for an input, the first of which is measured; zeros where left out
    #[arg(long, num_args = 1.., value_name = "NAME=FILE.npy")]
    input: Vec<String>,
    /// The firmware workspace; found upwards from the current folder where left out
    #[arg(long, value_name = "DIR")]
    firmware: Option<PathBuf>,
    /// Fail where the smallest program of the model, as it is linked, needs more flash
    #[arg(long, value_name = "BYTES")]
    max_flash: Option<usize>,
    /// Fail where it needs more RAM: its detector, else workspace, inputs and outputs, and the stack bound
    #[arg(long, value_name = "BYTES")]
    max_ram: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is printed: as JSON, or as a table of the layers with the sums above and below.
#[derive(Debug, Serialize)]
struct BenchReport {
    model: String,
    target: String,
    precision: Precision,
    /// Multiply-accumulates of the inference.
    macs: usize,
    /// Of an emulated board.
    instructions_per_inference: Option<u64>,
    /// Of a board at a port: the longest of five inferences, by its timer.
    cycles_per_inference: Option<u64>,
    cycles_per_score: Option<u64>,
    /// The same, of a board that knows the speed of its timer.
    seconds_per_inference: Option<f64>,
    seconds_per_score: Option<f64>,
    /// Of the decoder; none without one.
    decoder_precision: Option<Precision>,
    /// Not known without a multiply-accumulate.
    instructions_per_mac: Option<f64>,
    /// Of an emulated board.
    #[serde(flatten)]
    work: Option<WorkCost>,
    /// Of `--clock`.
    schedule: Option<Schedule>,
    flash_bytes: FlashBytes,
    ram_bytes: RamBytes,
    /// Of the whole program; nothing of a board at a port, whose image is not known.
    program_bytes: Option<Program>,
    compiler: Option<String>,
    flags: Option<String>,
    /// Always empty: no peer runs a model of ours. `cargo xtask bench` measures them, on workloads that they
    /// have too.
    peers: [(); 0],
}

/// Measures one inference on the emulated board and prints the report to stdout.
///
/// # Errors
///
/// Where the model or the rows are wrong, where toolchain or emulator are missing, or where the target does
/// not answer.
pub fn run(options: &BenchOptions) -> Result<()> {
    let report = match &options.target {
        ChosenTarget::Board(address) => on_board(options, address)?,
        ChosenTarget::Emulated(target) => {
            let loaded = options.precision.apply(options.model.load()?, target.core)?;
            let (loaded, _) = with_calibration(loaded);
            let firmware = firmware(options.firmware.as_deref())?;
            let cost = cost(&loaded, target, &firmware, &rows(&loaded, options)?)?;
            let schedule = options.schedule.of(&loaded, &cost.work)?;
            BenchReport { schedule, ..BenchReport::of(&loaded, target, cost)? }
        }
        ChosenTarget::Twin => {
            return Err(Error::input("--target twin: this computer is no board; name one"));
        }
    };
    match options.json {
        true => output::json(&report)?,
        false => output::text(&report.to_string())?,
    }
    match report.program_bytes {
        Some(bytes) => program::check(bytes, options.max_flash, options.max_ram),
        None => Ok(()),
    }
}

/// The report on the board at `address`, as far as it can be measured there. Errors as those of [`run`]; an input error
/// for limits of flash or RAM, as the image is not known.
fn on_board(options: &BenchOptions, address: &Address) -> Result<BenchReport> {
    if options.max_flash.or(options.max_ram).is_some() {
        return Err(Error::input(
            "--max-flash and --max-ram are of a program that is built for an emulated board; leave them out",
        ));
    }
    if options.schedule.is_asked() {
        return Err(Error::input(
            "--clock is for an emulated board, a real one measures its own time; leave it out",
        ));
    }
    let mut device = options.patience.open(address)?;
    let loaded = options.precision.apply(options.model.load()?, Core::default())?;
    let loaded = matching(&mut device, &loaded)?;
    let (spent, score) = longest(&mut device, &loaded, &rows(&loaded, options)?)?;
    BenchReport::of_board(&loaded, address, spent, score)
}

/// The rows of `--input`, or a batch of one row of zeros without it. An input error as `inputs::of_model`.
fn rows(loaded: &Loaded, options: &BenchOptions) -> Result<Batch> {
    match &options.input[..] {
        [] => inputs::zeros(loaded),
        given => Ok(inputs::of_model(loaded, given, 0)?.batch),
    }
}

impl BenchReport {
    /// The report on a measured cost, with the stack bound of the image, else the stack that was used; an
    /// environment error where no compiler is found.
    fn of(loaded: &Loaded, target: &Target, cost: Cost) -> Result<Self> {
        let budget = emit(&loaded.model)?.budget;
        let compiler = Compiler::find(target.row.triple)
            .map_err(|error| Error::environment(error.to_string()))?;
        let macs: usize = cost.work.encode.layers.iter().map(|layer| layer.macs).sum();
        let instructions = cost.work.encode.instructions;
        let stack = cost.footprint.stack_bytes.or(cost.spent.stack_bytes);
        let (code, stack) = (cost.footprint.code_bytes as usize, stack.map(|bytes| bytes as usize));
        Ok(Self {
            model: loaded.model.name.clone(),
            target: target.name.to_string(),
            precision: loaded.precision(),
            macs,
            instructions_per_inference: Some(instructions),
            cycles_per_inference: None,
            cycles_per_score: None,
            seconds_per_inference: None,
            seconds_per_score: None,
            decoder_precision: loaded.decoder_precision(),
            instructions_per_mac: (macs > 0).then(|| instructions as f64 / macs as f64),
            work: Some(cost.work),
            schedule: None,
            flash_bytes: FlashBytes { code: Some(code), ..budget.flash_bytes },
            program_bytes: Some(cost.program),
            ram_bytes: RamBytes { stack, ..budget.ram_bytes },
            compiler: Some(compiler.version()),
            flags: Some(format!(
                "--target {}: opt-level 3, fat LTO, one codegen unit",
                target.row.triple
            )),
            peers: [],
        })
    }

    /// The report on what an inference and its score took on the board at `address`. An error is that of `emit`.
    fn of_board(
        loaded: &Loaded,
        address: &Address,
        spent: Spent,
        score: Option<Spent>,
    ) -> Result<Self> {
        let budget = emit(&loaded.model)?.budget;
        let stack = spent.stack_bytes.map(|bytes| bytes as usize);
        Ok(Self {
            model: loaded.model.name.clone(),
            target: address.to_string(),
            precision: loaded.precision(),
            macs: loaded.model.graphs.main().plan.macs(),
            instructions_per_inference: None,
            cycles_per_inference: Some(spent.instructions),
            cycles_per_score: score.map(|spent| spent.instructions),
            seconds_per_inference: spent.seconds,
            seconds_per_score: score.and_then(|spent| spent.seconds),
            decoder_precision: loaded.decoder_precision(),
            instructions_per_mac: None,
            work: None,
            schedule: None,
            flash_bytes: budget.flash_bytes,
            program_bytes: None,
            ram_bytes: RamBytes { stack, ..budget.ram_bytes },
            compiler: None,
            flags: None,
            peers: [],
        })
    }

    /// Writes what an inference and its score took on a board at a port, `cycles` and `macs` of the former.
    fn write_board(&self, f: &mut fmt::Formatter<'_>, cycles: u64) -> fmt::Result {
        let told = |seconds: Option<f64>| {
            seconds.map_or(String::new(), |s| format!(", {:.3} ms", 1e3 * s))
        };
        let macs = self.macs;
        let seconds = told(self.seconds_per_inference);
        writeln!(f, "{cycles} cycles{seconds} for {macs} multiply-accumulates")?;
        if let (Some(cycles), Some(precision)) = (self.cycles_per_score, self.decoder_precision) {
            let seconds = told(self.seconds_per_score);
            writeln!(f, "{cycles} cycles{seconds} for its score, decoder in {}", precision.name())?;
        }
        writeln!(f, "\nflash bytes: weights {}", self.flash_bytes.weights)?;
        writeln!(f, "RAM bytes: workspace {}", self.ram_bytes.workspace)
    }
}

impl fmt::Display for BenchReport {
    /// Writes the parts, a line per layer, and bytes, compiler and flags; with a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, target, macs, .. } = self;
        writeln!(f, "{model} on {target}, {}", self.precision.name())?;
        if let Some(cycles) = self.cycles_per_inference {
            return self.write_board(f, cycles);
        }
        let instructions = self.instructions_per_inference.unwrap_or_default();
        let each = self.instructions_per_mac.map(|each| format!(", {each:.3} each"));
        let each = each.unwrap_or_default();
        writeln!(f, "{instructions} instructions for {macs} multiply-accumulates{each}")?;
        if let Some(precision) = self.decoder_precision {
            writeln!(f, "decoder in {}", precision.name())?;
        }
        self.work.iter().try_for_each(|work| work.fmt(f))?;
        if let Some(schedule) = &self.schedule {
            write!(f, "\n{schedule}")?;
        }
        let known = |bytes: Option<usize>| bytes.map_or("not bounded".into(), |b| b.to_string());
        let (flash, ram) = (&self.flash_bytes, &self.ram_bytes);
        writeln!(f, "\nflash bytes: code {}, weights {}", known(flash.code), flash.weights)?;
        writeln!(f, "RAM bytes: workspace {}, stack {}", ram.workspace, known(ram.stack))?;
        let known = |text: &Option<String>| text.clone().unwrap_or_default();
        writeln!(f, "{}, {}", known(&self.compiler), known(&self.flags))
    }
}
