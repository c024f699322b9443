//! `cargo xtask demo`, `test`, `proof`, `onnx`, `rates`, `book`, `bench`: from a fresh machine to the result.
//!
//! Exit codes: 0 done, 1 a step failed, 2 usage, 3 the machine lacks something, with the commands
//! that bring it.

mod bench;
mod onnx;
mod steps;

use elbow_toolchain::{
    CORES, CORTEX_M0, CORTEX_M4, Compiler, Core, ToolError as Error, compiler_targets, emulator,
    install, missing_compilers, missing_emulator,
};
use std::process::{Command, ExitCode, Stdio};
use steps::{Step, run};

/// What `help` prints: the commands, with the cores that can be measured. It ends without a newline.
fn usage() -> String {
    let cores: Vec<&str> = CORES.iter().map(Core::name).collect();
    format!("{COMMANDS}\n         [--target {}] {BENCH}", cores.join(","))
}

const COMMANDS: &str = "\
usage: cargo xtask COMMAND

  demo   stream the shipped recording through an emulated board: posteriors, scores, parity, picture
  demo --board pico  a Raspberry Pi Pico in the emulator of its chip: a recorded motion on its accelerometer, what it
         tells, alarms, parity
  test   everything that must hold: format, lints, docs, tests, proof images, emulated devices
  test --quick  format and the tests that need neither an emulator nor Python nor a compiler of a core
  test --boards  images for every real board, and long runs of those that an emulator has
  test --browser  the page of `elbow report` as Chromium shows it
  test --packages  each package compiled from its archive, and the reference without the command
  proof  only the images that link if no panic is reachable
  onnx   only ONNX's own node tests
  rates  rates of false alarms over 150,000 windows of a generated machine
  book   the book of docs/book as pages in target/book/pages, by mdBook, which is built first
  book --check   the same behind every command of its chapters, held against what the chapters say
  book --accept  writes what the commands print and draw into the chapters
  bench  instructions and estimated cycles of the workloads, as a table in Markdown:";

const BENCH: &str = "\
[--work W1-128,W2,...] [--accept] [--write]
         [--peers] with all peers but burn, which builds for half an hour [--peer burn] [--peer NAME]
         [--cmsis-nn CHECKOUT]";

/// Oldest major version of Node that runs the emulator of a board.
const OLDEST_NODE: u32 = 18;

/// Names under which systems have a browser that runs without a screen.
const BROWSERS: [&str; 3] = ["google-chrome", "chromium", "chrome"];

const FAILED: u8 = 1;
const USED_WRONGLY: u8 = 2;
const LACKING: u8 = 3;

