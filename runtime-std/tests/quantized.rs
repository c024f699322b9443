//! Parity of integer models: what the nats are held against, and the bound that is lost.

mod common;

use common::{elbow_line, repository};
use elbow::npy;
use serde_json::Value;
use std::fs;
use std::path::Path;

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
    let (model, input) = (case.join("model.onnx"), case.join("in.x.npy"));
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
}
