//! Bad input ends with exit code 2, a sentence with the file and the cure, and nothing written.

mod common;

use common::{Outcome, elbow, elbow_line, repository};
use prost::Message;
use std::fs;
use std::path::{Path, PathBuf};
use tract_onnx::pb::{self, ModelProto, NodeProto};

/// Exit code 2, every word in the message, and nothing on stdout but the report of `inspect`.
fn assert_refused(outcome: &Outcome, case: &str, words: &[&str]) {
    assert_eq!(outcome.code, 2, "{case}: {}", outcome.stderr);
    let report = outcome.stdout.contains("unsupported in");
    assert!(report || outcome.stdout.is_empty(), "{case}: {}", outcome.stdout);
    for word in words {
        assert!(outcome.stderr.contains(word), "{case}: no {word:?} in {}", outcome.stderr);
    }
}

fn digits() -> PathBuf {
    repository("models/digits")
}

fn digits_encoder() -> ModelProto {
    let bytes = fs::read(digits().join("encoder.onnx")).unwrap();
    ModelProto::decode(&bytes[..]).unwrap()
}

/// The digits encoder, changed.
fn changed(change: impl Fn(&mut pb::GraphProto)) -> Vec<u8> {
    let mut model = digits_encoder();
    change(model.graph.as_mut().unwrap());
    model.encode_to_vec()
}

fn dimensions(graph: &mut pb::GraphProto) -> &mut pb::type_proto::Tensor {
    let value = graph.input[0].r#type.as_mut().unwrap().value.as_mut().unwrap();
    let pb::type_proto::Value::TensorType(tensor) = value;
    tensor
}

/// Puts `op` between the graph and its output `logvar`.
fn pass_log_var_through(graph: &mut pb::GraphProto, op: &str) {
    let maker = graph.node.iter_mut().find(|node| node.output[0] == "logvar").unwrap();
    maker.output[0] = "raw".into();
    graph.node.push(NodeProto {
        name: "last".into(),
        op_type: op.into(),
        input: vec!["raw".into()],
        output: vec!["logvar".into()],
        ..NodeProto::default()
    });
}

#[test]
fn bad_onnx_files_are_refused_by_every_command() {
    let good = digits_encoder().encode_to_vec();
    let random: Vec<u8> =
        (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty", Vec::new(), &["empty", "export the model again"]),
        ("text", b"this is no model\n".to_vec(), &["not an ONNX model", "export it again"]),
        ("random", random, &["not an ONNX model", "export it again"]),
        ("truncated", good[..good.len() / 2].to_vec(), &["not an ONNX model", "cut off"]),
        (
            "unknown_operators",
            changed(|graph| {
                graph.node[0].op_type = "Frobnicate".into();
                graph.node[1].op_type = "Gizmo".into();
            }),
            &["Frobnicate", "Gizmo"],
        ),
        ("cycle", changed(|graph| graph.node[0].input[0] = "mu".into()), &["wait for each other"]),
        (
            "missing_initializer",
            changed(|graph| graph.initializer.clear()),
            &["node_linear", "export"],
        ),
        ("double_input", changed(|graph| dimensions(graph).elem_type = 11), &["x"]),
        (
            "dynamic_width",
            changed(|graph| {
                let shape = dimensions(graph).shape.as_mut().unwrap();
                shape.dim.last_mut().unwrap().value =
                    Some(pb::tensor_shape_proto::dimension::Value::DimParam("width".into()));
            }),
            &["x", "width"],
        ),
        (
            "nan_weights",
            changed(|graph| {
                let tensor = &mut graph.initializer[0];
                tensor.raw_data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
            }),
            &["NaN"],
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (test, out) = (digits().join("test.npy"), folder.path().join("out"));
    for (name, bytes, words) in cases {
        let model = folder.path().join(format!("{name}.onnx"));
        fs::write(&model, bytes).unwrap();
        let outcomes = [
            elbow_line("inspect {}", &[&model]),
            elbow_line("run {} --input {} --out-dir {}", &[&model, &test, &out]),
            elbow_line("compile {} --out-dir {}", &[&model, &out]),
            elbow_line("parity {} --input {} --json", &[&model, &test]),
            elbow_line("init {} -o {}", &[&model, &out]),
        ];
        for outcome in &outcomes {
            assert_refused(outcome, name, words);
            assert!(outcome.stderr.contains(&format!("{name}.onnx")), "{name}: {}", outcome.stderr);
        }
        assert!(!out.exists(), "{name}: something was written");
    }
}

#[test]
fn inspect_lists_every_unsupported_node_before_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("odd.onnx");
    let bytes = changed(|graph| {
        graph.node[0].op_type = "Frobnicate".into();
        graph.node[1].op_type = "Gizmo".into();
    });
    fs::write(&model, bytes).unwrap();
    let outcome = elbow_line("inspect {} --json", &[&model]);
    let report = outcome.json();
    let listed = report["unsupported"].as_array().unwrap();
    let ops: Vec<&str> = listed.iter().map(|problem| problem["op"].as_str().unwrap()).collect();
    assert_eq!((outcome.code, &ops[..]), (2, &["Frobnicate", "Gizmo"][..]));
    for problem in listed {
        assert!(
            ["node", "reason", "advice"].iter().all(|key| problem[key].is_string()),
            "{problem}"
        );
    }
    assert!(report["flash_bytes"]["weights"].is_null() && report["macs"].is_null());
}

#[test]
fn unsupported_nodes_of_one_kind_are_told_together_and_listed_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("odd.onnx");
    let bytes = changed(|graph| {
        for at in 0..100 {
            let name = format!("odd{at}");
            let from = graph.node.last().map_or("x".into(), |node| node.output[0].clone());
            graph.node.push(NodeProto {
                op_type: "Gizmo".into(),
                input: vec![from],
                output: vec![name.clone()],
                name,
                ..NodeProto::default()
            });
        }
        graph.output[0].name = "odd99".into();
    });
    fs::write(&model, bytes).unwrap();
    let outcome = elbow_line("inspect {}", &[&model]);
    let told = "Gizmo `odd0`, `odd1`, `odd2` and 97 more: ";
    for text in [&outcome.stdout, &outcome.stderr] {
        assert_eq!(text.matches("Gizmo").count(), 1, "{text}");
        assert!(text.contains(told), "{text}");
    }
    let report = elbow_line("inspect {} --json", &[&model]).json();
    assert_eq!(report["unsupported"].as_array().unwrap().len(), 100);
}

