//! The second reference, onnxruntime in a Python: what it judges, and what is said where it is not there.
//!
//! `cargo xtask onnx` brings the Python into `target/onnx-venv`.

use crate::common::{Outcome, elbow_line, input_of, repository};
use elbow::npy;
use prost::Message;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{self, GraphProto, ModelProto, NodeProto, TensorProto};

const PIP: &str = "python3 -m pip install --upgrade onnxruntime numpy";

/// The Python that has onnxruntime.
fn python() -> PathBuf {
    let python = repository("target/onnx-venv/bin/python");
    assert!(python.exists(), "{}: bring it by `cargo xtask onnx`", python.display());
    python
}

/// The report of a parity that onnxruntime judges.
fn judged(line: &str, paths: &[&Path]) -> Value {
    let python = python();
    let line = format!("{line} --reference onnxruntime --python {{}} --json");
    elbow_line(&line, &[paths, &[python.as_path()]].concat()).done().json()
}

fn saved(folder: &Path, name: &str, shape: &[usize], values: &[f32]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, npy::encode(shape, values)).unwrap();
    path
}

#[test]
fn trained_models_are_within_the_limits_of_onnxruntime() {
    for model in ["imu", "digits"] {
        let folder = repository("models").join(model);
        let report = judged("parity {} --input {} --rows 50", &[&folder, &folder.join("test.npy")]);
        assert_eq!((&report["pass"], &report["reference"]), (&true.into(), &"onnxruntime".into()));
        let version = report["reference_version"].as_str().unwrap();
        assert!(version.split('.').count() == 3, "{version}");
        assert_eq!(report["suspect"], Value::Null);
        assert!(report["kl_nats"]["max"].as_f64().is_some_and(|kl| kl <= 1e-6), "{report}");
        assert!(report["outputs"].as_array().unwrap().iter().all(|own| own["max_abs"].is_f64()));
    }
}

/// Points far from the training data, of which tract makes infinities.
#[test]
fn a_mixture_far_from_its_data_is_judged_by_onnxruntime() {
    let gmm = repository("tests/field/19-skl2onnx/gmm.onnx");
    let far = repository("tests/field/34-gmm-logsumexp/far.npy");
    let paths = [gmm.as_path(), far.as_path()];
    let failed = elbow_line("parity {} --input {} --json", &paths);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert_eq!(failed.json()["suspect"]["ask"], "--reference onnxruntime");
    assert_eq!(judged("parity {} --input {}", &paths)["pass"], true);
}

fn tensor_type(elem_type: DataType, shape: &[i64]) -> Option<pb::TypeProto> {
    use pb::tensor_shape_proto::{Dimension, dimension::Value};
    let dims = shape
        .iter()
        .map(|size| Dimension { denotation: String::new(), value: Some(Value::DimValue(*size)) });
    let shape = Some(pb::TensorShapeProto { dim: dims.collect() });
    let tensor = pb::type_proto::Tensor { elem_type: elem_type as i32, shape };
    let value = Some(pb::type_proto::Value::TensorType(tensor));
    Some(pb::TypeProto { denotation: String::new(), value })
}

