//! Progress on a terminal.

use super::output;
use elbow::watch::{RowDone, Watcher};
use indicatif::ProgressBar;

/// Shows each run as a progress bar on stderr, and prints the notes there too.
pub struct Terminal;

impl Watcher for Terminal {
    /// Shows a new bar, which the closure moves on by a row.
    fn begin(&self, task: &'static str, rows: usize) -> RowDone {
        let bar = bar(task, rows);
        Box::new(move || bar.inc(1))
    }

    /// Prints the line on stderr.
    fn note(&self, line: &str) {
        output::note(line);
    }
}

/// A progress bar of `rows` rows on stderr, hidden where that is no terminal.
pub fn bar(task: &'static str, rows: usize) -> ProgressBar {
    ProgressBar::new(rows as u64).with_prefix(task)
}
