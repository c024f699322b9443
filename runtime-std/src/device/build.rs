//! Models and firmware become an image.

use super::target::Target;
use crate::{Context, Error, Result};
use elbow_toolchain::Build;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The files of a model that the firmware reads.
const FILES: [&str; 2] = ["model.rs", "weights.bin"];

/// A program of the firmware for the emulated boards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// The one that answers requests.
    Parity,
    /// The smallest one of a model: its detector, else its main function.
    Alone,
}

impl Firmware {
    /// Its package, and what images of it are called beside target and contents.
    fn package(self) -> (&'static str, &'static str) {
        match self {
            Self::Parity => ("qemu-mps2", ""),
            Self::Alone => ("program", "-alone"),
        }
    }
}

/// Path of the firmware workspace: the nearest folder `firmware` with `boards` and `models` in the current
/// folder or above it.
///
/// # Errors
///
/// Where there is none, with the option that names one.
pub fn find_firmware() -> Result<PathBuf> {
    let here = std::env::current_dir()
        .map_err(|e| Error::environment(format!("the current folder: {e}")))?;
    let folders = here.ancestors().map(|folder| folder.join("firmware"));
    let is_ours =
        |folder: &PathBuf| folder.join("boards").is_dir() && folder.join("models").is_dir();
    folders.into_iter().find(is_ours).ok_or_else(|| {
        Error::environment(format!(
            "no firmware workspace in {} or above: name it with --firmware DIR",
            here.display()
        ))
    })
}

/// Path of the image of `program` that is built with these models, each a name and the folder with its `model.rs` and
/// `weights.bin`. The image stays below `firmware/target`, under a name made of target and contents. One process at a
/// time builds for a compiler target; others wait for it.
///
/// # Errors
///
/// Where a file is missing, no compiler is found, or the build fails.
pub fn build_image(
    program: Firmware,
    target: &Target,
    models: &[(String, PathBuf)],
    firmware: &Path,
) -> Result<PathBuf> {
    let (package, suffix) = program.package();
    let folder = firmware.join("target").join("elbow");
    fs::create_dir_all(&folder).map_err(|e| failed(&folder, &e))?;
    let folder = folder.canonicalize().map_err(|e| failed(&folder, &e))?;
    let digest = digest(models)?;
    let staged = folder.join(&digest);
    {
        let _alone = locked(&folder.join("lock"))?;
        stage(models, &staged)?;
    }
    // One build of a compiler target at a time: the next one overwrites the image.
    let _alone = locked(&folder.join(format!("lock-{}", target.row.triple)))?;
    let build = Build {
        folder: firmware,
        package,
        core: target.row,
        profile: "release",
        features: &[],
        models: Some(&staged),
    };
    let built = elbow_toolchain::build_firmware(&build);
    let built = built.map_err(|e| Error::environment(e.to_string()))?;
    let image = folder.join(format!("{}-{digest}{suffix}.elf", target.name));
    // Renamed into place: another process may be booting this very image.
    let copy = image.with_extension("part");
    fs::copy(&built, &copy).map_err(|e| failed(&copy, &e))?;
    fs::rename(&copy, &image).map_err(|e| failed(&image, &e))?;
    Ok(image)
}

/// The file at `path`, created and locked; whoever drops it unlocks it. Waits while another process has it. An
/// environment error where it cannot be created or locked.
fn locked(path: &Path) -> Result<File> {
    let file = File::create(path).map_err(|e| failed(path, &e))?;
    file.lock().map_err(|e| failed(path, &e))?;
    Ok(file)
}

/// Writes `<name>/model.rs` and `<name>/weights.bin` of each model below the folder `staged`, as the
/// firmware's models crate reads them; equal files keep their date. An input error where two models share a
/// name, an environment error where a file cannot be read or written.
fn stage(models: &[(String, PathBuf)], staged: &Path) -> Result<()> {
    for (index, (name, source)) in models.iter().enumerate() {
        if models[..index].iter().any(|(other, _)| other == name) {
            return Err(Error::input(format!("two models of one image are called `{name}`")));
        }
        let folder = staged.join(name);
        fs::create_dir_all(&folder).map_err(|e| failed(&folder, &e))?;
        for file in FILES {
            let (from, to) = (source.join(file), folder.join(file));
            let bytes = fs::read(&from).map_err(|e| failed(&from, &e))?;
            // Files of this digest are equal; an unchanged date spares a build.
            if fs::read(&to).ok().as_ref() != Some(&bytes) {
                fs::write(&to, bytes).map_err(|e| failed(&to, &e))?;
            }
        }
    }
    Ok(())
}

/// First 16 hexadecimal digits of the SHA-256 of the models' names and files; an environment error where a
/// file cannot be read.
fn digest(models: &[(String, PathBuf)]) -> Result<String> {
    let mut digest = Sha256::new();
    for (name, folder) in models {
        digest.update(name);
        for file in FILES {
            let path = folder.join(file);
            let bytes = fs::read(&path).map_err(|e| failed(&path, &e)).context("models")?;
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        }
    }
    Ok(digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// Number of a model in the image, which sorts its models by name: how many names come before `name`.
pub(super) fn number(models: &[String], name: &str) -> u32 {
    models.iter().filter(|other| other.as_str() < name).count() as u32
}

/// The environment error of an I/O error at `path`.
fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::environment(format!("{}: {error}", path.display()))
}