fn port(name: &str, elem_type: DataType, shape: &[i64]) -> pb::ValueInfoProto {
    let r#type = tensor_type(elem_type, shape);
    pb::ValueInfoProto { name: name.into(), r#type, ..Default::default() }
}

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        name: format!("{op} of {output}"),
        input: inputs.iter().map(|name| (*name).into()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

fn save_model(folder: &Path, graph: GraphProto) -> PathBuf {
    let opset = pb::OperatorSetIdProto { domain: String::new(), version: 17 };
    let name = "graph".into();
    let model = ModelProto {
        ir_version: 8,
        opset_import: vec![opset],
        graph: Some(GraphProto { name, ..graph }),
        ..ModelProto::default()
    };
    let path = folder.join("model.onnx");
    fs::write(&path, model.encode_to_vec()).unwrap();
    path
}

/// tract 0.23.9 exponentiates before it subtracts the maximum.
#[test]
fn a_reference_that_is_wrong_itself_is_named_as_the_suspect() {
    let folder = tempfile::tempdir().unwrap();
    let model = save_model(
        folder.path(),
        GraphProto {
            input: vec![port("x", DataType::Float, &[1, 3])],
            output: vec![port("y", DataType::Float, &[1, 1])],
            node: vec![node("ReduceLogSumExp", &["x"], "y")],
            ..GraphProto::default()
        },
    );
    let x = saved(folder.path(), "x.npy", &[2, 3], &[0.5, 1.0, -2.0, 200.0, 200.0, 200.0]);
    let failed = elbow_line("parity {} --input {} --json", &[&model, &x]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let suspect = failed.json()["suspect"].clone();
    assert_eq!(suspect["reference"], "tract");
    assert_eq!(suspect["ask"], "--reference onnxruntime");
    let reason = suspect["reason"].as_str().unwrap();
    for word in ["not finite", "inf", "\"y\"", "row 1", "2.011e2"] {
        assert!(reason.contains(word), "no {word:?} in {reason}");
    }
    let text = elbow_line("parity {} --input {}", &[&model, &x]).stdout;
    assert!(text.contains(reason) && text.contains("--reference onnxruntime"), "{text}");

    let report = judged("parity {} --input {}", &[&model, &x]);
    assert_eq!((&report["pass"], &report["suspect"]), (&true.into(), &Value::Null));
    let (out, python) = (folder.path().join("out"), python());
    let line = "run {} --input {} --out-dir {} --backend onnxruntime --python {}";
    elbow_line(line, &[&model, &x, &out, &python]).done();
    let y = npy::read(&out.join("y.npy")).unwrap().values;
    let truth = [(0.5f64.exp() + 1.0f64.exp() + (-2.0f64).exp()).ln(), 200.0 + 3.0f64.ln()];
    let close = |(y, truth): (&f32, &f64)| (f64::from(*y) / truth - 1.0).abs() < 1e-6;
    assert!(y.iter().zip(&truth).all(close), "{y:?} {truth:?}");
}

/// `y = (id == 0, 1, 2) + a draw from 2 to 6`, of an id that the file declares int64.
#[test]
fn references_are_given_the_types_that_the_file_declares_and_the_noise_of_its_draws() {
    let folder = tempfile::tempdir().unwrap();
    let number = |name: &str, f| pb::AttributeProto {
        name: name.into(),
        r#type: pb::attribute_proto::AttributeType::Float as i32,
        f,
        ..Default::default()
    };
    let to = |name: &str, to: DataType| pb::AttributeProto {
        name: name.into(),
        r#type: pb::attribute_proto::AttributeType::Int as i32,
        i: to as i64,
        ..Default::default()
    };
    let attribute = vec![to("to", DataType::Float)];
    let cast = NodeProto { attribute, ..node("Cast", &["equal"], "hot") };
    let attribute = vec![number("low", 2.0), number("high", 6.0)];
    let draw = NodeProto { attribute, ..node("RandomUniformLike", &["hot"], "noise") };
    let known = TensorProto {
        name: "known".into(),
        dims: vec![1, 3],
        data_type: DataType::Int64 as i32,
        int64_data: vec![0, 1, 2],
        ..TensorProto::default()
    };
    let model = save_model(
        folder.path(),
        GraphProto {
            input: vec![port("id", DataType::Int64, &[1, 1])],
            output: vec![port("y", DataType::Float, &[1, 3])],
            initializer: vec![known],
            node: vec![
                node("Equal", &["id", "known"], "equal"),
                cast,
                draw,
                node("Add", &["hot", "noise"], "y"),
            ],
            ..GraphProto::default()
        },
    );
    let id = saved(folder.path(), "id.npy", &[4, 1], &[0.0, 2.0, 1.0, 2.0]);
    let line = "parity {} --input {} --layers";
    for report in [
        elbow_line(&format!("{line} --json"), &[&model, &id]).done().json(),
        judged(line, &[&model, &id]),
    ] {
        assert_eq!((&report["pass"], &report["first_different"]), (&true.into(), &Value::Null));
        let layers = report["layers"].as_array().unwrap();
        let compared = layers.iter().filter(|layer| layer["max_abs"].is_f64()).count();
        assert!(compared >= 2, "{report}");
    }
    let (out, python) = (folder.path().join("out"), python());
    let line = "run {} --input {} --out-dir {} --backend onnxruntime --python {}";
    elbow_line(line, &[&model, &id, &out, &python]).done();
    let y = npy::read(&out.join("y.npy")).unwrap().values;
    assert!(y.iter().all(|y| (2.0..7.0).contains(y)), "{y:?}");
    assert!(y.iter().any(|y| (y - y.floor()).abs() > 0.01), "{y:?}");
}

#[test]
fn states_and_inner_values_are_onnxruntimes_own() {
    let folder = tempfile::tempdir().unwrap();
    let model = repository("tests/zoo/streaming_gru.dynamo/model.onnx");
    let manifest = folder.path().join("elbow.toml");
    let text = format!(
        "name = \"streaming\"\n[encoder]\nonnx = {model:?}\ninput = \"x\"\nmean = \"getitem_6\"\n\
         spread = {{ output = \"getitem_7\", head = \"logvar\" }}\n\
         [state]\npairs = [{{ input = \"h\", output = \"add_3\" }}]\n"
    );
    fs::write(&manifest, text).unwrap();
    let x = npy::read(&input_of("tests/zoo", "streaming_gru.dynamo", "x")).unwrap();
    let len: usize = x.shape[1..].iter().product();
    let values: Vec<f32> = (0..5 * len).map(|i| (i as f32 * 0.7).sin()).collect();
    let rows = saved(folder.path(), "x.npy", &[&[5], &x.shape[1..]].concat(), &values);
    let report = judged("parity {} --input {} --layers", &[&manifest, &rows]);
    assert_eq!((&report["pass"], &report["first_different"]), (&true.into(), &Value::Null));
    let layers = report["layers"].as_array().unwrap();
    assert!(layers.iter().filter(|layer| layer["max_abs"].is_f64()).count() > 3, "{report}");

    // Functions of the file's own, and a sample in a Keras model.
    for model in ["functions.onnxscript", "vae.keras"] {
        let own = repository("tests/zoo").join(model).join("model.onnx");
        let input = input_of("tests/zoo", model, "x");
        let report = judged("parity {} --input {} --layers", &[&own, &input]);
        assert_eq!((&report["pass"], &report["first_different"]), (&true.into(), &Value::Null));
    }
}

#[test]
fn a_quantized_file_is_judged_by_onnxruntime_as_by_its_values() {
    let quantized = |case: &str| {
        let folder = repository("tests/qdq").join(case);
        [folder.join("model.onnx"), input_of("tests/qdq", case, "x")]
    };
    let [model, x] = quantized("conv1d_s8_channel");
    let report = judged("parity {} --input {}", &[&model, &x]);
    let output = &report["outputs"][0];
    assert_eq!((&report["judged"], &output["judged_by"]), (&true.into(), &"steps".into()));
    assert_eq!((&report["pass"], &report["reference"]), (&true.into(), &"onnxruntime".into()));
    assert_eq!(report["limits"]["steps_within_one"], 0.999);

    let [model, x] = quantized("digits_s8_channel");
    let line = "parity {} --input {} --mean mu --spread logvar:logvar";
    let report = judged(line, &[&model, &x]);
    assert_eq!((&report["pass"], &report["reference"]), (&true.into(), &"onnxruntime".into()));
    assert_eq!((&report["limits"]["kl_nats_mean"], &report["grade"]), (&0.01.into(), &Value::Null));
}

/// `parity` of imu by onnxruntime with these variables and words.
fn imu(words: &[&str], path: &str) -> Outcome {
    let (model, rows) = (repository("models/imu"), repository("models/imu/test.npy"));
    let output = Command::new(env!("CARGO_BIN_EXE_elbow"))
        .args(["parity".as_ref(), model.as_os_str(), "--input".as_ref(), rows.as_os_str()])
        .args(["--rows", "2", "--reference", "onnxruntime"])
        .args(words)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().expect("an exit code, no signal");
    Outcome { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn the_python_on_path_is_found() {
    let folder = python();
    let path = folder.parent().unwrap().display().to_string();
    let outcome = imu(&[], &path).done();
    assert!(outcome.stdout.contains("against onnxruntime") && outcome.stdout.contains("PASS"));
}

#[test]
fn where_python_is_missing_or_of_no_use_the_cure_is_named() {
    let unusable = |outcome: Outcome, words: &[&str]| {
        assert_eq!((outcome.code, outcome.stdout.as_str()), (3, ""), "{}", outcome.stderr);
        for word in words {
            assert!(outcome.stderr.contains(word), "no {word:?} in {}", outcome.stderr);
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().display().to_string();
    let words = [PIP, "--python", "python3: cannot be started", "python: cannot be started"];
    unusable(imu(&[], &empty), &words);
    unusable(imu(&["--python", "/no/python"], &empty), &["/no/python: cannot be started", "pip"]);

    let fake = folder.path().join("python3");
    let name = fake.display().to_string();
    let write = |script: &str| {
        fs::write(&fake, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let pip = format!("{name} -m pip install");
    write("echo gibberish; echo nonsense 1>&2");
    let another = ["it is not a Python with onnxruntime (gibberish nonsense)", "-m venv"];
    unusable(imu(&["--python", &name], &empty), &another);
    unusable(imu(&["--python", "/bin/true"], &empty), &["/bin/true: it is not a Python"]);
    write("echo \"No module named 'onnxruntime'\" 1>&2; exit 1");
    unusable(imu(&["--python", &name], &empty), &["No module named 'onnxruntime'", &pip]);
    unusable(imu(&[], &empty), &["No module named 'onnxruntime'", PIP]);
    write("kill -9 $$");
    unusable(imu(&["--python", &name], &empty), &["signal: 9", &pip]);
    // The limit of memory, in KiB, holds for whatever runs.
    write("ulimit -v");
    unusable(imu(&["--python", &name], &empty), &["4194304"]);
    // Says that it has a runtime, and answers nothing.
    write("echo 9.9.9 > \"$3/version\"");
    let silent = imu(&["--python", &name], &empty);
    assert_eq!(silent.code, 3, "{}", silent.stderr);
    assert!(silent.stderr.contains("answered"), "{}", silent.stderr);
    write("echo 9.9.9 > \"$3/version\"; echo out of memory; exit 1");
    let failed = imu(&["--python", &name], &empty);
    assert_eq!(failed.code, 2, "{}", failed.stderr);
    let words =
        ["the reference (onnxruntime) cannot run this model: out of memory", "--reference tract"];
    assert!(words.iter().all(|word| failed.stderr.contains(word)), "{}", failed.stderr);
}

#[test]
fn a_model_that_tract_cannot_run_is_run_by_onnxruntime() {
    // tract 0.23.9 panics on this valid model.
    let case = repository("tests/fixtures/squeeze_unsqueeze");
    let (model, x) = (case.join("model.onnx"), case.join("in.x.npy"));
    let failed = elbow_line("parity {} --input {}", &[&model, &x]);
    assert_eq!(failed.code, 2, "{}", failed.stderr);
    for cure in ["--reference onnxruntime", "--expect"] {
        assert!(failed.stderr.contains(cure), "{}", failed.stderr);
    }
    assert_eq!(judged("parity {} --input {}", &[&model, &x])["pass"], true);
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let (model, x) = (repository("models/imu"), repository("models/imu/test.npy"));
    for (line, word) in [
        ("parity {} --input {} --python python3", "--reference onnxruntime"),
        ("parity {} --input {} --expect mu=mu.npy --reference onnxruntime", "--expect"),
        ("run {} --input {} --out-dir out --python python3", "--backend onnxruntime"),
        (
            "run {} --input {} --out-dir out --backend onnxruntime --precision int8",
            "onnxruntime computes",
        ),
        ("run {} --input {} --out-dir out --backend onnxruntime --refine-steps 5", "twin"),
    ] {
        let refused = elbow_line(line, &[&model, &x]);
        assert_eq!(refused.code, 2, "{line}: {}", refused.stderr);
        assert!(refused.stderr.contains(word), "{line}: {}", refused.stderr);
    }
}
