//! Work of the build scripts of images: the linker's memory script, and a `cfg` for the machine.

use crate::cores::machines;
use crate::{Machine, ToolError};
use std::path::PathBuf;
use std::{env, fs};

/// The variable that names the machine of a build.
pub(crate) const VARIABLE: &str = "ELBOW_MACHINE";

/// Writes `memory.x` for the machine that `ELBOW_MACHINE` names to the build's output folder, adds that to
/// the linker's search path, and sets `cfg(machine = "..")`, by lines for cargo on stdout. Only for a build
/// script; an unknown or missing name, or a file that cannot be written, becomes an error of the build.
pub fn memory_script() {
    let names = machines().iter().map(|machine| format!("{:?}", machine.name)).collect::<Vec<_>>();
    println!("cargo::rustc-check-cfg=cfg(machine, values({}))", names.join(", "));
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let written = machine(env::var(VARIABLE).ok().as_deref()).and_then(write);
    if let Err(error) = written {
        println!("cargo::error={error}");
    }
}

/// The machine of this name; an error that lists all names where there is none, or no name was given.
fn machine(name: Option<&str>) -> Result<&'static Machine, ToolError> {
    let found = machines().into_iter().find(|machine| Some(machine.name) == name);
    found.ok_or_else(|| {
        let found = name.map_or_else(|| "is not set".into(), |name| format!("is `{name}`"));
        let names: Vec<&str> = machines().iter().map(|machine| machine.name).collect();
        let names = names.join(", ");
        ToolError::new(format!(
            "{VARIABLE} {found}: set it to the machine of the image, one of {names}"
        ))
    })
}

/// Writes the machine's `memory.x` to the folder `OUT_DIR`, and prints cargo's lines for the search path and
/// the `cfg`; an error where the file cannot be written.
fn write(machine: &Machine) -> Result<(), ToolError> {
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let file = folder.join("memory.x");
    fs::write(&file, machine.memory_x())
        .map_err(|error| ToolError::new(format!("{}: {error}", file.display())))?;
    println!("cargo::rustc-link-search={}", folder.display());
    println!("cargo::rustc-cfg=machine={:?}", machine.name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_a_machine_is_told_which_there_are() {
        assert_eq!(machine(Some("an505")).map(|machine| machine.name), Ok("an505"));
        for (name, found) in [(None, "ELBOW_MACHINE is not set"), (Some("an1"), "is `an1`")] {
            let error = machine(name).expect_err("no machine").to_string();
            assert!(error.contains(found) && error.contains("mps2, an505, an547"), "{error}");
        }
    }
}
