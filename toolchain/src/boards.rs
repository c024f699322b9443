//! The table of real boards: what each is built for, how much memory it has, and what a debug probe calls it.
//!
//! Builds, the tests of images and those against the probe's own table use it; the linker scripts beside the crates
//! are held against it.

use crate::build::{CargoBuild, build};
use crate::cores::{CORTEX_M0, CORTEX_M4, CORTEX_M33};
use crate::{Region, ToolError};
use std::path::{Path, PathBuf};

/// A board that can be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Name on the command line, and of the feature of its crate.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// The crate below `firmware/boards`.
    pub package: &'static str,
    /// Compiler target.
    pub triple: &'static str,
    /// The chip, as a debug probe's `--chip` has it.
    pub chip: &'static str,
    /// Flash that an image may fill.
    pub flash: Region,
    /// RAM that variables and stack may fill.
    pub ram: Region,
    /// Cycles of the core in a second, as the image sets it.
    pub hertz: u32,
    /// Whether the core has a floating-point unit, which its compiler target then uses.
    pub has_fpu: bool,
    /// What the drive takes that the board shows as without a debug probe; `None` where a probe is on the board.
    pub drive: Option<DriveFile>,
}

/// A file that flashes a board when it is copied onto the board's drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriveFile {
    /// Microsoft's UF2, with the number of the chip's family.
    Uf2 {
        /// By the list of families in the repository of the format.
        family: u32,
    },
    /// Intel's hexadecimal file.
    Hex,
}

/// A program of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardProgram {
    /// Answers requests of the host, with any models.
    Parity,
    /// Reads a sensor and tells what it finds, with one model that has a window.
    Sensor,
    /// Erases, writes and reads back sectors of the flash, for the tests; the Pico's alone.
    Flash,
}

/// The range of memory from `origin` to `end`.
const fn memory(origin: u32, end: u32) -> Region {
    Region { origin, length: end - origin }
}

const MIB: u32 = 1 << 20;
const KIB: u32 = 1 << 10;

/// Every board.
pub static BOARDS: [Board; 7] = [
    Board {
        name: "pico",
        title: "Raspberry Pi Pico",
        package: "rp",
        triple: CORTEX_M0,
        chip: "RP2040",
        flash: memory(0x1000_0000, 0x1000_0000 + 2 * MIB),
        ram: memory(0x2000_0000, 0x2000_0000 + 256 * KIB),
        hertz: 125_000_000,
        has_fpu: false,
        drive: Some(DriveFile::Uf2 { family: 0xe48b_ff56 }),
    },
    Board {
        name: "pico2",
        title: "Raspberry Pi Pico 2",
        package: "rp",
        triple: CORTEX_M33,
        chip: "RP235x",
        flash: memory(0x1000_0000, 0x1000_0000 + 4 * MIB),
        ram: memory(0x2000_0000, 0x2000_0000 + 512 * KIB),
        hertz: 150_000_000,
        has_fpu: true,
        drive: Some(DriveFile::Uf2 { family: 0xe48b_ff59 }),
    },
    Board {
        name: "microbit-v2",
        title: "BBC micro:bit v2",
        package: "nrf",
        triple: CORTEX_M4,
        chip: "nRF52833_xxAA",
        flash: memory(0, 512 * KIB),
        ram: memory(0x2000_0000, 0x2000_0000 + 128 * KIB),
        hertz: 64_000_000,
        has_fpu: true,
        drive: Some(DriveFile::Hex),
    },
    Board {
        name: "nrf52840-dk",
        title: "Nordic nRF52840-DK",
        package: "nrf",
        triple: CORTEX_M4,
        chip: "nRF52840_xxAA",
        flash: memory(0, MIB),
        ram: memory(0x2000_0000, 0x2000_0000 + 256 * KIB),
        hertz: 64_000_000,
        has_fpu: true,
        drive: None,
    },
    Board {
        name: "xiao-sense",
        title: "Seeed XIAO nRF52840 Sense",
        package: "nrf",
        triple: CORTEX_M4,
        chip: "nRF52840_xxAA",
        // Behind its bootloader.
        flash: memory(0x2_7000, 0xf_4000),
        ram: memory(0x2000_0008, 0x2000_0000 + 256 * KIB),
        hertz: 64_000_000,
        has_fpu: true,
        drive: Some(DriveFile::Uf2 { family: 0xada5_2840 }),
    },
    Board {
        name: "nucleo-l476rg",
        title: "ST Nucleo-L476RG",
        package: "stm32",
        triple: CORTEX_M4,
        chip: "STM32L476RGTx",
        flash: memory(0x0800_0000, 0x0800_0000 + MIB),
        ram: memory(0x2000_0000, 0x2000_0000 + 96 * KIB),
        hertz: 80_000_000,
        has_fpu: true,
        drive: None,
    },
    Board {
        name: "b-l475e-iot01a",
        title: "ST B-L475E-IOT01A",
        package: "stm32",
        triple: CORTEX_M4,
        chip: "STM32L475VGTx",
        flash: memory(0x0800_0000, 0x0800_0000 + MIB),
        ram: memory(0x2000_0000, 0x2000_0000 + 96 * KIB),
        hertz: 80_000_000,
        has_fpu: true,
        drive: None,
    },
];

