//! Lengths of dynamic axes: what no axis can have is refused with the symbols that the file has.

use super::assert_refused;
use crate::common::{elbow, elbow_line, repository};
use elbow::npy;
use prost::Message;
use std::fs;
use std::path::{Path, PathBuf};
use tract_onnx::pb::{ModelProto, tensor_shape_proto::Dimension, type_proto::Value};

/// An encoder of `x [batch, time, 6]`.
fn dynamic() -> PathBuf {
    repository("tests/field/05-gru-dynamic-length/dynamo.onnx")
}

fn with(model: &Path, dims: &[&str]) -> Vec<String> {
    let model = model.to_string_lossy().into_owned();
    let dims = dims.iter().flat_map(|dim| ["--dim".to_string(), dim.to_string()]);
    ["inspect".to_string(), model].into_iter().chain(dims).collect()
}

#[test]
fn a_dynamic_axis_names_its_cure_which_works() {
    let refused = elbow(&with(&dynamic(), &[]));
    assert_refused(
        &refused,
        "dynamic",
        &["input `x`: axis 1", "`time`", "--dim time=50", "[dims]"],
    );
    assert!(!refused.stderr.contains("problems"), "one cause, one problem: {}", refused.stderr);
    let found = elbow(&with(&dynamic(), &["time=30"])).done();
    assert!(found.stdout.contains("[1, 30, 6]"), "{}", found.stdout);
    elbow(&with(&dynamic(), &["time=30", "batch=1"])).done();
}

#[test]
fn lengths_and_names_that_no_axis_has_are_refused() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["tme=30"], &["dim tme=30", "expected one of `batch`, `time`"]),
        (&["time=0"], &["NAME=N", "whole number from 1 on"]),
        (&["time=-3"], &["NAME=N"]),
        (&["time=many"], &["NAME=N"]),
        (&["time=3.5"], &["NAME=N"]),
        (&["time"], &["NAME=N"]),
        (&["=3"], &["expected one of `batch`, `time`"]),
        (&["time=99999999999999999999999"], &["NAME=N"]),
        (&["time=18446744073709551615"], &["expected a length from 1 to"]),
        (&["time=200000000"], &["holds more than"]),
        (&["time=30", "time=40"], &["given twice"]),
        (&["batch=4"], &["dim batch=4", "in front of the input `x`", "leave it out"]),
        (&["batch=4", "time=30"], &["dim batch=4", "leave it out"]),
        (&["x.1=30"], &["expected one of `batch`, `time`"]),
    ];
    for (dims, words) in cases {
        assert_refused(&elbow(&with(&dynamic(), dims)), &dims.join(" "), words);
    }
    let fixed = repository("models/imu/encoder.onnx");
    assert_refused(&elbow(&with(&fixed, &["time=30"])), "fixed", &["expected one of `batch`"]);
    assert_refused(&elbow(&with(&fixed, &["batch=2"])), "fixed", &["leave it out"]);
}

#[test]
fn an_axis_without_a_symbol_has_its_place_for_a_name() {
    let mut model = ModelProto::decode(&fs::read(dynamic()).unwrap()[..]).unwrap();
    let input = &mut model.graph.as_mut().unwrap().input[0];
    let Value::TensorType(tensor) = input.r#type.as_mut().unwrap().value.as_mut().unwrap();
    tensor.shape.as_mut().unwrap().dim[1] = Dimension::default();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unnamed.onnx");
    fs::write(&file, model.encode_to_vec()).unwrap();
    assert_refused(&elbow(&with(&file, &[])), "unnamed", &["without a length", "--dim x.1=50"]);
    let found = elbow(&with(&file, &["x.1=30"])).done();
    assert!(found.stdout.contains("[1, 30, 6]"), "{}", found.stdout);
}

#[test]
fn a_manifest_has_the_lengths_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (model, manifest) = (folder.path().join("gru.onnx"), folder.path().join("elbow.toml"));
    fs::copy(dynamic(), &model).unwrap();
    elbow_line("init {} --dim time=30 -o {}", &[&model, &manifest]).done();
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(text.contains("[dims]\n# --dim was given\n\"time\" = 30"), "{text}");
    let rows = folder.path().join("x.npy");
    fs::write(&rows, npy::encode(&[2, 30, 6], &[0.25; 360])).unwrap();
    let parity = elbow_line("parity {} --input {}", &[&manifest, &rows]).done();
    assert!(parity.stdout.contains("PASS"), "{}", parity.stdout);

    let given = elbow(&with(&manifest, &["time=30"]));
    assert_refused(&given, "--dim", &["--dim is for a bare .onnx file", "\"time\" = 30", "[dims]"]);
    let cases = [
        ("\"time\" = 0", "dims.time: found 0, expected at least 1"),
        ("\"time\" = -4", "invalid value"),
        ("\"time\" = \"long\"", "invalid type"),
        ("\"time\" = 30\n\"time\" = 31", "duplicate key"),
        ("\"tim\" = 30", "expected one of `batch`, `time`"),
        ("\"time\" = 30\n\"width\" = 2", "dim width=2"),
        ("\"batch\" = 2\n\"time\" = 30", "dim batch=2"),
    ];
    for (dims, words) in cases {
        fs::write(&manifest, text.replace("\"time\" = 30", dims)).unwrap();
        assert_refused(&elbow(&with(&manifest, &[])), dims, &["elbow.toml", words]);
    }
}
