//! Every command on the shipped models: what it prints, writes and returns.

mod field;

use crate::common::{elbow, elbow_line, input_of, repository};
use elbow::npy;
use elbow::parity::compare::max_relative;
use elbow::parity::tolerance::OUTPUT_RELATIVE;
use elbow_tests::pages::hold_part;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn assert_close(found: &Path, expected: &Path) {
    let (found, golden) = (npy::read(found).unwrap(), npy::read(expected).unwrap());
    assert_eq!(found.shape, golden.shape, "{}", expected.display());
    let error = max_relative(&golden.values, &found.values);
    assert!(error <= OUTPUT_RELATIVE, "{}: off by {error:e}", expected.display());
}

fn assert_keys(value: &Value, keys: &[&str]) {
    for key in keys {
        let found = key.split('.').try_fold(value, |value, part| value.get(part));
        assert!(found.is_some(), "no {key} in {value}");
    }
}

#[test]
fn run_agrees_with_onnxruntime_on_every_output_of_both_models_and_exporters() {
    let models = [("imu", "x_mean"), ("digits", "x_logit")];
    for ((name, decoded), exporter) in
        models.iter().flat_map(|model| [(model, ""), (model, ".torchscript")])
    {
        let model = repository("models").join(name);
        let golden = |file: String| model.join("golden").join(file);
        for backend in ["twin", "tract"] {
            let out = tempfile::tempdir().unwrap();
            let encoder = model.join(format!("encoder{exporter}.onnx"));
            let line = format!("run {{}} --input {{}} --out-dir {{}} --backend {backend}");
            elbow_line(&line, &[&encoder, &model.join("test.npy"), out.path()]).done();
            for output in ["mu", "logvar"] {
                assert_close(
                    &out.path().join(format!("{output}.npy")),
                    &golden(format!("encoder{exporter}.{output}.npy")),
                );
            }
            let decoder = model.join(format!("decoder{exporter}.onnx"));
            elbow_line(&line, &[&decoder, &golden("decoder.z.npy".into()), out.path()]).done();
            assert_close(
                &out.path().join(format!("{decoded}.npy")),
                &golden(format!("decoder{exporter}.{decoded}.npy")),
            );
        }
    }
}

#[test]
fn run_agrees_with_onnxruntime_on_every_fixture() {
    let mut cases = 0;
    for entry in fs::read_dir(repository("tests/fixtures")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("model.onnx").exists() {
            continue;
        }
        let out = tempfile::tempdir().unwrap();
        let mut words = vec!["run".into(), folder.join("model.onnx").display().to_string()];
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            if let Some(input) = name.strip_prefix("in.").and_then(|rest| rest.strip_suffix(".npy"))
            {
                let names = elbow_line("inspect {} --json", &[&folder.join("model.onnx")]).json();
                let inputs =
                    names["inputs"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap());
                let own =
                    inputs.into_iter().find(|name| name.replace(['/', ':'], "_") == input).unwrap();
                words.extend(["--input".into(), format!("{own}={}", path.display())]);
            }
        }
        words.extend(["--out-dir".into(), out.path().display().to_string()]);
        elbow(&words).done();
        let index: Value =
            serde_json::from_slice(&fs::read(out.path().join("index.json")).unwrap()).unwrap();
        for entry in index.as_array().unwrap() {
            let file = out.path().join(entry["file"].as_str().unwrap());
            assert_close(&file, &folder.join(format!("out.{}.npy", entry["index"])));
        }
        cases += 1;
    }
    assert!(cases > 100, "found {cases} fixtures");
}

