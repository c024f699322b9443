//! Standard faults in a recording of imu: which are found, by what, and how soon.
//!
//! With `ELBOW_ACCEPT=1` the table is written into `tests/detection/faults.txt` and the README of the model.

use crate::common::{elbow_line, repository};
use elbow::manifest::Manifest;
use elbow::npy;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const CHANNELS: usize = 9;
/// Readings of the recording that calibrate; the others, 25 seconds, are held back.
const CALIBRATING: usize = 1_760;
/// Readings of a window.
const WINDOW: usize = 64;

/// First line of the table in the README.
const HEAD: &str = "| Fault | Gate | after | Score | after | Drift | after |";

/// A folder with imu and `training.npy`, the readings that it was trained on: a person who stands, then walks.
fn imu() -> (tempfile::TempDir, PathBuf) {
    let (folder, model) = (tempfile::tempdir().unwrap(), repository("models/imu"));
    for file in ["encoder.onnx", "decoder.onnx", "elbow.toml"] {
        fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let window = Manifest::read(&folder.path().join("elbow.toml")).unwrap().window.unwrap();
    let rows = npy::read(&model.join("calibration.npy")).unwrap();
    // Windows begin 16 readings after one another: the first 16 of all but the last. Readings are whole milli-g.
    let last = rows.shape[0] - 1;
    let places = (0..last).flat_map(|row| (0..16).map(move |at| (row, at)));
    let places = places.chain((0..WINDOW).map(|at| (last, at)));
    let reading = |(row, at): (usize, usize)| {
        let value = |channel: usize| rows.values[(row * CHANNELS + channel) * WINDOW + at];
        let raw = |channel: usize| value(channel) * window.std[channel] + window.mean[channel];
        (0..CHANNELS).map(|channel| raw(channel).round()).collect::<Vec<f32>>()
    };
    let readings: Vec<f32> = places.flat_map(reading).collect();
    let training = readings_in(&folder, "training.npy", &readings);
    (folder, training)
}

/// A file of readings in the folder.
fn readings_in(folder: &tempfile::TempDir, name: &str, readings: &[f32]) -> PathBuf {
    super::save(folder.path(), name, &[readings.len() / CHANNELS, CHANNELS], readings)
}

/// A folder with imu, its score calibrated by the first part of the test recording, limits of the sensor and alarm by
/// that and the training part, and the rest of the recording.
fn calibrated() -> (tempfile::TempDir, PathBuf) {
    let (folder, training) = imu();
    let recording = npy::read(&repository("models/imu/recording.npy")).unwrap().values;
    let (normal, healthy) = recording.split_at(CALIBRATING * CHANNELS);
    let normal = readings_in(&folder, "normal.npy", normal);
    let healthy = readings_in(&folder, "healthy.npy", healthy);
    let windows = (CALIBRATING - WINDOW) / 16 + 1;
    let rows = npy::read(&repository("models/imu/test.npy")).unwrap().values;
    let rows = &rows[..windows * CHANNELS * WINDOW];
    let rows = super::save(folder.path(), "rows.npy", &[windows, CHANNELS, WINDOW], rows);
    let line = "calibrate {} --input {} --recording {} {} --arl 27 --alpha 0.04";
    elbow_line(line, &[folder.path(), &rows, &training, &normal]).done();
    (folder, healthy)
}

/// Share of windows, and the longest time until a fault was found in a channel, by one of those that may find it.
#[derive(Default)]
struct Summary {
    shares: Vec<f64>,
    after: Vec<Option<u64>>,
}

impl Summary {
    /// Both as cells of a table: the mean share, and the longest time where every channel's fault was found.
    fn cells(&self) -> String {
        let mean = self.shares.iter().sum::<f64>() / self.shares.len() as f64;
        let after: Option<Vec<u64>> = self.after.iter().copied().collect();
        let after = after.and_then(|after| after.into_iter().max());
        let after = after.map_or("-".to_string(), |after| after.to_string());
        format!(" {:.0} % | {after} |", 100.0 * mean)
    }
}

/// The rows of the README's table, a fault in all channels each.
fn summary(injected: &Value) -> String {
    let cases = injected["faults"].as_array().unwrap().iter();
    let mut names = vec!["none"];
    let mut all: BTreeMap<&str, [Summary; 3]> = BTreeMap::new();
    let mut add = |name: &'static str, case: &Value| {
        let finders = all.entry(name).or_default();
        for (finder, own) in ["gate", "score", "drift"].iter().zip(finders) {
            own.shares.push(case[format!("by_{finder}")].as_f64().unwrap());
            own.after.push(case["after"][finder].as_u64());
        }
    };
    add("none", &injected["without_fault"]);
    for case in cases {
        let name: &'static str = case["fault"].as_str().unwrap().to_string().leak();
        add(name, case);
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    let row = |name: &&str| {
        let cells: Vec<String> = all[name].iter().map(Summary::cells).collect();
        format!("| {name} |{}\n", cells.concat())
    };
    names.iter().map(row).collect()
}

/// The README with these rows below its table's head.
fn with_rows(readme: &str, rows: &str) -> String {
    let (before, table) = readme.split_once(HEAD).expect("the README has the table");
    let (_, after) = table.split_once("\n\n").expect("a blank line behind it");
    format!("{before}{HEAD}\n|---|---|---|---|---|---|---|\n{rows}\n{after}")
}

/// Fails where the file does not hold this text, or writes it where that is accepted.
fn hold(path: &Path, text: &str) {
    if std::env::var_os("ELBOW_ACCEPT").is_some() {
        return fs::write(path, text).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    let first = text.lines().zip(kept.lines()).find(|(found, kept)| found != kept);
    assert!(text == kept, "{}: the first other line, found and kept: {first:#?}", path.display());
}

#[test]
fn standard_faults_of_imu_are_found_as_the_table_says() {
    let (folder, healthy) = calibrated();
    let line = "score {} --readings {} --inject";
    let text = elbow_line(line, &[folder.path(), &healthy]).done().stdout;
    let line = line.to_string() + " --json";
    let report = elbow_line(&line, &[folder.path(), &healthy]).done().json();
    let injected = &report["injected"];
    assert!(report["recorded"]["faults"].as_object().unwrap().is_empty(), "{report}");
    assert_eq!(injected["without_fault"]["by_gate"], 0.0);
    let broken = ["stuck", "zero", "rail", "dead", "dropout", "nan"];
    let cases = injected["faults"].as_array().unwrap().iter();
    let cases: Vec<&Value> =
        cases.filter(|case| broken.contains(&case["fault"].as_str().unwrap())).collect();
    assert_eq!(cases.len(), 4 * CHANNELS + 2);
    for case in cases {
        assert!(case["by_gate"].as_f64().unwrap() >= 0.99, "{case}");
        assert!(case["after"]["gate"].as_u64().unwrap() <= WINDOW as u64, "{case}");
    }
    let (_, table) = text.split_once("\nfaults from ").unwrap();
    hold(&repository("tests/detection/faults.txt"), &format!("faults from {table}"));
    let path = repository("models/imu/README.md");
    let readme = fs::read_to_string(&path).unwrap();
    hold(&path, &with_rows(&readme, &summary(injected)));
}

/// Limits that the training part shows, standing and walking, stop no window of the test part.
#[test]
fn the_gate_of_the_training_part_stops_nothing_of_the_test_part() {
    let (folder, training) = imu();
    let line = "calibrate {} --recording {} --arl 19 --alpha 0.02";
    elbow_line(line, &[folder.path(), &training]).done();
    let recording = repository("models/imu/recording.npy");
    let report = elbow_line("score {} --readings {} --json", &[folder.path(), &recording]);
    let report = report.done().json();
    assert_eq!(report["recorded"]["windows"], 208);
    assert!(report["recorded"]["faults"].as_object().unwrap().is_empty(), "{report}");
}
