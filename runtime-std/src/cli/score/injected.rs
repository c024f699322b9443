//! `--inject`: which standard faults of sensors the score, the fault gate, the drift and the alarm see, and how soon.

mod in_recording;
mod rows;
mod text;

use super::recorded::Recorded;
use super::table::{Judge, Table};
use elbow::manifest::{Score, Window};
use elbow::model::Loaded;
use elbow::rows::Batch;
use elbow::scoring::faults::InjectedFault;
use elbow::scoring::{RowScore, Settings, score_rows};
use elbow::{Error, Result};
use in_recording::InRecording;
use rows::Readings;
use serde::Serialize;

/// Share of windows below which a detector counts as blind to a fault.
const BLIND: f64 = 0.5;

/// What became of the faults.
#[derive(Debug, Serialize)]
pub struct Injected {
    /// Windows that hold nothing but faulty readings, of every fault.
    windows: usize,
    /// In a recording, the number of the reading that every fault begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<usize>,
    /// What decides on the scores.
    decided_by: &'static str,
    /// The same windows without a fault that are found all the same.
    without_fault: Found,
    faults: Vec<Case>,
    /// Faults that nothing finds in half of the windows, and that raise no more alarms than chance does, with the
    /// channel where it is one of several.
    blind_to: Vec<String>,
}

/// Shares of windows that were found, and in a recording how soon.
#[derive(Clone, Copy, Debug, Serialize)]
struct Found {
    /// Stopped by the fault gate before they are scored; without a calibration for what is missing or not finite alone.
    by_gate: f64,
    /// Anomalous by their score; `null` where nothing decides.
    by_score: Option<f64>,
    #[serde(flatten)]
    in_recording: Option<InRecording>,
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
    /// Every fault in every channel, put into all rows by themselves, or into the recording from a third of it on.
    ///
    /// # Errors
    ///
    /// An input error for a model without `[window]`, whose readings are not known, for a recording that is too short,
    /// and what the twin refuses.
    pub fn of(faultless: Faultless<'_>) -> Result<Self> {
        let window = faultless.loaded.model.window.as_ref().ok_or_else(|| {
            Error::input("--inject puts faults into raw readings: add [window] to elbow.toml, or leave --inject out")
        })?;
        match faultless.recorded {
            Some(recorded) => in_recording::injected(faultless, window, recorded),
            None => Self::in_rows(faultless, window),
        }
    }

    /// Every fault, each put into every row by itself. An error is what the twin refuses.
    fn in_rows(faultless: Faultless<'_>, window: &Window) -> Result<Self> {
        let Faultless { loaded, settings, batch, table, .. } = faultless;
        let x = super::observed(loaded, batch)?;
        let readings = Readings::of(window, x);
        let normal = table.rows();
        let mut faults = Vec::new();
        for (fault, channel) in cases(window.channels) {
            let faulty = readings.with(fault, channel.unwrap_or(0));
            // A device scores no window that lacks a value, unless the model handles that.
            let rows = match fault.loses_values() && window.max_missing == 0 {
                true => Vec::new(),
                false => score_rows(loaded, settings, &faulty.batch(x, batch))?,
            };
            let pairs = rows.iter().zip(normal);
            let better = pairs.filter(|(row, normal)| row.score > normal.score).count();
            let better_than_normal = share(better, normal.len());
            let found = Found::in_rows(table.judge(), &rows, &faulty);
            faults.push(Case { fault: fault.name(), channel, found, better_than_normal });
        }
        let without_fault = Found::in_rows(table.judge(), normal, &readings);
        Ok(Self::new(normal.len(), table.judge(), without_fault, faults))
    }

    /// The report of these cases, in so many windows; those that a detector is blind to are named.
    fn new(windows: usize, judge: &Judge, without_fault: Found, faults: Vec<Case>) -> Self {
        let blind_to =
            faults.iter().filter(|case| case.found.is_blind()).map(Case::to_string).collect();
        let decided_by = judge.name();
        Self { windows, since: None, decided_by, without_fault, faults, blind_to }
    }
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
    /// Shares of the windows of `readings`, whose scored ones `rows` has: all of them or none.
    fn in_rows(judge: &Judge, rows: &[RowScore], readings: &Readings<'_>) -> Self {
        let raised: Option<Vec<bool>> = rows.iter().map(|row| judge.is_anomaly(row)).collect();
        let count = |raised: Vec<bool>| raised.iter().filter(|raised| **raised).count();
        Self {
            by_gate: readings.stopped(judge.calibration()),
            by_score: raised
                .filter(|_| judge.decides())
                .map(|raised| share(count(raised), rows.len())),
            in_recording: None,
        }
    }

    /// Whether nothing finds half of the windows, and no more alarms are raised than chance does.
    fn is_blind(&self) -> bool {
        let is_found = |share: Option<f64>| share.is_some_and(|share| share >= BLIND);
        let drift = self.in_recording.and_then(|own| own.by_drift);
        let is_alarmed = self.in_recording.is_some_and(|own| own.is_alarmed);
        !is_alarmed && ![self.by_score, Some(self.by_gate), drift].into_iter().any(is_found)
    }
}
