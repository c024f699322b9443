//! The devices that models can be sent to.

use crate::{Error, Result};
use elbow_toolchain::{CORTEX_M0, CORTEX_M3, CORTEX_M4, CORTEX_M33};

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
    /// Features of the package.
    pub features: &'static [&'static str],
    /// Ticks of its timer in a million instructions, where the emulator counts them; anything else is
    /// wall-clock time.
    pub ticks_per_million: u32,
}

/// A board of MPS2 without TrustZone, whose timer runs at 25 MHz.
const MPS2: Target = Target {
    name: "",
    triple: "",
    machine: "",
    package: "qemu-mps2",
    features: &[],
    ticks_per_million: 25_000,
};

/// Every target. QEMU has no big board with an M0: its code runs on the M3, which executes all of it.
pub const TARGETS: [Target; 6] = [
    Target { name: "qemu-m0", triple: CORTEX_M0, machine: "mps2-an385", ..MPS2 },
    Target { name: "qemu-m3", triple: CORTEX_M3, machine: "mps2-an385", ..MPS2 },
    Target { name: "qemu-m4", triple: CORTEX_M4, machine: "mps2-an386", ..MPS2 },
    Target { name: "qemu-m7", triple: CORTEX_M4, machine: "mps2-an500", ..MPS2 },
    Target {
        name: "qemu-m33",
        triple: CORTEX_M33,
        machine: "mps2-an505",
        features: &["an505"],
        ticks_per_million: 20_000,
        ..MPS2
    },
    Target {
        name: "qemu-m55",
        triple: CORTEX_M33,
        machine: "mps3-an547",
        features: &["an547"],
        ticks_per_million: 32_000,
        ..MPS2
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
