//! `--readings`: the windows of a recording, as a device makes and judges them.

use super::table::Table;
use crate::cli::inputs;
use elbow::detect::{Recording, Stream, verdicts_observed};
use elbow::manifest::Window;
use elbow::model::{Calibration, Loaded};
use elbow::rows::{Batch, Rows};
use elbow::scoring::{RowScore, Settings, score_rows};
use elbow::{Error, Result, npy};
use elbow_core::detect::{FaultKind, Verdict};
use elbow_core::window::Readings;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::Path;

/// A recording with its windows.
pub struct Recorded {
    /// The readings, in raw units.
    pub recording: Recording,
    /// When each came, in microseconds; by the window's rate where it is `None`.
    pub times: Option<Vec<u64>>,
    /// How often the window was emptied, since readings did not come for too long.
    gaps: usize,
    /// One for each window that was due, in order.
    pub windows: Vec<Due>,
    /// The observations of the windows that are scored.
    pub batch: Batch,
    /// Their scores by the detector; `None` without a calibration.
    scores: Option<Vec<RowScore>>,
    /// Readings of a window.
    pub length: usize,
}

/// What became of a window that was due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Number of its last reading.
    pub reading: usize,
    /// Name of the verdict.
    verdict: &'static str,
    /// The channel that the verdict names.
    channel: Option<usize>,
    /// The fault that the gate found.
    pub fault: Option<&'static str>,
    /// Whether the statistic of the drift was above its threshold.
    pub is_drift: bool,
    /// The statistic of the drift after it; 0 without a detector.
    pub statistic: f32,
    /// Whether it is scored.
    pub is_scored: bool,
}

/// How many windows had which verdict.
#[derive(Debug, Serialize)]
pub struct Verdicts {
    readings: usize,
    windows: usize,
    /// How often the window was emptied, since readings did not come for too long.
    gaps: usize,
    /// Windows by the name of their verdict.
    verdicts: BTreeMap<&'static str, usize>,
    /// Windows with a fault of the sensor, by the name of the fault.
    faults: BTreeMap<&'static str, usize>,
    /// Labelled windows that were not scored, and so are no rows of what the labels show.
    #[serde(skip_serializing_if = "Option::is_none")]
    anomalous_not_scored: Option<usize>,
}

impl Recorded {
    /// The recording in the file at `path`, as [`of`](Self::of), with the times of its readings in that at `times`.
    ///
    /// # Errors
    ///
    /// An input error: the model has no window, a file no such readings or times, times are given and no detector would
    /// read them, and as there.
    pub fn read(
        loaded: &Loaded,
        path: &Path,
        times: Option<&Path>,
        calibration: Option<&Calibration>,
    ) -> Result<Self> {
        let window = loaded.model.window.as_ref().ok_or_else(|| {
            Error::input("--readings are made into windows by [window]: add it to elbow.toml, or give --input")
        })?;
        if times.is_some() && calibration.is_none() {
            return Err(Error::input(
                "--times are read by the detector of a calibrated model; run `elbow calibrate`, or leave --times out",
            ));
        }
        let recording = Recording::read(path, window)?;
        let count = recording.values.len() / window.channels;
        let times = times.map(|path| inputs::times(path, count)).transpose()?;
        Self::of(loaded, window, (recording, times), calibration)
    }

    /// The windows of the recording, with the times of its readings where they are known: by the verdicts of the device's detector with a calibration; without one those
    /// are scored whose values are all finite.
    ///
    /// # Errors
    ///
    /// An input error: the model reads more than the observation, or has no detector although it has a calibration.
    pub fn of(
        loaded: &Loaded,
        window: &Window,
        of: (Recording, Option<Vec<u64>>),
        calibration: Option<&Calibration>,
    ) -> Result<Self> {
        let (recording, times) = of;
        let (name, shape) = observation(loaded)?;
        let Detected { windows, scores, gaps } = match calibration {
            Some(calibration) => judged(loaded, calibration, &recording, times.as_deref())?,
            None => Detected { windows: unjudged(&recording, window), scores: None, gaps: 0 },
        };
        let mut values = Vec::new();
        for due in windows.iter().filter(|due| due.is_scored) {
            let older = readings_of(&recording, window, due.reading);
            let start = values.len();
            values.resize(start + older.len(), 0.0);
            let readings = Readings { channels: window.channels, older, newer: &[] };
            let layout = window.layout().into();
            readings.normalize(&window.mean, &window.std, layout, &mut values[start..]);
        }
        let batch = Batch::from(Rows { name, shape, values });
        Ok(Self { recording, times, gaps, windows, batch, scores, length: window.length })
    }

