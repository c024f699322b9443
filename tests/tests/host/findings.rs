//! What was found by fuzzing and by hand: each file is refused or runs within the limits, and nothing panics.

use elbow::manifest::Manifest;
use elbow::stages::{import_onnx, lower};
use elbow::twin::Twin;
use elbow_tests::fixtures::path;
use elbow_tests::spent::{self, Spent};
use elbow_tests::tolerance::{REFUSED_KILOBYTES, REFUSED_SECONDS};
use std::fs;
use std::path::Path;

/// Files of a folder of `fuzz/findings`.
fn findings(folder: &str) -> Vec<String> {
    let files = fs::read_dir(path("fuzz/findings").join(folder)).expect("the folder is there");
    let named = files.map(|file| file.expect("an entry").file_name());
    let files: Vec<String> = named.map(|name| name.into_string().expect("UTF-8")).collect();
    assert!(!files.is_empty(), "{folder}: no findings");
    let models = files.into_iter().filter(|name| !name.ends_with(".data"));
    models.map(|name| format!("{folder}/{name}")).collect()
}

/// Imports a model, with the weights beside it, lowers it and runs it.
fn model(path: &Path) -> String {
    let graph = match import_onnx(path) {
        Ok(graph) => graph,
        Err(error) => return error.to_string(),
    };
    let outputs: Vec<usize> = (0..graph.outputs.len()).collect();
    let plan = match lower(&graph, &outputs) {
        Ok(plan) => plan,
        Err(error) => return error.to_string(),
    };
    let inputs: Vec<Vec<f32>> = plan.inputs.iter().map(|port| vec![0.5; port.len()]).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    format!("{:?}", Twin::new(&plan).run(&inputs).expect("what is lowered runs"))
}

fn manifest(path: &Path) -> String {
    let bytes = fs::read(path).expect("a file");
    match Manifest::parse(&String::from_utf8_lossy(&bytes)) {
        Ok(_) => "a manifest".into(),
        Err(error) => error.to_string(),
    }
}

/// Not a test of its own: what a child process of the tests below runs.
#[test]
fn read_one() {
    let Some(name) = spent::case() else { return };
    let file = path("fuzz/findings").join(&name);
    spent::tell(|| if name.starts_with("onnx/") { model(&file) } else { manifest(&file) });
}

fn all_stay_within_the_limits(folder: &str) {
    for name in findings(folder) {
        let spent = spent::of_child("findings::read_one", &name)
            .unwrap_or_else(|panic| panic!("{name}: {panic}"));
        let Spent { seconds, kilobytes, message } = spent;
        println!("{name}: {seconds} s, {kilobytes} kB, {message}");
        assert!(seconds <= REFUSED_SECONDS && kilobytes <= REFUSED_KILOBYTES, "{name}");
    }
}

#[test]
fn models_that_were_found_are_refused_or_run() {
    all_stay_within_the_limits("onnx");
}

#[test]
fn manifests_that_were_found_are_refused_or_read() {
    all_stay_within_the_limits("manifest");
}