#[test]
fn run_writes_posterior_samples_and_index() {
    let model = repository("models/imu");
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for out in [&first, &second] {
        let line = "run {} --input x={} --out-dir {} --samples 3 --seed 7 --json";
        let report = elbow_line(line, &[&model, &model.join("test.npy"), out.path()]).done().json();
        assert_eq!(report["rows"], 208);
    }
    let read = |name: &str| npy::read(&first.path().join(name)).unwrap();
    let (mean, log_var) = (read("posterior_mean.npy"), read("posterior_log_var.npy"));
    let (z, eps) = (read("z.npy"), read("eps.npy"));
    assert_eq!((mean.shape, z.shape, eps.shape), (vec![208, 6], vec![208, 3, 6], vec![208, 3, 6]));
    for (i, (z, eps)) in z.values.iter().zip(&eps.values).enumerate() {
        let at = i / 18 * 6 + i % 6;
        let expected = f64::from(mean.values[at])
            + (f64::from(log_var.values[at]) / 2.0).exp() * f64::from(*eps);
        assert!((f64::from(*z) - expected).abs() <= OUTPUT_RELATIVE * expected.abs().max(1.0));
    }
    for name in ["z.npy", "eps.npy", "mu.npy", "index.json"] {
        let bytes = |out: &tempfile::TempDir| fs::read(out.path().join(name)).unwrap();
        assert_eq!(bytes(&first), bytes(&second), "{name} is a function of input and seed");
    }
    let index: Value =
        serde_json::from_slice(&fs::read(first.path().join("index.json")).unwrap()).unwrap();
    let expected = serde_json::json!([
        {"index": 0, "name": "mu", "role": "mean", "file": "mu.npy", "shape": [208, 6]},
        {"index": 1, "name": "logvar", "role": "log_var", "file": "logvar.npy", "shape": [208, 6]},
    ]);
    assert_eq!(index, expected);
}

#[test]
fn run_decodes_with_the_manifests_decoder() {
    let model = repository("models/digits");
    let out = tempfile::tempdir().unwrap();
    let z = model.join("golden/decoder.z.npy");
    elbow_line("run {} --graph decoder --input z={} --out-dir {}", &[&model, &z, out.path()])
        .done();
    assert_close(&out.path().join("x_logit.npy"), &model.join("golden/decoder.x_logit.npy"));
    assert!(!out.path().join("posterior_mean.npy").exists());
}

#[test]
fn inspect_names_layers_memory_and_roles() {
    let report = elbow_line("inspect {} --json", &[&repository("models/imu")]).done().json();
    assert_keys(
        &report,
        &["flash_bytes.code", "flash_bytes.weights", "ram_bytes.workspace", "ram_bytes.stack"],
    );
    assert_eq!(report["unsupported"], serde_json::json!([]));
    let layers = report["layers"].as_array().unwrap();
    layers.iter().for_each(|layer| assert_keys(layer, &["name", "op", "shape", "macs"]));
    let macs: u64 = layers.iter().map(|layer| layer["macs"].as_u64().unwrap()).sum();
    assert_eq!(report["macs"], macs);
    let role = |list: &str, at: usize| report[list][at]["role"].clone();
    assert_eq!(
        (role("inputs", 0), role("outputs", 0), role("outputs", 1)),
        ("x".into(), "mean".into(), "log_var".into())
    );
    assert_eq!((role("inputs", 1), role("outputs", 2)), ("z".into(), "x_mean".into()));
    let prose = elbow_line("inspect {}", &[&repository("models/imu")]).done().stdout;
    assert!(prose.contains("no plan needs less than") && prose.contains("LeakyRelu"), "{prose}");
}

#[test]
fn parity_of_the_twin_passes_on_both_models() {
    for name in ["imu", "digits"] {
        let model = repository("models").join(name);
        let report = elbow_line("parity {} --input {} --json", &[&model, &model.join("test.npy")])
            .done()
            .json();
        assert_keys(
            &report,
            &[
                "model",
                "target",
                "precision",
                "rows",
                "reference",
                "outputs",
                "mean.max_abs",
                "log_var.max_abs",
                "kl_nats.mean",
                "kl_nats.p99",
                "kl_nats.max",
                "clamp_hits",
                "twin_bit_exact",
                "instructions_per_inference",
                "flash_bytes.code",
                "flash_bytes.weights",
                "ram_bytes.workspace",
                "ram_bytes.stack",
                "limits",
                "pass",
            ],
        );
        assert_eq!((&report["pass"], &report["reference"]), (&true.into(), &"tract".into()));
        assert!(
            report["twin_bit_exact"].is_null() && report["outputs"].as_array().unwrap().len() == 3
        );
        assert!(report["kl_nats"]["max"].as_f64().unwrap() <= 1e-6);
    }
}

