//! The emulated machines.

use crate::timing::{CORTEX_M0, CORTEX_M3, CORTEX_M4, Timing};

/// A machine of QEMU on which images of a core run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// The core, as targets name it: `m4`.
    pub core: &'static str,
    /// QEMU's name of the board.
    pub board: &'static str,
    /// Where code goes.
    pub flash: Memory,
    /// Where data goes.
    pub ram: Memory,
    /// Where large data goes, if RAM is too small for it.
    pub big: Option<Memory>,
    /// Nanoseconds of virtual time in a tick of SysTick: instructions under `-icount shift=0`.
    pub tick: f64,
    /// What its instructions cost, where Arm has published it.
    pub timing: Option<&'static Timing>,
}

/// A range of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// First address.
    pub origin: u32,
    /// Bytes.
    pub length: u32,
}

const fn memory(origin: u32, length: u32) -> Memory {
    Memory { origin, length }
}

const MIB: u32 = 1 << 20;

/// One machine per core. ARMv6-M code runs on the Cortex-M3 board: the same instructions execute,
/// and QEMU's only Cortex-M0 has 16 KiB of memory.
pub const MACHINES: [Machine; 6] = [
    mps2("m0", "mps2-an385", Some(&CORTEX_M0)),
    mps2("m3", "mps2-an385", Some(&CORTEX_M3)),
    mps2("m4", "mps2-an386", Some(&CORTEX_M4)),
    mps2("m7", "mps2-an500", None),
    Machine {
        core: "m33",
        board: "mps2-an505",
        flash: memory(0x1000_0000, 4 * MIB),
        ram: memory(0x3800_0000, 4 * MIB),
        big: None,
        tick: 50.0,
        timing: None,
    },
    Machine {
        core: "m55",
        board: "mps3-an547",
        flash: memory(0, MIB / 2),
        ram: memory(0x2000_0000, MIB / 2),
        big: Some(memory(0x6000_0000, 16 * MIB)),
        tick: 31.25,
        timing: None,
    },
];

const fn mps2(core: &'static str, board: &'static str, timing: Option<&'static Timing>) -> Machine {
    Machine {
        core,
        board,
        flash: memory(0, 4 * MIB),
        ram: memory(0x2000_0000, 4 * MIB),
        big: None,
        tick: 40.0,
        timing,
    }
}

/// The machine of a core.
pub fn machine(core: &str) -> Option<&'static Machine> {
    MACHINES.iter().find(|machine| machine.core == core)
}
