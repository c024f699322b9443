//! Runs the command as a user does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the command left behind.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The one JSON object on stdout.
    pub fn json(&self) -> serde_json::Value {
        let value: serde_json::Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {:?}, stderr {:?}", self.stdout, self.stderr));
        assert!(value.is_object(), "expected one object, found {value}");
        value
    }

    /// The same, of a command that must have succeeded.
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }
}

/// `elbow` with these words; a path is a word as well.
pub fn elbow<S: AsRef<std::ffi::OsStr>>(words: &[S]) -> Outcome {
    elbow_in(Path::new("."), words)
}

/// `elbow` with these words, called in `folder`.
pub fn elbow_in<S: AsRef<std::ffi::OsStr>>(folder: &Path, words: &[S]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_elbow"))
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the command prints UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(
        !stderr.contains("panicked") && !stderr.contains("RUST_BACKTRACE"),
        "a panic: {stderr}"
    );
    Outcome { code: output.status.code().expect("an exit code, no signal"), stdout, stderr }
}

/// `elbow` with the words of one line, where `{}` stands for the next of `paths`.
pub fn elbow_line(line: &str, paths: &[&Path]) -> Outcome {
    let mut paths = paths.iter();
    let mut word = |word: &str| match word.split_once("{}") {
        Some((before, after)) => {
            let path = paths.next().expect("a path for each {}");
            format!("{before}{}{after}", path.display())
        }
        None => word.to_string(),
    };
    elbow(&line.split_whitespace().map(&mut word).collect::<Vec<_>>())
}

/// A file or folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the repository")
        .join(path)
}

/// The files of a case's inputs, by their names with `_` for `/` and `:`: its own, and those of the collection that
/// several cases read.
pub fn inputs_of(collection: &str, case: &str) -> BTreeMap<String, PathBuf> {
    let collection = repository(collection);
    let folder = fs::read_dir(collection.join(case)).expect("the case is there");
    let own = folder.map(|entry| entry.expect("an entry").path()).filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_prefix("in.")?.strip_suffix(".npy")?;
        Some((name.to_string(), path.clone()))
    });
    let table = fs::read_to_string(collection.join("inputs.toml")).expect("the table is there");
    let mut table: BTreeMap<String, BTreeMap<String, String>> =
        toml::from_str(&table).expect("cases with the files of their inputs");
    let shared = table.remove(case).unwrap_or_default().into_iter();
    let file = |file: String| collection.join("inputs").join(file + ".npy");
    own.chain(shared.map(|(name, shared)| (name, file(shared)))).collect()
}

/// The file of one of a case's inputs.
pub fn input_of(collection: &str, case: &str, name: &str) -> PathBuf {
    let file = inputs_of(collection, case).remove(name);
    file.unwrap_or_else(|| panic!("{collection}/{case} has no input {name}"))
}