/// A folder with a copy of the digits model and this manifest.
fn with_manifest(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["encoder.onnx", "decoder.onnx"] {
        fs::copy(digits().join(file), folder.path().join(file)).unwrap();
    }
    fs::copy(repository("models/imu/decoder.onnx"), folder.path().join("imu_decoder.onnx"))
        .unwrap();
    for op in ["Exp", "Softplus"] {
        let bytes = changed(|graph| pass_log_var_through(graph, op));
        fs::write(folder.path().join(format!("{op}.onnx")), bytes).unwrap();
    }
    let hidden = changed(|graph| {
        // The hidden layer becomes the mean: wider than the spread.
        let name = graph.node[0].output[0].clone();
        graph.output[0].name = name;
        graph.output[0].r#type = None;
    });
    fs::write(folder.path().join("unequal.onnx"), hidden).unwrap();
    let path = folder.path().join("elbow.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

const ENCODER: &str = r#"name = "digits"
[encoder]
onnx = "encoder.onnx"
input = "x"
mean = "mu"
spread = { output = "logvar", head = "logvar" }
"#;

const DECODER: &str = r#"[decoder]
onnx = "decoder.onnx"
latent = "z"
mean = "x_logit"
likelihood = { family = "bernoulli", mean_is = "logit" }
"#;

const WINDOW: &str = r#"[window]
channels = 2
length = 32
hop = 8
mean = [0, 0]
std = [1, 1]
"#;

#[test]
fn the_manifests_that_the_bad_ones_are_made_of_are_good() {
    let (folder, path) = with_manifest(&[ENCODER, DECODER, WINDOW].concat());
    elbow_line("inspect {}", &[&path]).done();
    elbow_line("inspect {}", &[folder.path()]).done();
}

#[test]
fn bad_manifests_are_refused() {
    let encoder = |from: &str, to: &str| {
        assert!(ENCODER.contains(from), "{from}");
        ENCODER.replace(from, to)
    };
    let decoder = |from: &str, to: &str| {
        assert!(DECODER.contains(from), "{from}");
        [ENCODER, &DECODER.replace(from, to)].concat()
    };
    let window = |from: &str, to: &str| {
        assert!(WINDOW.contains(from), "{from}");
        [ENCODER, &WINDOW.replace(from, to)].concat()
    };
    let gaussian = |parameters: &str| {
        decoder(
            "{ family = \"bernoulli\", mean_is = \"logit\" }",
            &format!("{{ family = \"gaussian\"{parameters} }}"),
        )
    };
    let cases: Vec<(&str, String, &[&str])> = vec![
        ("not TOML", "name = = 3".into(), &["line 1"]),
        ("empty", String::new(), &["missing field `name`"]),
        ("no encoder", "name = \"a\"".into(), &["missing field `encoder`"]),
        (
            "unknown table",
            [ENCODER, "[colour]\nred = 1\n"].concat(),
            &["unknown field `colour`", "line 7"],
        ),
        ("unknown key", encoder("mean = ", "median = "), &["unknown field `median`", "line 5"]),
        ("name with a space", encoder("\"digits\"", "\"my digits\""), &["name", "module name"]),
        ("keyword as name", encoder("\"digits\"", "\"loop\""), &["name", "module name"]),
        ("absent file", encoder("encoder.onnx", "absent.onnx"), &["absent.onnx", "path"]),
        (
            "absent mean",
            encoder("mean = \"mu\"", "mean = \"mean\""),
            &["encoder.mean", "\"mean\"", "[\"mu\", \"logvar\"]"],
        ),
        (
            "index out of range",
            encoder("mean = \"mu\"", "mean = 2"),
            &["encoder.mean", "tensor 2", "[\"mu\", \"logvar\"]"],
        ),
        ("negative index", encoder("mean = \"mu\"", "mean = -1"), &["ONNX name or an index"]),
        ("absent input", encoder("input = \"x\"", "input = \"y\""), &["encoder.input", "[\"x\"]"]),
        (
            "one output for both heads",
            encoder("output = \"logvar\"", "output = \"mu\""),
            &["encoder.mean and encoder.spread"],
        ),
        (
            "unequal heads",
            encoder("encoder.onnx", "unequal.onnx").replace("mean = \"mu\"", "mean = 0"),
            &["unequal shapes"],
        ),
        (
            "unknown head",
            encoder("head = \"logvar\"", "head = \"precision\""),
            &["precision", "softplus_sigma"],
        ),
        (
            "sigma made by Gemm",
            encoder("head = \"logvar\"", "head = \"sigma\""),
            &["Gemm", "negative", "declare"],
        ),
        (
            "var made by Gemm",
            encoder("head = \"logvar\"", "head = \"var\""),
            &["Gemm", "negative", "declare"],
        ),
        (
            "logvar made by Exp",
            encoder("encoder.onnx", "Exp.onnx"),
            &["Exp", "declare", "\"sigma\""],
        ),
        (
            "logvar made by Softplus",
            encoder("encoder.onnx", "Softplus.onnx"),
            &["Softplus", "declare", "\"sigma\""],
        ),
        (
            "softplus twice",
            encoder("encoder.onnx", "Softplus.onnx")
                .replace("head = \"logvar\"", "head = \"softplus_sigma\""),
            &["positive already"],
        ),
        (
            "clamp upside down",
            encoder("head = \"logvar\" }", "head = \"logvar\", clamp = [6, -14] }"),
            &["clamp", "low < high"],
        ),
        (
            "clamp of NaN",
            encoder("head = \"logvar\" }", "head = \"logvar\", clamp = [nan, 1] }"),
            &["clamp", "low < high"],
        ),
        (
            "negative eps",
            encoder("head = \"logvar\" }", "head = \"logvar\", eps = -1e-4 }"),
            &["eps", "not negative"],
        ),
        (
            "decoder of another model",
            decoder("\"decoder.onnx\"", "\"imu_decoder.onnx\"").replace("x_logit", "x_mean"),
            &["decoder.latent", "6 values", "2"],
        ),
        ("absent decoder output", decoder("x_logit", "x_mean"), &["decoder.mean", "[\"x_logit\"]"]),
        (
            "family of a later version",
            decoder("bernoulli", "poisson"),
            &["poisson", "later version"],
        ),
        ("family that does not exist", decoder("bernoulli", "cauchy"), &["cauchy", "gaussian"]),
        ("gaussian without noise", gaussian(""), &["log_sigma", "gaussian needs it"]),
        (
            "noise of another length",
            gaussian(", log_sigma = [0, 0, 0]"),
            &["log_sigma has 3 values"],
        ),
        ("noise by the decoder", gaussian(", log_sigma = \"s\""), &["later version"]),
        ("infinite noise", gaussian(", log_sigma = inf"), &["finite"]),
        (
            "gaussian logits",
            gaussian(", log_sigma = 0, mean_is = \"logit\""),
            &["mean_is", "gaussian expects"],
        ),
        (
            "parameter of another family",
            gaussian(", log_sigma = 0, df = 3"),
            &["df", "no such parameter"],
        ),
        (
            "window of another size",
            window("length = 32", "length = 31"),
            &["window", "31", "64 values"],
        ),
        (
            "window without channels",
            window("channels = 2", "channels = 0"),
            &["window.channels", "at least 1"],
        ),
        (
            "too few means",
            window("mean = [0, 0]", "mean = [0]"),
            &["window.mean", "one per channel"],
        ),
        ("zero std", window("std = [1, 1]", "std = [1, 0]"), &["window.std", "positive"]),
        (
            "score without decoder",
            [ENCODER, "[score]\nkind = \"elbo_at_mean\"\nalpha = 0.01\nthreshold = 0\n"].concat(),
            &["score", "[decoder]"],
        ),
        (
            "alpha above 1",
            [ENCODER, DECODER, "[score]\nkind = \"elbo_at_mean\"\nalpha = 1.5\nthreshold = 0\n"]
                .concat(),
            &["score.alpha", "between 0 and 1"],
        ),
        (
            "clamp of three",
            encoder("head = \"logvar\" }", "head = \"logvar\", clamp = [1, 2, 3] }"),
            &["clamp", "found 3 values", "[low, high]"],
        ),
        ("crate as name", encoder("\"digits\"", "\"elbow_core\""), &["name", "firmware"]),
        ("std as name", encoder("\"digits\"", "\"std\""), &["name", "firmware"]),
        ("flow without input", [ENCODER, "[flow]\nonnx = \"f.onnx\"\n"].concat(), &["`input`"]),
        (
            "flow without density",
            [ENCODER, "[flow]\nonnx = \"f.onnx\"\ninput = 0\nz = 0\n"].concat(),
            &["one of log_det", "log_q"],
        ),
        (
            "flow with noise and log_det",
            [
                ENCODER,
                "[flow]\nonnx = \"f.onnx\"\ninput = 0\nz = 0\nlog_det = 1\neps = \"eps\"\n",
            ]
            .concat(),
            &["flow.eps", "log_q"],
        ),
        (
            "unknown base",
            [ENCODER, "[flow]\nonnx = \"f.onnx\"\ninput = 0\nz = 0\nlog_det = 1\nbase = \"uniform\"\n"]
                .concat(),
            &["uniform", "standard_normal"],
        ),
        (
            "an input that no graph has",
            [ENCODER, "[[input]]\nname = \"eps\"\nrole = \"eps\"\n"].concat(),
            &["[[input]] \"eps\"", "no graph"],
        ),
        (
            "an input of two roles",
            [ENCODER, "[[input]]\nname = \"x\"\nrole = \"condition\"\n"].concat(),
            &["\"x\"", "role x", "condition"],
        ),
        (
            "an input listed twice",
            [
                ENCODER,
                "[[input]]\nname = \"c\"\nrole = \"condition\"\n[[input]]\nname = \"c\"\nrole = \"eps\"\n",
            ]
            .concat(),
            &["listed twice"],
        ),
        (
            "noise of a fixed value",
            [ENCODER, "[[input]]\nname = \"e\"\nrole = \"eps\"\nvalue = 1\n"].concat(),
            &["only a condition", "value"],
        ),
        (
            "an unknown role",
            [ENCODER, "[[input]]\nname = \"e\"\nrole = \"noise\"\n"].concat(),
            &["noise", "condition"],
        ),
        (
            "two observations",
            [ENCODER, "[[input]]\nname = \"y\"\nrole = \"x\"\n"].concat(),
            &["encoder.input", "one input"],
        ),
        (
            "posteriors in two places",
            [
                ENCODER,
                "[[latent]]\nmean = \"mu\"\nspread = { output = \"logvar\", head = \"logvar\" }\n",
            ]
            .concat(),
            &["encoder.mean", "[[latent]]", "move it there"],
        ),
        (
            "a posterior without spread",
            [ENCODER, "[[latent]]\nmean = \"mu\"\n"].concat(),
            &["missing field `spread`"],
        ),
        ("no pairs of state", [ENCODER, "[state]\npairs = []\n"].concat(), &["state.pairs"]),
        (
            "a state that is the observation",
            [ENCODER, "[state]\npairs = [{ input = \"x\", output = \"mu\" }]\n"].concat(),
            &["state.pairs[0]", "\"x\" has shape", "pair a state"],
        ),
        (
            "two latents for one posterior",
            decoder("latent = \"z\"", "latent = [\"z\", \"y\"]"),
            &["decoder.latent", "2 inputs", "one per posterior (1)"],
        ),
        ("refinement", [ENCODER, "[refine]\nsteps = 5\n"].concat(), &["[refine]", "later version"]),
    ];
    for (case, text, words) in cases {
        let (folder, path) = with_manifest(&text);
        let out = folder.path().join("out");
        let outcomes = [
            elbow_line("inspect {}", &[&path]),
            elbow_line("compile {} --out-dir {} --json", &[folder.path(), &out]),
        ];
        for outcome in &outcomes {
            assert_refused(outcome, case, words);
            assert!(outcome.stderr.contains("elbow.toml"), "{case}: {}", outcome.stderr);
            assert_eq!(outcome.stdout, "", "{case}");
        }
        assert!(!out.exists(), "{case}: something was written");
    }
}

/// An `.npy` file of any element type.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\0", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), data].concat()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn bad_arrays_are_refused() {
    let row = |value: f32| floats(&[&[0.0; 70][..], &[value], &[0.0; 57]].concat());
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty", Vec::new(), &["empty", "astype"]),
        ("text", b"1,2,3\n4,5,6\n".to_vec(), &["not a .npy file", "astype"]),
        (
            "cut in its header",
            npy("'<f4'", "(2, 64)", &[])[..20].to_vec(),
            &["header", "write it again"],
        ),
        ("cut in its values", npy("'<f4'", "(2, 64)", &[0; 500]), &["500 bytes", "damaged"]),
        (
            "float64",
            npy("'<f8'", "(1, 64)", &[0; 512]),
            &["<f8", "float32", "astype(numpy.float32)"],
        ),
        ("int64", npy("'<i8'", "(1, 64)", &[0; 512]), &["<i8", "astype(numpy.float32)"]),
        ("objects", npy("'|O'", "(1, 64)", &[0; 64]), &["|O", "astype(numpy.float32)"]),
        (
            "records",
            npy("[('a', '<f4')]", "(1, 64)", &[0; 256]),
            &["structured", "astype(numpy.float32)"],
        ),
        (
            "no batch",
            npy("'<f4'", "(64,)", &[0; 256]),
            &["found shape [64]", "expected [rows, 64]", "reshape"],
        ),
        (
            "an image",
            npy("'<f4'", "(1, 8, 8)", &[0; 256]),
            &["found shape [1, 8, 8]", "expected [rows, 64]"],
        ),
        ("a scalar", npy("'<f4'", "()", &[0; 4]), &["found shape []", "expected [rows, 64]"]),
        ("no rows", npy("'<f4'", "(0, 64)", &[]), &["no rows", "at least one"]),
        ("more than memory", npy("'<f4'", "(4294967296, 4294967296)", &[0; 16]), &["damaged"]),
        ("NaN", npy("'<f4'", "(2, 64)", &row(f32::NAN)), &["NaN in row 1 at index 6", "repair"]),
        (
            "infinite",
            npy("'<f4'", "(2, 64)", &row(f32::INFINITY)),
            &["inf in row 1 at index 6", "repair"],
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("rows.npy"), folder.path().join("out"));
    for (case, bytes, words) in cases {
        fs::write(&file, bytes).unwrap();
        for backend in ["twin", "tract"] {
            let line = format!("run {{}} --input {{}} --out-dir {{}} --json --backend {backend}");
            let outcome = elbow_line(&line, &[&digits(), &file, &out]);
            assert_refused(&outcome, case, words);
            assert!(outcome.stderr.contains("rows.npy") && outcome.stdout.is_empty(), "{case}");
        }
        assert_refused(&elbow_line("parity {} --input {}", &[&digits(), &file]), case, words);
        assert!(!out.exists(), "{case}: something was written");
    }
}

#[test]
fn bad_options_are_refused() {
    let cases: &[(&str, &[&str])] = &[
        ("", &["Usage"]),
        ("bench M", &["unrecognized subcommand"]),
        ("inspect", &["MODEL"]),
        ("inspect /nowhere", &["/nowhere", "expected an .onnx file"]),
        ("inspect M/test.npy", &["test.npy", "expected an .onnx file"]),
        ("inspect M/golden", &["golden", "elbow init"]),
        ("inspect M --mean mu --spread logvar:logvar", &["elbow.toml", "edit it"]),
        ("inspect M/encoder.onnx --mean mu", &["--spread"]),
        ("inspect M/encoder.onnx --mean mu --spread logvar", &["NAME:HEAD"]),
        ("inspect M/encoder.onnx --mean mu --spread logvar:tau", &["softplus_var"]),
        (
            "inspect M/encoder.onnx --mean nu --spread logvar:logvar",
            &["\"nu\"", "[\"mu\", \"logvar\"]"],
        ),
        ("run M --out-dir O", &["--input"]),
        ("run M --input X", &["--out-dir"]),
        ("run M --input nowhere.npy --out-dir O", &["nowhere.npy", "path"]),
        ("run M --input y=X --out-dir O", &["[\"x\"]", "NAME=FILE.npy"]),
        ("run M --input X X --out-dir O", &["twice"]),
        ("run M --input X --out-dir O --graph flow", &["no flow"]),
        ("run M/encoder.onnx --input X --out-dir O --graph decoder", &["no decoder"]),
        (
            "run M/decoder.onnx --input M/golden/decoder.z.npy --out-dir O --samples 2",
            &["needs a posterior"],
        ),
        ("run M --input X --out-dir O --precision int8", &["later version", "f32"]),
        ("run M --input X --out-dir O --calibration X", &["--calibration", "leave it out"]),
        ("run M --input X --out-dir O --refine-steps 5", &["later version"]),
        ("run M --input X --out-dir O --samples 0", &["--samples"]),
        ("run M --input X --out-dir O --samples 4000000000", &["ask for fewer"]),
        ("run M --input X --out-dir O --backend onnxruntime", &["twin"]),
        ("compile M --out-dir O --precision int8x16", &["later version"]),
        ("compile M --out-dir O --max-flash lots", &["--max-flash"]),
        ("parity M --input X --target arduino", &["twin, qemu-m0", "qemu-m55"]),
        ("parity M --input X --rows 0", &["--rows"]),
        ("parity M --input X --rows 100000", &["397"]),
        ("parity M --input X --max-kl=-1", &["--max-kl"]),
        ("parity M --input X --max-kl NaN", &["--max-kl"]),
        ("parity M --input X --expect nu=X", &["nu=X", "mu"]),
        ("parity M --input X --expect mu=X", &["found shape", "expected [rows, 2]"]),
        ("parity M --input X --expect x_logit=M/golden/decoder.x_logit.npy --rows 3", &["mean"]),
        ("parity M --input X --expect mu=M/golden/decoder.z.npy", &["expected 397", "--rows"]),
        ("init M", &["path of an .onnx file"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let (model, rows) =
        (digits().display().to_string(), digits().join("test.npy").display().to_string());
    for (line, words) in cases {
        let word = |word: &str| {
            let word =
                word.strip_prefix('M').map_or(word.to_string(), |rest| format!("{model}{rest}"));
            match word.as_str() {
                "X" => rows.clone(),
                "y=X" => format!("y={rows}"),
                "nu=X" | "mu=X" => word.replace('X', &rows),
                "O" => out.display().to_string(),
                _ => word.replace("=M/", &format!("={model}/")),
            }
        };
        let words_of_line: Vec<String> = line.split_whitespace().map(word).collect();
        let outcome = elbow(&words_of_line);
        let expected: Vec<String> =
            words.iter().map(|word| word.replace("=X", &format!("={rows}"))).collect();
        assert_refused(&outcome, line, &expected.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(!out.exists() && outcome.stdout.is_empty(), "{line}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_the_environments_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    for out in [file.clone(), file.join("below"), Path::new("/proc/elbow").to_path_buf()] {
        let outcome = elbow_line("compile {} --out-dir {}", &[&digits(), &out]);
        assert_eq!(outcome.code, 3, "{}: {}", out.display(), outcome.stderr);
        assert!(
            outcome.stderr.contains("cannot write") && outcome.stderr.contains("choose a folder")
        );
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "in the way");
}
