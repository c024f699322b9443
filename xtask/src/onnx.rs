//! What tests need of Python, fetched by pip into `target/onnx-venv`: ONNX's own node tests, written in the form
//! that `tests/tests/onnx_nodes.rs` runs, and onnxruntime, which `runtime-std/tests/command/reference.rs` asks.

use crate::steps::{cargo, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The package that holds the tests; its version decides which tests there are.
const PACKAGE: &str = "onnx==1.23.0";
/// The second reference.
const RUNTIME: &str = "onnxruntime==1.32.0";
const SCRIPT: &str = "tests/onnx/convert.py";

/// Makes the Python environment `target/onnx-venv`, and writes ONNX's node tests to `target/onnx-node-tests`;
/// each only where it is not there already for the same packages, script and operators.
///
/// # Errors
///
/// What is missing, and the commands that bring it.
pub fn bring() -> Result<(), String> {
    let python = python()?;
    let folder = root().join("target/onnx-node-tests");
    let operators = operators()?;
    let script = fs::read_to_string(root().join(SCRIPT)).map_err(|e| format!("{SCRIPT}: {e}"))?;
    let made_from = format!("{PACKAGE}\n{script}\n{operators}");
    let stamp = folder.join("made_from");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == made_from) {
        return Ok(());
    }
    let list = root().join("target/onnx-operators.json");
    let write = |path: &Path, text: &str| {
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    write(&list, &operators)?;
    run(Command::new(python).arg(root().join(SCRIPT)).arg(list).arg(&folder))?;
    write(&stamp, &made_from)
}

/// The table of supported operators as JSON, by building and running `elbow ops --json`; an error where that
/// fails.
fn operators() -> Result<String, String> {
    let mut ops = Command::new(cargo());
    ops.args(["run", "-q", "-p", "elbow", "--", "ops", "--json"]).current_dir(root());
    let output = ops.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err("`cargo run -p elbow -- ops --json` failed".into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Path of the Python of `target/onnx-venv`, which is made anew with both packages where it was not made for
/// just these. An error where venv or pip fails.
fn python() -> Result<PathBuf, String> {
    let folder = root().join("target/onnx-venv");
    let python = folder.join("bin/python");
    let stamp = folder.join("installed");
    let packages = format!("{PACKAGE}\n{RUNTIME}");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == packages) {
        return Ok(python);
    }
    let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    made.map_err(|what| format!("{what}\non Debian, as root: apt-get install python3-venv"))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE, RUNTIME]);
    run(&mut pip)?;
    fs::write(&stamp, packages).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

/// Runs a command to its end, with its line on stderr and its output where ours goes; its stdin is empty. An
/// error with the line where it cannot be run or does not succeed.
fn run(command: &mut Command) -> Result<(), String> {
    let line = format!("{command:?}").replace('"', "");
    eprintln!("+ {line}");
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed ({status})")),
        Err(error) => Err(format!("`{line}`: {error}")),
    }
}
