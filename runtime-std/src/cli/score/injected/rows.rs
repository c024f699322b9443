//! Faults in windows that are given as rows, each by itself.

use super::share;
use elbow::manifest::{Layout, Window};
use elbow::model::Calibration;
use elbow::rows::{Batch, Rows};
use elbow::scoring::faults::{InjectedFault, Normal, inject};
use elbow_core::detect::{ChannelState, Gate, Limits};
use elbow_core::window;

/// Windows of readings in raw units, each by itself.
pub struct Readings<'l> {
    window: &'l Window,
    /// `[windows][time][channels]`
    values: Vec<f32>,
}

impl<'l> Readings<'l> {
    /// The readings that these observations were made of: `x std + mean`, rounded once.
    pub fn of(window: &'l Window, x: &Rows) -> Self {
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
    pub fn with(&self, fault: InjectedFault, channel: usize) -> Self {
        let mut values = self.values.clone();
        let normal = Normal { mean: &self.window.mean, std: &self.window.std };
        for readings in values.chunks_exact_mut(per_window(self.window)) {
            inject(fault, channel, normal, readings);
        }
        Self { window: self.window, values }
    }

    /// The batch whose observation `x` is replaced by that of these readings.
    pub fn batch(&self, x: &Rows, batch: &Batch) -> Batch {
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

    /// Share of windows that the fault gate stops, each looked at by itself; without a calibration those with a value
    /// that is missing or not finite.
    pub fn stopped(&self, calibration: Option<&Calibration>) -> f64 {
        let Window { channels, length, max_missing, .. } = *self.window;
        let off = vec![Limits::OFF; channels];
        let limits = calibration.map_or(&off, |calibration| &calibration.limits);
        let gate = Gate { limits, length, most_missing: max_missing };
        let windows = self.values.chunks_exact(per_window(self.window));
        let all = windows.len();
        let is_stopped = |readings: &&[f32]| {
            let mut states = vec![ChannelState::NEW; channels];
            readings.chunks(channels).for_each(|own| gate.push(&mut states, own));
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