    /// The scores of the windows that are scored: those of the detector, else by `settings`.
    ///
    /// # Errors
    ///
    /// What the twin refuses.
    pub fn rows(&self, loaded: &Loaded, settings: &Settings) -> Result<Vec<RowScore>> {
        match &self.scores {
            Some(scores) => Ok(scores.clone()),
            None => score_rows(loaded, settings, &self.batch),
        }
    }

    /// Whether each window that was due is scored.
    pub fn scored(&self) -> Vec<bool> {
        self.windows.iter().map(|due| due.is_scored).collect()
    }

    /// The labels of all windows, from the file at `path` with one per reading or one per window: a window is
    /// anomalous if one of its readings is.
    ///
    /// # Errors
    ///
    /// An input error: another number of labels, or a label that is neither 0 nor 1.
    pub fn labels(&self, path: &Path) -> Result<Vec<bool>> {
        let labels = npy::read_labels(path)?;
        let readings = self.recording.values.len() / self.recording.channels.max(1);
        if labels.len() == self.windows.len() {
            return Ok(labels);
        }
        if labels.len() != readings {
            return Err(Error::input(format!(
                "{}: found {} labels for {readings} readings in {} windows; give one label per reading or per window of --readings, 0 normal or 1 anomalous",
                path.display(),
                labels.len(),
                self.windows.len()
            )));
        }
        let of = |due: &Due| {
            let first = (due.reading + 1).saturating_sub(self.length);
            labels[first..=due.reading].contains(&true)
        };
        Ok(self.windows.iter().map(of).collect())
    }

    /// How many windows had which verdict; `labels` has one per window.
    pub fn verdicts(&self, labels: Option<&[bool]>) -> Verdicts {
        let mut verdicts = BTreeMap::new();
        let mut faults = BTreeMap::new();
        for due in &self.windows {
            *verdicts.entry(due.verdict).or_default() += 1;
            if let Some(fault) = due.fault {
                *faults.entry(fault).or_default() += 1;
            }
        }
        let not_scored = |labels: &[bool]| {
            let all = self.windows.iter().zip(labels);
            all.filter(|(due, label)| !due.is_scored && **label).count()
        };
        Verdicts {
            readings: self.recording.values.len() / self.recording.channels.max(1),
            windows: self.windows.len(),
            gaps: self.gaps,
            verdicts,
            faults,
            anomalous_not_scored: labels.map(not_scored),
        }
    }

    /// A header and a line per window that was due; the fields of `table` are empty for one that is not scored.
    pub fn csv(&self, table: &Table) -> String {
        let mut text = format!("window,reading,verdict,channel,fault,{}\n", Table::COLUMNS);
        let (mut scored, none) = (0.., usize::MAX);
        for (at, due) in self.windows.iter().enumerate() {
            let Due { reading, verdict, channel, fault, is_scored, .. } = due;
            let row = if *is_scored { scored.next() } else { None };
            let channel = channel.map(|channel| channel.to_string()).unwrap_or_default();
            let (fault, fields) = (fault.unwrap_or_default(), table.fields(row.unwrap_or(none)));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{at},{reading},{verdict},{channel},{fault},{fields}");
        }
        text
    }
}

/// The readings of the window whose last one has this number, which are all there.
fn readings_of<'r>(recording: &'r Recording, window: &Window, last: usize) -> &'r [f32] {
    let end = (last + 1) * window.channels;
    &recording.values[end - window.length * window.channels..end]
}

/// The windows that are due without a detector; those are scored whose values are all finite.
fn unjudged(recording: &Recording, window: &Window) -> Vec<Due> {
    let readings = recording.values.len() / window.channels.max(1);
    let last = (window.length.max(1) - 1..readings).step_by(window.hop.max(1));
    let due = |reading| {
        let is_scored = readings_of(recording, window, reading).iter().all(|own| own.is_finite());
        let (verdict, fault) =
            if is_scored { ("scored", None) } else { ("sensor_fault", Some("not_finite")) };
        Due { reading, verdict, channel: None, fault, is_drift: false, statistic: 0.0, is_scored }
    };
    last.map(due).collect()
}

