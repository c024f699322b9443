//! Looks for QEMU, the emulator.

use crate::ToolError;
use crate::command::output;
use crate::debian::apt_line;
use std::process::Command;

/// The emulator, found in `PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulator {
    /// The program's name.
    pub program: &'static str,
    /// First line of its `--version`.
    pub version: String,
}

/// The `qemu-system-arm` in `PATH`, and its version.
///
/// # Errors
///
/// Where it is missing, with the command that installs it.
pub fn emulator() -> Result<Emulator, ToolError> {
    let program = "qemu-system-arm";
    let version = output(Command::new(program).arg("--version")).ok_or_else(|| {
        ToolError::new(format!(
            "no emulator `{program}`: run `{}`, or install QEMU's Arm system emulator as your system does",
            apt_line(&[program])
        ))
    })?;
    Ok(Emulator { program, version })
}
