//! The C compiler for peers.

use crate::Error;
use elbow_toolchain::{Core, Missing};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const GCC: &str = "arm-none-eabi-gcc";

/// Flags that all peers are compiled with, beside the core's.
pub(crate) const FLAGS: [&str; 6] = [
    "-O3",
    "-mthumb",
    "-masm-syntax-unified",
    "-std=gnu11",
    "-ffunction-sections",
    "-fdata-sections",
];

/// The C compiler for the peers, where this machine lacks it; `None` where its `--version` answers.
pub fn missing_gcc() -> Option<Missing> {
    version().is_none().then(|| Missing {
        what: format!("the C compiler {GCC} for the peers of the bench"),
        rustup: None,
        packages: vec!["gcc-arm-none-eabi", "libnewlib-arm-none-eabi"],
    })
}

/// First line of the compiler's `--version`; `None` where it cannot be run or prints nothing.
pub(crate) fn version() -> Option<String> {
    let output = Command::new(GCC).arg("--version").output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}

/// What becomes an image.
#[derive(Debug)]
pub(crate) struct Sources {
    pub files: Vec<PathBuf>,
    pub includes: Vec<PathBuf>,
    pub flags: Vec<String>,
}

/// Path of the image `NAME-CORE/image.elf` below `folder`, compiled and linked for `core` from `sources` and
/// the harness in `c/`; what is there is replaced. An error where a file cannot be written, or the compiler
/// cannot be run or fails, with its messages.
pub(crate) fn build(
    core: &Core,
    name: &str,
    sources: &Sources,
    folder: &Path,
) -> Result<PathBuf, Error> {
    let folder = folder.join(format!("{name}-{}", core.name()));
    let failed = |what: &str, error: std::io::Error| Error::new(format!("{what}: {error}"));
    std::fs::create_dir_all(&folder).map_err(|e| failed("target/peers", e))?;
    std::fs::write(folder.join("memory.x"), core.machine.memory_x())
        .map_err(|e| failed("memory.x", e))?;
    let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("c");
    let image = folder.join("image.elf");
    let mut gcc = Command::new(GCC);
    gcc.args(FLAGS).args(core.gcc).args(&sources.flags);
    gcc.args(["-Wall", "-Wno-unused-function", "-I"]).arg(&harness);
    for include in &sources.includes {
        gcc.arg("-I").arg(include);
    }
    for file in ["main.c", "model.c", "reference.c", "board.c"] {
        gcc.arg(harness.join(file));
    }
    gcc.args(&sources.files).args(["-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections"]);
    gcc.arg("-L").arg(&folder).arg("-T").arg(harness.join("image.ld")).arg("-lm");
    let output = gcc.arg("-o").arg(&image).output().map_err(|error| failed(GCC, error))?;
    if output.status.success() {
        return Ok(image);
    }
    let messages = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format!("{name} for {}: {GCC} failed:\n{}", core.name(), messages.trim())))
}
