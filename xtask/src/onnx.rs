//! ONNX's own node tests: fetched by pip, written in the form that `tests/tests/onnx_nodes.rs` runs.

use crate::steps::{cargo, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The package that holds the tests; its version decides which tests there are.
const PACKAGE: &str = "onnx==1.23.0";
const SCRIPT: &str = "tests/onnx/convert.py";

/// Writes the tests, unless they are there already.
///
/// # Errors
///
/// What is missing, and the commands that bring it.
pub fn bring() -> Result<(), String> {
    let folder = root().join("target/onnx-node-tests");
    let operators = operators()?;
    let script = fs::read_to_string(root().join(SCRIPT)).map_err(|e| format!("{SCRIPT}: {e}"))?;
    let made_from = format!("{PACKAGE}\n{script}\n{operators}");
    let stamp = folder.join("made_from");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == made_from) {
        return Ok(());
    }
    let python = python()?;
    let list = root().join("target/onnx-operators.json");
    let write = |path: &Path, text: &str| {
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    write(&list, &operators)?;
    run(Command::new(python).arg(root().join(SCRIPT)).arg(list).arg(&folder))?;
    write(&stamp, &made_from)
}

/// The table of supported operators.
fn operators() -> Result<String, String> {
    let mut ops = Command::new(cargo());
    ops.args(["run", "-q", "-p", "elbow", "--", "ops", "--json"]).current_dir(root());
    let output = ops.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err("`cargo run -p elbow -- ops --json` failed".into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The Python of an environment that has the package.
fn python() -> Result<PathBuf, String> {
    let folder = root().join("target/onnx-venv");
    let python = folder.join("bin/python");
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == PACKAGE) {
        return Ok(python);
    }
    let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    made.map_err(|what| format!("{what}\non Debian, as root: apt-get install python3-venv"))?;
    let mut pip = Command::new(&python);
    run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]))?;
    fs::write(&stamp, PACKAGE).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

/// Runs a command; its output goes to ours.
fn run(command: &mut Command) -> Result<(), String> {
    let line = format!("{command:?}").replace('"', "");
    eprintln!("+ {line}");
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed ({status})")),
        Err(error) => Err(format!("`{line}`: {error}")),
    }
}
