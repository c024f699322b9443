//! Projects of `elbow new` are built, outside the clone, by the line that it prints.

use crate::common::{Outcome, elbow_in, elbow_line, repository};
use elbow_toolchain::{BOARDS, Board};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Most that a figure printed may exceed what the images take: it counts stacks and is of the program of another model.
const MOST_ABOVE: f64 = 1.3;

/// Least flash of a program with a model: the linker has not thrown everything away.
const LEAST: f64 = 20_000.0;

/// The project that `elbow new` makes with these words in `folder`, and the lines that it printed.
fn made(folder: &Path, words: &str) -> (PathBuf, String) {
    let words: Vec<&str> = ["new", "own"].into_iter().chain(words.split_whitespace()).collect();
    let stdout = elbow_in(folder, &words).done().stdout;
    (folder.join("own"), stdout)
}

/// Runs a line by the shell in `folder`, as a user does: without variables of the cargo that runs this test, and with what is
/// built in `target`. Gives what it said on stderr.
fn shell(folder: &Path, line: &str, target: &Path) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_kept = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_CAINFO", "RUSTUP_HOME"];
        let is_build = ["CARGO", "RUST", "LD_LIBRARY_PATH"].iter().any(|o| text.starts_with(o));
        if is_build && !is_kept.contains(&&*text) {
            shell.env_remove(&name);
        }
    }
    let output = shell.env("CARGO_TARGET_DIR", target).output().expect("a shell");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}: {stderr}");
    stderr
}

/// Bytes that the sections of an image's ELF file take of flash, and of RAM before it starts.
fn sizes(image: &Path) -> [u64; 2] {
    let elf = fs::read(image).unwrap();
    let word = |at: usize| u64::from(u32::from_le_bytes(elf[at..at + 4].try_into().unwrap()));
    let half = |at: usize| u16::from_le_bytes(elf[at..at + 2].try_into().unwrap()) as usize;
    let parts = (0..half(44)).map(|index| word(28) as usize + index * half(42));
    let parts: Vec<usize> = parts.filter(|at| word(*at) == 1).collect();
    let flash = parts.iter().map(|at| word(at + 16)).sum();
    let ram = parts.iter().filter(|at| word(**at + 8) >> 28 == 2).map(|at| word(at + 20)).sum();
    [flash, ram]
}

/// The number behind `words` in what was printed.
fn printed(stdout: &str, words: &str) -> f64 {
    let line = stdout.lines().find_map(|line| line.strip_prefix(words));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{words}: {stdout}"))
}

/// Builds the project by the line that was printed, and holds against it what is promised of every project.
fn holds(folder: &Path, board: &Board, words: &str) {
    let (project, stdout) = made(folder, &format!("--board {} {words}", board.name));
    let line = stdout.lines().find_map(|line| line.strip_prefix("build it with: "));
    let line = line.unwrap_or_else(|| panic!("no compiler: {stdout}"));
    let target = folder.join("target");
    let messages = shell(folder, line, &target);
    assert!(!messages.contains("warning"), "{}: {messages}", board.name);
    let text = |file: &str| fs::read_to_string(project.join(file)).unwrap();
    assert!(text("src/main.rs").lines().count() <= 80);
    assert_eq!(text("build.rs").lines().count(), 3);
    let clone = repository("").canonicalize().unwrap();
    assert!(!text("Cargo.lock").contains(clone.to_str().unwrap()));
    assert_eq!(calls(&text(".github/workflows/build.yml")), calls_of(board), "{}", board.name);
    assert!(line.contains("cargo build --release"), "CI builds by the same call: {line}");
    let [flash, ram] = ["flash   about ", "RAM     about "].map(|words| printed(&stdout, words));
    for program in ["own", "parity"] {
        let image = target.join(board.triple).join("release").join(program);
        let [in_flash, in_ram] = sizes(&image).map(|bytes| bytes as f64);
        println!(
            "{} {words} {program}: {in_flash} B of flash, about {flash}; {in_ram} B of RAM, about {ram}",
            board.name
        );
        // Without its script a linker keeps nothing.
        assert!(in_flash > LEAST, "{}: {program} is empty: {in_flash} B", board.name);
        assert!(
            in_flash <= flash && in_ram <= ram,
            "{}: {program} takes more than printed",
            board.name
        );
        assert!(
            program != "own" || flash <= MOST_ABOVE * in_flash,
            "{}: {flash} is far above",
            board.name
        );
        assert!(flash <= f64::from(board.flash.length) && ram <= f64::from(board.ram.length));
        if board.drive.is_some() {
            elbow_line(&format!("flash-file {{}} --board {}", board.name), &[&image]).done();
        }
    }
    fs::remove_dir_all(project).unwrap();
}

