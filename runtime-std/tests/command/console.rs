//! Pages with commands, and what those print.

use crate::common::elbow_in;
use elbow_tests::pages;
use std::path::Path;

/// The page with what `elbow` prints in `folder` for the commands in its blocks of `console`, run one after the other;
/// other commands keep their output.
pub fn answered(text: &str, folder: &Path) -> String {
    pages::answered(text, |line| Some(printed(line.strip_prefix("elbow ")?, folder)))
}

/// What `elbow` with these words prints in `folder`: its report, and the error of a command that refuses or whose
/// check failed.
fn printed(words: &str, folder: &Path) -> String {
    let started = std::time::Instant::now();
    let outcome = elbow_in(folder, &words.split_whitespace().collect::<Vec<_>>());
    println!("{:.1} s: elbow {words}", started.elapsed().as_secs_f64());
    match outcome.code {
        0 => outcome.stdout,
        1 | 2 => outcome.stdout + &outcome.stderr,
        code => panic!("{words}: exit code {code}, {}", outcome.stderr),
    }
}
