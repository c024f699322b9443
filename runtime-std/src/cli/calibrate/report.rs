//! What the calibration shows, in words and as JSON.

use super::edit::{Edit, assumption};
use super::normal::NormalData;
use elbow::detect::{CONFIDENCE, Cut, LEAST_OF_MODE, UPPER};
use elbow::manifest::{Exchangeable, PARTS};
use elbow::model::Loaded;
use serde::Serialize;
use std::fmt;

/// The report of a calibration.
#[derive(Serialize)]
pub struct Report {
    model: String,
    precision: &'static str,
    kind: &'static str,
    tail: &'static str,
    /// Rows and windows that were given.
    given: usize,
    /// Windows that hold a reading that is not finite.
    not_finite: usize,
    /// Rows with values beyond the range of the integers, which are anomalies.
    outside: usize,
    /// Disjoint rows that make the table.
    rows: usize,
    basis: &'static str,
    #[serde(skip)]
    exchangeable: Exchangeable,
    rate: Rate,
    modes: Vec<ModeRows>,
    alarm: Alarm,
    gate: bool,
    drift: Option<DriftReport>,
    /// Keys of `[data]` that were held against the rows.
    disjoint_from: Vec<&'static str>,
}

/// The share of normal observations that are anomalies.
#[derive(Serialize)]
struct Rate {
    alpha: f64,
    /// Ranks of the table below alpha.
    rank: usize,
    threshold: f32,
    low: f64,
    high: f64,
    confidence: f64,
    /// The smallest alpha that the rows can show.
    smallest: f64,
}

/// An operating mode.
#[derive(Serialize)]
struct ModeRows {
    index: usize,
    rows: usize,
    own_table: bool,
}

/// The alarm, and what its replay showed.
#[derive(Serialize)]
struct Alarm {
    kappa: f64,
    arl: f64,
    every: u32,
    threshold: f32,
    /// For independent windows.
    independent: f64,
    windows: usize,
    events: usize,
    /// By how much their number varies more than that of independent ones; `None` where too few came to show it.
    dispersion: Option<f64>,
    /// Of alarms, or of crowds of them without a dispersion.
    upper_rate: f64,
    confidence: f64,
    /// The largest mean that so many windows can show where alarms come as uneven.
    largest_arl: f64,
    /// Windows of the least p-value, one after the other, that raise it.
    shortest: Option<usize>,
    /// Whether the windows of the table were replayed.
    is_own: bool,
}

/// The monitor of drift, and what its replay showed.
#[derive(Serialize)]
struct DriftReport {
    lambda: f64,
    threshold: f32,
    windows: usize,
    events: usize,
    /// As for the alarm.
    dispersion: Option<f64>,
    upper_rate: f64,
}

impl Report {
    /// The report of what `edit` writes.
    pub fn new(loaded: &Loaded, normal: &NormalData, edit: &Edit<'_>) -> Self {
        let (fitted, tables, asked) = (edit.fitted, edit.tables, edit.asked);
        let [low, high] = fitted.rate;
        let smallest = Cut::least_alpha_ppm(&fitted.scores, asked.tail) as f64 / PARTS;
        let replay = &fitted.replay;
        Self {
            model: loaded.model.name.clone(),
            precision: tables.precision.name(),
            kind: edit.score.kind.name(),
            tail: asked.tail.name(),
            given: normal.sets().map(|set| set.scores.len()).sum(),
            not_finite: normal.unfit,
            outside: normal.sets().map(|set| set.outside()).sum(),
            rows: fitted.scores.count(),
            basis: tables.basis.name(),
            exchangeable: tables.basis,
            rate: Rate {
                alpha: edit.score.alpha,
                rank: fitted.cut.rank,
                threshold: fitted.cut.threshold,
                low,
                high,
                confidence: CONFIDENCE,
                smallest,
            },
            modes: modes(edit),
            alarm: Alarm {
                kappa: asked.goal.kappa,
                arl: asked.goal.arl,
                every: tables.every,
                threshold: replay.design.h,
                independent: replay.independent,
                windows: replay.windows,
                events: replay.events,
                dispersion: replay.dispersion,
                upper_rate: replay.upper,
                confidence: UPPER,
                largest_arl: replay.largest_arl(),
                shortest: replay.shortest(fitted.most_surprise),
                is_own: normal.windows.is_none() || normal.rows.is_none(),
            },
            gate: tables.gate.is_some(),
            drift: tables.drift.as_ref().map(|drift| DriftReport {
                lambda: drift.lambda,
                threshold: drift.replay.bounded.threshold,
                windows: drift.replay.windows,
                events: drift.replay.bounded.events,
                dispersion: drift.replay.bounded.dispersion,
                upper_rate: drift.replay.bounded.upper,
            }),
            disjoint_from: edit.seen.keys().collect(),
        }
    }
}

