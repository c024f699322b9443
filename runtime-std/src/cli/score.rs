//! `elbow score`

mod injected;
mod labelled;
pub mod recorded;
mod sequence;
pub mod table;

use super::inputs;
use super::{ModelOptions, PrecisionOptions, output};
use elbow::lower::Core;
use elbow::manifest::{Score, ScoreKind};
use elbow::model::{Calibration, Loaded};
use elbow::rows::{Batch, Rows};
use elbow::scoring::baselines::{Baseline, baselines};
use elbow::scoring::{Settings, score_rows};
use elbow::{Context, Error, Precision, Result, npy};
use injected::{Faultless, Injected};
use labelled::Labelled;
pub use recorded::Recorded;
use recorded::Verdicts;
use sequence::Alarms;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use table::{Judge, Table};

#[derive(Debug, clap::Args)]
pub struct ScoreOptions {
    #[command(flatten)]
    model: ModelOptions,
    /// Rows for an input, the batch in front; NAME= may be left out for a single input
    #[arg(long, required_unless_present = "readings", conflicts_with = "readings", num_args = 1.., value_name = "NAME=FILE.npy")]
    input: Vec<String>,
    /// Raw readings, [time, channels], which become windows as on a device; needs [window]
    #[arg(long, value_name = "RAW.npy")]
    readings: Option<PathBuf>,
    /// When each of the --readings came, in seconds, [time]; by the window's rate where left out
    #[arg(long, value_name = "T.npy", requires = "readings", conflicts_with = "input")]
    times: Option<PathBuf>,
    /// Which score; that of the manifest's [score], or elbo_at_mean, where left out
    #[arg(long, value_name = "KIND", value_parser = ScoreKind::named)]
    kind: Option<ScoreKind>,
    /// Labels of rows, or of readings or their windows, 0 normal and 1 anomalous: prints how well scores tell them apart
    #[arg(long, value_name = "Y.npy")]
    labels: Option<PathBuf>,
    /// Normal rows, by which baselines without a network are fitted that a model has to beat; needs --labels
    #[arg(long, value_name = "X.npy", requires = "labels")]
    normal: Option<PathBuf>,
    /// Also put standard faults of sensors into the windows or readings, and say which go unseen; needs [window]
    #[arg(long)]
    inject: bool,
    /// Writes scores.csv, score.npy and what else there is into this folder
    #[arg(long, value_name = "DIR")]
    out_dir: Option<PathBuf>,
    /// Key of the noise of scores that are estimated
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    precision: PrecisionOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
pub struct ScoreReport<'a> {
    model: &'a str,
    kind: &'static str,
    precision_used: Precision,
    rows: usize,
    /// Scores that are NaN; they count as the least normal.
    not_a_number: usize,
    mean: Option<f64>,
    least: Option<f32>,
    /// Rows that are anomalous by the threshold or calibration; `null` without one.
    anomalies: Option<usize>,
    /// What decides: `calibration`, `threshold` or `nothing`.
    decided_by: &'static str,
    /// Rows with values beyond the range of the integers; nothing in floats.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_outside: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<Verdicts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarms: Option<Alarms>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labelled: Option<Labelled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    injected: Option<Injected>,
}

/// Scores the rows, prints what they show, and writes the files of `--out-dir`.
///
/// # Errors
///
/// An input error where options, model, rows or labels are wrong, an environment error where a file cannot be
/// written. Nothing is written before all is computed.
pub fn run(options: &ScoreOptions) -> Result<()> {
    let loaded = options.precision.apply(options.model.load()?, Core::default())?;
    let score = chosen(&loaded, options.kind)?;
    let settings = Settings::of(&loaded, &score, options.seed)?;
    let Evaluated { batch, table, recorded, labels } =
        evaluate(&loaded, (&score, &settings), &options.source())?;
    let baselines = match &options.normal {
        Some(path) => fitted(&loaded, &batch, path)?,
        None => Vec::new(),
    };
    let monthly = rows_per_month(&loaded);
    let labelled = table.labels().map(|own| Labelled::new(&table, own, &baselines, monthly));
    let faultless = Faultless {
        loaded: &loaded,
        score: &score,
        settings: &settings,
        batch: &batch,
        table: &table,
        recorded: recorded.as_ref(),
    };
    let injected = options.inject.then(|| Injected::of(faultless)).transpose()?;
    let verdicts = recorded.as_ref().map(|own| own.verdicts(labels.as_deref()));
    let report = report(&loaded, &score, &table);
    let report = ScoreReport { recorded: verdicts, labelled, injected, ..report };
    if let Some(folder) = &options.out_dir {
        let csv = recorded.as_ref().map_or_else(|| table.csv(), |own| own.csv(&table));
        output::folder(folder, &table.files(csv))?;
        output::note(&format!("wrote the scores of {} rows to {}", batch.len, folder.display()));
    }
    match options.json {
        true => output::json(&report),
        false => output::text(&report.to_string()),
    }
}