impl Board {
    /// The board of this name, such as `pico`.
    ///
    /// # Errors
    ///
    /// Where no board has the name; the message lists all names.
    pub fn named(name: &str) -> Result<&'static Self, ToolError> {
        BOARDS.iter().find(|board| board.name == name).ok_or_else(|| {
            let names: Vec<&str> = BOARDS.iter().map(|board| board.name).collect();
            ToolError::new(format!("no board `{name}`: choose one of {}", names.join(", ")))
        })
    }
}

/// A build of a program for a board.
#[derive(Clone, Copy, Debug)]
pub struct BoardBuild<'a> {
    /// The firmware workspace.
    pub firmware: &'a Path,
    /// The board.
    pub board: &'a Board,
    /// Its program.
    pub program: BoardProgram,
    /// Compiler target, where it is not that of the board: an emulator may lack the floating-point unit.
    pub triple: Option<&'a str>,
    /// Folder of models, an absolute path.
    pub models: &'a Path,
}

/// Path of the image that this builds with cargo, `target/TRIPLE/release/PACKAGE-PROGRAM` of the workspace, and what
/// cargo wrote to stderr: warnings. Waits until cargo has ended. The image is overwritten by the next build of the same crate, target and program.
///
/// # Errors
///
/// Where no compiler is found, with the commands that install one; where the build fails, with the compiler's
/// messages.
pub fn build_board(order: &BoardBuild<'_>) -> Result<(PathBuf, String), ToolError> {
    let BoardBuild { firmware, board, program, models, .. } = order;
    let (name, feature) = match program {
        BoardProgram::Parity => ("parity", None),
        BoardProgram::Sensor => ("sensor", Some("sensor")),
        BoardProgram::Flash => ("flash", None),
    };
    let binary = format!("{}-{name}", board.package);
    let features: Vec<&str> = [board.name].into_iter().chain(feature).collect();
    let artifacts = firmware.join("target");
    build(
        &CargoBuild {
            folder: firmware,
            package: board.package,
            triple: order.triple.unwrap_or(board.triple),
            profile: "release",
            features: &features,
            library: "core",
            artifacts: &artifacts,
            file: &binary,
        },
        |cargo| {
            cargo.args(["--no-default-features", "--bin", &binary]);
            cargo.env("DEFMT_LOG", "info").env("ELBOW_MODELS", models);
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Targets whose floats are in registers of a unit end in `hf`; those without one are built otherwise.
    #[test]
    fn a_floating_point_unit_is_what_the_compiler_target_uses() {
        for board in &BOARDS {
            assert_eq!(board.has_fpu, board.triple.ends_with("hf"), "{}", board.name);
        }
    }

    #[test]
    fn a_board_is_found_by_its_name() {
        for board in &BOARDS {
            assert_eq!(Board::named(board.name), Ok(board));
        }
        let error = Board::named("pico3").expect_err("no board").to_string();
        assert!(error.contains("pico3") && error.contains("pico, pico2"), "{error}");
    }
}
