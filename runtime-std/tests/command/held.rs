//! What rows may hold besides finite floats, through the command: ids of tables, integers, missing values.

use crate::common::{Outcome, elbow_line, input_of, repository};
use elbow::npy;
use prost::Message;
use std::fs;
use std::path::{Path, PathBuf};
use tract_onnx::pb::{ModelProto, NodeProto};

/// The bytes of an `.npy` file of this type.
fn npy_of(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let head = [&b"\x93NUMPY\x01\x00"[..], &(text.len() as u16).to_le_bytes()].concat();
    [&head[..], text.as_bytes(), data].concat()
}

fn refused(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    for word in words {
        assert!(outcome.stderr.contains(word), "no {word:?} in {}", outcome.stderr);
    }
}

/// Tokens of a table of 50 rows, 12 in a row, declared int64.
fn tokens() -> PathBuf {
    repository("tests/field/09-embedding-input/tokens.onnx")
}

#[test]
fn an_id_outside_its_table_is_refused_by_every_command_that_reads_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("x.npy"), folder.path().join("out"));
    for (value, words) in [
        (77.0, ["found 77 in row 1 at index 11", "\"tokens\"", "table of 50"]),
        (50.0, ["found 50 in row 1 at index 11", "0 to 49", "-50 to -1"]),
        (-51.0, ["found -51 in row 1 at index 11", "\"tokens\"", "table of 50"]),
        (1.5, ["found 1.5 in row 1 at index 11", "whole numbers", "declares"]),
    ] {
        let mut rows = vec![49.0; 24];
        rows[0] = -50.0;
        rows[23] = value;
        fs::write(&file, npy::encode(&[2, 12], &rows)).unwrap();
        let model = tokens();
        for outcome in [
            elbow_line("run {} --input {} --out-dir {}", &[&model, &file, &out]),
            elbow_line("parity {} --input {}", &[&model, &file]),
            elbow_line(
                "compile {} --precision int8 --calibration {} --out-dir {}",
                &[&model, &file, &out],
            ),
        ] {
            refused(&outcome, &words);
        }
        assert!(!out.exists());
    }
}

#[test]
fn integers_are_read_where_the_file_declares_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let ids: Vec<i64> = (0..24).map(|at| (at * 7) % 100 - 50).collect();
    let floats: Vec<f32> = ids.iter().map(|id| *id as f32).collect();
    let long: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let short: Vec<u8> = ids.iter().flat_map(|id| (*id as i32).to_be_bytes()).collect();
    let wide: Vec<u8> = ids.iter().flat_map(|id| (*id as f64).to_le_bytes()).collect();
    fs::write(path("f4.npy"), npy::encode(&[2, 12], &floats)).unwrap();
    fs::write(path("i8.npy"), npy_of("<i8", "(2, 12)", &long)).unwrap();
    fs::write(path("i4.npy"), npy_of(">i4", "(2, 12)", &short)).unwrap();
    fs::write(path("f8.npy"), npy_of("<f8", "(2, 12)", &wide)).unwrap();
    let means = ["f4", "i8", "i4"].map(|kind| {
        let (file, out) = (path(kind).with_extension("npy"), path(kind));
        elbow_line("run {} --input {} --out-dir {}", &[&tokens(), &file, &out]).done();
        npy::read(&out.join("mu.npy")).unwrap()
    });
    assert_eq!([&means[0], &means[0]], [&means[1], &means[2]]);
    let out = path("none");
    let outcome = elbow_line("run {} --input {} --out-dir {}", &[&tokens(), &path("f8.npy"), &out]);
    refused(&outcome, &["<f8", "int64", "numpy.int64"]);
    let digits = repository("models/digits/encoder.onnx");
    let outcome = elbow_line("run {} --input {} --out-dir {}", &[&digits, &path("i8.npy"), &out]);
    refused(&outcome, &["<i8", "expected float32"]);
    let far: Vec<u8> =
        [1i64, (1 << 24) + 1].repeat(6).iter().flat_map(|id| id.to_le_bytes()).collect();
    fs::write(path("far.npy"), npy_of("<i8", "(1, 12)", &far)).unwrap();
    let outcome =
        elbow_line("run {} --input {} --out-dir {}", &[&tokens(), &path("far.npy"), &out]);
    refused(&outcome, &["16777217", "row 0", "2^24", "\"tokens\""]);
}

