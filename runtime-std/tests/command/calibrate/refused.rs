//! Bad input of `elbow calibrate`, and calibrations that belong to something else.

use super::{OBSERVED, calibration, contents, imu, noise, of_imu};
use crate::common::elbow_line;
use elbow::detect::Calibration;
use elbow::detect::identity;
use elbow::manifest::Manifest;
use elbow::model::Loaded;
use elbow::npy;
use std::fs;
use std::path::{Path, PathBuf};

/// A `.npy` file of this shape and these values.
fn array(folder: &Path, name: &str, shape: &[usize], values: &[f32]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, npy::encode(shape, values)).unwrap();
    path
}

/// A `.npy` file of 100 rows of float64.
fn doubles(folder: &Path) -> PathBuf {
    let bytes = npy::encode(&[200, 9, 64], &vec![0.0; 200 * OBSERVED]);
    let text = String::from_utf8_lossy(&bytes[..128]).replace("<f4", "<f8").replace("200", "100");
    let at = bytes.len() - 200 * OBSERVED * 4;
    let path = folder.join("doubles.npy");
    let header: Vec<u8> =
        bytes[..10].iter().copied().chain(text.bytes().skip_while(|b| *b != b'{')).collect();
    fs::write(&path, [&header[..at], &bytes[at..]].concat()).unwrap();
    path
}

#[test]
fn bad_input_is_refused_with_the_cure_and_nothing_is_written() {
    let (folder, _) = imu();
    let beside = tempfile::tempdir().unwrap();
    let at = beside.path();
    let good = noise(at, "good.npy", 120, 1);
    let mut values = npy::read(&good).unwrap().values;
    values[700] = f32::NAN;
    let nan = array(at, "nan.npy", &[120, 9, 64], &values);
    let modes = array(at, "modes.npy", &[119], &[0.0; 119]);
    let halves = array(at, "halves.npy", &[120], &[0.5; 120]);
    let flat = array(at, "flat.npy", &[640], &[1.0; 640]);
    let few = array(at, "few.npy", &[63, 9], &[1.0; 567]);
    let lost = array(at, "lost.npy", &[70, 9], &[f32::NAN; 630]);
    let onnx = folder.path().join("encoder.onnx");
    let doubles = doubles(at);
    let train = of_imu("calibration.npy");
    let model = folder.path();
    let cases: &[(&str, &[&Path], &[&str])] = &[
        ("calibrate {} --input {} --arl 30", &[model, &nan], &["NaN", "row 1"]),
        ("calibrate {} --input {} --arl 30", &[model, &doubles], &["<f8", "astype"]),
        ("calibrate {} --input {} --arl 30", &[model, &flat], &["[640]", "rows"]),
        (
            "calibrate {} --input {} --arl 30 --alpha 0.001",
            &[model, &good],
            &["at least 999", "found 120"],
        ),
        ("calibrate {} --input {} --arl 41", &[model, &good], &["found 120", "--arl 40"]),
        (
            "calibrate {} --input {} --arl 30 --mode {}",
            &[model, &good, &modes],
            &["[119]", "[120]"],
        ),
        ("calibrate {} --input {} --arl 30 --mode {}", &[model, &good, &halves], &["0.5", "whole"]),
        ("calibrate {} --recording {} --arl 30", &[model, &flat], &["[640]", "[time, 9]"]),
        ("calibrate {} --recording {} --arl 30", &[model, &few], &["63 readings", "64"]),
        ("calibrate {} --recording {} --arl 30", &[model, &lost], &["not finite"]),
        ("calibrate {} --arl 30", &[model], &["--input"]),
        ("calibrate {} --input {}", &[model, &good], &["--arl"]),
        ("calibrate {} --input {} --arl 1", &[model, &good], &["above 1", "10000"]),
        ("calibrate {} --input {} --arl 30 --alpha 1", &[model, &good], &["between 0 and 1"]),
        ("calibrate {} --input {} --arl 30 --kind waic", &[model, &good], &["waic", "iwae"]),
        ("calibrate {} --input {} --arl 30 --kind log_prob", &[model, &good], &["[flow]"]),
        ("calibrate {} --input {} --arl 30 --kind mahalanobis", &[model, &good], &["--trained-on"]),
        ("calibrate {} --input {} --arl 30", &[&onnx, &good], &["elbow init"]),
        (
            "calibrate {} --input {} --arl 19 --alpha 0.02 --trained-on {}",
            &[model, &train, &train],
            &["226 of the 226", "--trained-on", "leave them out"],
        ),
        (
            "calibrate {} --input {} --arl 19 --alpha 0.02 --precision int8x16 --calibration {}",
            &[model, &train, &train],
            &["226 of the 226", "--calibration", "has not seen"],
        ),
        (
            "calibrate {} --input {} --arl 19 --alpha 0.02 --scaled-on {}",
            &[model, &train, &flat],
            &["--scaled-on", "[640]"],
        ),
    ];
    let before = contents(folder.path());
    for (line, paths, words) in cases {
        let outcome = elbow_line(line, paths);
        assert_eq!(outcome.code, 2, "{line}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{line}");
        for word in *words {
            assert!(outcome.stderr.contains(word), "{line}: no {word:?} in {}", outcome.stderr);
        }
        assert_eq!(contents(folder.path()), before, "{line}: something was written");
    }
}