#[test]
fn parity_against_files_sees_right_and_wrong_ones() {
    let model = repository("models/imu");
    let (test, golden) = (model.join("test.npy"), model.join("golden"));
    let (mu, logvar) = (golden.join("encoder.mu.npy"), golden.join("encoder.logvar.npy"));
    let line = "parity {} --input {} --expect mu={} --expect logvar={} --json";
    let right = elbow_line(line, &[&model, &test, &mu, &logvar]).done().json();
    assert_eq!(right["reference"], "files");
    let wrong = elbow_line(line, &[&model, &test, &logvar, &mu]);
    assert_eq!((wrong.code, &wrong.json()["pass"]), (1, &false.into()));
    assert!(wrong.stderr.contains("kl_nats.max"), "{}", wrong.stderr);
    let strict = elbow_line("parity {} --input {} --rows 5 --max-kl 0 --json", &[&model, &test]);
    assert_eq!((strict.code, &strict.json()["rows"]), (1, &5.into()));
}

#[test]
fn parity_of_a_bare_model_compares_values() {
    let fixture = repository("tests/fixtures/activations_dynamo");
    let input = fs::read_dir(&fixture).unwrap().map(|entry| entry.unwrap().path());
    let input = input.into_iter().find(|path| path.to_str().unwrap().contains("in.")).unwrap();
    let report = elbow_line("parity {} --input {} --json", &[&fixture.join("model.onnx"), &input])
        .done()
        .json();
    assert_eq!(report["outputs"].as_array().unwrap().len(), 6);
    assert!(report["kl_nats"]["max"].is_null() && report["mean"]["max_abs"].is_null());
    assert!(report["clamp_hits"].is_null());
}

#[test]
fn heads_can_be_named_on_the_command_line() {
    let model = repository("models/imu");
    let line = "parity {} --input {} --rows 4 --mean mu --spread logvar:log_sigma --json";
    let report =
        elbow_line(line, &[&model.join("encoder.onnx"), &model.join("test.npy")]).done().json();
    assert_eq!(report["outputs"][1]["role"], "log_sigma");
    assert!(report["kl_nats"]["max"].is_number());
}

#[test]
fn compile_writes_three_files_within_the_limits_only() {
    let model = repository("models/imu");
    let out = tempfile::tempdir().unwrap();
    let fresh = out.path().join("new/folder");
    let budget = elbow_line("compile {} --out-dir {} --json", &[&model, &fresh]).done().json();
    let written: Value =
        serde_json::from_slice(&fs::read(fresh.join("budget.json")).unwrap()).unwrap();
    assert_eq!(budget, written);
    let weights = fs::metadata(fresh.join("weights.bin")).unwrap().len();
    assert_eq!(budget["flash_bytes"]["weights"], weights);
    assert!(fs::read_to_string(fresh.join("model.rs")).unwrap().contains("pub fn encode"));
    for (limit, part) in [("--max-flash", "weights"), ("--max-ram", "workspace")] {
        let over = out.path().join(part);
        let failed =
            elbow_line(&format!("compile {{}} --out-dir {{}} {limit} 100"), &[&model, &over]);
        assert_eq!(failed.code, 1);
        assert!(failed.stderr.contains(part) && !over.exists(), "{}", failed.stderr);
    }
}

#[test]
fn ops_prints_one_table_in_three_forms() {
    let json = elbow(&["ops", "--json"]).done().json();
    let operators = json["operators"].as_array().unwrap();
    operators.iter().for_each(|operator| assert_keys(operator, &["op", "since_opset", "types"]));
    let markdown = elbow(&["ops", "--markdown"]).done().stdout;
    assert_eq!(markdown.lines().count(), operators.len() + 2);
    assert!(elbow(&["ops"]).done().stdout.contains("ConvTranspose"));
    hold_part("docs/reference/operators.md", "ops", &markdown);
}

