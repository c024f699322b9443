//! Conditions, noise, several posteriors, flows and kept state, as a user of the command meets them:
//! on graphs of the zoo, against what onnxruntime computed and against tract.

use crate::common::{Outcome, elbow, elbow_line, input_of, repository};
use elbow::npy;
use elbow::parity::compare::max_relative;
use elbow::parity::tolerance::OUTPUT_RELATIVE;
use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

fn zoo(model: &str) -> PathBuf {
    repository("tests/zoo").join(model)
}

fn given(model: &str, name: &str) -> PathBuf {
    input_of("tests/zoo", model, name)
}

/// A folder with this manifest, in which `ZOO/` stands for the zoo.
fn manifest(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elbow.toml");
    fs::write(&path, text.replace("ZOO", &repository("tests/zoo").display().to_string())).unwrap();
    (folder, path)
}

fn values(file: &Path) -> Vec<f32> {
    npy::read(file).unwrap().values
}

fn bits(file: &Path) -> Vec<u32> {
    values(file).iter().map(|value| value.to_bits()).collect()
}

fn assert_close(found: &Path, golden: &Path) {
    let error = max_relative(&values(golden), &values(found));
    assert!(error <= OUTPUT_RELATIVE, "{}: off by {error:e}", golden.display());
}

/// Writes rows.
fn save(path: &Path, shape: &[usize], values: &[f32]) {
    fs::write(path, npy::encode(shape, values)).unwrap();
}

fn refused(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    for word in words {
        assert!(outcome.stderr.contains(word), "no {word:?} in {}", outcome.stderr);
    }
}

const CONDITIONAL: &str = r#"name = "conditional"
[encoder]
onnx = "ZOO/conditional_encoder.dynamo/model.onnx"
input = "x"
mean = "getitem"
spread = { output = "getitem_1", head = "logvar" }
[decoder]
onnx = "ZOO/conditional_decoder.dynamo/model.onnx"
latent = "z"
mean = "sigmoid"
likelihood = { family = "bernoulli", mean_is = "probability" }
[[input]]
name = "condition"
role = "condition"
"#;

#[test]
fn a_conditional_model_reads_its_condition_everywhere() {
    let (folder, path) = manifest(CONDITIONAL);
    let golden = zoo("conditional_encoder.dynamo");
    let [x, condition] = ["x", "condition"].map(|name| given("conditional_encoder.dynamo", name));
    for backend in ["twin", "tract"] {
        let out = folder.path().join(backend);
        let line = format!(
            "run {{}} --input x={{}} --input condition={{}} --out-dir {{}} --backend {backend}"
        );
        elbow_line(&line, &[&path, &x, &condition, &out]).done();
        assert_close(&out.join("getitem.npy"), &golden.join("out.0.npy"));
        assert_close(&out.join("posterior_log_var.npy"), &golden.join("out.1.npy"));
    }
    let decoder = zoo("conditional_decoder.dynamo");
    let [z, condition] = ["z", "condition"].map(|name| given("conditional_decoder.dynamo", name));
    let out = folder.path().join("decoded");
    elbow_line(
        "run {} --graph decoder --input z={} --input condition={} --out-dir {}",
        &[&path, &z, &condition, &out],
    )
    .done();
    assert_close(&out.join("sigmoid.npy"), &decoder.join("out.0.npy"));
    let parity = "parity {} --input x={} condition={} --json";
    let report = elbow_line(parity, &[&path, &x, &condition]).done().json();
    assert_eq!(report["outputs"].as_array().unwrap().len(), 3);
    let missing = elbow_line("parity {} --input x={}", &[&path, &x]);
    refused(&missing, &["[\"condition\"]", "--input NAME=FILE.npy"]);
    let out = folder.path().join("compiled");
    elbow_line("compile {} --out-dir {}", &[&path, &out]).done();
    let source = fs::read_to_string(out.join("model.rs")).unwrap();
    assert_eq!(
        source.matches("c0: &[f32; CONDITIONS[0]]").count(),
        5,
        "encode, decode, generate, log_likelihood, score"
    );
}

