//! Pages with commands, and what those print.

use crate::common::elbow_in;
use std::path::Path;

/// The page with what the commands in its blocks of `console` print in `folder`, run one after the other.
pub fn answered(text: &str, folder: &Path) -> String {
    let (mut answered, mut is_console) = (String::new(), false);
    for line in text.lines() {
        match line.strip_prefix("$ ") {
            Some(words) if is_console => {
                answered += &format!("{line}\n{}", printed(words, folder));
                continue;
            }
            _ if line == "```console" => is_console = true,
            _ if line == "```" => is_console = false,
            _ if is_console => continue,
            _ => {}
        }
        answered += line;
        answered += "\n";
    }
    answered
}

/// What `elbow` with these words prints in `folder`: its report, or the error of a command that refuses.
fn printed(line: &str, folder: &Path) -> String {
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("elbow"), "{line}");
    let started = std::time::Instant::now();
    let outcome = elbow_in(folder, &words.collect::<Vec<_>>());
    println!("{:.1} s: {line}", started.elapsed().as_secs_f64());
    match outcome.code {
        0 => outcome.stdout,
        2 => outcome.stderr,
        code => panic!("{line}: exit code {code}, {}", outcome.stderr),
    }
}
