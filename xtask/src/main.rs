//! `cargo xtask demo`, `test`, `proof`, `onnx`: from a fresh machine to the result.
//!
//! Exit codes: 0 done, 1 a step failed, 2 usage, 3 the machine lacks something, with the commands
//! that bring it.

mod onnx;
mod steps;

use elbow_toolchain::{
    COMPILER_TARGETS, Compiler, Error, emulator, install, missing_compilers, missing_emulator,
};
use std::process::{Command, ExitCode, Stdio};
use steps::{Step, run};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo   stream the shipped recording through an emulated board: posteriors, scores, parity, picture
  test   everything that must hold: format, lints, docs, tests, proof images, emulated devices
  proof  only the images that link if no panic is reachable
  onnx   only ONNX's own node tests";

const FAILED: u8 = 1;
const USED_WRONGLY: u8 = 2;
const LACKING: u8 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (steps, needs) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["demo"] => (steps::demo(), &[Need::Compilers, Need::Emulator][..]),
        ["test"] => (steps::test(), &[Need::Compilers, Need::Emulator, Need::NodeTests][..]),
        ["proof"] => (steps::proof(), &[Need::Compilers][..]),
        ["onnx"] => (steps::onnx(), &[Need::NodeTests][..]),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(USED_WRONGLY);
        }
    };
    match prepare(&steps, needs) {
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(LACKING)
        }
        Ok(()) if run(&steps) => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(FAILED),
    }
}

/// What steps need besides cargo.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Compilers,
    Emulator,
    NodeTests,
}

/// Installs what is missing where it may, and says what will be used.
fn prepare(steps: &[Step], needs: &[Need]) -> Result<(), String> {
    for component in ["fmt", "clippy"] {
        if steps.iter().any(|step| step.uses(component)) && !has(component) {
            let package = if component == "fmt" { "rustfmt" } else { component };
            return Err(format!(
                "`cargo {component}` is missing: run `rustup component add {package}`"
            ));
        }
    }
    bring(needs).map_err(|error| error.to_string())?;
    if needs.contains(&Need::NodeTests) { onnx::bring() } else { Ok(()) }
}

/// Compilers and emulator, where they are wanted.
fn bring(needs: &[Need]) -> Result<(), Error> {
    let (compiling, emulating) =
        (needs.contains(&Need::Compilers), needs.contains(&Need::Emulator));
    let mut missing = if compiling { missing_compilers() } else { Vec::new() };
    if emulating {
        missing.extend(missing_emulator());
    }
    install(&missing)?;
    for target in COMPILER_TARGETS.iter().filter(|_| compiling) {
        eprintln!("{target}: {}", Compiler::find(target)?);
    }
    if emulating {
        eprintln!("emulator: {}", emulator()?.version);
    }
    Ok(())
}

/// Whether cargo has a subcommand.
fn has(component: &str) -> bool {
    let mut cargo = Command::new(steps::cargo());
    cargo.args([component, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    cargo.status().is_ok_and(|status| status.success())
}