#[test]
fn inputs_may_come_in_any_order() {
    let (_folder, path) = manifest(CONDITIONAL);
    let [x, condition] = ["x", "condition"].map(|name| given("conditional_encoder.dynamo", name));
    let [x, condition] = [("x", x), ("condition", condition)]
        .map(|(name, file)| format!("{name}={}", file.display()));
    let report = |rows: &str| {
        let line =
            format!("parity {{}} --precision int8x8 --calibration {rows} --input {rows} --json");
        elbow_line(&line, &[&path]).json()
    };
    let [one, other] =
        [format!("{x} {condition}"), format!("{condition} {x}")].map(|rows| report(&rows));
    assert!(one["elbo_drop"]["mean"].is_f64(), "{one}");
    assert_eq!(one, other);
}

#[test]
fn a_condition_that_the_decoder_reads_holds_no_nan() {
    let (folder, path) = manifest(&format!("{CONDITIONAL}allow = \"nan\"\n"));
    let out = folder.path().join("compiled");
    let outcome = elbow_line("compile {} --out-dir {}", &[&path, &out]);
    refused(&outcome, &["\"condition\"", "allow = \"nan\"", "the decoder reads it"]);
    assert!(!out.exists());
}

#[test]
fn a_condition_of_a_fixed_value_is_no_input_any_more() {
    let fixed = [0.5, -1.0, 2.0];
    let (folder, path) = manifest(&format!("{CONDITIONAL}value = [0.5, -1.0, 2.0]\n"));
    let (free_folder, free) = manifest(CONDITIONAL);
    let x = given("conditional_encoder.dynamo", "x");
    let rows = npy::read(&x).unwrap().shape[0];
    let condition = free_folder.path().join("condition.npy");
    save(&condition, &[rows, 3], &fixed.repeat(rows));
    let mut files = Vec::new();
    for backend in ["twin", "tract"] {
        let (a, b) = (folder.path().join(backend), free_folder.path().join(backend));
        let line = format!("run {{}} --input {{}} --out-dir {{}} --backend {backend}");
        elbow_line(&line, &[&path, &x, &a]).done();
        let line =
            format!("run {{}} --input x={{}} condition={{}} --out-dir {{}} --backend {backend}");
        elbow_line(&line, &[&free, &x, &condition, &b]).done();
        assert_close(&a.join("posterior_mean.npy"), &b.join("posterior_mean.npy"));
        files.push(a.join("posterior_mean.npy"));
    }
    assert_close(&files[0], &files[1]);
    elbow_line("parity {} --input {}", &[&path, &x]).done();
    let out = folder.path().join("compiled");
    elbow_line("compile {} --out-dir {}", &[&path, &out]).done();
    assert!(!fs::read_to_string(out.join("model.rs")).unwrap().contains("CONDITIONS"));
    let (_folder, path) = manifest(&format!("{CONDITIONAL}value = [0.5, -1.0]\n"));
    refused(&elbow_line("inspect {}", &[&path]), &["`value` has 2 numbers", "holds 3"]);
}

#[test]
fn an_undeclared_input_is_named_with_the_lines_to_write() {
    let (_folder, path) = manifest(CONDITIONAL.split("[decoder]").next().unwrap());
    let outcome = elbow_line("inspect {}", &[&path]);
    refused(&outcome, &["[\"condition\"]", "`[[input]]`", "role = \"condition\""]);
}

const HIERARCHICAL: &str = r#"name = "hierarchical"
[encoder]
onnx = "ZOO/hierarchical.torchscript/model.onnx"
input = "x"
[[latent]]
mean = 0
spread = { output = 1, head = "logvar" }
[[latent]]
mean = 2
spread = { output = 3, head = "logvar", clamp = [-0.1, 0.1] }
"#;