/// The files with what is scored.
pub struct ScoreSource<'o> {
    /// Of `--input`.
    pub input: &'o [String],
    /// Of `--readings`, in place of them.
    pub readings: Option<&'o Path>,
    /// Of `--times`.
    pub times: Option<&'o Path>,
    /// Of `--labels`.
    pub labels: Option<&'o Path>,
    /// Key of noise that is drawn.
    pub seed: u64,
}

/// What is scored, and its scores.
pub struct Evaluated {
    /// The rows, or the windows that are scored.
    pub batch: Batch,
    /// Their scores, and what decides on them.
    pub table: Table,
    /// Where `--readings` were given.
    pub recorded: Option<Recorded>,
    /// One per row, or one per window of a recording, those that are not scored too.
    labels: Option<Vec<bool>>,
}

/// The scores of the rows or readings of `source`; `by` is the score with its settings.
///
/// # Errors
///
/// An input error where model, rows or labels are wrong.
pub fn evaluate(
    loaded: &Loaded,
    by: (&Score, &Settings),
    source: &ScoreSource<'_>,
) -> Result<Evaluated> {
    let (score, settings) = by;
    let judge = judge(loaded, score)?;
    let Given { batch, labels, recorded } = Given::of(loaded, source, judge.calibration())?;
    let scores = match &recorded {
        Some(recorded) => recorded.rows(loaded, settings)?,
        None => score_rows(loaded, settings, &batch)?,
    };
    let scored = recorded.as_ref().map_or_else(|| vec![true; batch.len], Recorded::scored);
    let of_rows = labels.as_ref().map(|labels| {
        let kept = labels.iter().zip(&scored).filter(|(_, scored)| **scored);
        kept.map(|(label, _)| *label).collect()
    });
    let table = Table::new(score, judge, scores, of_rows, &scored);
    Ok(Evaluated { batch, table, recorded, labels })
}

impl ScoreOptions {
    /// The files of the options.
    fn source(&self) -> ScoreSource<'_> {
        ScoreSource {
            input: &self.input,
            readings: self.readings.as_deref(),
            times: self.times.as_deref(),
            labels: self.labels.as_deref(),
            seed: self.seed,
        }
    }
}

/// What is scored, by the options.
struct Given {
    batch: Batch,
    /// One per row, or one per window of a recording, those that are not scored too.
    labels: Option<Vec<bool>>,
    /// Where `--readings` were given.
    recorded: Option<Recorded>,
}

impl Given {
    /// The rows of `--input`, or the windows of `--readings`, and their labels.
    ///
    /// # Errors
    ///
    /// An input error where a file is wrong, or does not fit the model or the other ones.
    fn of(
        loaded: &Loaded,
        source: &ScoreSource<'_>,
        calibration: Option<&Calibration>,
    ) -> Result<Self> {
        let own = source.labels;
        if let Some(path) = source.readings {
            let recorded = Recorded::read(loaded, path, source.times, calibration)?;
            let labels = own.map(|path| recorded.labels(path)).transpose()?;
            return Ok(Self { batch: recorded.batch.clone(), labels, recorded: Some(recorded) });
        }
        let batch = inputs::of_model(loaded, source.input, source.seed)?.batch;
        let labels = own
            .map(|path| inputs::one_per_row(path, npy::read_labels(path)?, batch.len))
            .transpose()?;
        Ok(Self { batch, labels, recorded: None })
    }
}

/// The score of `--kind`, else that of the manifest, else `elbo_at_mean`, or `log_prob` of a flow; another kind than the
/// manifest's has no calibration.
pub fn chosen(loaded: &Loaded, kind: Option<ScoreKind>) -> Result<Score> {
    let own = loaded.model.score.as_ref();
    let default = match loaded.amortized() {
        Some(_) => ScoreKind::ElboAtMean,
        None => ScoreKind::LogProb,
    };
    let kind = kind.or(own.map(|score| score.kind)).unwrap_or(default);
    Ok(match own.filter(|score| score.kind == kind) {
        Some(score) => score.clone(),
        None => Score::of_kind(kind),
    })
}