/// The tokens, whose ids are negated twice on the way to their table.
fn calculated(folder: &Path) -> PathBuf {
    let bytes = fs::read(tokens()).unwrap();
    let mut model = ModelProto::decode(&bytes[..]).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let reads = |node: &NodeProto| node.input.iter().any(|name| name == "tokens");
    let at = graph.node.iter().position(reads).expect("a lookup");
    graph.node[at].input.iter_mut().filter(|name| *name == "tokens").for_each(|name| {
        *name = "there and back".into();
    });
    let neg = |from: &str, to: &str| NodeProto {
        input: vec![from.into()],
        output: vec![to.into()],
        op_type: "Neg".into(),
        ..NodeProto::default()
    };
    graph.node.splice(at..at, [neg("tokens", "there"), neg("there", "there and back")]);
    let path = folder.join("calculated.onnx");
    fs::write(&path, model.encode_to_vec()).unwrap();
    path
}

#[test]
fn ids_that_are_calculated_are_held_against_their_table_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (model, file, out) = (calculated(folder.path()), path("x.npy"), path("out"));
    let mut rows = vec![49.0; 24];
    fs::write(&file, npy::encode(&[2, 12], &rows)).unwrap();
    elbow_line("run {} --input {} --out-dir {}", &[&model, &file, &out]).done();
    rows[13] = 77.0;
    fs::write(&file, npy::encode(&[2, 12], &rows)).unwrap();
    let out = path("none");
    for outcome in [
        elbow_line("run {} --input {} --out-dir {}", &[&model, &file, &out]),
        elbow_line("parity {} --input {}", &[&model, &file]),
    ] {
        refused(&outcome, &["row 1", "the index 77", "table of 50", "0 to 49"]);
    }
    assert!(!out.exists());
}

/// What onnxruntime computes of the sensor model.
const SENSOR: &str = "tests/field/values/10-nan-sensor/x_equals_x";

/// A folder with the sensor model that masks missing values itself, and its rows with NaN.
fn sensor() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let from = repository("tests/field/10-nan-sensor");
    for file in ["x_equals_x.onnx", "x_equals_x.toml"] {
        fs::copy(from.join(file), folder.path().join(file)).unwrap();
    }
    (folder, input_of("tests/field/values", "10-nan-sensor/x_equals_x", "x"))
}

#[test]
fn missing_values_are_read_where_the_manifest_allows_them() {
    let (folder, rows) = sensor();
    let path = |name: &str| folder.path().join(name);
    let (bare, manifest, out) = (path("x_equals_x.onnx"), path("x_equals_x.toml"), path("out"));
    let outcome = elbow_line("run {} --input {} --out-dir {}", &[&bare, &rows, &out]);
    refused(&outcome, &["found NaN in row 0 at index 1", "allow = \"nan\"", "\"x\""]);
    elbow_line("run {} --input {} --out-dir {}", &[&manifest, &rows, &out]).done();
    let found = npy::read(&out.join("mu.npy")).unwrap();
    let expected = npy::read(&repository(SENSOR).join("out.0.npy")).unwrap();
    let worst = found.values.iter().zip(&expected.values).map(|(a, b)| (a - b).abs());
    assert!(worst.fold(0.0, f32::max) < 1e-6, "{found:?}");
    let report = elbow_line("parity {} --input {} --json", &[&manifest, &rows]).done().json();
    assert_eq!(report["clamp_hits"], 0);
    let infinite = path("infinite.npy");
    fs::write(&infinite, npy::encode(&[1, 12], &[f32::INFINITY; 12])).unwrap();
    let outcome = elbow_line("run {} --input {} --out-dir {}", &[&manifest, &infinite, &out]);
    refused(&outcome, &["found inf in row 0"]);
    elbow_line("compile {} --out-dir {}", &[&manifest, &out]).done();
    let source = fs::read_to_string(out.join("model.rs")).unwrap();
    assert!(source.contains("first_infinite(x)") && !source.contains("first_non_finite"));
}