#[test]
fn a_hierarchy_has_a_posterior_per_latent_and_its_draws_can_be_repeated() {
    let (folder, path) = manifest(HIERARCHICAL);
    let golden = zoo("hierarchical.torchscript");
    let x = given("hierarchical.torchscript", "x");
    let noise = ["/RandomNormalLike_output_0", "/RandomNormalLike_1_output_0"];
    let given = ["_RandomNormalLike_output_0", "_RandomNormalLike_1_output_0"]
        .map(|name| given("hierarchical.torchscript", name));
    let line =
        format!("run {{}} --input x={{}} {}={{}} {}={{}} --out-dir {{}}", noise[0], noise[1]);
    let out = folder.path().join("golden");
    elbow_line(&line, &[&path, &x, &given[0], &given[1], &out]).done();
    for (file, output) in [
        ("posterior_mean_0", "out.0"),
        ("posterior_log_var_0", "out.1"),
        ("posterior_mean_1", "out.2"),
    ] {
        assert_close(&out.join(format!("{file}.npy")), &golden.join(format!("{output}.npy")));
    }
    let clamped = values(&out.join("posterior_log_var_1.npy"));
    assert!(clamped.iter().all(|value| value.abs() <= 0.1), "{clamped:?}");

    // Not given, the noise is drawn, written, and the same again for the same seed.
    let [first, second, other] = ["first", "second", "other"].map(|name| folder.path().join(name));
    let drawn = "run {} --input {} --out-dir {} --samples 2 --seed 5";
    elbow_line(drawn, &[&path, &x, &first]).done();
    let files = ["_RandomNormalLike_output_0.npy", "_RandomNormalLike_1_output_0.npy"]
        .map(|file| first.join(file));
    elbow_line(&line, &[&path, &x, &files[0], &files[1], &second]).done();
    elbow_line("run {} --input {} --out-dir {} --seed 6", &[&path, &x, &other]).done();
    assert_eq!(
        bits(&first.join("posterior_mean_1.npy")),
        bits(&second.join("posterior_mean_1.npy"))
    );
    assert_ne!(bits(&files[0]), bits(&other.join("_RandomNormalLike_output_0.npy")));
    assert_ne!(bits(&files[0])[..2], bits(&files[1])[..2], "each input has a stream of its own");
    let index = fs::read_to_string(first.join("index.json")).unwrap();
    assert_eq!(index.matches("\"eps\"").count(), 2, "{index}");
    assert!(first.join("z_0.npy").exists() && first.join("eps_1.npy").exists());
    let z = npy::read(&first.join("z_1.npy")).unwrap();
    assert_eq!(z.shape[1..], [2, 2]);

    let report = elbow_line("parity {} --input {} --json", &[&path, &x]).done().json();
    assert!(report["kl_nats"]["max"].as_f64().unwrap() <= 1e-6);
    assert!(report["clamp_hits"].as_u64().unwrap() > 0);
    let out = folder.path().join("compiled");
    elbow_line("compile {} --out-dir {}", &[&path, &out]).done();
    let source = fs::read_to_string(out.join("model.rs")).unwrap();
    for part in ["LATENTS: [usize; 2] = [4, 2]", "eps0: &[f32; EPS[0]]", "q1: &mut DiagNormal"] {
        assert!(source.contains(part), "no {part} in {source}");
    }
}

/// Runs an encoder of the zoo that keeps `states` (input, output, shape of a row) as a sequence, and
/// as calls of the bare graph that are handed the state.
fn streams(model: &str, text: &str, mean: &str, states: &[(&str, &str, &[usize])]) {
    const ROWS: usize = 6;
    let (folder, path) = manifest(text);
    let x = npy::read(&given(model, "x")).unwrap();
    let (shape, len) = (&x.shape[1..], x.shape[1..].iter().product::<usize>());
    let inputs: Vec<f32> = (0..ROWS * len).map(|i| (i as f32 * 0.7).sin()).collect();
    let all = folder.path().join("x.npy");
    save(&all, &[&[ROWS], shape].concat(), &inputs);
    let mut last: Vec<Vec<f32>> =
        states.iter().map(|(_, _, shape)| vec![0.0; shape.iter().product()]).collect();
    let mut expected = Vec::new();
    for row in 0..ROWS {
        let out = folder.path().join(format!("row{row}"));
        let one = folder.path().join("one.npy");
        save(&one, &[&[1], shape].concat(), &inputs[row * len..(row + 1) * len]);
        let mut words: Vec<String> =
            vec!["run".into(), zoo(model).join("model.onnx").display().to_string()];
        words.extend(["--input".into(), format!("x={}", one.display())]);
        for ((input, _, shape), state) in states.iter().zip(&last) {
            let file = folder.path().join(format!("{input}.npy"));
            save(&file, &[&[1], *shape].concat(), state);
            words.push(format!("{input}={}", file.display()));
        }
        words.extend(["--out-dir".into(), out.display().to_string()]);
        elbow(&words).done();
        expected.extend(values(&out.join(format!("{mean}.npy"))));
        for ((_, output, _), state) in states.iter().zip(&mut last) {
            *state = values(&out.join(format!("{output}.npy")));
        }
    }
    for backend in ["twin", "tract"] {
        let out = folder.path().join(backend);
        let line = format!("run {{}} --input {{}} --out-dir {{}} --backend {backend}");
        elbow_line(&line, &[&path, &all, &out]).done();
        let found = values(&out.join("posterior_mean.npy"));
        let error = max_relative(&expected, &found);
        assert!(error <= OUTPUT_RELATIVE, "{model} {backend}: off by {error:e}");
        let index = fs::read_to_string(out.join("index.json")).unwrap();
        assert_eq!(index.matches("\"state\"").count(), states.len());
    }
    elbow_line("parity {} --input {}", &[&path, &all]).done();
    let out = folder.path().join("compiled");
    elbow_line("compile {} --out-dir {}", &[&path, &out]).done();
    let source = fs::read_to_string(out.join("model.rs")).unwrap();
    assert!(
        source.contains("pub fn reset(&mut self)") && source.contains("ws.state_0 = ws.next_0")
    );
    let given = format!("run {{}} --input x={{}} {}={{}} --out-dir {{}}", states[0].0);
    refused(&elbow_line(&given, &[&path, &all, &all, &out]), &["[\"x\"]"]);
}