/// What a detector made of a recording.
struct Detected {
    /// The windows that were due.
    windows: Vec<Due>,
    /// The scores of those that are scored; `None` without a detector.
    scores: Option<Vec<RowScore>>,
    /// How often the detector emptied its window.
    gaps: usize,
}

/// What the detector of the calibration makes of the recording.
///
/// # Errors
///
/// As [`verdicts_observed`].
fn judged(
    loaded: &Loaded,
    calibration: &Calibration,
    recording: &Recording,
    times: Option<&[u64]>,
) -> Result<Detected> {
    let stream = Stream { readings: &recording.values, times };
    let limit = calibration.drift.as_ref().map_or(f32::INFINITY, |drift| drift.threshold);
    let (window, mut scores) = (loaded.model.window.as_ref(), Vec::new());
    let all = verdicts_observed(&loaded.model, calibration, stream, |_, scored| {
        scores.push(RowScore::of_window(scored, window));
    })?;
    let gaps = all.iter().filter(|judged| judged.verdict == Ok(Verdict::Gap)).count();
    let due = all.into_iter().filter_map(|judged| {
        let (verdict, channel, is_scored) = match judged.verdict {
            Ok(Verdict::Scored { .. }) => ("scored", None, true),
            Ok(Verdict::Anomaly { channel, .. }) => ("anomaly", channel, true),
            Ok(Verdict::Alarm { channel, .. }) => ("alarm", channel, true),
            Ok(Verdict::Drift { .. }) => ("drift", None, true),
            Ok(Verdict::SensorFault { channel, .. }) => ("sensor_fault", Some(channel), false),
            Ok(Verdict::WrongRate) => ("wrong_rate", None, false),
            Ok(_) => return None,
            Err(_) => ("error", None, false),
        };
        let fault = match judged.verdict {
            Ok(Verdict::SensorFault { kind, .. }) => Some(fault_name(kind)),
            _ => None,
        };
        let is_drift = is_scored && judged.statistic > limit;
        let (reading, statistic) = (judged.reading, judged.statistic);
        Some(Due { reading, verdict, channel, fault, is_drift, statistic, is_scored })
    });
    Ok(Detected { windows: due.collect(), scores: Some(scores), gaps })
}

/// The name of a fault, as in `not_finite`.
fn fault_name(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Missing => "missing",
        FaultKind::NotFinite => "not_finite",
        FaultKind::Rails => "rails",
        FaultKind::Stuck => "stuck",
        FaultKind::Step => "step",
        FaultKind::Dead => "dead",
        _ => "other",
    }
}

/// Name and shape of the observation.
///
/// # Errors
///
/// An input error where the model has none, or reads something else besides it.
fn observation(loaded: &Loaded) -> Result<(String, Vec<usize>)> {
    let signature = loaded.model.signature();
    let others: Vec<&str> = signature.call().skip(1).map(|input| input.name.as_str()).collect();
    if !others.is_empty() {
        return Err(Error::input(format!(
            "the model reads {} besides the observation, which --readings do not give; give --input for each",
            others.join(", ")
        )));
    }
    let port =
        loaded.model.observation().ok_or_else(|| Error::input("the model reads no observation"))?;
    Ok((port.name.clone(), port.shape.clone()))
}

impl fmt::Display for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &BTreeMap<&str, usize>| {
            let counts = counts.iter().map(|(name, count)| format!("{count} {name}"));
            counts.collect::<Vec<_>>().join(", ")
        };
        let Self { readings, windows, verdicts, faults, .. } = self;
        writeln!(f, "{readings} readings in {windows} windows: {}", list(verdicts))?;
        if self.gaps > 0 {
            writeln!(f, "{} gaps, behind each of which the window began anew", self.gaps)?;
        }
        if verdicts.contains_key("alarm") {
            writeln!(
                f,
                "(the verdict alarm lasts until somebody acknowledges it, and nobody does here)"
            )?;
        }
        if !faults.is_empty() {
            writeln!(f, "faults of the sensor: {}", list(faults))?;
        }
        match self.anomalous_not_scored {
            Some(count) if count > 0 => writeln!(
                f,
                "{count} anomalous windows were not scored and are left out of what follows"
            ),
            _ => Ok(()),
        }
    }
}
