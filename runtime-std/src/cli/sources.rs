//! Elbow's sources, of which projects and the images of emulated boards are made: those that were packed when the
//! command was built, or those of a clone.

use elbow::{Context, Error, Result};
use elbow_toolchain::{BOARDS, Board};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};
use toml_edit::{Array, DocumentMut, Item, Value};

/// Files of the repository, by their paths.
pub struct Sources(BTreeMap<String, Vec<u8>>);

/// What `build.rs` packed; empty for a command that was built without the repository around it.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sources.bin"));

/// Crates that every project needs, by folder.
const CRATES: [&str; 5] =
    ["core", "runtime-std", "firmware/app", "firmware/sensor", "firmware/boards/serial"];
/// Crates of an emulated board's image, by folder.
const EMULATED: [&str; 6] = [
    "core",
    "toolchain",
    "firmware/app",
    "firmware/models",
    "firmware/program",
    "firmware/boards/qemu-mps2",
];
/// The versions that these images were tested with.
const LOCK: &str = "firmware/Cargo.lock";
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
            write(&model.join(name), bytes)?;
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
        write(&project.join("memory.x"), bytes)
    }

    /// Writes the crates that a program for `board` is made of into `folder`, as two workspaces that need nothing from
    /// outside. An environment error where a file cannot be written.
    pub fn write(&self, folder: &Path, board: &Board) -> Result<()> {
        let own = format!("firmware/boards/{}", board.package);
        let crates = [&CRATES[..], &[&own]].concat();
        self.write_crates(folder, &crates, |document, package| {
            document.remove("bin");
            if package == "runtime-std" {
                without_command(document);
            }
            without_models(document);
        })
    }

    /// Writes the firmware of emulated boards into `folder`, as [`write`](Self::write) does. An environment error
    /// where a file cannot be written.
    fn write_emulated(&self, folder: &Path) -> Result<()> {
        self.write_crates(folder, &EMULATED, |document, package| {
            if package == "firmware/models" {
                without_sensing(document);
            }
        })?;
        self.0.get(LOCK).map_or(Ok(()), |bytes| write(&folder.join(LOCK), bytes))
    }

    /// Writes these crates and their workspaces into `folder`; `change` gets every manifest and the folder of its crate,
    /// which is empty for a workspace. An environment error where a file cannot be written.
    fn write_crates(
        &self,
        folder: &Path,
        crates: &[&str],
        change: impl Fn(&mut DocumentMut, &str),
    ) -> Result<()> {
        for (name, bytes) in &self.0 {
            let of_crate =
                |folder: &&str| name.strip_prefix(*folder).is_some_and(|n| n.starts_with('/'));
            let is_root = name == "Cargo.toml" || name == "firmware/Cargo.toml";
            let Some(package) = crates.iter().copied().find(of_crate).or(is_root.then_some(""))
            else {
                continue;
            };
            // The programs of the repository take their models from elsewhere.
            if name.contains("/src/bin/") || LEFT_OUT.iter().any(|l| name.starts_with(l)) {
                continue;
            }
            let bytes = match name.ends_with("Cargo.toml") {
                true => {
                    let mut document = trimmed(bytes, crates).context(name)?;
                    change(&mut document, package);
                    document.to_string().into_bytes()
                }
                false => bytes.clone(),
            };
            write(&folder.join(name), &bytes)?;
        }
        Ok(())
    }
}

/// The firmware workspace of the sources that the command carries, for a computer without a clone: in the user's folder
/// of caches, where the first call writes it. `None` where the command carries none.
///
/// # Errors
///
/// An environment error where that folder is not known or cannot be written.
pub fn carried_firmware() -> Result<Option<PathBuf>> {
    let sources = Sources(unpacked(PACKED));
    if sources.0.is_empty() {
        return Ok(None);
    }
    let digest = Sha256::digest(PACKED);
    let version: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let caches = caches(|name| env::var_os(name))?.join("elbow");
    let folder = caches.join(version);
    if !folder.is_dir() {
        fs::create_dir_all(&caches).map_err(|error| fault(&caches, &error))?;
        let staged = tempfile::Builder::new().prefix(".staged-").tempdir_in(&caches);
        let staged = staged.map_err(|error| fault(&caches, &error))?;
        sources.write_emulated(staged.path())?;
        // Another process may have been first; ours is removed then.
        match fs::rename(staged.path(), &folder) {
            Err(error) if !folder.is_dir() => return Err(fault(&folder, &error)),
            _ => {}
        }
    }
    Ok(Some(folder.join("firmware")))
}

/// The user's folder of caches, where `variable` gives the value of a variable of the system; one that holds no absolute path counts as not set, as the
/// XDG Base Directory Specification demands. An environment error where none is set.
fn caches(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let named = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named("XDG_CACHE_HOME").or_else(|| named("LOCALAPPDATA"));
    folder.or_else(|| Some(named("HOME")?.join(".cache"))).ok_or_else(|| {
        Error::environment(
            "no folder to build firmware in: set HOME to an absolute path, or name the firmware of a clone by --firmware DIR",
        )
    })
}

/// Writes a file; folders above it are created.
///
/// # Errors
///
/// An environment error names it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, bytes));
    written.map_err(|error| fault(path, &error))
}

/// The environment error of an I/O error at `path`.
pub fn fault(path: &Path, error: &std::io::Error) -> Error {
    Error::environment(format!("{}: {error}; choose a folder that is writable", path.display()))
}

/// The manifest in `bytes` without what is not written: members that are not among `crates`, examples and tests.
fn trimmed(bytes: &[u8], crates: &[&str]) -> Result<DocumentMut> {
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
    for key in ["example", "dev-dependencies", "target"] {
        document.remove(key);
    }
    Ok(document)
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

/// Removes the sensor of an image that has none.
fn without_sensing(document: &mut DocumentMut) {
    for (table, key) in [("dependencies", "elbow-sensor"), ("features", "sensing")] {
        document.get_mut(table).and_then(Item::as_table_mut).map(|table| table.remove(key));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder of caches where these variables are set.
    fn caches_of(variables: &[(&str, &str)]) -> Result<PathBuf> {
        let value = |name: &str| variables.iter().find(|(own, _)| *own == name);
        caches(|name| value(name).map(|(_, value)| value.into()))
    }

    #[cfg(unix)]
    #[test]
    fn a_relative_folder_of_caches_counts_as_not_set() {
        let home = ("HOME", "/home/ada");
        for (variables, expected) in [
            (&[home][..], "/home/ada/.cache"),
            (&[home, ("XDG_CACHE_HOME", "/var/own")], "/var/own"),
            (&[home, ("XDG_CACHE_HOME", "own/caches")], "/home/ada/.cache"),
            (&[home, ("XDG_CACHE_HOME", "")], "/home/ada/.cache"),
        ] {
            assert_eq!(caches_of(variables).unwrap(), Path::new(expected), "{variables:?}");
        }
        let error = caches_of(&[("HOME", "ada")]).unwrap_err().to_string();
        assert!(error.contains("set HOME to an absolute path"), "{error}");
    }
}
