//! Packs the sources of the crates that a program for a board is made of, which `elbow new` puts into a project, and of
//! which images of emulated boards are built where no clone is: none of
//! them is published, so that they could come from nowhere else. A package alone, without the repository around
//! it, packs nothing.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folders of the repository whose sources are packed: `Cargo.toml`, `build.rs`, linker scripts, `src`.
const CRATES: [&str; 12] = [
    "core",
    "runtime-std",
    "toolchain",
    "firmware/app",
    "firmware/models",
    "firmware/program",
    "firmware/sensor",
    "firmware/boards/serial",
    "firmware/boards/rp",
    "firmware/boards/nrf",
    "firmware/boards/qemu-mps2",
    "firmware/boards/stm32",
];
/// Single files: the workspaces, and a model for those without one.
const FILES: [&str; 10] = [
    "Cargo.toml",
    "firmware/Cargo.toml",
    "firmware/Cargo.lock",
    "models/motion3/elbow.toml",
    "models/motion3/encoder.onnx",
    "models/motion3/decoder.onnx",
    "models/motion3/scores.npy",
    "models/motion3/drift.npy",
    "models/motion3/calibration.npy",
    "models/motion3/test.npy",
];
/// What only the command needs.
const LEFT_OUT: [&str; 2] = ["runtime-std/src/cli", "runtime-std/src/main.rs"];

/// Writes `sources.bin` to the output folder for the command: of each file the length of its path and the path, then the
/// length of its bytes and these; lengths are four bytes, the low one first.
fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CLI").is_none() {
        return Ok(());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    if root.join("firmware/app/Cargo.toml").is_file() {
        for folder in CRATES.iter().filter(|folder| root.join(folder).is_dir()) {
            let is_script =
                |path: &PathBuf| path.extension().is_some_and(|e| e == "x" || e == "rs");
            let own = fs::read_dir(root.join(folder))?.filter_map(|entry| Some(entry.ok()?.path()));
            files.extend(own.filter(|path| is_script(path) || path.ends_with("Cargo.toml")));
            collect(&root.join(folder).join("src"), &mut files)?;
        }
        files.extend(FILES.iter().map(|file| root.join(file)));
    }
    files.sort();
    let mut packed = Vec::new();
    for file in &files {
        let path = file.strip_prefix(&root).map_err(io::Error::other)?;
        let path = path.to_str().ok_or_else(|| io::Error::other("a path that is not UTF-8"))?;
        let path = path.replace('\\', "/");
        if LEFT_OUT.iter().any(|left_out| path.starts_with(left_out)) {
            continue;
        }
        println!("cargo::rerun-if-changed={}", file.display());
        for bytes in [path.as_bytes(), &fs::read(file)?] {
            packed.extend((bytes.len() as u32).to_le_bytes());
            packed.extend(bytes);
        }
    }
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("sources.bin"), packed)
}

/// Adds all files below `folder` to `files`.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => collect(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
