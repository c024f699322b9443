//! The table of cores; looks for their compiler, linker and emulator, and builds firmware.
//!
//! Where an installed Rust toolchain has the target, that is used. Otherwise, on Debian, the
//! distribution's own pair of rustc and cargo compiles `core` from its source package. Otherwise
//! the error says which commands to type. Nothing here installs anything, except [`install`], which only
//! `cargo xtask` calls.

mod boards;
mod build;
mod command;
mod cores;
mod debian;
mod emulator;
mod missing;
mod script;

pub use boards::{BOARDS, Board, BoardBuild, BoardProgram, DriveFile, build_board};
pub use build::{Build, Compiler, build_firmware, build_library};
pub use cores::{
    CORES, CORTEX_M0, CORTEX_M3, CORTEX_M4, CORTEX_M33, Core, Kernels, Machine, Region,
    compiler_targets,
};
pub use emulator::{Emulator, emulator};
pub use missing::{Missing, install, missing_compilers, missing_emulator};
pub use script::memory_script;

/// A message of what failed, where possible with the commands that mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolError(String);

impl ToolError {
    /// An error that prints this message, which should name the remedy.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for ToolError {
    /// Writes the message.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ToolError {}
