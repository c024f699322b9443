//! What work costs: processor time, which other work on the machine does not lengthen, and memory.

use std::process::Command;

/// What a child process works on.
const CASE: &str = "ELBOW_TEST_CASE";
/// In front of what a child says.
const MARK: &str = "SPENT ";

/// What a child process spent, and what came of it.
#[derive(Clone, Debug)]
pub struct Spent {
    /// Processor time of the work.
    pub seconds: f64,
    /// The most memory that the process had, all in all.
    pub kilobytes: u64,
    /// One line.
    pub message: String,
}

/// Seconds that the processor has spent on this thread.
///
/// # Panics
///
/// The system does not count them: Linux does.
pub fn cpu_seconds() -> f64 {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts");
    let nanoseconds = counts.split_whitespace().next().and_then(|count| count.parse::<f64>().ok());
    nanoseconds.expect("nanoseconds") / 1e9
}

/// The case that this process is to work on, where it is the child of a test.
pub fn case() -> Option<String> {
    std::env::var(CASE).ok()
}

/// Works as a child, and tells the parent.
///
/// # Panics
///
/// The system does not say how much memory the process had.
pub fn tell(work: impl FnOnce() -> String) {
    let start = cpu_seconds();
    let message = work();
    let seconds = cpu_seconds() - start;
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|line| line.split_whitespace().next()).expect("VmHWM");
    println!("{MARK}{seconds} {kilobytes} {}", message.replace('\n', " "));
}

/// Runs a test of this executable as a child that works on this case.
///
/// # Errors
///
/// It panicked, and this is what it said.
///
/// # Panics
///
/// It cannot be started.
pub fn of_child(test: &str, case: &str) -> Result<Spent, String> {
    let child = Command::new(std::env::current_exe().expect("a test"))
        .args(["--exact", test, "--nocapture"])
        .env(CASE, case)
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&child.stdout);
    let said = text.split_once(MARK).and_then(|(_, rest)| rest.lines().next());
    let mut parts = said.unwrap_or_default().splitn(3, ' ');
    let seconds = parts.next().and_then(|part| part.parse().ok());
    let kilobytes = parts.next().and_then(|part| part.parse().ok());
    match (seconds, kilobytes, child.status.success()) {
        (Some(seconds), Some(kilobytes), true) => {
            Ok(Spent { seconds, kilobytes, message: parts.next().unwrap_or_default().into() })
        }
        _ => Err(format!("it panicked: {}", String::from_utf8_lossy(&child.stderr))),
    }
}