/// Rows in raw units are as long as normalized ones, so only their values can tell.
#[test]
fn rows_that_look_raw_are_a_question() {
    let (folder, manifest) = imu();
    let at = folder.path();
    let window = Manifest::read(&manifest).unwrap().window.unwrap();
    let normalized = npy::read(&noise(at, "normal.npy", 120, 9)).unwrap().values;
    let raw = |(at, value): (usize, &f32)| {
        let channel = at / 64 % 9;
        value * window.std[channel] + window.mean[channel]
    };
    let raw: Vec<f32> = normalized.iter().enumerate().map(raw).collect();
    let rows = array(at, "raw.npy", &[120, 9, 64], &raw);
    let before = contents(at);
    let outcome = elbow_line("calibrate {} --input {} --arl 30", &[at, &rows]);
    assert_eq!(outcome.code, 2, "{}", outcome.stdout);
    for word in ["raw.npy", "raw units", "(x - mean) / std", "--recording", "--normalized"] {
        assert!(outcome.stderr.contains(word), "no {word:?} in {}", outcome.stderr);
    }
    assert_eq!(contents(at), before, "something was written");
    // Each of the three cures.
    elbow_line("calibrate {} --input {} --arl 30", &[at, &at.join("normal.npy")]).done();
    elbow_line("calibrate {} --input {} --arl 30 --normalized", &[at, &rows]).done();
    let in_time: Vec<f32> = (0..120 * 64)
        .flat_map(|reading| (0..9).map(move |channel| (reading, channel)))
        .map(|(reading, channel)| raw[(reading / 64 * 9 + channel) * 64 + reading % 64])
        .collect();
    let recording = array(at, "recording.npy", &[120 * 64, 9], &in_time);
    elbow_line("calibrate {} --recording {} --arl 30", &[at, &recording]).done();
}

/// Windows of one recording that begin at other readings have no row in common.
#[test]
fn windows_that_share_readings_with_those_that_trained_are_refused() {
    let (folder, manifest) = imu();
    let at = folder.path();
    let window = elbow::manifest::Manifest::read(&manifest).unwrap().window.unwrap();
    let recording = npy::read(&of_imu("recording.npy")).unwrap().values;
    // Windows of 64 readings from `from` on, one every `hop`, as rows.
    let cut = |name: &str, [from, to, hop]: [usize; 3]| {
        let starts: Vec<usize> = (from..to - 64).step_by(hop).collect();
        let value = |start: usize, channel: usize, time: usize| {
            (recording[(start + time) * 9 + channel] - window.mean[channel]) / window.std[channel]
        };
        let row = |start: &usize| {
            let start = *start;
            (0..576).map(move |index| (start, index / 64, index % 64))
        };
        let values = starts.iter().flat_map(row).map(|(a, b, c)| value(a, b, c));
        let path = at.join(name);
        let values: Vec<f32> = values.collect();
        fs::write(&path, npy::encode(&[starts.len(), 9, 64], &values)).unwrap();
        path
    };
    let train = cut("train.npy", [0, 1_680, 16]);
    let other_hop = cut("other_hop.npy", [5, 1_680, 40]);
    let other_part = cut("other_part.npy", [1_700, 3_376, 40]);
    let line = "calibrate {} --input {} --arl 6 --alpha 0.05 --trained-on {}";
    let before = contents(at);
    let outcome = elbow_line(line, &[at, &other_hop, &train]);
    assert_eq!(outcome.code, 2, "{}", outcome.stdout);
    for word in ["--trained-on", "begin at other readings", "another part"] {
        assert!(outcome.stderr.contains(word), "no {word:?} in {}", outcome.stderr);
    }
    assert_eq!(contents(at), before, "something was written");
    elbow_line(line, &[at, &other_part, &train]).done();
    // The file beside the manifest says so the next time.
    let outcome = elbow_line("calibrate {} --input {} --arl 6 --alpha 0.05", &[at, &other_hop]);
    assert_eq!(outcome.code, 2, "{}", outcome.stdout);
    assert!(outcome.stderr.contains("[data] of the manifest (train)"), "{}", outcome.stderr);
}

