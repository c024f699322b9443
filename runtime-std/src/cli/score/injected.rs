//! `--inject`: which standard faults of sensors the score and the fault gate see.

use super::recorded::{Due, Recorded};
use super::sequence::Sequence;
use super::table::{Judge, Table};
use elbow::manifest::{Layout, Score, Window};
use elbow::model::{Calibration, Loaded};
use elbow::rows::{Batch, Rows};
use elbow::scoring::faults::{InjectedFault, Normal, inject, inject_into_recording};
use elbow::scoring::{RowScore, Settings, score_rows};
use elbow::{Error, Result};
use elbow_core::detect::{ChannelState, Gate};
use elbow_core::window;
use serde::Serialize;
use std::fmt;

/// Share of windows below which a detector counts as blind to a fault.
const BLIND: f64 = 0.5;

/// What became of the faults.
#[derive(Debug, Serialize)]
pub struct Injected {
    /// Windows that every fault was put into.
    windows: usize,
    /// What decides on the scores.
    decided_by: &'static str,
    /// Windows without a fault that are found all the same.
    without_fault: Found,
    faults: Vec<Case>,
    /// Faults that nothing finds in half of the windows, and that raise no more alarms than chance does, with the
    /// channel where it is one of several.
    blind_to: Vec<String>,
}

/// Shares of windows that were found, and in a recording the alarms.
#[derive(Clone, Copy, Debug, Serialize)]
struct Found {
    /// Anomalous by their score; `null` where nothing decides.
    by_score: Option<f64>,
    /// Stopped by the fault gate before they are scored; `null` without a calibration.
    by_gate: Option<f64>,
    #[serde(flatten)]
    in_recording: Option<InRecording>,
}

/// What else is found where the fault is in a whole recording.
#[derive(Clone, Copy, Debug, Serialize)]
struct InRecording {
    /// Share of windows at which the latents have drifted; `null` without a reference.
    by_drift: Option<f64>,
    /// Alarms, each acknowledged at once; `null` without `[score.alarm]`.
    alarms: Option<usize>,
    /// Whether chance raises so many alarms in fewer than one of twenty recordings.
    #[serde(skip)]
    is_alarmed: bool,
    /// Number of the first window that anything was found at.
    first_found: Option<usize>,
}

/// One fault of one channel, or of all.
#[derive(Debug, Serialize)]
struct Case {
    fault: &'static str,
    /// `null` for a fault of all channels.
    channel: Option<usize>,
    #[serde(flatten)]
    found: Found,
    /// Share of windows that score better than without the fault.
    better_than_normal: f64,
}

/// What a fault is put into: the model with what decides on its scores, and the faultless rows.
#[derive(Clone, Copy)]
pub struct Faultless<'a> {
    /// The model.
    pub loaded: &'a Loaded,
    /// Its `[score]`.
    pub score: &'a Score,
    /// What a score is.
    pub settings: &'a Settings,
    /// The rows.
    pub batch: &'a Batch,
    /// Their scores.
    pub table: &'a Table,
    /// The recording that the rows are windows of; `None` for rows that were given.
    pub recorded: Option<&'a Recorded>,
}

impl Injected {
    /// Every fault in every channel, put into all rows by themselves, or into the whole recording.
    ///
    /// # Errors
    ///
    /// An input error for a model without `[window]`, whose readings are not known, and what the twin refuses.
    pub fn of(faultless: Faultless<'_>) -> Result<Self> {
        let window = faultless.loaded.model.window.as_ref().ok_or_else(|| {
            Error::input("--inject puts faults into raw readings: add [window] to elbow.toml, or leave --inject out")
        })?;
        let (windows, without_fault, faults) = match faultless.recorded {
            Some(recorded) => streamed(faultless, window, recorded)?,
            None => windowed(faultless, window)?,
        };
        let blind_to =
            faults.iter().filter(|case| case.found.is_blind()).map(Case::to_string).collect();
        let decided_by = faultless.table.judge().name();
        Ok(Self { windows, decided_by, without_fault, faults, blind_to })
    }
}

