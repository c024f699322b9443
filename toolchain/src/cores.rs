//! The table of cores: what each is compiled with, and the machine of QEMU that runs its code.
//!
//! It is the only list of cores. Builds of firmware, linker scripts, the emulator, the command's targets,
//! the bench and the tests use it; `docs/contributing/add-a-core.md` says what a new row needs beside it.

use crate::ToolError;

/// Cortex-M0: soft float.
pub const CORTEX_M0: &str = "thumbv6m-none-eabi";
/// Cortex-M3: soft float.
pub const CORTEX_M3: &str = "thumbv7m-none-eabi";
/// Cortex-M4F and M7: hard float, single precision.
pub const CORTEX_M4: &str = "thumbv7em-none-eabihf";
/// Cortex-M33 and M55: hard float; the DSP extension and Helium are features of `elbow-core`.
pub const CORTEX_M33: &str = "thumbv8m.main-none-eabihf";

/// A core, and the emulated board that runs its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    /// Name of the emulated board on the command line: `qemu-m4`.
    pub target: &'static str,
    /// Compiler target. Cores that share one share its build of `core`, so no core sets flags.
    pub triple: &'static str,
    /// The integer kernels that it runs.
    pub kernels: Kernels,
    /// QEMU's name of the board.
    pub board: &'static str,
    /// Memory and timer of the board.
    pub machine: &'static Machine,
    /// Options of the C compiler for the core.
    pub gcc: &'static [&'static str],
}

/// Integer kernels, each with a form of weights of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// Of every core.
    Plain,
    /// With the DSP extension: products of pairs.
    Dsp,
    /// With Helium: vectors.
    Helium,
}

/// Boards with the same memory and timer, and so with the same images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Name for the build scripts of images, see [`crate::memory_script`].
    pub name: &'static str,
    /// Memory from which the core reads its first stack pointer and instruction address; `None` where that is
    /// the flash.
    pub boot: Option<Region>,
    /// Where code and constants go.
    pub flash: Region,
    /// Where variables go, and the stack.
    pub ram: Region,
    /// Ticks of the board's timer, and of SysTick, in a million instructions, where the emulator counts
    /// them by `-icount shift=0`; anything else is wall-clock time.
    pub ticks_per_million: u32,
}

/// A range of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub origin: u32,
    /// Bytes.
    pub length: u32,
}

/// The range of `length` bytes from address `origin`.
const fn memory(origin: u32, length: u32) -> Region {
    Region { origin, length }
}

const MIB: u32 = 1 << 20;

/// ZBT SSRAM of the MPS2 board, as QEMU maps it for AN385, AN386 and AN500; the timer runs at 25 MHz.
const MPS2: Machine = Machine {
    name: "mps2",
    boot: None,
    flash: memory(0, 4 * MIB),
    ram: memory(0x2000_0000, 4 * MIB),
    ticks_per_million: 25_000,
};

/// SSRAM of the MPS2 board at its secure addresses, as QEMU maps it for AN505.
const AN505: Machine = Machine {
    name: "an505",
    boot: None,
    flash: memory(0x1000_0000, 4 * MIB),
    ram: memory(0x3800_0000, 4 * MIB),
    ticks_per_million: 20_000,
};

/// QSPI flash and SRAM of the MPS3 board, as QEMU maps them for AN547. The tightly coupled memories hold
/// 512 KiB each, which weights exceed; the core starts from the first, at address zero.
const AN547: Machine = Machine {
    name: "an547",
    boot: Some(memory(0, 8)),
    flash: memory(0x2800_0000, 8 * MIB),
    ram: memory(0x2100_0000, 4 * MIB),
    ticks_per_million: 32_000,
};

