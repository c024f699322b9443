//! Parity of integer models: what the nats are held against, and the bound that is lost.

use crate::common::{elbow_line, input_of, repository};
use elbow::npy;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Room for the rounding of f32 log-variances and the order of a sum.
const RELATIVE: f64 = 1e-6;

fn values(path: &Path) -> Vec<f64> {
    npy::read(path).unwrap().values.iter().map(|value| f64::from(*value)).collect()
}

/// Mean over the rows of `KL(N(m, e^v) || N(n, e^w))`, latents added up.
fn mean_kl([m, v]: [&[f64]; 2], [n, w]: [&[f64]; 2], rows: usize) -> f64 {
    let latents = (0..n.len()).map(|i| {
        let distance = m[i] - n[i];
        0.5 * ((v[i] - w[i]).exp() + distance * distance / w[i].exp() - 1.0 - (v[i] - w[i]))
    });
    latents.sum::<f64>() / rows as f64
}

#[test]
fn a_quantized_file_is_held_against_the_float_model_where_that_is_given() {
    let case = repository("tests/qdq/digits_s8_channel");
    let golden = repository("models/digits/golden");
    let input = input_of("tests/qdq", "digits_s8_channel", "x");
    let model = case.join("model.onnx");
    let heads = "--mean mu --spread logvar:logvar";

    let line = format!("parity {{}} --input {{}} {heads}");
    let itself = elbow_line(&format!("{line} --json"), &[&model, &input]).done().json();
    assert_eq!(itself["reference"], "quantized_file");
    assert_eq!((&itself["precision"], &itself["grade"]), (&"int8x8".into(), &Value::Null));
    assert!(itself["layers"].as_array().unwrap().iter().all(|layer| layer["kl_nats"].is_null()));
    let text = elbow_line(&line, &[&model, &input]).done().stdout;
    assert!(text.contains("against the quantized file itself"), "{text}");
    assert!(text.contains("not the quantization error"), "{text}");

    let (mu, logvar) = (golden.join("encoder.mu.npy"), golden.join("encoder.logvar.npy"));
    let line = format!("{line} --expect mu={{}} --expect logvar={{}}");
    let paths = [&*model, &input, &mu, &logvar];
    let float = elbow_line(&format!("{line} --json"), &paths).json();
    assert_eq!(float["reference"], "files");
    assert!(float["grade"].is_string(), "{float}");
    let text = elbow_line(&line, &paths).stdout;
    assert!(text.contains("against the given files"), "{text}");
    assert!(!text.contains("not the quantization error"), "{text}");

    let out = tempfile::tempdir().unwrap();
    elbow_line("run {} --input {} --out-dir {}", &[&model, &input, out.path()]).done();
    let rows = float["rows"].as_u64().unwrap() as usize;
    let [float_mean, float_log_var] = [&mu, &logvar].map(|path| values(path));
    let [mean, log_var] = ["mu.npy", "logvar.npy"].map(|name| values(&out.path().join(name)));
    let expected = mean_kl([&float_mean, &float_log_var], [&mean, &log_var], rows);
    let found = float["kl_nats"]["mean"].as_f64().unwrap();
    println!("{found:.3e} nats, {} against itself", itself["kl_nats"]["mean"]);
    assert!((found / expected - 1.0).abs() <= RELATIVE, "{found} {expected}");
    assert!(found > 100.0 * itself["kl_nats"]["mean"].as_f64().unwrap(), "{found}");
}