/// Number of windows, what is found without a fault, and every fault, each put into every row by itself.
///
/// # Errors
///
/// What the twin refuses.
fn windowed(faultless: Faultless<'_>, window: &Window) -> Result<(usize, Found, Vec<Case>)> {
    let Faultless { loaded, settings, batch, table, .. } = faultless;
    let x = super::observed(loaded, batch)?;
    let readings = Readings::of(window, x);
    let normal = table.rows();
    let mut faults = Vec::new();
    for (fault, channel) in cases(window.channels) {
        let faulty = readings.with(fault, channel.unwrap_or(0));
        let rows = score_rows(loaded, settings, &faulty.batch(x, batch))?;
        let pairs = rows.iter().zip(normal);
        let better = pairs.filter(|(row, normal)| row.score > normal.score).count();
        let better_than_normal = share(better, rows.len());
        let found = Found::of(table.judge(), &rows, &faulty);
        faults.push(Case { fault: fault.name(), channel, found, better_than_normal });
    }
    Ok((normal.len(), Found::of(table.judge(), normal, &readings), faults))
}

/// As [`windowed`], with every fault in the whole recording.
///
/// # Errors
///
/// What the twin refuses.
fn streamed(
    faultless: Faultless<'_>,
    window: &Window,
    recorded: &Recorded,
) -> Result<(usize, Found, Vec<Case>)> {
    let Faultless { loaded, score, settings, table, .. } = faultless;
    let normal = Normal { mean: &window.mean, std: &window.std };
    let calibration = table.judge().calibration();
    let mut faults = Vec::new();
    for (fault, channel) in cases(window.channels) {
        let mut recording = recorded.recording.clone();
        let of = channel.unwrap_or(0);
        inject_into_recording(fault, of, normal, window.length, &mut recording.values);
        let faulty = Recorded::of(loaded, window, recording, calibration)?;
        let rows = faulty.rows(loaded, settings)?;
        let better = in_both(recorded, table.rows(), &faulty, &rows)
            .filter(|(normal, faulty)| faulty.score > normal.score)
            .count();
        let better_than_normal = share(better, faulty.windows.len());
        let found = Found::in_recording(score, table.judge(), &faulty, &rows);
        faults.push(Case { fault: fault.name(), channel, found, better_than_normal });
    }
    let without_fault = Found::in_recording(score, table.judge(), recorded, table.rows());
    Ok((recorded.windows.len(), without_fault, faults))
}

/// The rows of each window that is scored in both recordings.
fn in_both<'r>(
    a: &'r Recorded,
    rows_of_a: &'r [RowScore],
    b: &'r Recorded,
    rows_of_b: &'r [RowScore],
) -> impl Iterator<Item = (&'r RowScore, &'r RowScore)> {
    let of_a = by_window(a, rows_of_a);
    of_a.zip(by_window(b, rows_of_b)).filter_map(|(a, b)| a.zip(b))
}

/// The row of each window that was due; `None` for one that is not scored.
fn by_window<'r>(
    recorded: &'r Recorded,
    rows: &'r [RowScore],
) -> impl Iterator<Item = Option<&'r RowScore>> {
    let mut rows = rows.iter();
    recorded.windows.iter().map(move |due| if due.is_scored { rows.next() } else { None })
}

/// Every fault with the channel that it is put into; `None` for one of all channels.
fn cases(channels: usize) -> impl Iterator<Item = (InjectedFault, Option<usize>)> {
    InjectedFault::ALL.into_iter().flat_map(move |fault| {
        let of_all = fault.is_of_all_channels();
        let count = if of_all { 1 } else { channels };
        (0..count).map(move |channel| (fault, (!of_all).then_some(channel)))
    })
}

/// `part` of `all`; 0 of none.
fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

