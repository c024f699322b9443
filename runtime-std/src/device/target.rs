//! The devices that models can be sent to.

use crate::lower::Core;
use crate::{Error, Result};
use elbow_emulator::Machine;
use elbow_toolchain::{CORTEX_M0, CORTEX_M3, CORTEX_M4, CORTEX_M33};

/// An emulated board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name on the command line.
    pub name: &'static str,
    /// Compiler target.
    pub triple: &'static str,
    /// QEMU's name of the board.
    pub board: &'static str,
    /// Package of the firmware.
    pub package: &'static str,
    /// Features of the package.
    pub features: &'static [&'static str],
    /// Whose integer kernels it runs.
    pub core: Core,
    /// Ticks of its timer in a million instructions, where the emulator counts them; anything else is
    /// wall-clock time.
    pub ticks_per_million: u32,
}

/// A board of MPS2 without TrustZone, whose timer runs at 25 MHz.
const MPS2: Target = Target {
    name: "",
    triple: "",
    board: "",
    package: "qemu-mps2",
    features: &[],
    core: Core::Plain,
    ticks_per_million: 25_000,
};

/// Every target. QEMU has no big board with an M0: its code runs on the M3, which executes all of it.
pub const TARGETS: [Target; 6] = [
    Target { name: "qemu-m0", triple: CORTEX_M0, board: "mps2-an385", ..MPS2 },
    Target { name: "qemu-m3", triple: CORTEX_M3, board: "mps2-an385", ..MPS2 },
    Target { name: "qemu-m4", triple: CORTEX_M4, board: "mps2-an386", core: Core::Dsp, ..MPS2 },
    Target { name: "qemu-m7", triple: CORTEX_M4, board: "mps2-an500", core: Core::Dsp, ..MPS2 },
    Target {
        name: "qemu-m33",
        triple: CORTEX_M33,
        board: "mps2-an505",
        features: &["an505"],
        core: Core::Dsp,
        ticks_per_million: 20_000,
        ..MPS2
    },
    Target {
        name: "qemu-m55",
        triple: CORTEX_M33,
        board: "mps3-an547",
        features: &["an547"],
        core: Core::Helium,
        ticks_per_million: 32_000,
        ..MPS2
    },
];

impl Target {
    /// The emulated machine, with its memory and what instructions cost on its core.
    ///
    /// # Errors
    ///
    /// Where the target is not emulated.
    pub fn machine(&self) -> Result<&'static Machine> {
        let machine = self.name.strip_prefix("qemu-").and_then(elbow_emulator::machine);
        machine.ok_or_else(|| Error::input(format!("{} is not emulated", self.name)))
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_machine_of_the_emulator() {
        for target in TARGETS {
            let machine = target.machine().expect(target.name);
            assert_eq!(machine.board, target.board, "{}", target.name);
            let tick = 1e6 / f64::from(target.ticks_per_million);
            assert_eq!(machine.tick, tick, "{}", target.name);
        }
    }
}
