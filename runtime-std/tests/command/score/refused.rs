//! Bad input: the file, what is wrong with it, and a cure; nothing is written.

use super::{calibrated, is_refused, noise, observations, save, windows};
use crate::common::{elbow_line, repository};
use std::fs;
use std::path::Path;

/// `elbow score` on the model in `folder` with these words and files.
#[track_caller]
fn refused(folder: &Path, more: &str, files: &[&Path], words: &[&str]) {
    let out = folder.join("out");
    let line = format!("score {{}} {more} --out-dir {{}}");
    let paths: Vec<&Path> =
        [folder].into_iter().chain(files.iter().copied()).chain([&*out]).collect();
    is_refused(&elbow_line(&line, &paths), &out, words);
}

#[test]
fn labels_that_are_none() {
    let folder = windows();
    let folder = folder.path();
    let x = save(folder, "x.npy", &[10, 6], &observations(&noise(30, 1)));
    let raw = save(folder, "raw.npy", &[30, 2], &noise(30, 1));
    let short = save(folder, "short.npy", &[9], &[0.0; 9]);
    let wrong = save(folder, "wrong.npy", &[10], &[2.0; 10]);
    let flat = save(folder, "flat.npy", &[2, 5], &[0.0; 10]);
    let line = "--input {} --labels {}";
    refused(
        folder,
        line,
        &[&x, &short],
        &["short.npy", "9 labels for 10 rows", "one label per row"],
    );
    refused(folder, line, &[&x, &wrong], &["wrong.npy", "label 2", "0 for normal and 1"]);
    refused(folder, line, &[&x, &flat], &["flat.npy", "[2, 5]", "reshape"]);
    let line = "--readings {} --labels {}";
    let words =
        ["short.npy", "9 labels for 30 readings in 10 windows", "per reading or per window"];
    refused(folder, line, &[&raw, &short], &words);
}

#[test]
fn normal_rows_that_nothing_is_fitted_to() {
    let folder = windows();
    let folder = folder.path();
    let x = save(folder, "x.npy", &[10, 6], &observations(&noise(30, 1)));
    let labels = save(folder, "labels.npy", &[10], &[0.0; 10]);
    let other = save(folder, "other.npy", &[10, 5], &[0.0; 50]);
    let one = save(folder, "one.npy", &[1, 6], &[0.0; 6]);
    let line = "--input {} --labels {} --normal {}";
    refused(folder, line, &[&x, &labels, &other], &["other.npy", "[10, 5]", "[rows, 6]"]);
    refused(folder, line, &[&x, &labels, &one], &["one.npy", "at least two normal rows"]);
    refused(folder, "--input {} --normal {}", &[&x, &other], &["--labels"]);
}

#[test]
fn rows_and_readings_that_are_none() {
    let folder = windows();
    let folder = folder.path();
    let mut values = observations(&noise(30, 1));
    values[13] = f32::NAN;
    let holes = save(folder, "holes.npy", &[10, 6], &values);
    let raw = save(folder, "raw.npy", &[30, 2], &noise(30, 1));
    let three = save(folder, "three.npy", &[20, 3], &noise(30, 1));
    let short = save(folder, "few.npy", &[2, 2], &noise(2, 1));
    refused(folder, "--input {}", &[&holes], &["holes.npy", "row 2"]);
    refused(folder, "--readings {}", &[&three], &["three.npy", "[20, 3]", "[time, 2]"]);
    refused(folder, "--readings {}", &[&short], &["few.npy", "2 readings", "longer recording"]);
    refused(folder, "--readings {} --input {}", &[&raw, &holes], &["cannot be used with"]);
    refused(folder, "", &[], &["--input"]);
    refused(folder, "--input {} --times {}", &[&raw, &raw], &["cannot be used with", "--times"]);
    refused(folder, "--readings {} --times {}", &[&raw, &raw], &["--times", "elbow calibrate"]);
    let own = calibrated();
    let words = ["[30, 2]", "[30]", "in seconds"];
    refused(own.path(), "--readings {} --times {}", &[&raw, &raw], &words);
    refused(folder, "--readings {} --kind nothing", &[&raw], &["elbo_at_mean, reconstruction"]);
}

#[test]
fn what_the_model_does_not_have() {
    let folder = windows();
    let folder = folder.path();
    let x = save(folder, "x.npy", &[10, 6], &observations(&noise(30, 1)));
    let raw = save(folder, "raw.npy", &[30, 2], &noise(30, 1));
    for (kind, words) in
        [("log_prob", ["[flow]", "log_prob"]), ("mahalanobis", ["elbow calibrate", "[drift]"])]
    {
        refused(folder, &format!("--input {{}} --kind {kind}"), &[&x], &words);
    }
    let manifest = folder.join("elbow.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let (whole, at) = (text.clone(), text.find("[window]").unwrap());
    fs::write(&manifest, &whole[..at]).unwrap();
    refused(folder, "--input {} --inject", &[&x], &["add [window]"]);
    refused(folder, "--readings {}", &[&raw], &["add it to elbow.toml", "--input"]);
    let decoder = text.find("[decoder]").unwrap();
    fs::write(&manifest, text[..decoder].to_string() + &text[at..]).unwrap();
    refused(folder, "--input {}", &[&x], &["[decoder]", "kl or mahalanobis"]);
}

#[test]
fn a_calibration_of_another_precision_or_model() {
    let folder = calibrated();
    let folder = folder.path();
    let x = save(folder, "x.npy", &[10, 6], &observations(&noise(30, 1)));
    let manifest = folder.join("elbow.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("precision = \"f32\"", "precision = \"int8x8\"")).unwrap();
    refused(folder, "--input {}", &[&x], &["for --precision int8x8", "use --precision int8x8"]);
    fs::write(&manifest, &text).unwrap();
    let other = repository("tests/detection/windows/time_first.onnx");
    fs::copy(other, folder.join("channels_first.onnx")).unwrap();
    refused(folder, "--input {}", &[&x], &["have changed", "elbow calibrate"]);
    let line = "score {} --input {} --kind kl";
    let outcome = elbow_line(line, &[folder, &x]).done();
    assert!(outcome.stdout.contains("nothing decides"), "another kind has no calibration");
}