/// The integers of this encoder happen to raise the bound. A reference twice as far in the same direction is
/// as close to them as the float posterior is, and better by about as much.
#[test]
fn a_bound_that_drops_fails_parity_although_the_divergence_is_small() {
    let model = repository("models/imu");
    let (test, calibration) = (model.join("test.npy"), model.join("calibration.npy"));
    let out = tempfile::tempdir().unwrap();
    let [float, integer] = ["float", "integer"].map(|name| out.path().join(name));
    elbow_line("run {} --input x={} --out-dir {}", &[&model, &test, &float]).done();
    let line = "run {} --input x={} --out-dir {} --precision int8x16 --calibration {}";
    elbow_line(line, &[&model, &test, &integer, &calibration]).done();
    let [mu, logvar] = ["mu.npy", "logvar.npy"].map(|name| {
        let [float, integer] = [&float, &integer].map(|out| npy::read(&out.join(name)).unwrap());
        let pairs = float.values.iter().zip(&integer.values);
        let values: Vec<f32> = pairs.map(|(float, integer)| 2.0 * integer - float).collect();
        let path = out.path().join(name);
        fs::write(&path, npy::encode(&float.shape, &values)).unwrap();
        path
    });

    let line = "parity {} --input {} --precision int8x16 --calibration {}";
    let right = elbow_line(&format!("{line} --json"), &[&model, &test, &calibration]).done().json();
    assert_eq!((&right["pass"], &right["limits"]["elbo_drop"]), (&true.into(), &0.02.into()));
    let line = format!("{line} --expect mu={{}} --expect logvar={{}}");
    let paths = [&*model, &test, &calibration, &mu, &logvar];
    let planted = elbow_line(&format!("{line} --json"), &paths);
    let report = planted.json();
    println!("{} {}", report["kl_nats"], report["elbo_drop"]);
    let figure = |part: &str, name: &str| report[part][name].as_f64().unwrap();
    assert!(figure("kl_nats", "mean") <= 0.01 && figure("kl_nats", "p99") <= 0.05, "{report}");
    assert!(figure("elbo_drop", "se") <= 0.005, "{report}");
    assert_eq!((planted.code, &report["pass"]), (1, &false.into()));
    let reasons = planted.stderr.matches("the limit").count();
    assert!(planted.stderr.contains("elbo_drop.mean") && reasons == 1, "{}", planted.stderr);

    let text = elbow_line(&format!("{line} --rows 20"), &paths).stdout;
    assert!(text.contains("(limit 2e-2 and 2 standard errors)"), "{text}");
    assert!(text.contains("by the draws, +- ") && text.contains("by the rows"), "{text}");
    assert!(text.contains("ELBO lost in nats, p99"), "{text}");
    assert!(
        report["elbo_drop"]["p99"].as_f64().unwrap() >= figure("elbo_drop", "mean"),
        "{report}"
    );
}

#[test]
fn a_quantized_file_is_judged_in_steps_of_its_outputs() {
    let case = repository("tests/qdq/conv1d_s8_channel");
    let [model, golden] = ["model.onnx", "out.0.npy"].map(|file| case.join(file));
    let input = input_of("tests/qdq", "conv1d_s8_channel", "x");
    let line = "parity {} --input {} --json";
    let itself = elbow_line(line, &[&model, &input]).done().json();
    assert_eq!((&itself["judged"], &itself["limits"]["steps_max"]), (&false.into(), &Value::Null));
    let name = itself["outputs"][0]["name"].as_str().unwrap();

    let line = format!("{line} --expect {name}={{}}");
    let report = elbow_line(&line, &[&model, &input, &golden]).done().json();
    let output = &report["outputs"][0];
    println!("{output}");
    assert_eq!((&report["judged"], &output["judged_by"]), (&true.into(), &"steps".into()));
    assert_eq!(report["limits"]["steps_within_one"], 0.999);
    let step = output["steps"]["step"].as_f64().unwrap();
    assert!((step / 0.002_600_089_4 - 1.0).abs() < RELATIVE, "{step}");

    let golden = npy::read(&golden).unwrap();
    let out = tempfile::tempdir().unwrap();
    let planted = out.path().join("planted.npy");
    // One value of all, far; and one in a hundred, two steps.
    let every = golden.values.len();
    for (of, steps) in [(every, 3.5f32), (100, 2.0)] {
        let mut values = golden.values.clone();
        values.iter_mut().step_by(of).for_each(|value| *value += steps * step as f32);
        fs::write(&planted, npy::encode(&golden.shape, &values)).unwrap();
        let found = elbow_line(&line, &[&model, &input, &planted]);
        assert_eq!((found.code, &found.json()["pass"]), (1, &false.into()), "{steps}");
        assert!(found.stderr.contains("within a step"), "{}", found.stderr);
    }
}

#[test]
fn integers_without_a_posterior_are_said_not_to_be_judged() {
    let model = repository("models/digits/decoder.onnx");
    let z = repository("models/digits/golden/decoder.z.npy");
    let line = "parity {} --input {} --precision int8x8 --calibration {}";
    let report = elbow_line(&format!("{line} --json"), &[&model, &z, &z]).done().json();
    let output = &report["outputs"][0];
    println!("{output}");
    assert!(output["max_abs"].as_f64().unwrap() > 1e-3, "{output}");
    assert_eq!((&report["judged"], &output["judged_by"]), (&false.into(), &Value::Null));
    assert_eq!(report["limits"]["kl_nats_mean"], Value::Null);
    let text = elbow_line(line, &[&model, &z, &z]).done().stdout;
    assert!(text.contains("Not judged: no limit applies"), "{text}");
    let float = elbow_line("parity {} --input {} --json", &[&model, &z]).done().json();
    assert_eq!(float["judged"], true);
}

