//! The table of faults as text.

use super::{Case, Found, Injected};
use std::fmt;

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
        let Self { windows, decided_by, .. } = self;
        match self.since {
            Some(since) => writeln!(
                f,
                "faults from reading {since} on; shares of the {windows} windows that hold faulty readings alone, the {decided_by} decides"
            )?,
            None => writeln!(f, "faults put into {windows} windows; the {decided_by} decides")?,
        }
        if self.since.is_some() {
            writeln!(
                f,
                "(after: readings until it was found, the first faulty one and the last of the window counted)"
            )?;
        }
        let more =
            if self.since.is_some() { ["drift", "after", "alarms", "after"] } else { [""; 4] };
        let after = if self.since.is_some() { "after" } else { "" };
        let head = ["gate", after, "score", after, more[0], more[1], more[2], more[3]];
        line(f, "fault", head.map(String::from), "better than normal")?;
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

/// Writes the line of a fault; `better` is the share of windows that score better with it.
fn row(f: &mut fmt::Formatter<'_>, name: &str, found: &Found, better: Option<f64>) -> fmt::Result {
    let percent =
        |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.0} %", 100.0 * share));
    let count = |count: Option<usize>| count.map_or("-".into(), |count| count.to_string());
    let [gate, score, better] = [Some(found.by_gate), found.by_score, better].map(percent);
    let columns = match found.in_recording {
        Some(own) => [
            gate,
            count(own.after.gate),
            score,
            count(own.after.score),
            percent(own.by_drift),
            count(own.after.drift),
            count(own.alarms),
            count(own.after.alarm),
        ],
        None => {
            let [a, b, c, d, e, g] = [const { String::new() }; 6];
            [gate, a, score, b, c, d, e, g]
        }
    };
    line(f, name, columns, &better)
}

/// Writes a line; a column that is empty takes no place.
fn line(f: &mut fmt::Formatter<'_>, name: &str, columns: [String; 8], better: &str) -> fmt::Result {
    write!(f, "  {name:<24}")?;
    for (at, column) in columns.iter().enumerate().filter(|(_, column)| !column.is_empty()) {
        let width = if at % 2 == 0 { 8 } else { 6 };
        write!(f, " {column:>width$}")?;
    }
    writeln!(f, " {better:>19}")
}
