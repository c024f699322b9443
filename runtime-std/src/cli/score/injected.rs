//! `--inject`: which standard faults of sensors the score and the fault gate see.

use super::table::Table;
use elbow::manifest::{Layout, Window};
use elbow::model::{Calibration, Loaded};
use elbow::rows::{Batch, Rows};
use elbow::scoring::faults::{Fault, Normal, inject};
use elbow::scoring::{Settings, score_rows};
use elbow::{Error, Result};
use elbow_core::detect::{ChannelState, Gate};
use elbow_core::window::Readings;
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
    /// Windows without a fault that are found all the same: by the score, and by the gate.
    without_fault: Found,
    faults: Vec<Case>,
    /// Faults that neither score nor gate finds in half of the windows, with the channel where it is one of several.
    blind_to: Vec<String>,
}

/// Shares of windows that were found.
#[derive(Clone, Copy, Debug, Serialize)]
struct Found {
    /// Anomalous by their score; `null` where nothing decides.
    by_score: Option<f64>,
    /// Stopped by the fault gate before they are scored; `null` without a calibration.
    by_gate: Option<f64>,
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

/// Windows of readings in raw units.
struct Recorded<'l> {
    window: &'l Window,
    /// `[windows][time][channels]`
    values: Vec<f32>,
}

impl Injected {
    /// Every fault in every channel, put into all rows of `batch`, whose scores `table` has.
    ///
    /// # Errors
    ///
    /// An input error for a model without `[window]`, whose readings are not known, and what the twin refuses.
    pub fn of(loaded: &Loaded, settings: &Settings, batch: &Batch, table: &Table) -> Result<Self> {
        let window = loaded.model.window.as_ref().ok_or_else(|| {
            Error::input("--inject puts faults into raw readings: add [window] to elbow.toml, or leave --inject out")
        })?;
        let x = super::observed(loaded, batch)?;
        let recorded = Recorded::of(window, x);
        let calibration = table.judge().calibration();
        let normal: Vec<f32> = table.scores().collect();
        let mut faults = Vec::new();
        for (fault, channel) in cases(window.channels) {
            let faulty = recorded.with(fault, channel.unwrap_or(0));
            let found = score_rows(loaded, settings, &faulty.batch(x, batch))?;
            let scores: Vec<f32> = found.iter().map(|row| row.score).collect();
            let better =
                scores.iter().zip(&normal).filter(|(score, normal)| score > normal).count();
            faults.push(Case {
                fault: fault.name(),
                channel,
                found: Found::of(table, &scores, calibration, &faulty),
                better_than_normal: share(better, scores.len()),
            });
        }
        let blind_to = faults.iter().filter(|case| case.is_unseen()).map(Case::to_string).collect();
        Ok(Self {
            windows: normal.len(),
            decided_by: table.judge().name(),
            without_fault: Found::of(table, &normal, calibration, &recorded),
            faults,
            blind_to,
        })
    }
}

/// Every fault with the channel that it is put into; `None` for one of all channels.
fn cases(channels: usize) -> impl Iterator<Item = (Fault, Option<usize>)> {
    Fault::ALL.into_iter().flat_map(move |fault| {
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
    /// Shares of these scores, and of the windows they belong to.
    fn of(
        table: &Table,
        scores: &[f32],
        calibration: Option<&Calibration>,
        recorded: &Recorded<'_>,
    ) -> Self {
        let raised: Option<Vec<bool>> =
            scores.iter().map(|score| table.judge().is_anomaly(*score)).collect();
        let count = |raised: Vec<bool>| raised.iter().filter(|raised| **raised).count();
        Self {
            by_score: raised.map(|raised| share(count(raised), scores.len())),
            by_gate: calibration.map(|calibration| recorded.stopped(calibration)),
        }
    }
}

impl<'l> Recorded<'l> {
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
    fn with(&self, fault: Fault, channel: usize) -> Self {
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
            gate.judge(&states, &Readings { channels, older: readings, newer: &[] }).is_some()
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

impl Case {
    /// Whether neither score nor gate finds it in half of the windows.
    fn is_unseen(&self) -> bool {
        let is_found = |share: Option<f64>| share.is_some_and(|share| share >= BLIND);
        !is_found(self.found.by_score) && !is_found(self.found.by_gate)
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
        let percent = |share: Option<f64>| {
            share.map_or("-".into(), |share| format!("{:.0} %", 100.0 * share))
        };
        writeln!(f, "faults put into {} windows; the {} decides", self.windows, self.decided_by)?;
        writeln!(
            f,
            "  {:<26} {:>8} {:>8} {:>22}",
            "fault", "score", "gate", "scores better than normal"
        )?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, found: Found, better: String| {
            let (score, gate) = (percent(found.by_score), percent(found.by_gate));
            writeln!(f, "  {name:<26} {score:>8} {gate:>8} {better:>22}")
        };
        line(f, "none", self.without_fault, "-".into())?;
        for case in &self.faults {
            let better = percent(Some(case.better_than_normal));
            line(f, &case.to_string(), case.found, better)?;
        }
        match &self.blind_to[..] {
            [] => writeln!(f, "no fault goes unseen in half of the windows"),
            blind => writeln!(f, "blind to: {}", blind.join(", ")),
        }
    }
}
