//! Limits of a sensor's readings, from recordings of normal operation.

use super::recording::Recording;
use crate::manifest::{GateTable, Window};

/// Shortest run of equal values that may count as stuck.
const SHORTEST_RUN: usize = 8;
/// One in so many values of a window may lie past the extremes that were seen: a strong movement takes some of them
/// there, a sensor at the end of its range all.
const ONE_IN: usize = 8;

/// What one channel has shown.
#[derive(Clone, Copy, Debug)]
struct Shown {
    lo: f32,
    hi: f32,
    longest_run: usize,
    largest_step: f32,
    /// Least variance of a window.
    least_variance: f64,
    /// Most values of a window at `lo` or `hi`.
    most_at_rails: usize,
}

/// Limits that no window of `recordings` breaks, per channel: runs of twice the longest one seen, but at least 8;
/// rails at the extremes that were seen, with twice as many values there as in any window, but at least an eighth of a
/// window; a tenth of the least variance; twice the largest step. Values that are not finite, and windows with one, do not count.
pub fn limits(recordings: &[Recording], window: &Window) -> GateTable {
    let shown: Vec<Shown> =
        (0..window.channels).map(|channel| shown(recordings, window, channel)).collect();
    let count = |values: Vec<usize>| {
        // The largest number switches a rule off, which a long run must not.
        Some(values.into_iter().map(|value| value.min(usize::from(u16::MAX)) as u16).collect())
    };
    let list = |value: fn(&Shown) -> f32| Some(shown.iter().map(value).collect());
    GateTable {
        lo: list(|shown| shown.lo),
        hi: list(|shown| shown.hi),
        most_at_rails: count(
            shown
                .iter()
                .map(|shown| (2 * shown.most_at_rails).max(window.length / ONE_IN))
                .collect(),
        ),
        longest_run: count(
            shown.iter().map(|shown| (2 * shown.longest_run).max(SHORTEST_RUN)).collect(),
        ),
        least_variance: list(|shown| (shown.least_variance / 10.0) as f32),
        largest_step: list(|shown| 2.0 * shown.largest_step),
    }
}

/// What `channel` has shown in all recordings; without rails, steps and variance where it has no finite value.
fn shown(recordings: &[Recording], window: &Window, channel: usize) -> Shown {
    let mut all = Shown {
        lo: f32::INFINITY,
        hi: f32::NEG_INFINITY,
        longest_run: 0,
        largest_step: 0.0,
        least_variance: f64::INFINITY,
        most_at_rails: 0,
    };
    for recording in recordings {
        all.add_readings(recording, channel);
    }
    for recording in recordings {
        recording.for_each_window(window, |readings, is_finite| {
            let values = readings.rows().filter_map(|row| row.get(channel).copied());
            if is_finite {
                all.add_window(&values.collect::<Vec<f32>>());
            }
        });
    }
    if all.lo >= all.hi {
        // A constant channel has no rails: it would lie at both.
        (all.lo, all.hi) = (f32::NEG_INFINITY, f32::INFINITY);
        all.most_at_rails = 0;
    }
    if !all.least_variance.is_finite() {
        all.least_variance = 0.0;
    }
    all
}

impl Shown {
    /// Adds the values of `channel`, one after the other: extremes, runs and steps.
    fn add_readings(&mut self, recording: &Recording, channel: usize) {
        let (mut last, mut run) = (f32::NAN, 0);
        for value in recording.values.iter().skip(channel).step_by(recording.channels) {
            run = if *value == last { run + 1 } else { 1 };
            if value.is_finite() {
                (self.lo, self.hi) = (self.lo.min(*value), self.hi.max(*value));
                self.longest_run = self.longest_run.max(run);
                let step = (value - last).abs();
                self.largest_step =
                    self.largest_step.max(if step.is_finite() { step } else { 0.0 });
            }
            last = *value;
        }
    }

    /// Adds the values of one window, in which all readings were finite: its variance, and values at the extremes.
    fn add_window(&mut self, values: &[f32]) {
        let count = values.len() as f64;
        let mean = values.iter().copied().map(f64::from).sum::<f64>() / count;
        let squares = values.iter().map(|value| (f64::from(*value) - mean).powi(2));
        self.least_variance = self.least_variance.min(squares.sum::<f64>() / count);
        let rails = values.iter().filter(|value| **value <= self.lo || **value >= self.hi).count();
        self.most_at_rails = self.most_at_rails.max(rails);
    }
}