impl Found {
    /// Shares of these rows, and of the windows they belong to.
    fn of(judge: &Judge, rows: &[RowScore], readings: &Readings<'_>) -> Self {
        let raised: Option<Vec<bool>> = rows.iter().map(|row| judge.is_anomaly(row)).collect();
        let count = |raised: Vec<bool>| raised.iter().filter(|raised| **raised).count();
        Self {
            by_score: raised.map(|raised| share(count(raised), rows.len())),
            by_gate: judge.calibration().map(|calibration| readings.stopped(calibration)),
            in_recording: None,
        }
    }

    /// Shares of the windows of a recording, whose scored ones `rows` has.
    fn in_recording(score: &Score, judge: &Judge, recorded: &Recorded, rows: &[RowScore]) -> Self {
        let windows = recorded.windows.len();
        let count = |is: &dyn Fn(&Due) -> bool| {
            share(recorded.windows.iter().filter(|due| is(due)).count(), windows)
        };
        let calibration = judge.calibration();
        let due = by_window(recorded, rows);
        let sequence = calibration.and_then(|own| Sequence::of(score, own, due));
        let mut raised = sequence.iter().flat_map(Sequence::raised).copied();
        let raises = by_window(recorded, rows).zip(&recorded.windows).map(|(row, due)| {
            let alarm = due.is_scored && raised.next().unwrap_or(false);
            let is_anomaly = row.and_then(|row| judge.is_anomaly(row)).unwrap_or(false);
            alarm || is_anomaly || due.is_drift || due.fault.is_some()
        });
        let first_found = raises.into_iter().position(|found| found);
        let anomalies: Option<Vec<bool>> = rows.iter().map(|row| judge.is_anomaly(row)).collect();
        let anomalies = anomalies.map(|own| own.iter().filter(|own| **own).count());
        Self {
            by_score: anomalies.map(|anomalies| share(anomalies, windows)),
            by_gate: calibration.map(|_| count(&|due| due.fault.is_some())),
            in_recording: Some(InRecording {
                by_drift: calibration
                    .and_then(|own| own.drift.as_ref())
                    .map(|_| count(&|due| due.is_drift)),
                alarms: sequence.as_ref().map(|own| own.alarms().raised),
                is_alarmed: sequence.as_ref().is_some_and(|own| own.alarms().is_beyond_chance()),
                first_found,
            }),
        }
    }

    /// Whether nothing finds half of the windows, and no more alarms are raised than chance does.
    fn is_blind(&self) -> bool {
        let is_found = |share: Option<f64>| share.is_some_and(|share| share >= BLIND);
        let drift = self.in_recording.and_then(|own| own.by_drift);
        let is_alarmed = self.in_recording.is_some_and(|own| own.is_alarmed);
        !is_alarmed && ![self.by_score, self.by_gate, drift].into_iter().any(is_found)
    }
}

/// Windows of readings in raw units, each by itself.
struct Readings<'l> {
    window: &'l Window,
    /// `[windows][time][channels]`
    values: Vec<f32>,
}

impl<'l> Readings<'l> {
    /// The readings that these observations were made of: `x std + mean`, rounded once.
    fn of(window: &'l Window, x: &Rows) -> Self {
        let mut values = vec![0.0; x.values.len()];
        for (readings, row) in values.chunks_exact_mut(per_window(window)).zip(rows(window, x)) {
            for (at, value) in row.iter().enumerate() {
                let (time, channel) = place(window, at);
                let raw = f64::from(*value) * f64::from(window.std[channel]);
                readings[time * window.channels + channel] =
                    (raw + f64::from(window.mean[channel])) as f32;
            }
        }
        Self { window, values }
    }

    /// A copy with the fault in every window.
    fn with(&self, fault: InjectedFault, channel: usize) -> Self {
        let mut values = self.values.clone();
        let normal = Normal { mean: &self.window.mean, std: &self.window.std };
        for readings in values.chunks_exact_mut(per_window(self.window)) {
            inject(fault, channel, normal, readings);
        }
        Self { window: self.window, values }
    }