/// The areas are counted anew, pair by pair, from the scores that `elbow score` writes.
/// A copy of motion3 in this folder with a score whose rate is not calibrated, which it is in f32 only.
fn without_calibration(folder: &Path) -> PathBuf {
    let (from, model) = (repository("models/motion3"), folder.join("model"));
    fs::create_dir(&model).unwrap();
    for file in ["encoder.onnx", "decoder.onnx"] {
        fs::copy(from.join(file), model.join(file)).unwrap();
    }
    let manifest = fs::read_to_string(from.join("elbow.toml")).unwrap();
    let (plain, _) = manifest.split_once("alpha = ").expect("a calibrated score");
    fs::write(model.join("elbow.toml"), plain).unwrap();
    model
}

#[test]
fn parity_says_how_much_worse_integers_tell_labelled_rows_apart() {
    let out = tempfile::tempdir().unwrap();
    let model = without_calibration(out.path());
    let from = repository("models/motion3");
    let (test, calibration) = (from.join("test.npy"), from.join("calibration.npy"));
    // Half of the rows are anomalies: scaled by 1.3.
    let rows = npy::read(&test).unwrap();
    let mut values = rows.values.clone();
    let len = values.len() / rows.shape[0];
    let is_anomaly = |row: usize| row % 2 == 1;
    for (row, values) in values.chunks_exact_mut(len).enumerate() {
        values.iter_mut().for_each(|value| *value *= if is_anomaly(row) { 1.3 } else { 1.0 });
    }
    let labels: Vec<f32> = (0..rows.shape[0]).map(|row| f32::from(is_anomaly(row))).collect();
    let [x, y] = [("x.npy", &rows.shape[..], &values), ("y.npy", &rows.shape[..1], &labels)].map(
        |(name, shape, values)| {
            let path = out.path().join(name);
            fs::write(&path, npy::encode(shape, values)).unwrap();
            path
        },
    );
    let integers = "--precision int8x8 --calibration {}";
    let area = |more: &str| -> f64 {
        let folder = out.path().join("scores");
        let line = format!("score {{}} --input {{}} --out-dir {{}} {more}");
        elbow_line(&line, &[&model, &x, &folder, &calibration]).done();
        let scores = npy::read(&folder.join("score.npy")).unwrap().values;
        let of =
            |label| scores.iter().enumerate().filter(move |(row, _)| is_anomaly(*row) == label);
        let pairs = of(true).flat_map(|(_, a)| of(false).map(move |(_, b)| f64::from(a < b)));
        pairs.clone().sum::<f64>() / pairs.count() as f64
    };
    let [float, integer] = ["", integers].map(area);
    let line = format!("parity {{}} --input {{}} --labels {{}} {integers}");
    let json = elbow_line(&format!("{line} --json"), &[&model, &x, &y, &calibration]).json();
    let found = |key: &str| json["score"]["auroc"][key].as_f64().unwrap();
    for (key, expected) in [("float", float), ("integer", integer), ("lost", float - integer)] {
        assert!((found(key) - expected).abs() < 1e-9, "{key}: {json}");
    }
    let spearman = json["score"]["spearman"].as_f64().unwrap();
    assert!((0.99..1.0).contains(&spearman), "{spearman}");
    let text = elbow_line(&line, &[&model, &x, &y, &calibration]).stdout;
    assert!(text.contains("AUROC lost") && text.contains("Spearman of the scores"), "{text}");
    let short = elbow_line(&format!("{line} --rows 100"), &[&model, &x, &y, &calibration]);
    assert!(short.stdout.contains("AUROC lost"), "{}", short.stderr);
    let [few, float] = [
        elbow_line(&line, &[&model, &test, &calibration, &calibration]),
        elbow_line("parity {} --input {} --labels {}", &[&model, &x, &y]),
    ];
    for (outcome, words) in [(few, "one label per row"), (float, "add --precision")] {
        assert_eq!(outcome.code, 2, "{}", outcome.stdout);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    }
}