#[test]
fn rows_that_trained_are_known_the_next_time() {
    let (folder, _) = imu();
    let at = folder.path();
    let [normal, train] =
        [("normal.npy", 3), ("train.npy", 4)].map(|(name, seed)| noise(at, name, 120, seed));
    let line = "calibrate {} --input {} --arl 30 --trained-on {}";
    elbow_line(line, &[at, &normal, &train]).done();
    let outcome = elbow_line("calibrate {} --input {} --arl 30", &[at, &train]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    for word in ["120 of the 120", "[data]", "train"] {
        assert!(outcome.stderr.contains(word), "no {word:?} in {}", outcome.stderr);
    }
    fs::write(at.join("train.hashes"), "no hashes").unwrap();
    let outcome = elbow_line("calibrate {} --input {} --arl 30", &[at, &train]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("train.hashes"), "{}", outcome.stderr);
}

/// The message of a calibration that is refused.
#[track_caller]
fn refusal(folder: &Path, words: &[&str]) {
    let error = calibration(folder).expect_err("a calibration");
    assert!(error.is_input(), "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "no {word:?} in {error}");
    }
}

#[test]
fn a_calibration_is_refused_by_another_model_or_precision_and_where_its_files_have_changed() {
    let (folder, manifest) = imu();
    let at = folder.path();
    refusal(at, &["score.threshold is not calibrated", "elbow calibrate"]);
    let rows = noise(at, "normal.npy", 120, 5);
    elbow_line("calibrate {} --input {} --arl 30", &[at, &rows]).done();
    calibration(at).unwrap();
    let loaded = Loaded::read(at, None, &Default::default()).unwrap();
    let x = npy::read(&of_imu("test.npy")).unwrap().values[..20 * OBSERVED].to_vec();
    let x = elbow::rows::Rows { name: "x".into(), shape: vec![1, 9, 64], values: x };
    let integers = loaded.quantized(elbow::Precision::Int8x16, &x.into()).unwrap();
    assert_ne!(identity(&integers).unwrap(), identity(&loaded).unwrap());
    let error = Calibration::required(&integers).expect_err("a calibration of floats");
    assert!(error.to_string().contains("--precision int8x16"), "{error}");
    // Another window is another model, and so are other weights.
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("hop = 16", "hop = 8")).unwrap();
    refusal(at, &["belongs to the model", "elbow calibrate"]);
    fs::write(&manifest, &text).unwrap();
    let scores = npy::read(&at.join("scores.npy")).unwrap().values;
    for (shape, values, word) in [
        (vec![119], scores[1..].to_vec(), "[119]"),
        (vec![120], scores.iter().rev().copied().collect(), "ascending"),
        (vec![120], vec![f32::NAN; 120], "finite"),
    ] {
        array(at, "scores.npy", &shape, &values);
        refusal(at, &["scores.npy", word, "elbow calibrate"]);
    }
    array(at, "scores.npy", &[120], &scores);
    calibration(at).unwrap();
    array(at, "drift.npy", &[3, 6], &[1.0; 18]);
    refusal(at, &["drift.npy", "[3, 6]", "elbow calibrate"]);
    fs::remove_file(at.join("scores.npy")).unwrap();
    refusal(at, &["scores.npy", "elbow calibrate"]);
}
