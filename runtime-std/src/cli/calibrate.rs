//! `elbow calibrate`

mod edit;
mod normal;
mod raw;
mod report;
mod seen;

use super::{ModelOptions, PrecisionOptions, output};
use clap::builder::PossibleValuesParser;
use edit::{Edit, Tables};
use elbow::detect::reference::{DriftReplay, of_device};
use elbow::detect::{Asked, Calibration, Fitted, Goal, every, identity, limits};
use elbow::lower::Core;
use elbow::manifest::{
    AlarmTable, DriftTable, GateTable, Manifest, PARTS, Score, ScoreKind, TailName,
};
use elbow::model::Loaded;
use elbow::npy;
use elbow::{Error, Result};
use elbow_core::detect::Votes;
use normal::NormalData;
use report::Report;
use std::path::{Path, PathBuf};

/// File of the scores, beside the manifest.
const SCORES: &str = "scores.npy";
/// File of the reference of drift.
const DRIFT: &str = "drift.npy";
/// Weight of the newest window in the averages of drift, where the manifest has none.
const LAMBDA: f64 = 0.02;

#[derive(Debug, clap::Args)]
pub struct CalibrateOptions {
    #[command(flatten)]
    model: ModelOptions,
    /// Normal rows for an input, the batch in front; windows that overlap their neighbours are thinned
    #[arg(long, num_args = 1.., value_name = "X.npy", required_unless_present = "recording")]
    input: Vec<String>,
    /// Take rows of --input that look like raw readings for normalized ones all the same
    #[arg(long, requires = "input")]
    normalized: bool,
    /// Raw readings of normal operation, [time, channels]: for the sensor's limits and the alarm, and for the rates
    /// too where --input is left out
    #[arg(long, num_args = 1.., value_name = "REC.npy")]
    recording: Vec<PathBuf>,
    /// Mean number of windows between two false alarms
    #[arg(long, value_name = "WINDOWS", value_parser = above_one)]
    arl: f64,
    /// Share of normal windows that may be anomalies; the manifest's where left out, else 0.01
    #[arg(long, value_name = "SHARE", value_parser = share)]
    alpha: Option<f64>,
    /// Exponent of the alarm's bet, between 0 and 1; the manifest's where left out, else 0.3
    #[arg(long, value_parser = share)]
    kappa: Option<f64>,
    /// Which scores are unusual; the manifest's where left out, else low
    #[arg(long, value_parser = PossibleValuesParser::new(["low", "both"]))]
    tail: Option<String>,
    /// Which score; the manifest's where left out, else elbo_at_mean
    #[arg(long, value_parser = ScoreKind::named)]
    kind: Option<ScoreKind>,
    /// The operating mode of every row of --input: whole numbers as float32, [rows]
    #[arg(long, value_name = "MODES.npy", conflicts_with = "recording")]
    mode: Option<PathBuf>,
    #[command(flatten)]
    precision: PrecisionOptions,
    /// Rows that trained the model, which must not calibrate it
    #[arg(long, num_args = 1.., value_name = "X.npy")]
    trained_on: Vec<String>,
    /// Rows by which the window's mean and standard deviation were computed
    #[arg(long, num_args = 1.., value_name = "X.npy")]
    scaled_on: Vec<String>,
    /// Key of all noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A number between 0 and 1, both left out; an error says what was expected.
fn share(text: &str) -> std::result::Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| *share * PARTS >= 0.5 && *share < 1.0);
    share.ok_or_else(|| "expected a number between 0 and 1, such as 0.01".into())
}

/// A finite number of windows above 1; an error says what was expected.
fn above_one(text: &str) -> std::result::Result<f64, String> {
    let windows = text.parse().ok().filter(|windows: &f64| windows.is_finite() && *windows > 1.0);
    windows.ok_or_else(|| "expected a number of windows above 1, such as 10000".into())
}

/// Scores the normal rows, writes tables beside the manifest and into it, and prints what they show.
///
/// # Errors
///
/// Bad input, rows that cannot show what is asked, or a folder that cannot be written; nothing is written then.
pub fn run(options: &CalibrateOptions) -> Result<()> {
    let float = options.model.load()?;
    let path = Loaded::find(&options.model.model)?;
    let manifest = manifest(&float, &path)?;
    let loaded = options.precision.apply(float, Core::default())?;
    let score = score(options, &manifest);
    let normal = NormalData::read(options, &loaded, &score)?;
    let seen = seen::check(options, &loaded, &normal)?;
    let asked = asked(&score, options.arl);
    let fitted = Fitted::new(&normal.table(), &normal.replay(), options.mode.is_some(), &asked)?;
    let tables = Tables {
        identity: identity(&loaded)?,
        precision: loaded.precision(),
        every: every(loaded.model.window.as_ref()),
        gate: gate(&normal, &loaded),
        drift: drift(&normal, manifest.drift.as_ref(), options.arl)?,
        channels: normal.channel_log_likelihood(),
        basis: normal.basis,
    };
    let edit = Edit { score: &score, asked: &asked, fitted: &fitted, tables: &tables, seen: &seen };
    let text = edit.applied(&path)?;
    write(&loaded.folder, &path, &edit, text)?;
    hold(&path, options, &loaded)?;
    let report = Report::new(&loaded, &normal, &edit);
    if options.json { output::json(&report) } else { output::text(&report.to_string()) }
}