/// What decides on scores of this kind: the calibration of the manifest, else its threshold.
///
/// # Errors
///
/// An input error where the calibration belongs to another model or precision.
fn judge(loaded: &Loaded, score: &Score) -> Result<Judge> {
    if loaded.model.score.as_ref().is_none_or(|own| own.kind != score.kind) {
        return Ok(Judge::Nothing);
    }
    Ok(match (Calibration::read(loaded)?, score.threshold) {
        (Some(calibration), _) => Judge::Calibration(Box::new(calibration)),
        (None, Some(threshold)) => Judge::Threshold(threshold),
        (None, None) => Judge::Nothing,
    })
}

/// Windows in a month of 30 days; `None` for a model without a window that has a rate.
fn rows_per_month(loaded: &Loaded) -> Option<f64> {
    let window = loaded.model.window.as_ref()?;
    Some(30.0 * 86_400.0 * window.rate? / window.hop.max(1) as f64)
}

/// The scores of the baselines, fitted to the normal rows in the file at `path`, with as many principal components as
/// there are latents.
fn fitted(loaded: &Loaded, batch: &Batch, path: &Path) -> Result<Vec<Baseline>> {
    let x = observed(loaded, batch)?;
    let values = npy::read_rows(path, &x.shape)?.values;
    let normal = Rows { name: x.name.clone(), shape: x.shape.clone(), values };
    let latents = loaded.amortized().map_or(1, |(encoder, _)| encoder.latent());
    baselines(&normal, x, latents).context(path.display())
}

/// The rows of the observation; an input error where the model has none.
fn observed<'b>(loaded: &Loaded, batch: &'b Batch) -> Result<&'b Rows> {
    match loaded.amortized() {
        Some((encoder, _)) => {
            let x = encoder.observation();
            let x = x.ok_or_else(|| Error::input("the encoder reads no observation"))?;
            batch.given(&x.name)
        }
        None => batch.inputs.first().ok_or_else(|| Error::input("the model has no input")),
    }
}

/// The report on the scores alone.
pub fn report<'a>(loaded: &'a Loaded, score: &Score, table: &Table) -> ScoreReport<'a> {
    let finite = table.scores().filter(|score| !score.is_nan());
    let count = finite.clone().count();
    let sum: f64 = finite.clone().map(f64::from).sum();
    ScoreReport {
        model: &loaded.model.name,
        kind: score.kind.name(),
        precision_used: loaded.precision(),
        rows: table.scores().count(),
        not_a_number: table.scores().count() - count,
        mean: (count > 0).then(|| sum / count as f64),
        least: finite.reduce(f32::min),
        anomalies: table.anomalies().map(|rows| rows.iter().filter(|row| **row).count()),
        decided_by: table.judge().name(),
        rows_outside: (loaded.precision() != Precision::F32)
            .then(|| table.rows().iter().filter(|row| row.outside).count()),
        recorded: None,
        alarms: table.sequence().map(|own| own.alarms(0)),
        labelled: None,
        injected: None,
    }
}

impl fmt::Display for ScoreReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, kind, rows, .. } = self;
        let precision = self.precision_used.name();
        write!(f, "{model}: {kind} of {rows} rows in {precision}, larger is more normal")?;
        if let (Some(mean), Some(least)) = (self.mean, self.least) {
            write!(f, "; mean {mean:.3}, least {least:.3}")?;
        }
        if self.not_a_number > 0 {
            write!(f, "; {} are NaN and count as the least normal", self.not_a_number)?;
        }
        writeln!(f)?;
        match self.anomalies {
            Some(anomalies) => {
                writeln!(f, "{anomalies} rows are anomalous by the {}", self.decided_by)?
            }
            None => writeln!(
                f,
                "nothing decides which rows are anomalous: run `elbow calibrate` on normal rows"
            )?,
        }
        match self.rows_outside {
            Some(rows) if rows > 0 => writeln!(
                f,
                "{rows} rows have values beyond the range of the integers and count as the least normal"
            )?,
            _ => {}
        }
        self.recorded.iter().try_for_each(|recorded| recorded.fmt(f))?;
        self.alarms.iter().try_for_each(|alarms| alarms.fmt(f))?;
        self.labelled.iter().try_for_each(|labelled| labelled.fmt(f))?;
        self.injected.iter().try_for_each(|injected| injected.fmt(f))
    }
}
