//! The sources that a project is made with: those that were packed when the command was built, or those of a clone.

use elbow::{Context, Error, Result};
use elbow_toolchain::{BOARDS, Board};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use toml_edit::{Array, DocumentMut, Item, Value};

/// Files of the repository, by their paths.
pub struct Sources(BTreeMap<String, Vec<u8>>);

/// What `build.rs` packed; empty for a command that was built without the repository around it.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sources.bin"));

/// Crates that every project needs, by folder.
const CRATES: [&str; 5] =
    ["core", "runtime-std", "firmware/app", "firmware/sensor", "firmware/boards/serial"];
/// What only the command needs.
const LEFT_OUT: [&str; 4] =
    ["runtime-std/src/cli", "runtime-std/src/main.rs", "runtime-std/tests", "runtime-std/examples"];
/// Folder of the model for those who have none.
const DEMO: &str = "models/motion3";
/// Its files.
const DEMO_FILES: [&str; 7] = [
    "elbow.toml",
    "encoder.onnx",
    "decoder.onnx",
    "scores.npy",
    "drift.npy",
    "calibration.npy",
    "test.npy",
];

impl Sources {
    /// The sources of the clone at `clone`, or those of the command.
    ///
    /// # Errors
    ///
    /// An environment error where the command carries none; an input error where `clone` is no clone.
    pub fn find(clone: Option<&Path>) -> Result<Self> {
        let Some(clone) = clone else {
            let packed = Self(unpacked(PACKED));
            return match packed.0.is_empty() {
                false => Ok(packed),
                true => Err(Error::environment(
                    "this elbow was built without Elbow's repository around it, and carries no sources for a project: \
                     clone the repository and name it by --elbow CLONE",
                )),
            };
        };
        let mut files = BTreeMap::new();
        let boards = BOARDS.iter().map(|board| format!("firmware/boards/{}", board.package));
        let folders = CRATES.iter().map(|name| name.to_string()).chain(boards);
        for folder in folders.chain([DEMO.to_string()]) {
            collect(clone, &folder, &mut files);
        }
        for name in ["Cargo.toml", "firmware/Cargo.toml"] {
            files.extend(fs::read(clone.join(name)).ok().map(|bytes| (name.to_string(), bytes)));
        }
        match files.contains_key("firmware/Cargo.toml") {
            true => Ok(Self(files)),
            false => Err(Error::input(format!(
                "--elbow {}: not a clone of Elbow, which has a folder `firmware`",
                clone.display()
            ))),
        }
    }

    /// Writes the model for those who have none, and rows of it, into the folder `model`. An environment error where
    /// a file cannot be written.
    pub fn write_demo(&self, model: &Path) -> Result<()> {
        for name in DEMO_FILES {
            let bytes = self.0.get(&format!("{DEMO}/{name}")).ok_or_else(|| {
                Error::environment(format!(
                    "the sources have no {DEMO}/{name}; name a clone by --elbow CLONE"
                ))
            })?;
            super::write(&model.join(name), bytes)?;
        }
        Ok(())
    }

    /// Writes the board's memory, for the linker, into the folder `project`. An environment error where the sources lack
    /// it or it cannot be written.
    pub fn write_memory(&self, project: &Path, board: &Board) -> Result<()> {
        let name = format!("firmware/boards/{}/memory-{}.x", board.package, board.name);
        let bytes = self.0.get(&name).ok_or_else(|| {
            Error::environment(format!("the sources have no {name}; name a clone by --elbow CLONE"))
        })?;
        super::write(&project.join("memory.x"), bytes)
    }