#[test]
fn every_layer_is_listed_with_what_computes_it() {
    let case = repository("tests/qdq/mlp_u8_weights");
    let paths = [case.join("model.onnx"), input_of("tests/qdq", "mlp_u8_weights", "x")];
    let paths = [&*paths[0], &*paths[1]];
    let report = elbow_line("parity {} --input {} --json", &paths).done().json();
    let layers = report["layers"].as_array().unwrap();
    let dense: Vec<_> = layers.iter().filter(|layer| layer["macs"] != 0).collect();
    assert_eq!(dense.len(), 4, "{report}");
    let in_floats: Vec<_> = dense.iter().filter(|layer| layer["arithmetic"] == "f32").collect();
    assert!(!in_floats.is_empty(), "{report}");
    for layer in in_floats {
        assert!(layer["reason"].as_str().unwrap().contains("eight signed bits"), "{layer}");
    }
    assert!(report["macs"]["int8_share"].as_f64().unwrap() < 0.99, "{report}");
    let text = elbow_line("parity {} --input {}", &paths).done().stdout;
    assert!(text.contains("MACs, f32: its weights"), "{text}");

    let model = repository("models/digits");
    let rows = model.join("calibration.npy");
    let line = "parity {} --input {} --rows 20 --precision int8x8 --calibration {} --json";
    for layers in ["", " --layers"] {
        let report = elbow_line(&format!("{line}{layers}"), &[&model, &rows, &rows]).json();
        let all = report["layers"].as_array().unwrap();
        let macs = |integer: bool| -> u64 {
            let own = all.iter().filter(|layer| !integer || layer["arithmetic"] == "int8");
            own.map(|layer| layer["macs"].as_u64().unwrap()).sum()
        };
        assert_eq!(report["macs"]["all"], macs(false), "{report}");
        assert_eq!(report["macs"]["int8"], macs(true), "{report}");
        assert_eq!(report["macs"]["int8_share"], 1.0);
        assert!(all.iter().any(|layer| layer["kl_nats"].is_number()), "{report}");
    }
    let float = elbow_line("parity {} --input {} --rows 20 --json", &[&model, &rows]).done().json();
    assert_eq!((&float["macs"], &float["layers"]), (&Value::Null, &Value::Null));
}

#[test]
fn every_command_says_which_of_the_two_precisions_it_is() {
    let model = repository("models/digits");
    let calibration = model.join("calibration.npy");
    let out = tempfile::tempdir().unwrap();
    let paths = [&*model, out.path(), &calibration];
    let line = "compile {} --out-dir {} --precision int8 --calibration {} --json";
    let compiled = elbow_line(line, &paths).done();
    assert_eq!(compiled.json()["precision_used"], "int8x8");
    assert!(compiled.stderr.contains("in int8x8"), "{}", compiled.stderr);
    let budget = fs::read_to_string(out.path().join("budget.json")).unwrap();
    assert!(budget.contains(r#""precision_used": "int8x8""#), "{budget}");

    let paths = [&*model, &calibration, out.path(), &calibration];
    let line = "run {} --input {} --out-dir {} --precision int8 --calibration {} --json";
    let ran = elbow_line(line, &paths).done();
    assert_eq!(ran.json()["precision_used"], "int8x8");
    assert!(ran.stderr.contains("in int8x8"), "{}", ran.stderr);
}

#[test]
fn rows_that_chose_the_scales_are_noticed_among_those_that_judge_them() {
    let model = repository("models/digits");
    let [test, calibration] = ["test.npy", "calibration.npy"].map(|name| model.join(name));
    let [mut mixed, chosen] = [&test, &calibration].map(|path| npy::read(path).unwrap());
    let len = chosen.values.len() / chosen.shape[0];
    mixed.values[..3 * len].copy_from_slice(&chosen.values[5 * len..8 * len]);
    let out = tempfile::tempdir().unwrap();
    let planted = out.path().join("planted.npy");
    fs::write(&planted, npy::encode(&mixed.shape, &mixed.values)).unwrap();
    let line = "parity {} --input {} --precision int8x8 --calibration {}";
    let found = elbow_line(line, &[&model, &planted, &calibration]);
    assert!(found.stderr.contains("3 of 397 rows are calibration rows"), "{}", found.stderr);
    let found = elbow_line(line, &[&model, &test, &calibration]);
    assert!(!found.stderr.contains("calibration rows"), "{}", found.stderr);
}
