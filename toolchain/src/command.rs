//! Output of other programs.

use std::process::{Command, Stdio};

/// First line that a command prints to stdout; `None` where it cannot be run, fails, or prints nothing. Its
/// stdin is empty, and stderr is dropped.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text =
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned());
    text?.lines().next().map(str::to_owned)
}