    /// Writes the crates that a program for `board` is made of into `folder`, as two workspaces that need nothing from
    /// outside. An environment error where a file cannot be written.
    pub fn write(&self, folder: &Path, board: &Board) -> Result<()> {
        let own = format!("firmware/boards/{}", board.package);
        let mut crates: Vec<&str> = CRATES.to_vec();
        crates.push(&own);
        for (name, bytes) in &self.0 {
            let of_crate =
                |folder: &&str| name.strip_prefix(*folder).is_some_and(|n| n.starts_with('/'));
            let is_root = name == "Cargo.toml" || name == "firmware/Cargo.toml";
            let Some(package) = crates.iter().copied().find(of_crate).or(is_root.then_some(""))
            else {
                continue;
            };
            let bytes = match name.ends_with("Cargo.toml") {
                true => trimmed(bytes, package, &crates).context(name)?.into_bytes(),
                // The programs of the repository, which take their models from elsewhere.
                false
                    if name.contains("/src/bin/")
                        || LEFT_OUT.iter().any(|l| name.starts_with(l)) =>
                {
                    continue;
                }
                false => bytes.clone(),
            };
            super::write(&folder.join(name), &bytes)?;
        }
        Ok(())
    }
}

/// The manifest in `bytes`, of the crate `package` (empty for a workspace), without what a project has not: members
/// that are not among `crates`, programs, examples, tests, the models of the repository, and features of the command.
fn trimmed(bytes: &[u8], package: &str, crates: &[&str]) -> Result<String> {
    let text = String::from_utf8_lossy(bytes);
    let document = text.parse::<DocumentMut>();
    let mut document = document.map_err(|error| Error::environment(error.to_string()))?;
    if let Some(workspace) = document.get_mut("workspace").and_then(Item::as_table_mut) {
        let is_firmware = workspace.contains_key("default-members");
        let members = crates.iter().filter_map(|name| match name.strip_prefix("firmware/") {
            Some(member) => is_firmware.then_some(member),
            None => (!is_firmware).then_some(*name),
        });
        workspace.insert("members", toml_edit::value(Array::from_iter(members)));
        workspace.remove("default-members");
        workspace.insert("exclude", toml_edit::value(Array::from_iter(["firmware"])));
    }
    for key in ["bin", "example", "dev-dependencies", "target"] {
        document.remove(key);
    }
    if package == "runtime-std" {
        without_command(&mut document);
    }
    without_models(&mut document);
    Ok(document.to_string())
}

/// Empties the features of the command, and removes their dependencies.
fn without_command(document: &mut DocumentMut) {
    let features = document.get_mut("features").and_then(Item::as_table_mut);
    for (_, feature) in features.into_iter().flat_map(|features| features.iter_mut()) {
        *feature = toml_edit::value(Array::new());
    }
    if let Some(dependencies) = document.get_mut("dependencies").and_then(Item::as_table_mut) {
        let is_optional =
            |item: &Item| item.get("optional").and_then(Item::as_bool).unwrap_or(false);
        dependencies.retain(|_, item| !is_optional(item));
    }
}

/// Removes `elbow-models`, the models of the repository, from dependencies and features.
fn without_models(document: &mut DocumentMut) {
    if let Some(dependencies) = document.get_mut("dependencies").and_then(Item::as_table_mut) {
        dependencies.remove("elbow-models");
    }
    let Some(features) = document.get_mut("features").and_then(Item::as_table_mut) else { return };
    for (_, feature) in features.iter_mut() {
        if let Some(list) = feature.as_array_mut() {
            list.retain(|value: &Value| {
                value.as_str().is_none_or(|value| !value.starts_with("elbow-models/"))
            });
        }
    }
}

/// Adds the files below `folder` of the repository at `root` to `files`, as far as they can be read; nothing that was
/// built.
fn collect(root: &Path, folder: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
        let Some(name) = entry.file_name().to_str().map(|name| format!("{folder}/{name}")) else {
            continue;
        };
        match entry.path().is_dir() {
            true if name.ends_with("/target") || name.ends_with("/tests") => {}
            true => collect(root, &name, files),
            false => files.extend(fs::read(entry.path()).ok().map(|bytes| (name, bytes))),
        }
    }
}

/// The files of an archive that `build.rs` has written; what follows a damaged place is left out.
fn unpacked(mut bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    while let Some((path, rest)) = part(bytes) {
        let Some((contents, rest)) = part(rest) else { break };
        files.insert(String::from_utf8_lossy(path).into_owned(), contents.to_vec());
        bytes = rest;
    }
    files
}

/// The first part of an archive, and what follows; `None` at its end.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}
