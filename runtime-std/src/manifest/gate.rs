//! `[gate]`: which readings show that a sensor is faulty.

use super::Manifest;
use serde::Deserialize;

/// `[gate]`: limits per channel, in raw units, each of which may be left out; a window that breaks one is not
/// scored.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateTable {
    /// A value at it or below lies at the lower rail; `-inf` for none.
    pub lo: Option<Vec<f32>>,
    /// A value at it or above lies at the upper rail; `inf` for none.
    pub hi: Option<Vec<f32>>,
    /// Most values of a window at a rail; 65535 for any number.
    pub most_at_rails: Option<Vec<u16>>,
    /// Longest run of equal values; 65535 for any length.
    pub longest_run: Option<Vec<u16>>,
    /// Least variance in a window; 0 for any.
    pub least_variance: Option<Vec<f32>>,
    /// Largest difference of neighbouring values; `inf` for any.
    pub largest_step: Option<Vec<f32>>,
}

impl GateTable {
    /// Adds to `problems`: lists of another length than `channels`, NaN, a lower rail that is not below the
    /// upper one, runs of less than one value, and a variance or a step below 0.
    fn check(&self, channels: usize, problems: &mut Vec<String>) {
        let length = |list: &Option<Vec<f32>>| list.as_ref().map(Vec::len);
        let count = |list: &Option<Vec<u16>>| list.as_ref().map(Vec::len);
        let lengths = [
            ("lo", length(&self.lo)),
            ("hi", length(&self.hi)),
            ("most_at_rails", count(&self.most_at_rails)),
            ("longest_run", count(&self.longest_run)),
            ("least_variance", length(&self.least_variance)),
            ("largest_step", length(&self.largest_step)),
        ];
        for (key, found) in lengths {
            if let Some(found) = found.filter(|found| *found != channels) {
                problems.push(format!(
                    "gate.{key}: found {found} values, expected one per channel ({channels})"
                ));
            }
        }
        for (key, list) in [("lo", &self.lo), ("hi", &self.hi)] {
            if list.iter().flatten().any(|value| value.is_nan()) {
                problems.push(format!("gate.{key}: found NaN, expected numbers, or inf for none"));
            }
        }
        let rails = self.lo.iter().flatten().zip(self.hi.iter().flatten()).enumerate();
        for (channel, (lo, hi)) in rails.filter(|(_, (lo, hi))| lo >= hi) {
            problems.push(format!(
                "gate.lo[{channel}]: found {lo}, expected less than gate.hi[{channel}] ({hi})"
            ));
        }
        if self.longest_run.iter().flatten().any(|run| *run == 0) {
            problems.push("gate.longest_run: found 0, expected at least 1".into());
        }
        for (key, list) in
            [("least_variance", &self.least_variance), ("largest_step", &self.largest_step)]
        {
            if let Some(bad) = list.iter().flatten().find(|value| **value < 0.0 || value.is_nan()) {
                problems.push(format!("gate.{key}: found {bad}, expected numbers from 0 on"));
            }
        }
    }
}

impl Manifest {
    /// Adds to `problems` what is wrong with `[gate]`, where there is one: its values, or no window.
    pub(super) fn check_gate(&self, problems: &mut Vec<String>) {
        let Some(gate) = &self.gate else { return };
        match &self.window {
            Some(window) => gate.check(window.channels, problems),
            None => problems
                .push("[gate] limits the readings of a [window]; add it, or remove [gate]".into()),
        }
    }
}
