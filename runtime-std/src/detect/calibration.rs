//! The calibration that a manifest names, checked and loaded: what a detector needs.

use super::conformal::Scores;
use super::reference;
use super::table::RankTables;
use crate::error::{Error, Result};
use crate::manifest::{AlarmTable, Calibrated, DriftTable, GateTable, Manifest, Score};
use crate::model::Loaded;
use crate::{Context, npy};
use elbow_core::detect::{AlarmDesign, Limits, Moment, Votes};
use std::path::Path;

/// Tables, alarm and drift of one model in one precision.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The table of all modes.
    pub tables: RankTables,
    /// The table of each mode that has its own, with the mode's number.
    pub modes: Vec<(usize, RankTables)>,
    /// Share of normal observations that are anomalies, in parts per million.
    pub alpha_ppm: u32,
    /// Mean log-likelihood of each channel, in nats; empty where unknown.
    pub channel_log_likelihood: Vec<f32>,
    /// The alarm, where there is one.
    pub alarm: Option<CalibratedAlarm>,
    /// The monitor of drift, where there is one.
    pub drift: Option<CalibratedDrift>,
    /// Limits of each channel; those that are switched off where the manifest has none. Empty without a window.
    pub limits: Vec<Limits>,
}

/// An alarm with its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibratedAlarm {
    /// What the device computes.
    pub design: AlarmDesign,
    /// Every how many windows one is scored.
    pub every: u32,
}

/// A monitor of drift with its threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibratedDrift {
    /// Weight of the newest window.
    pub lambda: f32,
    /// Drift is reported above it.
    pub threshold: f32,
    /// Moments of normal windows, two per latent.
    pub moments: Vec<Moment>,
}

impl Calibration {
    /// The calibration of the manifest of `loaded`, for the model that `identity` names: see
    /// [`identity`](crate::emit::identity).
    ///
    /// # Errors
    ///
    /// An input error with the cure: there is no calibration, it belongs to another model or precision, or one of
    /// its files is missing or not what the manifest says.
    pub fn read(loaded: &Loaded, identity: &str) -> Result<Self> {
        let score = loaded.manifest.as_ref().and_then(|manifest| manifest.score.as_ref());
        let (Some(manifest), Some(score)) = (&loaded.manifest, score) else {
            return Err(Error::input(
                "the model has no [score]; run `elbow calibrate MODEL --input normal.npy`, which writes one",
            ));
        };
        let (Some(path), Some(calibrated)) = (&score.calibration, &score.calibrated) else {
            return Err(Error::input(match score.threshold {
                Some(_) => {
                    "score.threshold is not calibrated, so that it has no p-values; run `elbow calibrate MODEL --input normal.npy`"
                }
                None => "[score] is not calibrated; run `elbow calibrate MODEL --input normal.npy`",
            }));
        };
        belongs(calibrated, loaded, identity)?;
        let folder = &loaded.folder;
        let scores = scores(&folder.join(path), Some(calibrated.rows))?;
        let mode = |table: &crate::manifest::ModeTable| {
            let own = self::scores(&folder.join(&table.calibration), None)?;
            Ok((table.index, RankTables::new(&own, score.tail)))
        };
        let drift = manifest.drift.as_ref();
        Ok(Self {
            tables: RankTables::new(&scores, score.tail),
            modes: score.mode.iter().map(mode).collect::<Result<_>>()?,
            alpha_ppm: alpha(score),
            channel_log_likelihood: score.channel_log_likelihood.clone(),
            alarm: score.alarm.as_ref().map(alarm),
            drift: drift.map(|drift| self::drift(drift, loaded)).transpose()?,
            limits: limits(manifest),
        })
    }
}

/// Alpha in parts per million; all of them for a whole.
fn alpha(score: &Score) -> u32 {
    u32::try_from(score.alpha_ppm()).unwrap_or(u32::MAX)
}

