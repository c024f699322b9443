//! Faults that begin within a recording and last to its end.

use super::super::recorded::Recorded;
use super::super::sequence::Sequence;
use super::super::table::Judge;
use super::{Case, Faultless, Found, Injected, cases, share};
use elbow::manifest::{Score, Window};
use elbow::scoring::RowScore;
use elbow::scoring::faults::{Normal, inject_into_recording};
use elbow::{Error, Result};
use serde::Serialize;

/// What else is found where the fault is in a recording.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct InRecording {
    /// Share of windows at which the latents have drifted; `null` without a reference.
    pub by_drift: Option<f64>,
    /// Alarms since the fault began, each acknowledged at once; `null` without `[score.alarm]`.
    pub alarms: Option<usize>,
    /// Whether chance raises so many alarms in fewer than one of twenty recordings.
    #[serde(skip)]
    pub is_alarmed: bool,
    /// Readings from the first faulty one to the end of the first window that is found, both counted.
    pub after: After,
}

/// How soon a fault was found, by each of what may find it; `null` where it was not.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct After {
    pub gate: Option<usize>,
    pub score: Option<usize>,
    pub drift: Option<usize>,
    pub alarm: Option<usize>,
}

/// Where in a recording a fault is, and in which windows.
#[derive(Clone, Copy)]
struct FaultSpan {
    /// Number of the first faulty reading.
    since: usize,
    /// Readings of a window.
    length: usize,
}

/// Every fault in the recording, from a third of its readings on.
///
/// # Errors
///
/// An input error where no window holds faulty readings alone, and what the twin refuses.
pub fn injected(
    faultless: Faultless<'_>,
    window: &Window,
    recorded: &Recorded,
) -> Result<Injected> {
    let Faultless { loaded, score, settings, table, .. } = faultless;
    let readings = recorded.recording.values.len() / window.channels.max(1);
    let place = FaultSpan { since: readings / 3, length: window.length };
    let windows = recorded.windows.iter().filter(|due| place.is_faulty(due.reading)).count();
    if windows == 0 {
        return Err(Error::input(format!(
            "--inject lets a fault begin after a third of the {readings} readings, and no window of {} lies behind that; give a longer recording",
            window.length
        )));
    }
    let normal = Normal { mean: &window.mean, std: &window.std };
    let calibration = table.judge().calibration();
    let mut faults = Vec::new();
    for (fault, channel) in cases(window.channels) {
        let mut recording = recorded.recording.clone();
        let of = channel.unwrap_or(0);
        let faulty = &mut recording.values[place.since * window.channels..];
        inject_into_recording(fault, of, normal, window.length, faulty);
        let faulty =
            Recorded::of(loaded, window, (recording, recorded.times.clone()), calibration)?;
        let rows = faulty.rows(loaded, settings)?;
        let both = by_window(recorded, table.rows()).zip(by_window(&faulty, &rows));
        let better = both
            .zip(&recorded.windows)
            .filter(|(_, due)| place.is_faulty(due.reading))
            .filter_map(|((normal, faulty), _)| normal.zip(faulty))
            .filter(|(normal, faulty)| faulty.score > normal.score)
            .count();
        let better_than_normal = share(better, windows);
        let found = found(score, table.judge(), (&faulty, &rows), place);
        faults.push(Case { fault: fault.name(), channel, found, better_than_normal });
    }
    let without_fault = found(score, table.judge(), (recorded, table.rows()), place);
    let report = Injected::new(windows, table.judge(), without_fault, faults);
    Ok(Injected { since: Some(place.since), ..report })
}

impl FaultSpan {
    /// Whether the window whose last reading has this number holds faulty readings alone.
    fn is_faulty(&self, reading: usize) -> bool {
        reading + 1 >= self.since + self.length
    }
}

/// The row of each window that was due; `None` for one that is not scored.
fn by_window<'r>(
    recorded: &'r Recorded,
    rows: &'r [RowScore],
) -> impl Iterator<Item = Option<&'r RowScore>> {
    let mut rows = rows.iter();
    recorded.windows.iter().map(move |due| if due.is_scored { rows.next() } else { None })
}

/// What found one window, of those that may.
struct Finders {
    reading: usize,
    gate: bool,
    score: bool,
    drift: bool,
    alarm: bool,
}

/// What is found in a recording with its scored rows.
fn found(score: &Score, judge: &Judge, of: (&Recorded, &[RowScore]), place: FaultSpan) -> Found {
    let (recorded, rows) = of;
    let calibration = judge.calibration();
    let sequence = calibration.and_then(|own| Sequence::of(score, own, by_window(recorded, rows)));
    let mut raised = sequence.iter().flat_map(Sequence::raised).copied();
    let windows = by_window(recorded, rows).zip(&recorded.windows).map(|(row, due)| Finders {
        reading: due.reading,
        gate: due.fault.is_some(),
        score: row.and_then(|row| judge.is_anomaly(row)).unwrap_or(false),
        drift: due.is_drift,
        alarm: due.is_scored && raised.next().unwrap_or(false),
    });
    let windows: Vec<Finders> = windows.collect();
    let faulty = || windows.iter().filter(|own| place.is_faulty(own.reading));
    let part =
        |is: fn(&Finders) -> bool| share(faulty().filter(|own| is(own)).count(), faulty().count());
    let after = |is: fn(&Finders) -> bool| {
        let mut since = windows.iter().filter(|own| own.reading >= place.since);
        since.find(|own| is(own)).map(|own| own.reading + 1 - place.since)
    };
    let before = recorded.windows.iter().filter(|due| due.reading < place.since);
    let alarms =
        sequence.as_ref().map(|own| own.alarms(before.filter(|due| due.is_scored).count()));
    let watches_drift = calibration.is_some_and(|own| own.drift.is_some());
    Found {
        by_gate: part(|own| own.gate),
        by_score: judge.decides().then(|| part(|own| own.score)),
        in_recording: Some(InRecording {
            by_drift: watches_drift.then(|| part(|own| own.drift)),
            alarms: alarms.as_ref().map(|own| own.raised),
            is_alarmed: alarms.as_ref().is_some_and(|own| own.is_beyond_chance()),
            after: After {
                gate: after(|own| own.gate),
                score: after(|own| own.score),
                drift: after(|own| own.drift),
                alarm: after(|own| own.alarm),
            },
        }),
    }
}
