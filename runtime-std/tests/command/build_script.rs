//! A user's crate that compiles its model in `build.rs`: `tests/build_script`, built as it stands there.

use crate::common::repository;
use elbow::npy;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The crate with a copy of a model in it, in a folder that stays, so that only the first build is a long one.
fn crate_with(model: &Path) -> PathBuf {
    let (from, to) = (repository("tests/build_script"), repository("target/build_script"));
    let root = repository("");
    for file in ["Cargo.toml", "build.rs", "src/main.rs"] {
        let text = fs::read_to_string(from.join(file)).unwrap();
        let text = text.replace("../../models/imu", "model");
        fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
        fs::write(to.join(file), text.replace("../..", root.to_str().unwrap())).unwrap();
    }
    // The versions of the workspace; cargo removes from it what this crate has no use for.
    fs::copy(root.join("Cargo.lock"), to.join("Cargo.lock")).unwrap();
    fs::create_dir_all(to.join("model")).unwrap();
    for entry in fs::read_dir(model).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|kind| kind == "onnx" || kind == "toml") {
            fs::copy(&file, to.join("model").join(file.file_name().unwrap())).unwrap();
        }
    }
    to
}

fn cargo_build(folder: &Path) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg("build").current_dir(folder).env("CARGO_TARGET_DIR", repository("target/library"));
    cargo.output().expect("cargo starts")
}

/// What the program gives for observations.
fn posteriors(values: &[f32]) -> Vec<f32> {
    let mut program = Command::new(repository("target/library/debug/build-script"));
    let mut program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    program.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    output.stdout.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()
}

#[test]
fn a_crate_that_compiles_its_model_gives_the_posterior_of_run() {
    let model = repository("models/imu");
    let folder = crate_with(&model);
    let built = cargo_build(&folder);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let (rows, out) = (model.join("test.npy"), tempfile::tempdir().unwrap());
    let mut elbow = Command::new(env!("CARGO_BIN_EXE_elbow"));
    elbow.arg("run").arg(&model).arg("--input").arg(&rows).arg("--out-dir").arg(out.path());
    assert!(elbow.status().unwrap().success());
    let [mean, log_var] = ["posterior_mean.npy", "posterior_log_var.npy"]
        .map(|file| npy::read(&out.path().join(file)).unwrap());
    let latents = mean.shape[1];
    let expected = mean.values.chunks(latents).zip(log_var.values.chunks(latents));
    let expected: Vec<f32> = expected.flat_map(|(a, b)| [a, b].concat()).collect();
    let found = posteriors(&npy::read(&rows).unwrap().values);
    assert_eq!(found.len(), expected.len());
    let same = found.iter().zip(&expected).filter(|(a, b)| a.to_bits() == b.to_bits());
    assert_eq!(same.count(), expected.len());

    // The script runs again once the manifest or a file of the model changes, and what is wrong stops the build.
    let manifest = folder.join("model/elbow.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("mean = \"mu\"", "mean = \"nu\"")).unwrap();
    assert_stopped(&folder, &["error: build-script@0.1.0: model/elbow.toml: ", "\"nu\""]);
    fs::write(&manifest, text).unwrap();
    assert!(cargo_build(&folder).status.success());
    fs::write(folder.join("model/decoder.onnx"), b"no model").unwrap();
    assert_stopped(&folder, &["error: build-script@0.1.0: ", "model/decoder.onnx: "]);
}

fn assert_stopped(folder: &Path, words: &[&str]) {
    let built = cargo_build(folder);
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(!built.status.success(), "{said}");
    let line =
        said.lines().find(|line| line.contains(words[0])).unwrap_or_else(|| panic!("{said}"));
    assert!(words.iter().all(|word| line.contains(word)), "{line}");
}
