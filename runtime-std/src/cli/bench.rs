//! `elbow bench`

use super::{ModelOptions, PrecisionOptions, firmware, inputs, output, program};
use clap::builder::PossibleValuesParser;
use elbow::detect::with_calibration;
use elbow::device::Target;
use elbow::emit::{FlashBytes, RamBytes, emit};
use elbow::model::Loaded;
use elbow::parity::Program;
use elbow::parity::cost::{Cost, LayerCost, cost};
use elbow::rows::Batch;
use elbow::{Error, Precision, Result};
use elbow_toolchain::Compiler;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct BenchOptions {
    #[command(flatten)]
    model: ModelOptions,
    /// The board that is emulated
    #[arg(long, value_parser = PossibleValuesParser::new(Target::all().map(|target| target.name)))]
    target: String,
    #[command(flatten)]
    precision: PrecisionOptions,
    /// Rows for an input, the first of which is measured; zeros where left out
    #[arg(long, num_args = 1.., value_name = "NAME=FILE.npy")]
    input: Vec<String>,
    /// The firmware workspace; found upwards from the current folder where left out
    #[arg(long, value_name = "DIR")]
    firmware: Option<PathBuf>,
    /// Fail where the whole program needs more flash: weights and code
    #[arg(long, value_name = "BYTES")]
    max_flash: Option<usize>,
    /// Fail where the whole program needs more RAM: its detector, else the workspace, and the stack bound
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
    instructions_per_inference: u64,
    /// Of the score behind the inference, decoder and likelihood; none without one.
    instructions_per_score: Option<u64>,
    /// Of the decoder; none without one.
    decoder_precision: Option<Precision>,
    /// Not known without a multiply-accumulate.
    instructions_per_mac: Option<f64>,
    /// Of cores whose instructions Arm has published timings of.
    cycles_estimate: Option<u64>,
    layers: Vec<LayerCost>,
    flash_bytes: FlashBytes,
    ram_bytes: RamBytes,
    /// Of the whole program.
    program_bytes: Program,
    compiler: String,
    flags: String,
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
    let target = Target::named(&options.target)?;
    let loaded = options.precision.apply(options.model.load()?, target.core)?;
    let (loaded, _) = with_calibration(loaded);
    let firmware = firmware(options.firmware.as_deref())?;
    let cost = cost(&loaded, &target, &firmware, &rows(&loaded, options)?)?;
    let report = BenchReport::of(&loaded, &target, cost)?;
    match options.json {
        true => output::json(&report)?,
        false => output::text(&report.to_string())?,
    }
    program::check(report.program_bytes, options.max_flash, options.max_ram)
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
        let macs: usize = cost.layers.iter().map(|layer| layer.macs).sum();
        let instructions = cost.instructions;
        let stack = cost.footprint.stack_bytes.or(cost.spent.stack_bytes);
        let (code, stack) = (cost.footprint.code_bytes as usize, stack.map(|bytes| bytes as usize));
        Ok(Self {
            model: loaded.model.name.clone(),
            target: target.name.to_string(),
            precision: loaded.precision(),
            macs,
            instructions_per_inference: instructions,
            instructions_per_score: cost.score,
            decoder_precision: loaded.decoder_precision(),
            instructions_per_mac: (macs > 0).then(|| instructions as f64 / macs as f64),
            cycles_estimate: cost.cycles,
            layers: cost.layers,
            flash_bytes: FlashBytes { code: Some(code), ..budget.flash_bytes },
            program_bytes: Program::new(&budget, cost.program),
            ram_bytes: RamBytes { stack, ..budget.ram_bytes },
            compiler: compiler.version(),
            flags: format!(
                "--target {}: opt-level 3, fat LTO, one codegen unit",
                target.row.triple
            ),
            peers: [],
        })
    }
}

impl fmt::Display for BenchReport {
    /// Writes the sums, a line per layer, and bytes, compiler and flags; with a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, target, macs, instructions_per_inference: instructions, .. } = self;
        writeln!(f, "{model} on {target}, {}", self.precision.name())?;
        let each = self.instructions_per_mac.map(|each| format!(", {each:.3} each"));
        let each = each.unwrap_or_default();
        writeln!(f, "{instructions} instructions for {macs} multiply-accumulates{each}")?;
        if let (Some(score), Some(precision)) =
            (self.instructions_per_score, self.decoder_precision)
        {
            let (all, precision) = (instructions + score, precision.name());
            writeln!(
                f,
                "{score} instructions for its score, decoder in {precision}: {all} together"
            )?;
        }
        match self.cycles_estimate {
            Some(cycles) => writeln!(f, "{cycles} cycles, estimated without wait states\n")?,
            None => writeln!(f, "cycles not estimated: no published timings of this core\n")?,
        }
        let known = |cycles: Option<u64>| cycles.map_or(String::new(), |cycles| cycles.to_string());
        writeln!(f, "{:>12} {:>12} {:>12}  layer", "instructions", "cycles", "MACs")?;
        for LayerCost { name, op, macs, instructions, cycles_estimate } in &self.layers {
            let cycles = known(*cycles_estimate);
            writeln!(f, "{instructions:>12} {cycles:>12} {macs:>12}  {name} ({op})")?;
        }
        let known = |bytes: Option<usize>| bytes.map_or("not bounded".into(), |b| b.to_string());
        let (flash, ram) = (&self.flash_bytes, &self.ram_bytes);
        writeln!(f, "\nflash bytes: code {}, weights {}", known(flash.code), flash.weights)?;
        writeln!(f, "RAM bytes: workspace {}, stack {}", ram.workspace, known(ram.stack))?;
        writeln!(f, "{}, {}", self.compiler, self.flags)
    }
}