/// Runs the command of the arguments; its exit code is one of those in the module's documentation.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("bench", rest)) = arguments.split_first().map(|(a, rest)| (a.as_str(), rest)) {
        return bench::main(rest);
    }
    let (steps, needs) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["demo"] => (steps::demo(), ON_A_BOARD),
        ["demo", "--board", "pico"] => {
            (steps::demo_of_the_pico(), &[Need::Compiler(CORTEX_M0), Need::Node, Need::Python][..])
        }
        ["test"] => (
            steps::test(),
            &[
                Need::EveryCompiler,
                Need::Emulator,
                Need::NodeTests,
                Need::PeerCompiler,
                Need::Node,
                Need::Python,
            ][..],
        ),
        ["test", "--quick"] => (steps::quick(), &[][..]),
        ["test", "--boards"] => {
            (steps::boards(), &[Need::EveryCompiler, Need::Emulator, Need::Node, Need::Python][..])
        }
        ["test", "--browser"] => (steps::browser(), &[Need::Browser][..]),
        ["test", "--packages"] => (steps::packages(), &[][..]),
        ["proof"] => (steps::proof(), &[Need::EveryCompiler][..]),
        ["book"] => (steps::book(), &[][..]),
        ["book", "--check"] => (steps::checked_book(false), ON_A_BOARD),
        ["book", "--accept"] => (steps::checked_book(true), ON_A_BOARD),
        ["rates"] => (steps::rates(), &[][..]),
        ["onnx"] => (steps::onnx(), &[Need::NodeTests][..]),
        ["help" | "--help" | "-h"] => {
            println!("{}", usage());
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{}", usage());
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
    /// For a compiler target.
    Compiler(&'static str),
    /// For those of all cores.
    EveryCompiler,
    Emulator,
    NodeTests,
    PeerCompiler,
    /// Node of at least [`OLDEST_NODE`], with npm.
    Node,
    /// Python 3 with venv and pip.
    Python,
    /// One that runs without a screen.
    Browser,
}

/// What an image for an emulated M4 takes.
const ON_A_BOARD: &[Need] = &[Need::Compiler(CORTEX_M4), Need::Emulator];

/// Checks that cargo has the subcommands that `steps` use, installs what is missing of `needs` where it may,
/// and says on stderr which compilers and emulator will be used. An error says what is missing and how to
/// install it.
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
    if needs.contains(&Need::Node) {
        has_node()?;
    }
    let lacks = |module: &&str| answer("python3", &["-m", module, "--help"]).is_none();
    if needs.contains(&Need::Python) && ["venv", "pip"].iter().any(lacks) {
        let cure = "on Debian, as root: apt-get install python3-venv python3-pip";
        return Err(format!("Python 3 with venv and pip is missing: {cure}"));
    }
    let runs = |name: &&str| answer(name, &["--version"]).is_some();
    if needs.contains(&Need::Browser) && !BROWSERS.iter().any(runs) {
        return Err(format!(
            "no browser, of {}: on Debian, as root: apt-get install chromium",
            BROWSERS.join(", ")
        ));
    }
    if needs.contains(&Need::NodeTests) { onnx::bring() } else { Ok(()) }
}

/// Installs the compilers, the emulator and the peers' compiler among `needs` that the machine lacks, and
/// names those that it has then on stderr; [`Need::NodeTests`] is passed over. An error where something is
/// missing and may not be installed.
fn bring(needs: &[Need]) -> Result<(), Error> {
    let targets = needs.iter().flat_map(|need| match need {
        Need::Compiler(target) => vec![*target],
        Need::EveryCompiler => compiler_targets(),
        _ => Vec::new(),
    });
    let targets: Vec<&str> = targets.collect();
    let mut missing = Vec::from_iter(missing_compilers(&targets));
    let emulating = needs.contains(&Need::Emulator);
    if emulating {
        missing.extend(missing_emulator());
    }
    if needs.contains(&Need::PeerCompiler) {
        missing.extend(elbow_bench::missing_gcc());
    }
    install(&missing)?;
    for target in targets {
        eprintln!("{target}: {}", Compiler::find(target)?);
    }
    if emulating {
        eprintln!("emulator: {}", emulator()?.version);
    }
    Ok(())
}

/// `Ok` where Node is new enough and has npm; otherwise what is missing, and the command that brings it.
fn has_node() -> Result<(), String> {
    let cure = format!(
        "the board's emulator needs Node {OLDEST_NODE} or newer with npm: on Debian, as root: apt-get install nodejs npm; \
         elsewhere https://nodejs.org"
    );
    let version =
        answer("node", &["--version"]).ok_or_else(|| format!("node is missing: {cure}"))?;
    let major = version.trim().trim_start_matches('v').split('.').next().unwrap_or_default();
    if major.parse().unwrap_or(0) < OLDEST_NODE {
        return Err(format!("node is {}: {cure}", version.trim()));
    }
    match answer("npm", &["--version"]) {
        Some(_) => Ok(()),
        None => Err(format!("npm is missing: {cure}")),
    }
}

/// What a program writes to stdout; `None` where it cannot be run or fails.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether cargo has this subcommand: whether `cargo COMPONENT --version` succeeds.
fn has(component: &str) -> bool {
    let mut cargo = Command::new(steps::cargo());
    cargo.args([component, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    cargo.status().is_ok_and(|status| status.success())
}
