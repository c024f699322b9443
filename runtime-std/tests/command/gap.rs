//! `elbow gap` as a user runs it.

use crate::common::{elbow_line, repository};
use elbow::npy;
use prost::Message;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};

fn digits() -> [std::path::PathBuf; 2] {
    [repository("models/digits"), repository("models/digits/test.npy")]
}

#[test]
fn the_report_has_every_figure_of_the_contract() {
    let [model, test] = digits();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let picture = folder.path().join("gaps.svg");
    let line = "gap {} --input {} --rows 2 --refine-steps 5,10 --seed 3 --json --picture {}";
    let report = elbow_line(line, &[&model, &test, &picture]).done().json();
    let number = |path: &str| report.pointer(path).and_then(Value::as_f64);
    for figure in ["elbo", "elbo_optimized", "log_p", "approximation_gap", "amortization_gap"] {
        for part in ["mean", "se"] {
            assert!(number(&format!("/{figure}/{part}")).is_some(), "{figure}.{part}: {report}");
        }
    }
    for tail in ["p5", "p50", "p95", "max"] {
        assert!(number(&format!("/amortization_gap/{tail}")).is_some(), "{tail}: {report}");
    }
    assert_eq!(report["rows"], 2);
    assert_eq!(report["log_p"]["method"], "quadrature");
    let refined = report["refined"].as_array().expect("a list");
    let steps: Vec<&Value> = refined.iter().map(|refined| &refined["steps"]).collect();
    assert_eq!(steps, [5, 10]);
    for refined in refined {
        let parts = ["/elbo/mean", "/elbo/se", "/closed", "/worse", "/worse_se", "/kept"];
        assert!(parts.iter().all(|part| refined.pointer(part).is_some_and(Value::is_number)));
        assert_eq!(refined["seed"], 3);
    }
    let drawn = std::fs::read_to_string(&picture).expect("a picture");
    assert!(drawn.starts_with("<svg") && drawn.contains("Amortization gap"));
    // The same seed gives the same report, however many rows are measured at a time.
    let line = "gap {} --input {} --rows 2 --refine-steps 5,10 --seed 3 --json";
    assert_eq!(elbow_line(line, &[&model, &test]).done().json(), report);
}

#[test]
fn what_cannot_be_measured_is_refused_with_the_cure() {
    let [model, test] = digits();
    let encoder = repository("models/digits/encoder.onnx");
    let imu = [repository("models/imu"), repository("models/imu/test.npy")];
    let refused = |line: &str, paths: &[&std::path::Path], words: &[&str]| {
        let outcome = elbow_line(line, paths);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
        assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{}", outcome.stderr);
    };
    refused("gap {} --input {} --json", &[&encoder, &test], &["encoder.onnx", "[decoder]"]);
    refused("gap {} --input {} --rows 9999", &[&model, &test], &["--rows", "397"]);
    refused("gap {} --input {} --picture gaps.png", &[&model, &test], &["gaps.png", ".svg"]);
    refused("gap {} --input {} --refine-steps 0", &[&model, &test], &["--refine-steps"]);
    refused("gap {} --input {} --log-p exact", &[&model, &test], &["affine"]);
    let words = ["latents", "iwae"];
    refused("gap {} --input {} --log-p quadrature", &[&imu[0], &imu[1]], &words);
}

/// A file of the digits model, changed, in `folder`.
fn save_changed(folder: &Path, file: &str, change: impl Fn(&mut GraphProto)) {
    let bytes = fs::read(repository("models/digits").join(file)).expect("a model");
    let mut model = ModelProto::decode(&bytes[..]).expect("ONNX");
    change(model.graph.as_mut().expect("a graph"));
    fs::write(folder.join(file), model.encode_to_vec()).expect("a writable folder");
}

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: format!("node_{output}"),
        op_type: op.into(),
        input: inputs.iter().map(|name| name.to_string()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

#[test]
fn several_posteriors_are_refused() {
    let [_, test] = digits();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    save_changed(folder, "encoder.onnx", |graph| {
        for output in ["mu", "logvar"] {
            let name = format!("{output}2");
            graph.node.push(node("Tanh", &[output], &name));
            let like = graph.output.iter().find(|value| value.name == output).cloned();
            graph.output.push(ValueInfoProto { name, ..like.expect("a head") });
        }
    });
    save_changed(folder, "decoder.onnx", |graph| {
        let inputs = graph.node.iter_mut().flat_map(|node| &mut node.input);
        inputs.filter(|name| *name == "z").for_each(|name| *name = "sum".into());
        graph.node.insert(0, node("Add", &["z", "z2"], "sum"));
        let like = graph.input.iter().find(|value| value.name == "z").cloned();
        graph.input.push(ValueInfoProto { name: "z2".into(), ..like.expect("a latent") });
    });
    let manifest = "name = \"two\"\n[encoder]\nonnx = \"encoder.onnx\"\ninput = \"x\"\n\
        [[latent]]\nmean = \"mu\"\nspread = { output = \"logvar\", head = \"logvar\" }\n\
        [[latent]]\nmean = \"mu2\"\nspread = { output = \"logvar2\", head = \"logvar\" }\n\
        [decoder]\nonnx = \"decoder.onnx\"\nlatent = [\"z\", \"z2\"]\nmean = \"x_logit\"\n\
        likelihood = { family = \"bernoulli\", mean_is = \"logit\" }\n";
    fs::write(folder.join("elbow.toml"), manifest).expect("a writable folder");
    let outcome = elbow_line("gap {} --input {} --rows 1 --json", &[folder, &test]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
    let words = ["encoder.onnx", "several posteriors", "one level of latents"];
    assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{}", outcome.stderr);
}

#[test]
fn a_row_without_a_finite_elbo_is_named() {
    let [_, test] = digits();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    for file in ["encoder.onnx", "decoder.onnx"] {
        save_changed(folder, file, |_| ());
    }
    let manifest = "name = \"counts\"\n[encoder]\nonnx = \"encoder.onnx\"\ninput = \"x\"\nmean = \"mu\"\n\
        spread = { output = \"logvar\", head = \"logvar\" }\n[decoder]\nonnx = \"decoder.onnx\"\n\
        latent = \"z\"\nmean = \"x_logit\"\nlikelihood = { family = \"poisson\", mean_is = \"log_rate\" }\n";
    fs::write(folder.join("elbow.toml"), manifest).expect("a writable folder");
    let mut values = npy::read(&test).expect("rows").values[..2 * 64].to_vec();
    let x = folder.join("x.npy");
    let gap = |values: &[f32]| {
        fs::write(&x, npy::encode(&[2, 64], values)).expect("a writable folder");
        elbow_line("gap {} --input {} --json", &[folder, &x])
    };
    gap(&values).done();
    values[64 + 5] = -1.0; // a negative count
    let outcome = gap(&values);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
    let words = ["row 1: the ELBO of the encoder's posterior is", "leave the row out"];
    assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{}", outcome.stderr);
}
