//! `elbow gap` as a user runs it.

mod common;

use common::{elbow_line, repository};
use serde_json::Value;

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
    assert!(drawn.starts_with("<svg") && drawn.contains("amortization gap"));
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
