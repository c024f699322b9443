//! onnxruntime, in a Python that has it.

use super::child::{self, End};
use super::{Engine, write};
use crate::error::{Error, Result};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The Python program that reads the request and writes the outputs.
const SCRIPT: &str = include_str!("onnxruntime.py");
/// Its file in the request's folder; not `onnxruntime.py`, which would be imported in place of the package.
const SCRIPT_FILE: &str = "answer.py";
/// The names that a Python has on `PATH`.
const PYTHONS: [&str; 2] = ["python3", "python"];
/// Threads would each take from the address space.
const ONE_THREAD: [&str; 3] = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"];

/// The version of onnxruntime that has answered the request in `folder`, by the given Python, or by the first
/// of `python3` and `python` that has the package. `program` is started for it, and writes the answers there.
///
/// # Errors
///
/// An environment error where no Python can answer or one takes too long, an input error where onnxruntime
/// cannot run the model.
pub(super) fn run(program: &Path, folder: &Path, python: Option<&Path>) -> Result<String> {
    write(&folder.join(SCRIPT_FILE), SCRIPT.as_bytes())?;
    let candidates = match python {
        Some(python) => vec![python],
        None => PYTHONS.map(Path::new).to_vec(),
    };
    let is_given = python.is_some();
    let engine = Engine::Onnxruntime { python: None };
    let mut unusable = Vec::new();
    for python in candidates {
        match child::run(program, folder, &[python])? {
            End::Answered(version) => return Ok(version),
            End::Failed(why) => return Err(engine.refusal(&why)),
            End::TooLong(seconds) => return Err(engine.too_long(seconds)),
            End::Another(why) if is_given => return Err(another_program(python, &why)),
            End::Another(why) | End::NotReady(why) => {
                unusable.push(format!("{}: {why}", python.display()))
            }
        }
    }
    let python = python.unwrap_or(Path::new(PYTHONS[0])).display();
    Err(Error::environment(format!(
        "the reference (onnxruntime) cannot be used ({}); install it: `{python} -m pip install --upgrade \
         onnxruntime numpy`, or, where that Python takes no packages, `python3 -m venv .venv` and \
         `.venv/bin/python -m pip install onnxruntime numpy`, and name it by --python .venv/bin/python",
        unusable.join("; ")
    )))
}

/// The environment error that `--python` names a program that is no Python with onnxruntime; `wrote` is what
/// it wrote.
fn another_program(python: &Path, wrote: &str) -> Error {
    Error::environment(format!(
        "--python {}: it is not a Python with onnxruntime ({wrote}); `python3 -m venv .venv` and \
         `.venv/bin/python -m pip install onnxruntime numpy` make one: --python .venv/bin/python",
        python.display()
    ))
}

/// Replaces this process, whose limits stay, by Python with the script; returns the error only where that
/// fails.
pub(super) fn become_python(python: &Path, folder: &Path) -> Error {
    let mut command = Command::new(python);
    // -B: nothing is written beside the packages.
    command.arg("-B").arg(folder.join(SCRIPT_FILE)).arg(folder);
    command.envs(ONE_THREAD.map(|name| (name, "1")));
    Error::environment(format!("cannot be started ({})", command.exec()))
}
