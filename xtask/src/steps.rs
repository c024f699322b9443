//! What the commands do, step by step.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const FIRMWARE: &str = "firmware/Cargo.toml";
const PEERS: &str = "bench/rust/Cargo.toml";
const PROBE: &str = "tests/probe/Cargo.toml";
const BOOK: &str = "docs/book/build/Cargo.toml";

/// A run of cargo in the root of the repository.
#[derive(Clone)]
pub struct Step {
    name: &'static str,
    arguments: Vec<String>,
    /// Whether tests write what they find into the pages that they hold.
    accepts: bool,
}

impl Step {
    /// A step called `name` in the output: cargo with these arguments.
    fn new(name: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| argument.to_string()).collect();
        Self { name, arguments, accepts: false }
    }

    /// Whether this is the subcommand of cargo that the step runs.
    pub fn uses(&self, subcommand: &str) -> bool {
        self.arguments.first().is_some_and(|first| first == subcommand)
    }

    /// Runs the step to its end, with its output where ours goes; whether it succeeded. False also where
    /// cargo cannot be run.
    fn succeeds(&self) -> bool {
        let mut command = Command::new(cargo());
        command.args(&self.arguments).current_dir(root());
        if self.uses("doc") {
            command.env("RUSTDOCFLAGS", "-Dwarnings");
        }
        if self.accepts {
            command.env("ELBOW_ACCEPT", "1");
        }
        command.status().is_ok_and(|status| status.success())
    }
}

/// The steps of `demo`: the recording through an emulated board, then parity of both models. None of them
/// runs yet, as in the functions below.
pub fn demo() -> Vec<Step> {
    const OUT: &str = "target/demo";
    let parity = |model: &'static str, rows: &'static str| {
        let command = ["run", "-q", "-p", "elbow", "--", "parity", model, "--input", rows];
        [&command[..], &["--target", "qemu-m4"]].concat()
    };
    let example = ["run", "-q", "-p", "elbow", "--example", "demo", "--"];
    vec![
        Step::new("recording", &[&example[..], &["models/imu", OUT, "qemu-m4"]].concat()),
        Step::new("parity of imu", &parity("models/imu", "models/imu/test.npy")),
        Step::new("parity of digits", &parity("models/digits", "models/digits/test.npy")),
    ]
}

/// The steps of `demo --board pico`: the Pico's images in the emulator of its chip.
pub fn demo_of_the_pico() -> Vec<Step> {
    let example = ["run", "-q", "-p", "elbow", "--example", "board", "--"];
    let command = root().join("target/debug/elbow").display().to_string();
    vec![
        Step::new("the command", &["build", "-q", "-p", "elbow"]),
        Step::new("Raspberry Pi Pico", &[&example[..], &[&command, "target/demo/pico"]].concat()),
    ]
}

