//! What fuzzing has found: each file is refused or runs, and nothing panics.

use elbow::import::import_bytes;
use elbow::lower::lower;
use elbow::manifest::Manifest;
use elbow::twin::Twin;
use elbow_tests::fixtures::path;
use std::fs;

/// Files of a folder of `fuzz/findings`.
fn findings(folder: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(path("fuzz/findings").join(folder)).expect("the folder is there");
    let read = |file: fs::DirEntry| {
        (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).expect("a file"))
    };
    files.map(|file| read(file.expect("an entry"))).collect()
}

#[test]
fn models_that_were_found_are_refused_or_run() {
    for (name, bytes) in findings("onnx") {
        println!("{name}");
        let Ok(graph) = import_bytes(&bytes) else { continue };
        let outputs: Vec<usize> = (0..graph.outputs.len()).collect();
        let Ok(plan) = lower(&graph, &outputs) else { continue };
        let inputs: Vec<Vec<f32>> = plan.inputs.iter().map(|port| vec![0.5; port.len()]).collect();
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        Twin::new(&plan).run(&inputs).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn manifests_that_were_found_are_refused_or_read() {
    for (name, bytes) in findings("manifest") {
        println!("{name}");
        let _ = Manifest::parse(&String::from_utf8_lossy(&bytes));
    }
}