/// Every core. QEMU has no big board with an M0: its code runs on the M3, which executes all of it.
pub static CORES: [Core; 6] = [
    Core {
        target: "qemu-m0",
        triple: CORTEX_M0,
        kernels: Kernels::Plain,
        board: "mps2-an385",
        machine: &MPS2,
        gcc: &["-mcpu=cortex-m0"],
    },
    Core {
        target: "qemu-m3",
        triple: CORTEX_M3,
        kernels: Kernels::Plain,
        board: "mps2-an385",
        machine: &MPS2,
        gcc: &["-mcpu=cortex-m3"],
    },
    Core {
        target: "qemu-m4",
        triple: CORTEX_M4,
        kernels: Kernels::Dsp,
        board: "mps2-an386",
        machine: &MPS2,
        gcc: &["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
    },
    Core {
        target: "qemu-m7",
        triple: CORTEX_M4,
        kernels: Kernels::Dsp,
        board: "mps2-an500",
        machine: &MPS2,
        gcc: &["-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"],
    },
    Core {
        target: "qemu-m33",
        triple: CORTEX_M33,
        kernels: Kernels::Dsp,
        board: "mps2-an505",
        machine: &AN505,
        gcc: &["-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"],
    },
    Core {
        target: "qemu-m55",
        triple: CORTEX_M33,
        kernels: Kernels::Helium,
        board: "mps3-an547",
        machine: &AN547,
        gcc: &["-mcpu=cortex-m55", "-mfloat-abi=hard"],
    },
];

impl Core {
    /// The core's own name: `m4`.
    pub fn name(&self) -> &'static str {
        self.target.trim_start_matches("qemu-")
    }

    /// The core of this name, such as `m4`.
    ///
    /// # Errors
    ///
    /// Where no core has the name; the message lists all names.
    pub fn named(name: &str) -> Result<&'static Self, ToolError> {
        CORES.iter().find(|core| core.name() == name).ok_or_else(|| {
            let names: Vec<&str> = CORES.iter().map(Self::name).collect();
            ToolError::new(format!("no core `{name}`: choose one of {}", names.join(", ")))
        })
    }

    /// Whether floats are calculated by library functions, because the core has no floating-point unit.
    pub fn has_soft_float(&self) -> bool {
        !self.triple.ends_with("hf")
    }

    /// Number of instructions in a tick of the board's timer, under `-icount shift=0`.
    pub fn tick(&self) -> f64 {
        1e6 / f64::from(self.machine.ticks_per_million)
    }

    /// Cargo features of an image for this core: those of its integer kernels, and that of the start-up code
    /// where it does not boot from the flash; empty for a core with plain kernels that does.
    pub(crate) fn features(&self) -> Vec<&'static str> {
        let kernels = match self.kernels {
            Kernels::Plain => None,
            Kernels::Dsp => Some("elbow-core/dsp"),
            Kernels::Helium => Some("elbow-core/helium"),
        };
        let start = self.machine.boot.map(|_| "cortex-m-rt/set-vtor");
        kernels.into_iter().chain(start).collect()
    }
}

/// The compiler targets of all cores, each once, in the order of the table.
pub fn compiler_targets() -> Vec<&'static str> {
    distinct(|core| core.triple)
}

/// The machines of all cores, each once, in the order of the table.
pub(crate) fn machines() -> Vec<&'static Machine> {
    distinct(|core| core.machine)
}

/// What `of` gives for each core, in the order of the table; of equal values only the first.
fn distinct<T: PartialEq>(of: impl Fn(&'static Core) -> T) -> Vec<T> {
    let mut all = Vec::new();
    for value in CORES.iter().map(of) {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

impl Machine {
    /// The text of the linker script `memory.x`. Where the core does not boot from the flash, it also places
    /// the two words that the core reads at reset, from the symbols `_stack_start` and `Reset`.
    pub fn memory_x(&self) -> String {
        let line = |name: &str, memory: Region| {
            format!("  {name} : ORIGIN = {:#010x}, LENGTH = {:#x}\n", memory.origin, memory.length)
        };
        let boot = self.boot.map_or_else(String::new, |boot| line("BOOT", boot));
        let (flash, ram) = (line("FLASH", self.flash), line("RAM", self.ram));
        let sections = if self.boot.is_some() { BOOT_SECTION } else { "" };
        format!("MEMORY\n{{\n{boot}{flash}{ram}}}\n{sections}")
    }
}

/// What the core reads at reset; the start-up code then moves to the vector table.
const BOOT_SECTION: &str = "\
SECTIONS
{
  .boot ORIGIN(BOOT) :
  {
    LONG(_stack_start);
    LONG(Reset | 1);
  } > BOOT
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_found_by_its_name() {
        for core in &CORES {
            assert_eq!(Core::named(core.name()), Ok(core));
            assert_eq!(core.target, format!("qemu-{}", core.name()));
        }
        let error = Core::named("m9").expect_err("no core").to_string();
        assert!(error.contains("m9") && error.contains("m0, m3, m4, m7, m33, m55"), "{error}");
    }

    #[test]
    fn what_cores_share_is_listed_once() {
        let (targets, machines) = (compiler_targets(), machines());
        for core in &CORES {
            let of_target = targets.iter().filter(|target| **target == core.triple);
            let of_machine = machines.iter().filter(|machine| machine.name == core.machine.name);
            assert_eq!((of_target.count(), of_machine.count()), (1, 1), "{}", core.target);
        }
    }

    #[test]
    fn what_the_triple_does_not_say_is_a_feature() {
        let features = |name: &str| Core::named(name).expect("a core").features();
        assert_eq!(features("m3"), [""; 0]);
        assert_eq!(features("m33"), ["elbow-core/dsp"]);
        assert_eq!(features("m55"), ["elbow-core/helium", "cortex-m-rt/set-vtor"]);
    }

    #[test]
    fn a_machine_that_starts_in_its_flash_needs_no_other_section() {
        let expected = "MEMORY\n{\n  FLASH : ORIGIN = 0x10000000, LENGTH = 0x400000\n  \
                        RAM : ORIGIN = 0x38000000, LENGTH = 0x400000\n}\n";
        assert_eq!(AN505.memory_x(), expected);
        let script = AN547.memory_x();
        assert!(script.contains("  BOOT : ORIGIN = 0x00000000, LENGTH = 0x8\n"), "{script}");
        assert!(script.contains("LONG(Reset | 1)"), "{script}");
    }
}
