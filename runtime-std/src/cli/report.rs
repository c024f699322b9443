//! `elbow report`

mod page;
mod pictures;
mod tables;

use super::chosen_target::TWIN;
use super::on_target::{OnTarget, TargetOptions};
use super::score::{Evaluated, Recorded, ScoreSource, chosen, evaluate};
use super::{ModelOptions, PrecisionOptions, inputs, output, runtime};
use elbow::detect::with_calibration;
use elbow::emit::{Budget, emit};
use elbow::gap::{self, GapReport, measure};
use elbow::lower::Core;
use elbow::manifest::Score;
use elbow::model::{Decoder, Loaded};
use elbow::parity::integer::Pair;
use elbow::parity::{
    Compared, Layers, Limits, ParityReport, Reference, compare, layers, outputs, reference,
};
use elbow::posterior::{Posteriors, twin_posteriors};
use elbow::reference::Engine;
use elbow::rows::{Batch, Rows};
use elbow::scoring::Settings;
use elbow::{Error, Result};
use std::path::PathBuf;

/// Steps of refinement that are looked at where the manifest has none.
const STEPS: [u32; 2] = [5, 20];

#[derive(Debug, clap::Args)]
pub struct ReportOptions {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    rows_of: inputs::RowOptions,
    /// The page
    #[arg(short, long, value_name = "FILE.html")]
    out: PathBuf,
    /// Labels of rows, or of readings or their windows, 0 normal and 1 anomalous
    #[arg(long, value_name = "Y.npy")]
    labels: Option<PathBuf>,
    /// Rows whose gaps are measured, the first; 0 for none
    #[arg(long, value_name = "N", default_value_t = 8)]
    gap_rows: usize,
    #[command(flatten)]
    on_target: TargetOptions,
    /// Key of all noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    precision: PrecisionOptions,
}

/// All that a page shows.
struct Findings {
    loaded: Loaded,
    budget: Budget,
    /// All rows.
    batch: Batch,
    parity: ParityReport,
    layers: Layers,
    posteriors: Vec<Posteriors>,
    /// The score and what it says of the rows; `None` with the reason.
    scored: std::result::Result<(Score, Evaluated), String>,
    gap: std::result::Result<GapReport, String>,
    on_target: Option<OnTarget>,
}

/// Computes everything, and writes the page.
///
/// # Errors
///
/// Bad input; a reference, toolchain or emulator that fails; a page that cannot be written.
pub fn run(options: &ReportOptions) -> Result<()> {
    check(options)?;
    let findings = Findings::of(options)?;
    let page = page::page(&findings).map_err(|error| super::draw::failed(&error))?;
    output::file(&options.out, page.as_bytes())?;
    output::note(&format!("wrote {}", options.out.display()));
    Ok(())
}

/// An input error for a page of another extension, and for a clock without a board.
fn check(options: &ReportOptions) -> Result<()> {
    let extension = options.out.extension();
    if extension.is_none_or(|extension| !extension.eq_ignore_ascii_case("html")) {
        let path = options.out.display();
        return Err(Error::input(format!("--out {path}: expected the name of an .html file")));
    }
    options.on_target.check()
}

impl Findings {
    /// Everything that the options ask for. Errors as those of [`run`].
    fn of(options: &ReportOptions) -> Result<Self> {
        let float = options.model.load()?;
        let loaded = options.precision.apply(float.clone(), Core::default())?;
        let batch = inputs::of_rows(&loaded, &options.rows_of, options.seed)?.batch;
        let scored = scored(&loaded, options)?;
        let budget = emit(&with_calibration(loaded.clone()).0.model)?.budget;
        let runtime = runtime(Engine::Tract)?;
        let limits = Limits::of(loaded.precision());
        let reference = reference::by_runtime(&runtime, &float, &batch)?;
        let (layers, _) = layers::against_reference(&loaded, &runtime, &batch, limits)?;
        let parity = parity(&float, &loaded, (&batch, &budget), &reference)?;
        let posteriors = match loaded.amortized() {
            Some(_) => twin_posteriors(&loaded, &batch)?,
            None => Vec::new(),
        };
        let gap = gap(&float, &batch, options)?;
        let on_target = options.on_target.measured(&loaded)?;
        Ok(Self { loaded, budget, batch, parity, layers, posteriors, scored, gap, on_target })
    }