/// The steps of `test`: everything that must hold.
pub fn test() -> Vec<Step> {
    let strict = ["--", "-D", "warnings"];
    let host = [
        "--manifest-path",
        FIRMWARE,
        "-p",
        "elbow-app",
        "-p",
        "elbow-models",
        "-p",
        "elbow-kernels",
        "-p",
        "elbow-sensor",
        "-p",
        "elbow-serial",
    ];
    let core = ["test", "-p", "elbow-core", "--features"];
    let with = |parts: &[&[&'static str]]| parts.concat();
    let long = |test: &[&'static str]| [test, &["--ignored"]].concat();
    vec![
        Step::new("format", &["fmt", "--all", "--check"]),
        Step::new("firmware: format", &["fmt", "--manifest-path", FIRMWARE, "--all", "--check"]),
        Step::new("chips: format", &["fmt", "--manifest-path", PROBE, "--check"]),
        Step::new("peers in Rust: format", &["fmt", "--manifest-path", PEERS, "--all", "--check"]),
        Step::new("book: format", &["fmt", "--manifest-path", BOOK, "--check"]),
        Step::new("lints", &with(&[&["clippy", "--workspace", "--all-targets"], &strict])),
        Step::new(
            "core: lints with every feature",
            &with(&[&["clippy", "-p", "elbow-core", "--all-features"], &strict]),
        ),
        Step::new("core: tests with coarse math", &with(&[&core, &["fast-math"]])),
        Step::new(
            "core: tests with its other features",
            &with(&[&core, &["wire,rand_core_09,rand_core_010"]]),
        ),
        Step::new("firmware: lints", &with(&[&["clippy"], &host, &["--all-targets"], &strict])),
        Step::new("documentation", &["doc", "--workspace", "--no-deps"]),
        Step::new("firmware: documentation", &with(&[&["doc", "--no-deps"], &host])),
        Step::new("firmware: tests on the host", &with(&[&["test"], &host])),
        Step::new(
            "tests, proof images, emulated devices",
            &["test", "--workspace", "--no-fail-fast"],
        ),
        Step::new("book: its long commands", &long(&CHAPTERS)),
        Step::new("book: its long programs", &long(&PROGRAMS)),
    ]
}

/// The tests of what `elbow` prints in the chapters of the book.
const CHAPTERS: [&str; 7] =
    ["test", "--workspace", "--test", "command", "--", "book::", "chapter::"];

/// The tests of what programs print there, and of their pictures.
const PROGRAMS: [&str; 7] =
    ["test", "--workspace", "--example", "book", "--example", "restricted_encoder", "--"];

/// The step of `book`: its pages, by mdBook, which this builds first.
pub fn book() -> Vec<Step> {
    let build = ["run", "-q", "--manifest-path", BOOK, "--target-dir", "target/book/build"];
    vec![Step::new("pages", &[&build[..], &["--", ".", "target/book/pages"]].concat())]
}

/// The steps of `book --check`: every command of the book, then its pages. With `accepts`, those of `book --accept`: what
/// the commands print and draw is written into the chapters.
pub fn checked_book(accepts: bool) -> Vec<Step> {
    let all = |test: &[&'static str]| [test, &["--include-ignored"]].concat();
    let commands = Step { accepts, ..Step::new("commands", &all(&CHAPTERS)) };
    let programs = Step { accepts, ..Step::new("programs and pictures", &all(&PROGRAMS)) };
    let builder = ["test", "-q", "--manifest-path", BOOK, "--target-dir", "target/book/build"];
    [vec![commands, programs, Step::new("builder", &builder)], book()].concat()
}

/// A test program, and modules of it that need more than Rust or take the better part of a minute.
struct Program {
    folder: &'static str,
    not_quick: &'static [&'static str],
}

impl Program {
    /// As cargo calls it.
    fn name(&self) -> &'static str {
        self.folder.rsplit('/').next().unwrap_or_default()
    }
}

/// Test programs that a machine with Rust alone can run, but for those modules.
const QUICK: [Program; 3] = [
    Program { folder: "tests/tests/layering", not_quick: &[] },
    Program { folder: "tests/tests/host", not_quick: &["gap", "integers"] },
    Program {
        folder: "runtime-std/tests/command",
        not_quick: &[
            "boards",
            "book",
            "build_script",
            "chapter",
            "device",
            "gap",
            "projects",
            "reference",
            "report",
        ],
    },
];

/// The steps of `test --quick`: what a machine with Rust alone can check, in a few minutes.
pub fn quick() -> Vec<Step> {
    let test = ["test", "--workspace", "--no-fail-fast"];
    let units = [&test[..], &["--lib", "--bins"]].concat();
    let mut steps =
        vec![Step::new("format", &["fmt", "--all", "--check"]), Step::new("unit tests", &units)];
    for program in &QUICK {
        let mut step = Step::new(program.name(), &test);
        let skipped = program.not_quick.iter().map(|module| format!("{module}::"));
        let skipped = skipped.chain(["those_of_python".into()]);
        let skipped = skipped.flat_map(|name| ["--skip".into(), name]);
        step.arguments.extend(["--test", program.name(), "--"].map(Into::into));
        step.arguments.extend(skipped);
        steps.push(step);
    }
    steps
}

/// The steps of `test --boards`: images and projects for every real board, those that an emulator runs for long, and the
/// chips in the table of a debug probe's program.
pub fn boards() -> Vec<Step> {
    let test = ["test", "--workspace", "--test", "boards", "--"];
    let all = ["--include-ignored", "--nocapture", "--test-threads", "1"];
    let command = ["test", "--workspace", "--test", "command", "--", "boards::"];
    let projects = ["test", "--workspace", "--test", "command", "--", "projects::"];
    let chips = ["test", "--manifest-path", PROBE];
    vec![
        Step::new("boards", &[&test[..], &all].concat()),
        Step::new("boards by the command", &[&command[..], &all].concat()),
        Step::new("projects", &[&projects[..], &all].concat()),
        Step::new("chips", &chips),
    ]
}

/// The step of `test --browser`: the page of `elbow report` as a browser shows it.
pub fn browser() -> Vec<Step> {
    let test = ["test", "--workspace", "--test", "command", "--", "report::browser", "--ignored"];
    vec![Step::new("report in a browser", &test)]
}

/// The step of `test --packages`: what the ordinary tests do not compile of packages and features.
pub fn packages() -> Vec<Step> {
    let test = ["test", "--workspace", "--test", "packages", "--", "--include-ignored"];
    vec![Step::new("packages", &test)]
}

/// The step of `proof`: only the proof images.
pub fn proof() -> Vec<Step> {
    vec![Step::new("proof images", &["test", "-p", "elbow-tests", "--test", "device", "proof::"])]
}

/// The step of `rates`: rates of false alarms over 150,000 windows.
pub fn rates() -> Vec<Step> {
    let test =
        ["test", "--workspace", "--test", "host", "campaign", "--", "--ignored", "--nocapture"];
    vec![Step::new("rates of false alarms", &test)]
}

/// The step of `onnx`: only ONNX's own node tests.
pub fn onnx() -> Vec<Step> {
    let test = ["test", "-p", "elbow-tests", "--test", "onnx_nodes", "--", "--nocapture"];
    vec![Step::new("node tests of ONNX", &test)]
}

/// Runs all steps in order, also after one that fails; prints what failed and a count on stdout, each step
/// and its time on stderr. Whether all succeeded.
pub fn run(steps: &[Step]) -> bool {
    let mut failed = Vec::new();
    for step in steps {
        eprintln!("\n== {}: cargo {}", step.name, step.arguments.join(" "));
        let start = Instant::now();
        let succeeded = step.succeeds();
        let verdict = if succeeded { "ok" } else { "FAILED" };
        eprintln!("== {}: {verdict} in {:.0} s", step.name, start.elapsed().as_secs_f32());
        failed.extend((!succeeded).then_some(step.name));
    }
    for name in &failed {
        println!("failed: {name}");
    }
    println!("{} passed, {} failed", steps.len() - failed.len(), failed.len());
    failed.is_empty()
}

/// Path of the cargo that runs us, by `CARGO`; the name `cargo` where that is not set.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test programs that are not quick: they need an emulator, a C compiler of a core or Python, or build much.
    const SLOW: [&str; 7] =
        ["boards", "counting", "decoder", "device", "onnx_nodes", "packages", "peers"];

    #[test]
    fn every_test_program_is_quick_or_slow() {
        for folder in ["bench/tests", "runtime-std/tests", "tests/tests"] {
            for entry in std::fs::read_dir(root().join(folder)).expect("a folder of tests") {
                let path = entry.expect("an entry").path();
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let quick = QUICK.iter().any(|program| program.name() == name);
                let slow = SLOW.contains(&name.as_str());
                assert!(quick != slow, "{folder}/{name}: quick {quick}, slow {slow}");
            }
        }
    }

    #[test]
    fn what_is_not_quick_is_there() {
        for program in &QUICK {
            let folder = root().join(program.folder);
            assert!(folder.join("main.rs").exists(), "{}", program.folder);
            for module in program.not_quick {
                let file = folder.join(format!("{module}.rs"));
                assert!(file.exists(), "{}", file.display());
            }
        }
    }
}
