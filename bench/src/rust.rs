//! Peers in Rust: packages of `rust/`, each a static library that becomes an image with the harness in C.

use crate::{Error, fetch};
use elbow_toolchain::{Build, Core, build_library};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library of a peer for a core.
///
/// # Errors
///
/// Where there is no compiler for the core, or the build fails.
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

/// The network that microflow's macro reads while it is compiled.
fn write_w2() -> Result<(), Error> {
    let file = fetch::folder().join("microflow/W2.tflite");
    if file.exists() {
        return Ok(());
    }
    let python = fetch::environment(fetch::TFLITE)?;
    fetch::run(Command::new(python).arg(here().join("microflow.py")).arg(file))
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