/// What a file for CI calls, one after the other.
fn calls(yml: &str) -> Vec<String> {
    yml.lines().filter_map(|line| line.trim().strip_prefix("- run: ")).map(String::from).collect()
}

/// What it is to call: it gets the compiler, and builds.
fn calls_of(board: &Board) -> [String; 3] {
    [
        format!("rustup toolchain install stable --profile minimal --target {}", board.triple),
        "rustup default stable".into(),
        "cargo build --release".into(),
    ]
}

/// The words for a model of a user's own.
fn own_model(has_decoder: bool) -> String {
    let file = |name: &str| repository("models/motion3").join(name).display().to_string();
    let decoder = match has_decoder {
        true => format!("--decoder {}", file("decoder.onnx")),
        false => String::new(),
    };
    let (encoder, readings) = (file("encoder.onnx"), file("recording.npy"));
    format!(
        "--encoder {encoder} {decoder} --readings {readings} --rate 64 --length 64 --hop 16 --unit mg"
    )
}

#[test]
#[ignore = "builds for every board: `cargo xtask test --boards`"]
fn a_project_for_every_board_builds_by_the_line_that_is_printed() {
    let others: BTreeMap<&str, String> = BTreeMap::from([
        ("microbit-v2", own_model(true)),
        ("nrf52840-dk", own_model(false)),
        ("xiao-sense", "--demo --precision int8".into()),
        ("nucleo-l476rg", "--demo --sensor lsm6ds".into()),
    ]);
    let folder = tempfile::tempdir().unwrap();
    for board in &BOARDS {
        holds(folder.path(), board, others.get(board.name).map_or("--demo", String::as_str));
    }
}

#[test]
#[ignore = "builds for every board: `cargo xtask test --boards`"]
fn a_project_of_a_core_without_fpu_builds_in_floats() {
    let folder = tempfile::tempdir().unwrap();
    let board = Board::named("pico").unwrap();
    holds(folder.path(), board, &format!("{} --precision f32", own_model(true)));
}

/// `elbow` with these words in a folder without a clone, whose caches lie in another such folder.
fn installed(folder: &Path, words: &str) -> Outcome {
    let mut command = Command::new(folder.join("elbow"));
    command.args(words.split_whitespace()).current_dir(folder).stdin(Stdio::null());
    let output = command.env("XDG_CACHE_HOME", folder.join("caches")).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    Outcome { code: output.status.code().unwrap(), stdout, stderr }
}

#[test]
fn emulated_boards_need_no_clone() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(env!("CARGO_BIN_EXE_elbow"), folder.path().join("elbow")).unwrap();
    let model = repository("models/digits");
    let model = model.display();
    let line = format!("parity {model} --input {model}/test.npy --target qemu-m4 --rows 2 --json");
    let report = installed(folder.path(), &line).done().json();
    assert_eq!((&report["pass"], &report["twin_bit_exact"]), (&true.into(), &true.into()));
    let line = format!("bench {model} --target qemu-m4 --json");
    let report = installed(folder.path(), &line).done().json();
    assert!(report["instructions_per_inference"].as_u64().is_some_and(|n| n > 0), "{report}");
    // What was written once is used again, and names no clone.
    let caches: Vec<_> = fs::read_dir(folder.path().join("caches/elbow")).unwrap().collect();
    assert_eq!(caches.len(), 1, "{caches:?}");
    let clone = repository("").canonicalize().unwrap();
    let lock = caches[0].as_ref().unwrap().path().join("firmware/Cargo.lock");
    assert!(!fs::read_to_string(lock).unwrap().contains(clone.to_str().unwrap()));
}
