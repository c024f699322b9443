//! `docs/book/src/alarm.md`: its commands print what it says, and its program compiles.
//!
//! With `ELBOW_ACCEPT=1` what they print is written into the chapter.

use crate::common::repository;
use crate::console::answered;
use elbow::manifest::{Manifest, Window};
use elbow::npy;
use elbow_tests::pages::{hold, page};
use elbow_tests::vibration::{AXES, Fault, Mode, Run, WINDOW, healthy, independent};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Seeds of the windows of `normal.npy`, each of a run of its own.
const NORMAL: std::ops::Range<u64> = 200_000..210_000;
/// Seeds of `run-0.npy` and so on, and the windows of each.
const RUNS: (std::ops::Range<u64>, usize) = (80_000..80_004, 8_000);
/// Seed of `damaged.npy`, its windows, and from which of them on its bearing is damaged.
const DAMAGED: (u64, usize, usize) = (70_001, 2_000, 1_500);
/// Seeds and windows of `healthy.npy`, of which `dead.npy` has as many, and of `check.npy`, which a board judges.
const HEALTHY: (u64, usize) = (81_001, 200);
const CHECK: (u64, usize) = (82_001, 12);

#[test]
fn the_commands_of_the_chapter_print_what_it_says_and_its_program_compiles() {
    let folder = tempfile::tempdir_in(repository("target")).unwrap();
    prepare(folder.path());
    let text = page("docs/book/src/alarm.md");
    hold("docs/book/src/alarm.md", &answered(&text, folder.path()));
    compiles(block(&text, "rust"), folder.path());
}

/// Fills `folder` with what the chapter starts from: the model in `vibration`, and the data that it names.
fn prepare(folder: &Path) {
    fs::create_dir(folder.join("vibration")).unwrap();
    for file in ["elbow.toml", "encoder.onnx", "decoder.onnx"] {
        let from = repository("models/vibration").join(file);
        fs::copy(from, folder.join("vibration").join(file)).unwrap();
    }
    let modes: Vec<f32> = NORMAL.map(|seed| f32::from(healthy(seed).mode == Mode::Load)).collect();
    let window = Manifest::read(&folder.join("vibration/elbow.toml")).unwrap().window.unwrap();
    let normal = normalized(&window, independent(NORMAL));
    save(&folder.join("normal.npy"), &[modes.len(), AXES, WINDOW], &normal);
    save(&folder.join("modes.npy"), &[modes.len()], &modes);
    for (at, seed) in RUNS.0.enumerate() {
        readings(&folder.join(format!("run-{at}.npy")), healthy(seed), RUNS.1);
    }
    let (seed, windows, since) = DAMAGED;
    let fault = Some((Fault::Bearing, 0.3));
    let run = Run { fault, since: since * WINDOW, ..healthy(seed) };
    readings(&folder.join("damaged.npy"), run, windows);
    let labels: Vec<f32> = (0..windows).map(|window| f32::from(window >= since)).collect();
    save(&folder.join("labels.npy"), &[windows], &labels);
    readings(&folder.join("healthy.npy"), healthy(HEALTHY.0), HEALTHY.1);
    let dead = window.mean.repeat(HEALTHY.1 * WINDOW);
    save(&folder.join("dead.npy"), &[HEALTHY.1 * WINDOW, AXES], &dead);
    readings(&folder.join("check.npy"), healthy(CHECK.0), CHECK.1);
}

/// Windows in raw units as an encoder reads them that has this `[window]`.
fn normalized(window: &Window, mut windows: Vec<f32>) -> Vec<f32> {
    for (at, values) in windows.chunks_exact_mut(WINDOW).enumerate() {
        let (mean, std) = (window.mean[at % AXES], window.std[at % AXES]);
        values.iter_mut().for_each(|value| *value = (*value - mean) / std);
    }
    windows
}

/// Writes the readings of so many windows of a run, `[readings, 3]`.
fn readings(file: &Path, run: Run, windows: usize) {
    save(file, &[windows * WINDOW, AXES], &run.readings(windows * WINDOW).concat());
}

/// Writes an array.
fn save(file: &Path, shape: &[usize], values: &[f32]) {
    fs::write(file, npy::encode(shape, values)).unwrap();
}

/// The one block in this language.
fn block<'t>(text: &'t str, language: &str) -> &'t str {
    let (_, after) = text.split_once(&format!("```{language}\n")).expect("the chapter has one");
    after.split_once("```").expect("it ends").0
}

/// Checks `program` as the library of a firmware beside what the chapter's commands wrote into `folder`.
fn compiles(program: &str, folder: &Path) {
    let core = repository("core");
    let manifest = format!(
        "[package]\nname = \"chapter\"\nedition = \"2024\"\n[dependencies]\nelbow-core = {{ path = {core:?} }}\n[workspace]\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(repository("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::create_dir(folder.join("src")).unwrap();
    fs::write(folder.join("src/lib.rs"), program).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    let cargo = cargo.arg("check").current_dir(folder);
    let output = cargo.env("CARGO_TARGET_DIR", repository("target/library")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("warning: "), "{said}");
}
