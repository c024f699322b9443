//! Heads measured on rows, as a user sees it.

use crate::common::{Outcome, elbow_line, repository};
use prost::Message;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tract_onnx::pb::ModelProto;

/// A copy of a model's folder with its manifest changed.
fn changed(model: &str, changes: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let own = repository("models").join(model);
    for file in ["encoder.onnx", "decoder.onnx"] {
        fs::copy(own.join(file), folder.path().join(file)).expect("a copy");
    }
    let mut text = fs::read_to_string(own.join("elbow.toml")).expect("a manifest");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    fs::write(folder.path().join("elbow.toml"), text).expect("a writable folder");
    folder
}

fn rows(model: &str) -> PathBuf {
    repository("models").join(model).join("test.npy")
}

fn verdict(report: &Value) -> &str {
    report["heads"]["verdict"].as_str().unwrap_or("none")
}

const DOUBLED: (&str, &str) = ("head = \"logvar\"", "head = \"log_sigma\"");

#[test]
fn gap_parity_and_compile_fail_where_another_head_is_better() {
    let (folder, test) = (changed("digits", &[DOUBLED]), rows("digits"));
    let out = folder.path().join("out");
    let gap = elbow_line("gap {} --input {} --rows 2 --json", &[folder.path(), &test]);
    let parity = elbow_line("parity {} --input {} --json", &[folder.path(), &test]);
    for outcome in [gap, parity] {
        assert_eq!(outcome.code, 1, "{}", outcome.stderr);
        assert_eq!(verdict(&outcome.json()), "error");
        for word in ["the heads are wrong", "logvar", "nats better", "head_checked", "log_sigma"] {
            assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
        }
    }
    let line = "compile {} --input {} --out-dir {}";
    let compile = elbow_line(line, &[folder.path(), &test, &out]);
    assert_eq!((compile.code, out.exists()), (1, false), "{}", compile.stderr);
    // Who has looked at it may go on.
    let name = ("name = \"digits\"", "head_checked = true\nname = \"digits\"");
    let folder = changed("digits", &[DOUBLED, name]);
    let line = "compile {} --input {} --out-dir {} --json";
    let compile = elbow_line(line, &[folder.path(), &test, &out]).done();
    assert_eq!(verdict(&compile.json()), "warning");
    assert!(compile.stderr.contains("warning: the heads"), "{}", compile.stderr);
}

#[test]
fn true_heads_are_said_to_hold_and_nothing_else_changes() {
    let (model, test) = (repository("models/digits"), rows("digits"));
    let parity = elbow_line("parity {} --input {} --json", &[&model, &test]).done();
    assert_eq!(verdict(&parity.json()), "holds");
    assert!(!parity.stderr.contains("heads"), "{}", parity.stderr);
    let report = &parity.json()["heads"];
    assert_eq!(report["readings"][0]["head"], "logvar");
    assert_eq!(report["readings"][0]["declared"], true);
    let without = elbow_line("parity {} --input {} --json", &[&model.join("encoder.onnx"), &test]);
    assert_eq!(without.done().json()["heads"], Value::Null);
    let out = tempfile::tempdir().expect("a temporary folder");
    let line = "compile {} --out-dir {} --json";
    let compiled = elbow_line(line, &[&model, &out.path().join("a")]).done().json();
    assert_eq!(compiled.get("heads"), None);
    let line = "compile {} --input {} --out-dir {}";
    let (bare, out) = (model.join("encoder.onnx"), out.path().join("b"));
    let refused = elbow_line(line, &[&bare, &test, &out]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("[decoder]"), "{}", refused.stderr);
}

fn init(encoder: &Path, decoder: &Path, rows: &Path) -> Outcome {
    elbow_line("init {} --decoder {} --input {} --json", &[encoder, decoder, rows])
}

#[test]
fn init_measures_what_names_say_and_estimates_the_scale() {
    for (model, log_sigma) in [("digits_gaussian", Some(-2.167)), ("digits", None)] {
        let folder = repository("models").join(model);
        let files = ["encoder.onnx", "decoder.onnx"].map(|file| folder.join(file));
        let outcome = init(&files[0], &files[1], &rows(model)).done();
        let report = outcome.json();
        assert_eq!(verdict(&report), "holds");
        assert!(outcome.stderr.contains("(log_sigma"), "the table: {}", outcome.stderr);
        let manifest = report["manifest"].as_str().expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("TOML");
        let likelihood = &manifest["decoder"]["likelihood"];
        let found = likelihood.get("log_sigma").and_then(toml::Value::as_float);
        match (found, log_sigma) {
            (Some(found), Some(wanted)) => assert!((found - wanted).abs() < 0.002, "{found}"),
            (found, wanted) => assert_eq!(found, wanted),
        }
    }
}

