//! Bad input ends with exit code 2, a sentence with the file and the cure, and nothing written.

mod dims;
mod external;
mod manifests;

use crate::common::{Outcome, elbow, elbow_line, repository};
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
        ("train M", &["unrecognized subcommand"]),
        ("bench M", &["--target"]),
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
        ("run M --input X --out-dir O --precision int8", &["--calibration"]),
        ("run M --input X --out-dir O --calibration X", &["--calibration", "leave it out"]),
        ("run M/encoder.onnx --input X --out-dir O --refine-steps 5", &["[decoder]", "manifest"]),
        ("run M --input X --out-dir O --refine-steps 5 --backend tract", &["twin", "--backend"]),
        (
            "run M --input X --out-dir O --backend tract --precision int8 --calibration X",
            &["in f32", "--precision"],
        ),
        (
            "run M --input M/golden/decoder.z.npy --out-dir O --graph decoder --refine-steps 5",
            &["--graph encoder"],
        ),
        ("run M --input X --out-dir O --refine-steps 4000000000", &["at most 65536 steps"]),
        ("run M --input X --out-dir O --refine-steps=-1", &["--refine-steps"]),
        ("run M --input X --out-dir O --samples 0", &["--samples"]),
        ("run M --input X --out-dir O --samples 4000000000", &["ask for fewer"]),
        ("run M --input X --out-dir O --backend tflite", &["twin"]),
        ("compile M --out-dir O --precision int8x16", &["--calibration"]),
        ("compile M --out-dir O --max-flash lots", &["--max-flash"]),
        ("parity M --input X --target arduino", &["qemu-m0", "qemu-m55", "or twin"]),
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

/// A density by rounded values is none: each command says so, and writes nothing.
#[test]
fn a_flow_is_refused_in_integers() {
    let (folder, model) = (tempfile::tempdir().unwrap(), repository("models/wine_linear"));
    let (rows, out) = (model.join("test.npy"), folder.path().join("out"));
    let options = " --precision {} --calibration {}";
    for precision in ["int8", "int8x8", "int8x16"] {
        let options = options.replacen("{}", precision, 1);
        for (line, paths) in [
            ("compile {} --out-dir {}", &[&model, &out, &rows][..]),
            ("run {} --input {} --out-dir {}", &[&model, &rows, &out, &rows]),
        ] {
            let paths: Vec<&Path> = paths.iter().map(|path| path.as_path()).collect();
            let line = format!("{line}{options}");
            let outcome = elbow_line(&line, &paths);
            assert_refused(&outcome, &line, &["flow.onnx", "determinant", "--precision f32"]);
            assert!(!out.exists(), "{line}");
        }
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
