//! The parity command on emulated boards, as a user calls it.

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
fn parity_passes_on_a_cortex_m3() {
    passes("qemu-m3", &["imu", "digits"]);
}

#[test]
fn parity_passes_on_every_other_core() {
    for target in ["qemu-m0", "qemu-m7", "qemu-m33", "qemu-m55"] {
        passes(target, &["digits"]);
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