/// Copies of an encoder and a decoder, with outputs renamed.
fn renamed(files: [PathBuf; 2], folder: &Path, names: [&[(&str, &str)]; 2]) -> [PathBuf; 2] {
    let parts = ["encoder.onnx", "decoder.onnx"].map(|file| folder.join(file));
    for ((from, to), names) in files.iter().zip(&parts).zip(names) {
        fs::copy(from, to).expect("a copy");
        names.iter().for_each(|(from, name)| rename_output(to, from, name));
    }
    parts
}

/// What is proposed of mean, spread and head; none where it is a question, which shows the table.
fn proposed(outcome: Outcome) -> Option<[String; 3]> {
    if outcome.code == 2 {
        for word in ["encoder.onnx", "mean ELBO in nats", "head = \"", "decide"] {
            assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
        }
        return None;
    }
    let report = outcome.done().json();
    let manifest: toml::Table =
        report["manifest"].as_str().expect("a manifest").parse().expect("TOML");
    let encoder = &manifest["encoder"];
    let values = [&encoder["mean"], &encoder["spread"]["output"], &encoder["spread"]["head"]];
    Some(values.map(|value| value.as_str().expect("text").to_string()))
}

#[test]
fn init_decides_by_rows_what_names_leave_open() {
    for model in ["imu", "digits", "digits_gaussian", "digits_conv"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let own = ["encoder.onnx", "decoder.onnx"]
            .map(|file| repository("models").join(model).join(file));
        let names = [("mu", "second"), ("logvar", "first")];
        let [encoder, decoder] = renamed(own, folder.path(), [&names, &[]]);
        let found = proposed(init(&encoder, &decoder, &rows(model)));
        assert_eq!(found, Some(["second", "first", "logvar"].map(String::from)), "{model}");
    }
}

/// The small models of `tests/heads` call their heads `a` and `b`, which says nothing; that pixels are events
/// is said here. Many maximized something else than the ELBO.
#[test]
fn init_never_decides_for_a_wrong_head() {
    let models = [
        ("elbo_log_sigma", "log_sigma"),
        ("beta_quarter", "logvar"),
        ("beta_quarter_log_sigma", "log_sigma"),
        ("beta_four", "logvar"),
        ("bonus", "logvar"),
        ("bonus_log_sigma", "log_sigma"),
        ("malus_log_sigma", "log_sigma"),
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, head) in models {
        let file = |part: &str| repository("tests/heads").join(format!("{name}.{part}.onnx"));
        let files = ["encoder", "decoder"].map(file);
        let [encoder, decoder] = renamed(files, folder.path(), [&[], &[("y", "x_logit")]]);
        let found = proposed(init(&encoder, &decoder, &rows("digits")));
        println!("{name}: {found:?}");
        if let Some(found) = found {
            assert_eq!(found, ["a", "b", head].map(String::from), "{name}");
        }
    }
}

/// Gives an output of a file another name.
fn rename_output(path: &Path, from: &str, to: &str) {
    let bytes = fs::read(path).expect("a file");
    let mut model = ModelProto::decode(&bytes[..]).expect("ONNX");
    let graph = model.graph.as_mut().expect("a graph");
    let nodes = graph.node.iter_mut().flat_map(|node| &mut node.output);
    let outputs = graph.output.iter_mut().map(|output| &mut output.name);
    nodes.chain(outputs).filter(|name| *name == from).for_each(|name| *name = to.into());
    fs::write(path, model.encode_to_vec()).expect("a writable file");
}

#[test]
fn a_name_that_the_rows_speak_against_is_a_question() {
    // A logarithm of a variance whose name says standard deviation, as `init` would believe.
    let folder = changed("digits_gaussian", &[]);
    let encoder = folder.path().join("encoder.onnx");
    rename_output(&encoder, "logvar", "log_sigma");
    let outcome = init(&encoder, &folder.path().join("decoder.onnx"), &rows("digits_gaussian"));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
    for word in ["encoder.onnx", "speak against", "mean ELBO in nats", "head = \"logvar\""] {
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
    }
}
