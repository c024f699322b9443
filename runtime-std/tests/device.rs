//! The commands parity and bench on emulated boards, as a user calls them.

mod common;

use common::{elbow_line, repository};
use serde_json::Value;

/// The report on a few rows of a model.
fn parity(model: &str, target: &str) -> Value {
    let folder = repository(&format!("models/{model}"));
    let rows = folder.join("test.npy");
    let firmware = repository("firmware");
    let line =
        format!("parity {{}} --input {{}} --target {target} --firmware {{}} --rows 4 --json");
    let outcome = elbow_line(&line, &[&folder, &rows, &firmware]).done();
    assert!(
        !outcome.stderr.contains(&format!("{target}: ")),
        "the log of no failure: {}",
        outcome.stderr
    );
    outcome.json()
}

fn passes(target: &str, models: &[&str]) {
    for model in models {
        let report = parity(model, target);
        assert_eq!(report["pass"], true, "{report}");
        assert_eq!(report["twin_bit_exact"], true, "{report}");
        assert_eq!(report["inferences_compared"], 4, "two bounds of two rows: {report}");
        assert!(report["kl_nats"]["max"].as_f64().is_some_and(|kl| kl <= 1e-6), "{report}");
        for known in ["/flash_bytes/code", "/flash_bytes/weights", "/ram_bytes/workspace"] {
            assert!(report.pointer(known).is_some_and(Value::is_u64), "{known}: {report}");
        }
        let bound = report["ram_bytes"]["stack"].as_u64().expect("a closed bound");
        let used = report["measured"]["stack_bytes"].as_u64().expect("64 KiB suffice");
        assert!(0 < used && used <= bound, "{used} bytes of stack used, {bound} promised");
    }
}

#[test]
fn parity_passes_on_a_cortex_m4() {
    passes("qemu-m4", &["imu", "digits"]);
}

#[test]
fn parity_compares_the_density_of_a_flow() {
    let report = parity("wine_linear", "qemu-m4");
    assert_eq!((&report["pass"], &report["twin_bit_exact"]), (&true.into(), &true.into()));
    assert!(report["log_prob"]["max_abs"].as_f64().is_some_and(|nats| nats <= 1e-3), "{report}");
}

#[test]
fn parity_compares_refinements() {
    let (folder, model) = (tempfile::tempdir().unwrap(), repository("models/digits"));
    for file in ["encoder.onnx", "decoder.onnx"] {
        std::fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let manifest = std::fs::read_to_string(model.join("elbow.toml")).unwrap() + "[refine]\n";
    std::fs::write(folder.path().join("elbow.toml"), manifest).unwrap();
    let (rows, firmware) = (model.join("test.npy"), repository("firmware"));
    let line = "parity {} --input {} --target qemu-m4 --firmware {} --rows 3 --json";
    let report = elbow_line(line, &[folder.path(), &rows, &firmware]).done().json();
    assert_eq!(report["twin_bit_exact"], true, "{report}");
    assert_eq!(report["inferences_compared"], 8, "four answers of two rows: {report}");
}

#[test]
fn parity_passes_on_a_cortex_m3() {
    passes("qemu-m3", &["imu", "digits"]);
}

#[test]
fn parity_passes_on_every_other_core() {
    for target in ["qemu-m0", "qemu-m7", "qemu-m33", "qemu-m55"] {
        passes(target, &["digits"]);
    }
}

/// The report of `elbow bench` on the first row of a model.
fn bench(model: &str, options: &str) -> Value {
    let folder = repository(&format!("models/{model}"));
    let (rows, firmware) = (folder.join("test.npy"), repository("firmware"));
    let line = format!("bench {{}} --target qemu-m4 --input {{}} --firmware {{}} --json{options}");
    elbow_line(&line, &[&folder, &rows, &firmware]).done().json()
}

#[test]
fn bench_says_what_an_inference_takes_in_all_and_by_layer() {
    let folder = repository("models/imu");
    let (rows, firmware) = (folder.join("test.npy"), repository("firmware"));
    let calibration = format!(" --precision int8x8 --calibration {}", rows.display());
    let float = bench("imu", "");
    let line = "parity {} --input {} --target qemu-m4 --firmware {} --rows 1 --json";
    let parity = elbow_line(line, &[&folder, &rows, &firmware]).done().json();
    for same in ["instructions_per_inference", "flash_bytes", "ram_bytes"] {
        assert_eq!(float[same], parity[same], "{same}");
    }
    let integer = bench("imu", &calibration);
    let taken = |report: &Value| report["instructions_per_inference"].as_u64().expect("a number");
    assert!(taken(&integer) < taken(&float), "{integer}");
    assert_eq!((&float["precision"], &integer["precision"]), (&"f32".into(), &"int8x8".into()));
    // Three convolutions of stride 2 over 64, 32 and 16 values, and the dense layers.
    let macs = 32 * 16 * 9 * 5 + 16 * 24 * 16 * 5 + 8 * 32 * 24 * 3 + 256 * 32 + 2 * 32 * 6;
    for report in [&float, &integer] {
        assert_eq!(report["macs"], macs, "{report}");
        let each = report["instructions_per_mac"].as_f64().expect("a number");
        assert!((each * f64::from(macs) - taken(report) as f64).abs() < 1e-6, "{report}");
        assert!(report["cycles_estimate"].is_null(), "{report}");
        assert_eq!(report["peers"], Value::Array(vec![]), "{report}");
        let layers = report["layers"].as_array().expect("a list");
        let sum = |key: &str| layers.iter().map(|layer| layer[key].as_u64()).sum::<Option<u64>>();
        assert_eq!(sum("macs"), Some(macs as u64), "{report}");
        // A tick is 40 instructions, and reading the clock takes some twenty.
        let difference = sum("instructions").expect("numbers").abs_diff(taken(report));
        assert!(difference <= 80 + 40 * layers.len() as u64, "{difference}: {report}");
        for known in ["compiler", "flags"] {
            assert!(report[known].as_str().is_some_and(|text| text.len() > 10), "{report}");
        }
    }
}

#[test]
fn an_output_that_a_board_cannot_give_is_a_failure_and_no_pass() {
    let folder = repository("models/digits");
    let golden = ["encoder.mu.npy", "encoder.logvar.npy", "decoder.x_logit.npy"];
    let [mu, logvar, x_logit] = golden.map(|file| folder.join("golden").join(file));
    let outcome = elbow_line(
        "parity {} --input {} --expect mu={} --expect logvar={} --expect x_logit={} --rows 4 \
         --target qemu-m4 --firmware {} --json",
        &[&folder, &folder.join("test.npy"), &mu, &logvar, &x_logit, &repository("firmware")],
    );
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert_eq!(outcome.json()["pass"], false);
    assert!(outcome.stderr.contains("does not give the expected output \"x_logit\""));
}
