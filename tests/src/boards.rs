//! Real boards in emulators: their images, the emulators that the tests fetch, and what a board tells.

mod emulated;
mod recorded;
mod told;
mod trained;

pub use emulated::{Emulated, written_flash};
pub use recorded::{STEP, recording, scenario};
pub use told::{Telemetry, ToldStatus, ToldWindow};
pub use trained::{calibrated, float, integers, models_of_the_pico};

use crate::fixtures::path;
use crate::images::{compiled, or_cure};
use elbow::model::Model;
use elbow_toolchain::{Board, BoardBuild, BoardProgram, CORTEX_M3, build_board};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The image of a board's program with these models, and what the build wrote besides. It stays below `target/boards`,
/// under a name made of all three, until models of the same names are built for the same program.
///
/// # Panics
///
/// A model cannot be emitted, or the image not be built.
pub fn image(board: &Board, program: BoardProgram, models: &[Model]) -> (PathBuf, String) {
    built(board, program, models, None)
}

/// The parity image of a board with a Cortex-M4F, with these models, compiled for what a Cortex-M3 has: without
/// floating-point and DSP instructions, of which labwired lacks some. It is another image than the one that is flashed,
/// of the same source but for inner loops of integers.
///
/// # Panics
///
/// As [`image`].
pub fn plain_image(board: &Board, models: &[Model]) -> PathBuf {
    built(board, BoardProgram::Parity, models, Some(CORTEX_M3)).0
}

/// Builds an image, for `triple` where it is not for the board's own compiler target.
fn built(
    board: &Board,
    program: BoardProgram,
    models: &[Model],
    triple: Option<&str>,
) -> (PathBuf, String) {
    let firmware = path("firmware").canonicalize().expect("the firmware");
    let (_sources, sources) = compiled(models);
    let names: Vec<&str> = sources.iter().map(|(name, _)| name.as_str()).collect();
    // One build at a time: the next one overwrites the image.
    let lock = File::create(folder().join("lock")).expect("a file");
    lock.lock().expect("a lock");
    let staged = staged(&names, &sources);
    let order = BoardBuild { firmware: &firmware, board, program, triple, models: &staged };
    let (built, messages) = or_cure(build_board(&order));
    let plain = if triple.is_some() { "-plain" } else { "" };
    let image = format!("{}{plain}-{program:?}-{}.elf", board.name, names.join("-"));
    let image = folder().join(image);
    // Renamed into place: another test may be running this very image.
    let copy = image.with_extension("part");
    fs::copy(&built, &copy).expect("a copy");
    fs::rename(&copy, &image).expect("it can be renamed");
    (image, messages)
}

/// The folder of the compiled models of these names and sources, which stay there as they are where nothing has changed:
/// an unchanged date spares a build.
fn staged(names: &[&str], sources: &[(String, PathBuf)]) -> PathBuf {
    let staged = folder().join("models").join(names.join("-"));
    for (name, source) in sources {
        fs::create_dir_all(staged.join(name)).expect("a folder");
        for file in ["model.rs", "weights.bin"] {
            let (bytes, to) =
                (fs::read(source.join(file)).expect("a file"), staged.join(name).join(file));
            if fs::read(&to).ok().as_ref() != Some(&bytes) {
                fs::write(&to, bytes).expect("it can be written");
            }
        }
    }
    staged
}

/// The folder of the emulators: `target/boards`.
fn folder() -> PathBuf {
    let folder = path("target/boards");
    fs::create_dir_all(&folder).expect("a folder");
    folder.canonicalize().expect("it is there")
}

/// Writes files of `tests/boards` into the folder of the emulators; whether any of them was not there as it is.
fn placed(folder: &Path, files: &[&str]) -> bool {
    let mut is_new = false;
    for file in files {
        let text = fs::read(path("tests/boards").join(file)).expect("a file of the harness");
        if fs::read(folder.join(file)).ok().as_ref() != Some(&text) {
            fs::write(folder.join(file), text).expect("it can be written");
            is_new = true;
        }
    }
    is_new
}