#[test]
fn a_window_takes_missing_readings_only_where_the_model_does() {
    let (folder, rows) = sensor();
    let manifest = folder.path().join("x_equals_x.toml");
    let allowed = fs::read_to_string(&manifest).unwrap();
    let window = "[window]\nchannels = 3\nlength = 4\nhop = 1\nlayout = \"time_first\"\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n";
    let out = folder.path().join("out");
    let compile = |text: &str| {
        fs::write(&manifest, text).unwrap();
        elbow_line("compile {} --out-dir {}", &[&manifest, &out])
    };
    let missing = format!("{window}max_missing = 2\n");
    compile(&format!("{allowed}{missing}")).done();
    let source = fs::read_to_string(out.join("model.rs")).unwrap();
    assert!(source.contains("pub const MAX_MISSING: usize = 2;"));
    let strict = allowed.split("[[input]]").next().unwrap();
    refused(&compile(&format!("{strict}{missing}")), &["window.max_missing", "allow = \"nan\""]);
    refused(&compile(&format!("{allowed}{window}max_missing = 5\n")), &["max_missing", "at most"]);
    fs::write(&manifest, format!("{strict}{window}")).unwrap();
    let outcome = elbow_line("run {} --input {} --out-dir {}", &[&manifest, &rows, &out]);
    refused(&outcome, &["found NaN in row 0 at index 1 (channel 1, reading 0)", "allow = \"nan\""]);
}

#[test]
fn a_likelihood_has_no_missing_values() {
    let folder = tempfile::tempdir().unwrap();
    let from = repository("models/imu");
    for file in ["encoder.onnx", "decoder.onnx"] {
        fs::copy(from.join(file), folder.path().join(file)).unwrap();
    }
    let manifest = folder.path().join("elbow.toml");
    let whole = fs::read_to_string(from.join("elbow.toml")).unwrap();
    let out = folder.path().join("out");
    let compile = |text: String| {
        fs::write(&manifest, text).unwrap();
        elbow_line("compile {} --out-dir {}", &[&manifest, &out])
    };
    let allowed = format!("{whole}\n[[input]]\nname = \"x\"\nallow = \"nan\"\n");
    refused(&compile(allowed), &["allow = \"nan\"", "[decoder]", "[score]"]);
    // Whichever way the observation is named.
    let missing = whole
        .replace("input = \"x\"", "input = 0")
        .replace("hop = 16\n", "hop = 16\nmax_missing = 3\n");
    refused(&compile(missing), &["window.max_missing", "\"x\"", "allow = \"nan\""]);
    assert!(!out.exists());
}

#[test]
fn a_model_that_does_not_handle_missing_values_is_named_as_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let from = repository("models/imu");
    fs::copy(from.join("encoder.onnx"), folder.path().join("encoder.onnx")).unwrap();
    let whole = fs::read_to_string(from.join("elbow.toml")).unwrap();
    let (encoder, _) = whole.split_once("[decoder]").unwrap();
    let (manifest, rows) = (folder.path().join("elbow.toml"), folder.path().join("x.npy"));
    fs::write(&manifest, format!("{encoder}[[input]]\nname = \"x\"\nallow = \"nan\"\n")).unwrap();
    let mut values = vec![0.5; 2 * 9 * 64];
    values[9 * 64 + 5] = f32::NAN;
    fs::write(&rows, npy::encode(&[2, 9, 64], &values)).unwrap();
    let out = folder.path().join("out");
    let outcome = elbow_line("run {} --input {} --out-dir {}", &[&manifest, &rows, &out]);
    refused(&outcome, &["row 1", "holds NaN in input \"x\"", "does not handle", "allow = \"nan\""]);
}
