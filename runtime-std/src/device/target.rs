//! The devices that models can be sent to.

use crate::{Error, Result};

/// An emulated board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name on the command line.
    pub name: &'static str,
    /// Compiler target.
    pub triple: &'static str,
    /// QEMU's machine.
    pub machine: &'static str,
    /// Package of the firmware.
    pub package: &'static str,
}

/// Every target.
pub const TARGETS: [Target; 2] = [
    Target {
        name: "qemu-m3",
        triple: elbow_toolchain::CORTEX_M3,
        machine: "mps2-an385",
        package: "qemu-mps2",
    },
    Target {
        name: "qemu-m4",
        triple: elbow_toolchain::CORTEX_M4,
        machine: "mps2-an386",
        package: "qemu-mps2",
    },
];

impl Target {
    /// The target of this name.
    ///
    /// # Errors
    ///
    /// With the names that there are.
    pub fn named(name: &str) -> Result<Self> {
        TARGETS.into_iter().find(|target| target.name == name).ok_or_else(|| {
            let names = TARGETS.map(|target| target.name).join(", ");
            Error::input(format!("no target `{name}`: choose one of {names}"))
        })
    }
}
