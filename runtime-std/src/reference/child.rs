//! A reference's own process: how it is started, and how it ends.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// First argument of a program that is started for a reference.
pub const SUBCOMMAND: &str = "reference";
/// Wall time of a child.
const TIME_LIMIT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(5);
/// What the child writes to stdout and stderr.
const LOG: &str = "log";
/// What the child says has failed; without it the log has to do.
pub(super) const COMPLAINT: &str = "complaint";
/// The runtime's version, which the child writes as soon as it has a runtime.
pub(super) const VERSION: &str = "version";

/// How a child has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It wrote outputs; the version of its runtime.
    Answered(String),
    /// The runtime has failed, and says why.
    Failed(String),
    /// Before there was a runtime, and why.
    NotReady(String),
    /// Well, but without a runtime: it is another program. What it wrote.
    Another(String),
    /// It was stopped after this many seconds.
    TooLong(u64),
}

/// How `program` ends, started with [`SUBCOMMAND`], the request's `folder` and more `arguments`, for which
/// this waits; it is killed after 300 s.
///
/// # Errors
///
/// An environment error where the process cannot be started or waited for.
pub(super) fn run(program: &Path, folder: &Path, arguments: &[&Path]) -> Result<End> {
    let start = |error: std::io::Error| {
        Error::environment(format!(
            "cannot start the reference process: {error}; start elbow by its full path"
        ))
    };
    let mut command = Command::new(program);
    command.arg(SUBCOMMAND).arg(folder).args(arguments);
    ended(command, folder, TIME_LIMIT).map_err(start)
}

/// How `command` ends: removes complaint and version of an earlier child in `folder`, writes its output to
/// the log there, and kills it after `limit`. An I/O error where it cannot be started or waited for.
fn ended(mut command: Command, folder: &Path, limit: Duration) -> std::io::Result<End> {
    for file in [COMPLAINT, VERSION] {
        // Another child may have left it; mostly there is none.
        let _ = fs::remove_file(folder.join(file));
    }
    let log = File::create(folder.join(LOG))?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut child = command.spawn()?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if started.elapsed() > limit => {
                child.kill()?;
                child.wait()?;
                return Ok(End::TooLong(limit.as_secs()));
            }
            None => std::thread::sleep(POLL),
        }
    };
    let version = fs::read_to_string(folder.join(VERSION));
    Ok(match (status.success(), version) {
        (true, Ok(version)) => End::Answered(one_line(&version)),
        (false, Ok(_)) => End::Failed(complaint(folder, status)),
        (true, Err(_)) => End::Another(complaint(folder, status)),
        (false, Err(_)) => End::NotReady(complaint(folder, status)),
    })
}

/// What the child said, in one line: its complaint, else its log, else its exit status.
fn complaint(folder: &Path, status: ExitStatus) -> String {
    let read = |file: &str| {
        fs::read(folder.join(file)).map(|text| String::from_utf8_lossy(&text).into_owned())
    };
    let said = read(COMPLAINT).or_else(|_| read(LOG)).unwrap_or_default();
    let line = one_line(said.trim_start_matches("error: "));
    if line.is_empty() { format!("it ended with {status}") } else { line }
}

/// The words of `text` on one line, cut after 300 characters with ` ...` behind them.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> End {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh"]).arg(folder.path());
        ended(command, folder.path(), limit).expect("a shell starts")
    }

    #[test]
    fn a_child_that_hangs_is_stopped() {
        let started = Instant::now();
        let end = shell("exec sleep 60", Duration::from_millis(100));
        assert_eq!(end, End::TooLong(0));
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    }

    #[test]
    fn an_end_is_told_by_version_and_status() {
        let end = |script| shell(script, TIME_LIMIT);
        assert_eq!(end("echo 1.2.3 > $1/version"), End::Answered("1.2.3".into()));
        assert_eq!(end("echo text"), End::Another("text".into()));
        assert_eq!(end("echo text; exit 1"), End::NotReady("text".into()));
        let failed =
            end("echo 1 > $1/version; echo log; echo 'error:  of  two' > $1/complaint; exit 1");
        assert_eq!(failed, End::Failed("of two".into()));
        assert_eq!(
            end("echo 1 > $1/version; exit 1"),
            End::Failed("it ended with exit status: 1".into())
        );
    }
}
