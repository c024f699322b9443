//! The demo of a board, which a test runs too.

use elbow_tests::boards::{Emulated, calibrated, image, recording, scenario};
use elbow_toolchain::{Board, BoardProgram};
use serde_json::json;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The model.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/motion3");
/// Readings of a second.
const RATE: usize = 64;
/// Seconds that are as they were recorded.
const WALKING: usize = 8;
/// Seconds of another motion behind them.
const SHAKEN: usize = 6;
/// How much harder the sensor is shaken then, forward and back.
const HARDER: i16 = 3;
/// Windows that are shown, of those of that time.
const WINDOWS: &str = "50";
/// Rows whose parity is checked.
const ROWS: &str = "2";

/// Builds the Pico's sensor image, runs it in rp2040js with a recorded motion on its accelerometer, and shows with the
/// program `command` what it tells; then the same with the parity image and `elbow parity`. Prints what it does; `out` is for
/// what the emulator needs.
///
/// # Errors
///
/// A file cannot be written, or `command` fails.
///
/// # Panics
///
/// An image cannot be built, or the emulator not be fetched; with what helps.
pub fn show(command: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(out)?;
    let pico = Board::named("pico")?;
    let model = calibrated("motion3").model;
    let of = pico.title;
    println!("building the sensor image of motion3 for the {of}: minutes the first time");
    let (sensor, _) = image(pico, BoardProgram::Sensor, std::slice::from_ref(&model));
    let seconds = WALKING + SHAKEN;
    println!(
        "running it in rp2040js, as it would be flashed: {WALKING} s of a recorded walk on its LIS3DH, then {SHAKEN} s \
         shaken {HARDER} times as hard"
    );
    let scenario = scenario(out, &motion(), seconds as f64, &json!({}));
    let emulated = Emulated::pico(&sensor, Some(&scenario));
    let target = format!("tcp:127.0.0.1:{}", emulated.port());
    run(command, &["monitor", &target, "--windows", WINDOWS, "--timeout", "120"])?;
    drop(emulated);

    println!("\nbuilding the parity image of motion3 for the {of}");
    let folder = fs::canonicalize(MODEL)?;
    let folder = folder.to_str().ok_or("the repository's path is not UTF-8")?;
    let (parity, _) = image(pico, BoardProgram::Parity, &[model]);
    println!("running it in rp2040js: {ROWS} rows, each bit compared with the twin's");
    let emulated = Emulated::pico(&parity, None);
    let target = format!("tcp:127.0.0.1:{}", emulated.port());
    let input = format!("{folder}/test.npy");
    let rows = ["parity", folder, "--input", &input, "--rows", ROWS];
    run(command, &[&rows[..], &["--target", &target, "--timeout", "300"]].concat())
}

/// Steps of the sensor: the recording, whose first channel is multiplied in its second part.
fn motion() -> Vec<[i16; 3]> {
    let mut steps = recording();
    steps.truncate(RATE * (WALKING + SHAKEN));
    for [forward, ..] in steps.iter_mut().skip(RATE * WALKING) {
        *forward = forward.saturating_mul(HARDER).clamp(-2047, 2047);
    }
    steps
}

/// Runs `command` with these words, its output where ours goes. An error where it does not succeed.
fn run(command: &Path, words: &[&str]) -> Result<(), Box<dyn Error>> {
    println!("\n$ elbow {}", words.join(" "));
    let status = Command::new(command).args(words).stdin(Stdio::null()).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("elbow {} failed: {status}", words[0]).into()),
    }
}
