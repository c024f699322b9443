//! What `elbow new` asks in a terminal, and what it makes of the answers.

use crate::common::repository;
use crate::new::dense;
use elbow::npy;
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// What `elbow` with these words shows in a terminal in `folder` where somebody types these lines, and its exit code.
fn typed(folder: &Path, words: &[&str], lines: &[&str]) -> (String, i32) {
    let mut master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).and_then(|()| unlockpt(&master)).unwrap();
    let name = ptsname_r(&master).unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
    // A terminal keeps what is typed before it is read.
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    master.write_all(text.as_bytes()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_elbow"));
    command.args(words).current_dir(folder).stdin(terminal.try_clone().unwrap());
    let mut process = command.stdout(terminal).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut shown = Vec::new();
    let mut part = [0; 4096];
    // Reading fails once nobody has the terminal's other end.
    while let Ok(len @ 1..) = master.read(&mut part) {
        shown.extend(&part[..len]);
    }
    let mut error = String::new();
    process.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    let code = process.wait().unwrap().code().unwrap();
    (String::from_utf8_lossy(&shown).into_owned() + &error, code)
}

/// A file of the project `shake`.
fn text(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join("shake").join(file)).unwrap()
}

#[test]
fn without_arguments_it_asks_for_everything() {
    let folder = tempfile::tempdir().unwrap();
    let answers = ["shake", "picoo", "pico2", "", "lsm6ds", "int9", "int8", "no"];
    let (shown, code) = typed(folder.path(), &["new"], &answers);
    assert_eq!(code, 0, "{shown}");
    for question in [
        "Name of the project [my-sensor]: ",
        "`picoo` is none of them",
        "Board (pico, pico2, microbit-v2,",
        "Model: `demo`, an elbow.toml, or an encoder's .onnx [demo]: ",
        "Link: UART at GP0",
        "Sensor (lis3dh, lsm6ds) [lis3dh]: ",
        // The Pico 2 has a floating-point unit.
        "Precision (f32, int8) [f32]: ",
        "`int9` is none of them",
        "A file for CI (yes, no) [yes]: ",
    ] {
        assert!(shown.contains(question), "{question}: {shown}");
    }
    assert!(text(folder.path(), ".cargo/config.toml").contains("--chip RP235x"));
    assert!(text(folder.path(), "src/main.rs").contains("type Sensor = elbow_sensor::Lsm6ds<Bus>"));
    assert!(text(folder.path(), "build.rs").contains("compile_int8("));
    assert!(!folder.path().join("shake/.github").exists());
}

#[test]
fn a_model_of_ones_own_and_its_recording_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["encoder.onnx", "decoder.onnx", "recording.npy"] {
        fs::copy(repository("models/motion3").join(file), folder.path().join(file)).unwrap();
    }
    let model = ["encoder.onnx", "decoder.onnx", "recording.npy", "64.0", "64", "x", "8", ""];
    // The board's sensor is the only one, its precision f32; with a file for CI.
    let answers = [&model[..], &["", "", ""]].concat();
    let words = ["new", "shake", "--board", "microbit-v2"];
    let (shown, code) = typed(folder.path(), &words, &answers);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("`x` is no such number"), "{shown}");
    assert!(shown.contains("Sensor (lis3dh) [lis3dh]"), "{shown}");
    let manifest: toml::Table = text(folder.path(), "model/elbow.toml").parse().unwrap();
    let window = manifest["window"].as_table().unwrap();
    assert_eq!((window["hop"].as_integer(), window["unit"].as_str()), (Some(8), Some("mg")));
    assert!(manifest.contains_key("decoder"));
    assert!(text(folder.path(), "build.rs").contains("compile(\"model/elbow.toml\")"));
    assert!(folder.path().join("shake/.github/workflows/build.yml").exists());
}

#[test]
fn what_is_given_of_a_recording_is_not_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["encoder.onnx", "recording.npy"] {
        fs::copy(repository("models/motion3").join(file), folder.path().join(file)).unwrap();
    }
    let words =
        "new shake --encoder encoder.onnx --readings recording.npy --rate 32 --hop 8 --unit g";
    let words: Vec<&str> = words.split_whitespace().collect();
    // The length is left out.
    let answers = ["microbit-v2", "64", "", "", ""];
    let (shown, code) = typed(folder.path(), &words, &answers);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Readings of a window [64]: "), "{shown}");
    for question in ["Readings of normal", "Readings of a second", "Readings from one", "Unit of"] {
        assert!(!shown.contains(question), "{question}: {shown}");
    }
    let manifest: toml::Table = text(folder.path(), "model/elbow.toml").parse().unwrap();
    let window = manifest["window"].as_table().unwrap();
    assert_eq!((window["rate"].as_float(), window["hop"].as_integer()), (Some(32.0), Some(8)));
    assert_eq!((window["length"].as_integer(), window["unit"].as_str()), (Some(64), Some("g")));
}

/// A model without observations that choose scales is in floats, as it is where nothing is asked.
#[test]
fn no_answer_ends_in_integers_without_scales() {
    let folder = tempfile::tempdir().unwrap();
    let model = dense(folder.path(), 100, 64, false).display().to_string();
    let words = ["new", "shake", "--model", &model];
    let (shown, code) = typed(folder.path(), &words, &["pico", "", ""]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Precision: f32; int8 needs a calibration.npy"), "{shown}");
    assert!(text(folder.path(), "build.rs").contains("compile(\"model/elbow.toml\")"));
    fs::remove_dir_all(folder.path().join("shake")).unwrap();
    // Sixteen windows, which are all kept for the check of parity.
    let encoder = repository("models/motion3/encoder.onnx").display().to_string();
    let readings = npy::read(&repository("models/motion3/recording.npy")).unwrap().values;
    let short = npy::encode(&[304, 3], &readings[..304 * 3]);
    fs::write(folder.path().join("short.npy"), short).unwrap();
    let words = ["new", "shake", "--encoder", &encoder, "--readings", "short.npy"];
    let answers = ["pico", "", "", "", "", "", "", ""];
    let (shown, code) = typed(folder.path(), &words, &answers);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Precision (f32, int8) [int8]: "), "{shown}");
    assert!(text(folder.path(), "build.rs").contains("compile(\"model/elbow.toml\")"));
}

#[test]
fn whoever_says_headless_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (shown, code) =
        typed(folder.path(), &["new", "--headless"], &["shake", "", "", "", "", ""]);
    assert!(code == 2 && shown.contains("the name of the project is missing"), "{shown}");
    assert!(!shown.contains("Name of the project"), "{shown}");
}