#[test]
fn a_gru_cell_keeps_its_state_from_row_to_row() {
    let text = r#"name = "streaming"
[encoder]
onnx = "ZOO/streaming_gru.dynamo/model.onnx"
input = "x"
mean = "getitem_6"
spread = { output = "getitem_7", head = "logvar" }
[state]
pairs = [{ input = "h", output = "add_3" }]
"#;
    streams("streaming_gru.dynamo", text, "getitem_6", &[("h", "add_3", &[6])]);
}

#[test]
fn an_lstm_keeps_both_its_states_from_row_to_row() {
    let text = r#"name = "streaming"
[encoder]
onnx = "ZOO/streaming_lstm.torchscript/model.onnx"
input = "x"
mean = "89"
spread = { output = "92", head = "logvar" }
[state]
pairs = [{ input = "h", output = "71" }, { input = "c", output = 3 }]
"#;
    let states: [(&str, &str, &[usize]); 2] = [("h", "71", &[1, 6]), ("c", "72", &[1, 6])];
    streams("streaming_lstm.torchscript", text, "89", &states);
}

#[test]
fn a_flow_is_a_density_of_its_input() {
    let flow = r#"name = "realnvp"
[flow]
onnx = "ZOO/realnvp.dynamo/model.onnx"
input = "x"
z = "cat_2"
log_det = "add_5"
"#;
    let (folder, path) = manifest(&format!("{flow}base = \"standard_normal\"\n"));
    let golden = zoo("realnvp.dynamo");
    let x = given("realnvp.dynamo", "x");
    for (backend, graph) in [("twin", "--graph flow"), ("tract", "")] {
        let out = folder.path().join(backend);
        let line = format!("run {{}} --input {{}} --out-dir {{}} --backend {backend} {graph}");
        elbow_line(&line, &[&path, &x, &out]).done();
        assert_close(&out.join("cat_2.npy"), &golden.join("out.0.npy"));
        assert_close(&out.join("add_5.npy"), &golden.join("out.1.npy"));
        let index = fs::read_to_string(out.join("index.json")).unwrap();
        assert!(index.contains("\"log_det\"") && index.contains("\"z\""), "{index}");
        let log_prob = npy::read(&out.join("log_prob.npy")).unwrap();
        let [z, log_det] = ["out.0.npy", "out.1.npy"].map(|name| npy::read(&golden.join(name)));
        let (z, log_det) = (z.unwrap(), log_det.unwrap().values);
        assert_eq!(log_prob.shape, [log_det.len()]);
        let rows = z.values.chunks(z.shape[1]).zip(&log_det).zip(&log_prob.values);
        for ((z, log_det), log_prob) in rows {
            let base = |z: &f32| -0.5 * (f64::from(*z).powi(2) + TAU.ln());
            let expected = z.iter().map(base).sum::<f64>() + f64::from(*log_det);
            assert!((f64::from(*log_prob) - expected).abs() <= 1e-3, "{log_prob} {expected}");
        }
    }
    let report = elbow_line("parity {} --input {} --json", &[&path, &x]).done().json();
    assert!(report["kl_nats"]["max"].is_null() && report["pass"] == true);
    assert!(report["log_prob"]["max_abs"].as_f64().is_some_and(|nats| nats <= 1e-3), "{report}");
    // The reference's own volume, a hundredth of a nat off.
    let other = folder.path().join("other.npy");
    let log_det = npy::read(&golden.join("out.1.npy")).unwrap();
    let off: Vec<f32> = log_det.values.iter().map(|value| value + 0.01).collect();
    save(&other, &log_det.shape, &off);
    let line = "parity {} --input {} --expect cat_2={} add_5={}";
    let wrong = elbow_line(line, &[&path, &x, &golden.join("out.0.npy"), &other]);
    assert!(wrong.code == 1 && wrong.stderr.contains("ln p(x) is off by 1.0"), "{}", wrong.stderr);
    let compiled = |path: &Path| {
        let out = folder.path().join("compiled");
        elbow_line("compile {} --out-dir {}", &[path, &out]).done();
        fs::read_to_string(out.join("model.rs")).unwrap()
    };
    assert!(compiled(&path).contains("pub fn log_prob("));
    let (_folder, without_base) = manifest(flow);
    let report = elbow_line("parity {} --input {} --json", &[&without_base, &x]).done().json();
    assert!(report["log_prob"]["max_abs"].is_null(), "nothing is known of the base: {report}");
    assert!(!compiled(&without_base).contains("log_prob"), "nothing is known of the base");
    let out = folder.path().join("out");
    let encoder = elbow_line("run {} --graph encoder --input {} --out-dir {}", &[&path, &x, &out]);
    refused(&encoder, &["--graph flow"]);
}