/// The manifest of the model; an input error for an ONNX file alone.
fn manifest(loaded: &Loaded, path: &Path) -> Result<Manifest> {
    loaded.manifest.clone().ok_or_else(|| {
        Error::input(format!(
            "{}: the calibration is written into an elbow.toml, and this is a file alone; write one with `elbow init`",
            path.display()
        ))
    })
}

/// The `[score]` to be written: the manifest's with the options applied, without a calibration.
fn score(options: &CalibrateOptions, manifest: &Manifest) -> Score {
    let own = manifest.score.as_ref();
    let kind = options.kind.or(own.map(|score| score.kind)).unwrap_or(ScoreKind::ElboAtMean);
    let tail = options.tail.as_deref().map(|tail| match tail {
        "both" => TailName::Both,
        _ => TailName::Low,
    });
    let mut score = Score::of_kind(kind);
    score.samples = own.and_then(|own| own.samples).filter(|_| kind.is_estimated());
    score.tail = tail.or(own.map(|own| own.tail)).unwrap_or_default();
    score.alpha = options.alpha.or(own.map(|own| own.alpha)).unwrap_or(score.alpha);
    score.alarm = own.and_then(|own| own.alarm.clone());
    if let (Some(kappa), Some(alarm)) = (options.kappa, &mut score.alarm) {
        alarm.kappa = kappa;
    }
    let alarm = AlarmTable {
        kappa: options.kappa.unwrap_or(0.3),
        arl: options.arl,
        every: 1,
        threshold: 0.0,
        votes: None,
        windows: None,
        events: None,
        dispersion: None,
        upper_rate: None,
    };
    score.alarm.get_or_insert(alarm);
    score
}

/// What is asked of the calibration of this score.
fn asked(score: &Score, arl: f64) -> Asked {
    let alarm = score.alarm.as_ref();
    let votes = alarm.and_then(|alarm| alarm.votes).map(|[needed, of]| Votes { needed, of });
    let goal = Goal { kappa: alarm.map_or(0.3, |alarm| alarm.kappa), arl, votes };
    Asked { tail: score.tail, alpha_ppm: score.alpha_ppm(), goal }
}

/// The limits that the recordings show; `None` without one.
fn gate(normal: &NormalData, loaded: &Loaded) -> Option<GateTable> {
    let window = loaded.model.window.as_ref()?;
    (!normal.recordings.is_empty()).then(|| limits(&normal.recordings, window))
}

/// A monitor of drift: its table, and the file of its reference.
#[derive(Clone, Debug)]
struct Drift {
    /// Weight of the newest window.
    lambda: f64,
    /// Moments of the posteriors, `[4, latents]`.
    reference: Vec<f32>,
    /// Values of a row of it.
    latents: usize,
    /// The threshold.
    replay: DriftReplay,
}

/// The monitor of drift that the normal rows decide, with the weight of the manifest's; `None` for a model without a
/// single posterior.
///
/// # Errors
///
/// As for [`DriftReplay::new`].
fn drift(normal: &NormalData, own: Option<&DriftTable>, arl: f64) -> Result<Option<Drift>> {
    let lambda = own.map_or(LAMBDA, |own| own.lambda);
    let Some(reference) = normal.reference.clone() else { return Ok(None) };
    let moments = of_device(&reference, lambda);
    let Some((posteriors, rows)) = normal.posteriors_in_order() else { return Ok(None) };
    let replay = DriftReplay::new(posteriors, rows, &moments, (lambda, arl))?;
    Ok(replay.map(|replay| Drift { lambda, latents: posteriors.latent, reference, replay }))
}

/// Writes the files beside the manifest, then the manifest itself.
///
/// # Errors
///
/// An environment error names what cannot be written.
fn write(folder: &Path, path: &Path, edit: &Edit<'_>, text: String) -> Result<()> {
    let fitted = edit.fitted;
    let of = |scores: &elbow::detect::Scores| npy::encode(&[scores.count()], scores.sorted());
    let mut files = vec![(SCORES.to_string(), of(&fitted.scores))];
    files.extend(fitted.own_modes().map(|(mode, scores)| (edit::mode_file(*mode), of(scores))));
    if let Some(drift) = &edit.tables.drift {
        let rows = drift.reference.len() / drift.latents.max(1);
        files.push((DRIFT.into(), npy::encode(&[rows, drift.latents], &drift.reference)));
    }
    files.extend(edit.seen.files());
    output::folder(folder, &files)?;
    output::file(path, text.as_bytes())
}

/// Checks that what was written is read again as the calibration of this model.
///
/// # Errors
///
/// That of reading it.
fn hold(path: &Path, options: &CalibrateOptions, loaded: &Loaded) -> Result<()> {
    let manifest = Manifest::read(path)?;
    let window = loaded.model.window.clone();
    let mut written = loaded.clone();
    written.manifest = Some(Manifest { window, ..manifest });
    Calibration::required(&written).map_err(|error| {
        error.context(format!("{} was written, but cannot be read", options.model.model.display()))
    })?;
    Ok(())
}