/// The modes that the rows have.
fn modes(edit: &Edit<'_>) -> Vec<ModeRows> {
    let mode = |(index, scores): &(usize, elbow::detect::Scores)| ModeRows {
        index: *index,
        rows: scores.count(),
        own_table: scores.count() >= LEAST_OF_MODE,
    };
    edit.fitted.modes.iter().map(mode).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, .. } = self;
        writeln!(
            f,
            "{} in {}, score {}, tail {}",
            self.model, self.precision, self.kind, self.tail
        )?;
        writeln!(
            f,
            "table: {} disjoint of {} normal rows ({} windows with readings that are not finite were left out; {} are beyond the range of the integers)",
            self.rows, self.given, self.not_finite, self.outside
        )?;
        writeln!(f, "{}", assumption(self.exchangeable))?;
        writeln!(
            f,
            "rate: p <= {} is a score below {} (rank {}); with {} % confidence between {:.3} % and {:.3} % of normal windows are anomalies; the smallest rate that these rows show is {:.4} %",
            rate.alpha,
            rate.threshold,
            rate.rank,
            100.0 * rate.confidence,
            100.0 * rate.low,
            100.0 * rate.high,
            100.0 * rate.smallest
        )?;
        for mode in &self.modes {
            let table =
                if mode.own_table { "a table of its own" } else { "the table of all modes" };
            writeln!(f, "mode {}: {} rows, {table}", mode.index, mode.rows)?;
        }
        self.alarm_text(f)?;
        match &self.drift {
            Some(drift) => writeln!(
                f,
                "drift: threshold {}, {} reports in {} windows",
                drift.threshold, drift.events, drift.windows
            )?,
            None => writeln!(f, "drift: not monitored, the model has no single posterior")?,
        }
        let gate = match self.gate {
            true => "limits of the sensor by the recordings",
            false => {
                "no recording, so that the limits of the sensor stay as they are; give --recording"
            }
        };
        writeln!(f, "gate: {gate}")
    }
}

impl Report {
    /// Writes the lines about the alarm.
    fn alarm_text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alarm, .. } = self;
        let uneven = match alarm.dispersion {
            Some(dispersion) => format!(
                ", and their number varies {dispersion:.1} times as much as that of independent ones,"
            ),
            None => ", too few to show whether they come in crowds,".into(),
        };
        let (approximately, between) = match alarm.dispersion {
            Some(_) => ("approximately ", "two"),
            None => ("", "two crowds of alarms"),
        };
        writeln!(
            f,
            "alarm: threshold {} (independent windows: {:.3}), one window in {} scored; the replay of {} windows{} had {} alarms{uneven} so that with {approximately}{} % confidence there are at least {:.0} windows between {between} (asked: {}, most that so many windows show: {:.0})",
            alarm.threshold,
            alarm.independent,
            alarm.every,
            alarm.windows,
            if alarm.is_own { ", those of the table," } else { "" },
            alarm.events,
            100.0 * alarm.confidence,
            1.0 / alarm.upper_rate,
            alarm.arl,
            alarm.largest_arl
        )?;
        match alarm.shortest {
            Some(windows) => writeln!(f, "alarm: at the soonest after {windows} scored windows"),
            None => writeln!(
                f,
                "alarm: never, so few rows have no p-value that is small enough; record more"
            ),
        }
    }
}