#[test]
fn a_flow_posterior_reads_noise() {
    let text = r#"name = "iaf"
[flow]
onnx = "ZOO/iaf.dynamo/model.onnx"
input = "x"
eps = "eps"
z = 0
log_q = 1
"#;
    let (folder, path) = manifest(text);
    let golden = zoo("iaf.dynamo");
    let [x, eps] = ["x", "eps"].map(|name| given("iaf.dynamo", name));
    let out = folder.path().join("out");
    elbow_line("run {} --input x={} eps={} --out-dir {}", &[&path, &x, &eps, &out]).done();
    assert_close(&out.join("flip_1.npy"), &golden.join("out.0.npy"));
    assert_close(&out.join("sub_3.npy"), &golden.join("out.1.npy"));
    elbow_line("run {} --input {} --out-dir {}", &[&path, &x, &out]).done();
    assert!(out.join("eps.npy").exists(), "drawn noise is written");
    elbow_line("parity {} --input {}", &[&path, &x]).done();
    let silent = text.replace("eps = \"eps\"\n", "");
    let (_folder, wrong) = manifest(&silent);
    refused(&elbow_line("inspect {}", &[&wrong]), &["flow", "[\"eps\"]", "`[[input]]`"]);
    let declared = "[[input]]\nname = \"eps\"\nrole = \"eps\"\n";
    let (_folder, wrong) = manifest(&(silent.replace("log_q", "log_det") + declared));
    refused(&elbow_line("inspect {}", &[&wrong]), &["declare log_q"]);
    let (_folder, wrong) =
        manifest(&text.replace("z = 0", "z = 1").replace("log_q = 1", "log_q = 0"));
    refused(&elbow_line("inspect {}", &[&wrong]), &["flow.log_q", "one number per observation"]);
}

#[test]
fn heads_that_the_graph_draws_otherwise_are_refused() {
    let text = r#"name = "vae"
[encoder]
onnx = "ZOO/vae_randn.dynamo/model.onnx"
input = "x"
mean = "MEAN"
spread = { output = "SPREAD", head = "logvar" }
"#;
    let with = |mean: &str, spread: &str, head: &str| {
        let text = text.replace("MEAN", mean).replace("SPREAD", spread).replace("logvar", head);
        manifest(&text)
    };
    let (_folder, right) = with("linear_1", "linear_2", "logvar");
    elbow_line("inspect {}", &[&right]).done();
    let (_folder, swapped) = with("linear_2", "linear_1", "logvar");
    let outcome = elbow_line("inspect {}", &[&swapped]);
    refused(&outcome, &["\"linear_1\"", "\"linear_2\"", "changed places", "exp(0.5 * linear_2)"]);
    let (_folder, other_head) = with("linear_1", "linear_2", "log_sigma");
    refused(&elbow_line("inspect {}", &[&other_head]), &["the head \"logvar\""]);
}
