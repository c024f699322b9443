//! Peers in Rust: packages of `rust/`, each a static library that becomes an image with the harness in C.

use crate::{Error, fetch};
use elbow_toolchain::{Build, Core, build_library};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Path of the static library of a peer (`microflow` or `burn`) for a core, built in `target/peers`, with
/// progress on stderr.
///
/// # Errors
///
/// Where there is no compiler for the core, the build fails, or the network that microflow reads cannot be
/// written.
pub(crate) fn library(core: &'static Core, peer: &str) -> Result<PathBuf, Error> {
    if peer == "microflow" {
        write_w2()?;
    }
    let build = Build {
        folder: &here().join("rust"),
        package: &format!("peer-{peer}"),
        core,
        profile: "release",
        features: &[],
        models: None,
    };
    eprintln!("building {peer} for {}", core.triple);
    build_library(&build, &fetch::folder().join(format!("rust-{peer}")))
}

/// Writes `microflow/W2.tflite` below `target/peers`, which microflow's macro reads while it is compiled;
/// does nothing where the file exists. An error where Python or the script fails.
fn write_w2() -> Result<(), Error> {
    let file = fetch::folder().join("microflow/W2.tflite");
    if file.exists() {
        return Ok(());
    }
    let python = fetch::environment(fetch::TFLITE)?;
    fetch::run(Command::new(python).arg(here().join("microflow.py")).arg(file))
}

/// The folder of this crate.
fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
