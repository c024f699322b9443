//! Recordings that the emulated accelerometer of a Pico plays.

use crate::fixtures::{path, rows};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Thousandths of g of one step of the sensor.
pub const STEP: f32 = 2.0;

/// The recording of `models/motion3` as a LIS3DH at ±4 g gives it: steps of its 12 bits, one for each channel.
pub fn recording() -> Vec<[i16; 3]> {
    let recording = rows(&path("models/motion3/recording.npy"));
    let step = |value: &f32| (value / STEP).round().clamp(-2047.0, 2047.0) as i16;
    let row = |row: &[f32]| std::array::from_fn(|axis| step(&row[axis]));
    recording.values.chunks_exact(3).map(row).collect()
}

/// Writes the scenario of `tests/boards/pico.mjs` in which the sensor plays `steps` for so many seconds, with what `events`
/// holds besides, into `folder`; its path.
///
/// # Panics
///
/// Nothing can be written there.
pub fn scenario(folder: &Path, steps: &[[i16; 3]], seconds: f64, events: &Value) -> PathBuf {
    let file = |name: &str| folder.join(name);
    // Left-aligned, little-endian.
    let codes = steps.iter().flatten().flat_map(|step| (step << 4).to_le_bytes());
    fs::write(file("codes"), codes.collect::<Vec<u8>>()).expect("it can be written");
    let mut scenario = events.clone();
    scenario["codes"] = json!(file("codes"));
    scenario["record"] = json!(file("record"));
    scenario["seconds"] = json!(seconds);
    fs::write(file("scenario"), scenario.to_string()).expect("it can be written");
    file("scenario")
}