/// An input error unless the calibration belongs to the model of this identity and to the precision of `loaded`.
fn belongs(calibrated: &Calibrated, loaded: &Loaded, identity: &str) -> Result<()> {
    let (own, precision) = (calibrated.precision, loaded.precision());
    if own != precision {
        return Err(Error::input(format!(
            "the calibration of [score] is for --precision {}, this is {}, whose scores are others; run `elbow calibrate --precision {}`, or use that precision",
            own.name(),
            precision.name(),
            precision.name()
        )));
    }
    if calibrated.model != identity {
        return Err(Error::input(format!(
            "the calibration of [score] belongs to the model {}, this one is {identity} (its weights, graph, window or integer ranges are others); run `elbow calibrate` again",
            calibrated.model
        )));
    }
    Ok(())
}

/// The scores in the file `path`, which has to hold `rows` of them where that is known, sorted and finite.
fn scores(path: &Path, rows: Option<usize>) -> Result<Scores> {
    let again = "run `elbow calibrate` again";
    let array = npy::read(path).context(again)?;
    let found = array.values.len();
    let fault = |what: String| Err(Error::input(format!("{}: {what}; {again}", path.display())));
    if array.shape.len() != 1 || found == 0 || rows.is_some_and(|rows| rows != found) {
        let rows = rows.map_or("rows".into(), |rows| rows.to_string());
        return fault(format!("found shape {:?}, expected [{rows}]", array.shape));
    }
    if !array.values.iter().all(|score| score.is_finite()) || !array.values.is_sorted() {
        return fault("expected finite scores in ascending order".into());
    }
    Ok(Scores::new(array.values))
}

/// The alarm of a table.
fn alarm(table: &AlarmTable) -> CalibratedAlarm {
    let votes = table.votes.map(|[needed, of]| Votes { needed, of });
    let k = super::arl::drift(table.kappa) as f32;
    let design = AlarmDesign { k, h: table.threshold as f32, votes };
    CalibratedAlarm { design, every: table.every }
}

/// The monitor of drift of a table; an input error where its reference has not four rows of the model's latents.
fn drift(table: &DriftTable, loaded: &Loaded) -> Result<CalibratedDrift> {
    let latents = loaded.amortized().map_or(0, |(encoder, _)| encoder.latent());
    let path = loaded.folder.join(&table.reference);
    let array = npy::read(&path).context("run `elbow calibrate` again")?;
    if array.shape != [reference::ROWS, latents] {
        return Err(Error::input(format!(
            "{}: found shape {:?}, expected [{}, {latents}]; run `elbow calibrate` again",
            path.display(),
            array.shape,
            reference::ROWS
        )));
    }
    let moments = reference::of_device(&array.values, table.lambda);
    let (lambda, threshold) = (table.lambda as f32, table.threshold as f32);
    Ok(CalibratedDrift { lambda, threshold, moments })
}

/// The limits of `[gate]` per channel of the window, those that are left out switched off; empty without a window.
pub fn limits(manifest: &Manifest) -> Vec<Limits> {
    let none = GateTable::default();
    let gate = manifest.gate.as_ref().unwrap_or(&none);
    let channels = manifest.window.as_ref().map_or(0, |window| window.channels);
    let float = |list: &Option<Vec<f32>>, channel: usize, off: f32| {
        list.as_ref().and_then(|list| list.get(channel)).copied().unwrap_or(off)
    };
    let count = |list: &Option<Vec<u16>>, channel: usize, off: u16| {
        list.as_ref().and_then(|list| list.get(channel)).copied().unwrap_or(off)
    };
    let of = |channel: usize| Limits {
        lo: float(&gate.lo, channel, Limits::OFF.lo),
        hi: float(&gate.hi, channel, Limits::OFF.hi),
        most_at_rails: count(&gate.most_at_rails, channel, Limits::OFF.most_at_rails),
        longest_run: count(&gate.longest_run, channel, Limits::OFF.longest_run),
        least_variance: float(&gate.least_variance, channel, Limits::OFF.least_variance),
        largest_step: float(&gate.largest_step, channel, Limits::OFF.largest_step),
    };
    (0..channels).map(of).collect()
}