/// A recurrent layer is several nodes at import, which have no names in the file; what they give is
/// found there all the same.
#[test]
fn layers_of_recurrent_models_are_held_against_the_reference() {
    for (model, op) in [
        ("gru_100.dynamo", "GRU"),
        ("lstm_100.torchscript", "LSTM"),
        ("bidirectional_lstm.dynamo", "LSTM"),
        ("bidirectional_gru.torchscript", "GRU"),
        ("lstm.keras", "LSTM"),
    ] {
        let folder = repository("tests/zoo").join(model);
        let line = "parity {} --input {} --rows 2 --layers --json";
        let (path, input) = (folder.join("model.onnx"), input_of("tests/zoo", model, "x"));
        let paths = [path.as_path(), input.as_path()];
        let report = elbow_line(line, &paths).done().json();
        let layers = report["layers"].as_array().unwrap();
        assert!(
            layers.iter().any(|layer| layer["op"] == op && layer["max_abs"].is_f64()),
            "{model}"
        );
        // All but the zeros that states start from.
        let compared = |layer: &&Value| layer["value"].is_null() != layer["max_abs"].is_f64();
        assert_eq!(layers.iter().filter(compared).count(), layers.len(), "{model}: {report}");
        assert!(report["first_different"].is_null(), "{model}: {report}");
        let none = layers.iter().filter(|layer| layer["value"].is_null()).count();
        assert_eq!(report["without_reference"], none, "{model}: {report}");
        let text = elbow_line("parity {} --input {} --rows 2 --layers", &paths).done().stdout;
        let told = format!("; {none} of {} steps give nothing", layers.len());
        assert!(text.contains(&told), "{text}");
    }
}

#[test]
fn init_proposes_a_manifest_that_runs() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("elbow.toml");
    let model = repository("models/digits");
    let (encoder, decoder) = (model.join("encoder.onnx"), model.join("decoder.onnx"));
    let proposed =
        elbow_line("init {} --decoder {} -o {} --json", &[&encoder, &decoder, &path]).done();
    assert!(proposed.stderr.contains("encoder.mean = \"mu\": the output's name says mean"));
    assert_eq!(proposed.json()["manifest"], fs::read_to_string(&path).unwrap());
    let report =
        elbow_line("parity {} --input {} --rows 3 --json", &[&path, &model.join("test.npy")])
            .done()
            .json();
    assert_eq!(report["model"], "digits");
    let again = elbow_line("init {} -o {}", &[&encoder, &path]);
    assert!(again.code == 2 && again.stderr.contains("exists"), "{}", again.stderr);
}

#[test]
fn init_reads_the_heads_from_the_way_the_graph_samples() {
    for exporter in ["dynamo", "torchscript17"] {
        let model = repository("tests/fixtures").join(format!("rsample_{exporter}/model.onnx"));
        let text = elbow_line("init {}", &[&model]).done().stdout;
        assert!(
            text.contains("head = \"logvar\"") && text.contains("+ noise * exp(0.5 * "),
            "{text}"
        );
    }
}

#[test]
fn init_refuses_to_guess() {
    let model = repository("tests/fixtures/mlp_dynamo/model.onnx");
    let refused = elbow_line("init {}", &[&model]);
    assert_eq!((refused.code, &*refused.stdout), (2, ""));
    assert!(
        refused.stderr.contains("candidates") && refused.stderr.contains("made by Gemm"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_elbow"))
        .args(["ops", "--markdown"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn a_failure_of_the_reference_is_a_sentence() {
    // tract 0.23.9 panics on this valid model; onnxruntime and the twin run it.
    let fixture = repository("tests/fixtures/squeeze_unsqueeze");
    let out = tempfile::tempdir().unwrap();
    let paths = [&fixture.join("model.onnx"), &fixture.join("in.x.npy"), &out.path().join("out")];
    let paths = paths.map(|path| path.as_path());
    let failed = elbow_line("run {} --input {} --out-dir {} --backend tract", &paths);
    assert_eq!(failed.code, 2, "{}", failed.stderr);
    for word in ["model.onnx", "the reference (tract) cannot run this model", "--backend twin"] {
        assert!(failed.stderr.contains(word), "{}", failed.stderr);
    }
    assert!(!paths[2].exists());
}
