//! Finds compiler, linker and emulator for a Cortex-M target, and builds firmware with them.
//!
//! Where an installed Rust toolchain has the target, that is used. Otherwise, on Debian, the
//! distribution's own pair of rustc and cargo compiles `core` from its source package. Otherwise
//! the error says which commands to type: nothing here installs anything but [`install`], which only
//! `cargo xtask` calls.

mod build;
mod command;
mod debian;
mod emulator;
mod missing;

pub use build::{Build, Compiler, build_firmware, build_library};
pub use emulator::{Emulator, emulator};
pub use missing::{Missing, install, missing_compilers, missing_emulator};

/// Cortex-M0: soft float.
pub const CORTEX_M0: &str = "thumbv6m-none-eabi";
/// Cortex-M3: soft float.
pub const CORTEX_M3: &str = "thumbv7m-none-eabi";
/// Cortex-M4F and M7: hard float, single precision.
pub const CORTEX_M4: &str = "thumbv7em-none-eabihf";
/// Cortex-M33 and M55: hard float; DSP extension and Helium are chosen in the firmware.
pub const CORTEX_M33: &str = "thumbv8m.main-none-eabihf";
/// Every compiler target. Cores that share one share its build of `core`, so no core sets flags.
pub const COMPILER_TARGETS: [&str; 4] = [CORTEX_M0, CORTEX_M3, CORTEX_M4, CORTEX_M33];

/// What failed, with the commands that mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// An error with a message that names the cure.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
