//! Elbow's own image, `firmware/bench`, which computes each workload in a module of its own.

use crate::table::ELBOW;
use crate::{Contestant, Error, Image, Workload, fetch};
use elbow_emulator::Machine;
use elbow_toolchain::{Build, Compiler, build_firmware};
use std::path::{Path, PathBuf};

/// The workloads that `firmware/bench` has, in the order of its modules. A new one is added here.
const WORKS: [&str; 1] = ["W2-f32"];

/// Elbow.
#[derive(Debug)]
pub(crate) struct Elbow;

/// Compiler target and features of a core; features differ in memory and in kernels only, so that
/// cores with one target share one build of `core`.
fn target(core: &str) -> (&'static str, &'static [&'static str]) {
    match core {
        "m0" => ("thumbv6m-none-eabi", &[]),
        "m3" => ("thumbv7m-none-eabi", &[]),
        "m4" | "m7" => ("thumbv7em-none-eabihf", &[]),
        "m33" => ("thumbv8m.main-none-eabihf", &["an505"]),
        _ => ("thumbv8m.main-none-eabihf", &["an547"]),
    }
}

impl Contestant for Elbow {
    fn name(&self) -> &'static str {
        ELBOW
    }

    fn images(
        &self,
        machine: &'static Machine,
        works: &[&'static Workload],
    ) -> Result<Vec<Image>, Error> {
        let works = works.iter().copied().filter(|work| WORKS.contains(&work.name));
        let works: Vec<&'static Workload> = works.collect();
        if works.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![Image { path: elbow_image(machine)?, works }])
    }

    fn note(&self) -> String {
        format!("{ELBOW}: firmware/bench; {}, opt-level 3, fat LTO, one codegen unit", compiler())
    }
}

/// What the compiler of Elbow's images says of itself.
pub(crate) fn compiler() -> String {
    Compiler::find(target("m4").0).map(Compiler::version).unwrap_or_default()
}

/// Builds `firmware/bench` for a machine, and keeps it where the next machine's does not overwrite it.
///
/// # Errors
///
/// Where there is no compiler for the machine's core, or the build fails.
pub fn elbow_image(machine: &Machine) -> Result<PathBuf, Error> {
    let firmware = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware");
    let (target, features) = target(machine.core);
    let built = build_firmware(&Build {
        folder: &firmware,
        package: "bench",
        target,
        profile: "release",
        features,
        models: None,
    })?;
    let folder = fetch::folder().join(format!("elbow-{}", machine.core));
    let kept = folder.join("image.elf");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::copy(&built, &kept))
        .map_err(|error| Error::new(format!("{}: {error}", kept.display())))?;
    Ok(kept)
}