    /// The decoder of a model with one posterior, and the rows of its observation; `None` for any other.
    fn decoder(&self) -> Option<(&Decoder, &Rows)> {
        let (encoder, decoder) = self.loaded.amortized()?;
        let x = self.batch.get(&encoder.observation()?.name)?;
        decoder.map(|decoder| (decoder, x)).filter(|_| self.posteriors.len() == 1)
    }

    /// Readings of a unit along a recording, and the unit: seconds where the rate is known, else readings.
    fn unit(&self) -> (f64, &'static str) {
        match self.loaded.model.window.as_ref().and_then(|window| window.rate) {
            Some(rate) => (rate, "seconds"),
            None => (1.0, "reading"),
        }
    }

    /// Where the scored windows of the recording end, in [units](Self::unit).
    fn ends(&self, recorded: &Recorded) -> Vec<f64> {
        let scored = recorded.windows.iter().filter(|due| due.is_scored);
        scored.map(|due| due.reading as f64 / self.unit().0).collect()
    }

    /// The place or number of each row, and what that is in words.
    fn places(&self) -> (Vec<f64>, &'static str) {
        let rows = || (0..self.batch.len).map(|row| row as f64).collect();
        let recorded = self.scored.as_ref().ok().and_then(|(_, own)| own.recorded.as_ref());
        let Some(recorded) = recorded else { return (rows(), "row") };
        let ends = self.ends(recorded);
        // Without a calibration the same windows are left out as for the posteriors; a detector may leave out more.
        match ends.len() == self.batch.len {
            true => (ends, self.unit().1),
            false => (rows(), "window"),
        }
    }
}

/// The scores of the rows, or why there are none.
///
/// # Errors
///
/// An input error where labels or rows are wrong.
fn scored(
    loaded: &Loaded,
    options: &ReportOptions,
) -> Result<std::result::Result<(Score, Evaluated), String>> {
    let is_scored = match loaded.amortized() {
        Some((_, decoder)) => decoder.is_some() || loaded.model.score.is_some(),
        None => loaded.model.graphs.parts().flow.is_some(),
    };
    if !is_scored {
        return Ok(Err("The model has no decoder, and so no score.".into()));
    }
    let score = chosen(loaded, None)?;
    let settings = Settings::of(loaded, &score, options.seed)?;
    let source = ScoreSource {
        input: &options.rows_of.input,
        readings: options.rows_of.readings.as_deref(),
        times: None,
        labels: options.labels.as_deref(),
        seed: options.seed,
    };
    let evaluated = evaluate(loaded, (&score, &settings), &source)?;
    Ok(Ok((score, evaluated)))
}

/// The twin held against the reference, as `elbow parity` does; `given` are the rows, and flash and RAM. Errors of the
/// twin.
fn parity(
    float: &Loaded,
    loaded: &Loaded,
    given: (&Batch, &Budget),
    reference: &Reference,
) -> Result<ParityReport> {
    let (batch, budget) = given;
    let decoded = reference.decoded.as_ref().map(|decoded| &decoded.inputs);
    let answer = outputs::twin(loaded, batch, decoded)?;
    let compared = Compared { loaded, target: TWIN, rows: batch.len, budget };
    let report = compare(compared, reference, &answer, Limits::of(loaded.precision()));
    let pair = Pair { float, integer: loaded, batch, labels: None };
    let integer = pair.report(reference, &answer, report.kl_nats.all, 0)?;
    Ok(report.with_integers(integer))
}

/// The gaps of the first rows, or why there are none.
///
/// # Errors
///
/// An input error where the decoder fails on a row.
fn gap(
    loaded: &Loaded,
    batch: &Batch,
    options: &ReportOptions,
) -> Result<std::result::Result<GapReport, String>> {
    if options.gap_rows == 0 {
        return Ok(Err("No gaps were asked for: --gap-rows 0.".into()));
    }
    let is_measured = loaded.amortized().is_some_and(|(encoder, decoder)| {
        decoder.is_some() && encoder.latents.len() == 1 && !encoder.reads_noise()
    });
    if !is_measured {
        return Ok(Err("Gaps are measured on a model with one posterior and a decoder.".into()));
    }
    let mut settings = gap::Settings::of_model(loaded);
    settings.seed = options.seed;
    if settings.refine_steps.is_empty() {
        settings.refine_steps = STEPS.to_vec();
    }
    measure(loaded, &batch.first(options.gap_rows.min(batch.len)), &settings).map(Ok)
}