    /// The batch whose observation `x` is replaced by that of these readings.
    fn batch(&self, x: &Rows, batch: &Batch) -> Batch {
        let mut observed = x.clone();
        let Self { window, values } = self;
        let per_window = per_window(window);
        let both =
            observed.values.chunks_exact_mut(per_window).zip(values.chunks_exact(per_window));
        for (row, readings) in both {
            for (at, value) in row.iter_mut().enumerate() {
                let (time, channel) = place(window, at);
                let reading = readings[time * window.channels + channel];
                *value = (reading - window.mean[channel]) / window.std[channel];
            }
        }
        let inputs = batch.inputs.iter();
        let inputs =
            inputs.map(|own| if own.name == x.name { observed.clone() } else { own.clone() });
        Batch { inputs: inputs.collect(), len: batch.len }
    }

    /// Share of windows that the fault gate stops, each looked at by itself.
    fn stopped(&self, calibration: &Calibration) -> f64 {
        let gate = Gate {
            limits: &calibration.limits,
            length: self.window.length,
            most_missing: calibration.most_missing,
        };
        let windows = self.values.chunks_exact(per_window(self.window));
        let all = windows.len();
        let is_stopped = |readings: &&[f32]| {
            let mut states = vec![ChannelState::NEW; self.window.channels];
            readings.chunks(self.window.channels).for_each(|own| gate.push(&mut states, own));
            let channels = self.window.channels;
            gate.judge(&states, &window::Readings { channels, older: readings, newer: &[] })
                .is_some()
        };
        share(windows.filter(is_stopped).count(), all)
    }
}

/// Values of one window, at least 1.
fn per_window(window: &Window) -> usize {
    (window.channels * window.length).max(1)
}

/// The observations of `x`, one after another.
fn rows<'x>(window: &Window, x: &'x Rows) -> impl Iterator<Item = &'x [f32]> {
    x.values.chunks_exact(per_window(window))
}

/// Time and channel of value number `at` of an observation.
fn place(window: &Window, at: usize) -> (usize, usize) {
    match window.layout.unwrap_or_default() {
        Layout::ChannelsFirst => (at % window.length, at / window.length),
        Layout::TimeFirst => (at / window.channels, at % window.channels),
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.channel {
            Some(channel) => write!(f, "{} (channel {channel})", self.fault),
            None => f.write_str(self.fault),
        }
    }
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "faults put into {} windows; the {} decides", self.windows, self.decided_by)?;
        let streamed = self.without_fault.in_recording.is_some();
        let more = if streamed { ["drift", "alarms", "first window"] } else { [""; 3] };
        let head = line("fault", ["score", "gate", "better than normal"].map(String::from));
        writeln!(f, "{head}{}", rest(more.map(String::from)))?;
        let percent = |share: Option<f64>| {
            share.map_or("-".into(), |share| format!("{:.0} %", 100.0 * share))
        };
        let row = |f: &mut fmt::Formatter<'_>, name: &str, found: &Found, better: Option<f64>| {
            let own = [found.by_score, found.by_gate, better].map(percent);
            let more = found.in_recording.map_or([const { String::new() }; 3], |own| {
                let count =
                    |count: Option<usize>| count.map_or("-".into(), |count| count.to_string());
                [percent(own.by_drift), count(own.alarms), count(own.first_found)]
            });
            writeln!(f, "{}{}", line(name, own), rest(more))
        };
        row(f, "none", &self.without_fault, None)?;
        for case in &self.faults {
            row(f, &case.to_string(), &case.found, Some(case.better_than_normal))?;
        }
        match &self.blind_to[..] {
            [] => writeln!(f, "no fault goes unseen in half of the windows"),
            blind => writeln!(f, "blind to: {}", blind.join(", ")),
        }
    }
}

/// The columns that every table of faults has.
fn line(name: &str, columns: [String; 3]) -> String {
    let [score, gate, better] = columns;
    format!("  {name:<26} {score:>8} {gate:>8} {better:>20}")
}

/// The columns of a recording; nothing where all are empty.
fn rest(columns: [String; 3]) -> String {
    if columns.iter().all(String::is_empty) {
        return String::new();
    }
    let [drift, alarms, first] = columns;
    format!(" {drift:>8} {alarms:>8} {first:>13}")
}
