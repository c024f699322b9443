//! The commands parity and bench on emulated boards, as a user calls them.

use crate::common::{elbow_line, repository};
use elbow::device::{Target, timing};
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
    for target in Target::all().filter(|target| !["qemu-m3", "qemu-m4"].contains(&target.name)) {
        passes(target.name, &["digits"]);
    }
}

/// The report of `elbow bench` on the first row of a model.
fn bench(model: &str, target: &str, options: &str) -> Value {
    let folder = repository(&format!("models/{model}"));
    let (rows, firmware) = (folder.join("test.npy"), repository("firmware"));
    let line = format!("bench {{}} --target {target} --input {{}} --firmware {{}} --json{options}");
    elbow_line(&line, &[&folder, &rows, &firmware]).done().json()
}

/// Options for integers that are chosen by the rows of a model's test.
fn in_bytes(model: &str) -> String {
    let rows = repository(&format!("models/{model}/test.npy"));
    format!(" --precision int8x8 --calibration {}", rows.display())
}

fn taken(report: &Value) -> u64 {
    report["instructions_per_inference"].as_u64().expect("a number")
}

/// The sum over the layers of a part of a report.
fn sum(part: &Value, key: &str) -> Option<u64> {
    part["layers"].as_array().expect("a list").iter().map(|layer| layer[key].as_u64()).sum()
}

#[test]
fn bench_says_what_an_inference_takes_in_all_and_by_layer() {
    let folder = repository("models/imu");
    let (rows, firmware) = (folder.join("test.npy"), repository("firmware"));
    let float = bench("imu", "qemu-m4", "");
    let line = "parity {} --input {} --target qemu-m4 --firmware {} --rows 1 --json";
    let parity = elbow_line(line, &[&folder, &rows, &firmware]).done().json();
    for same in ["flash_bytes", "ram_bytes"] {
        assert_eq!(float[same], parity[same], "{same}");
    }
    // Parity reads a timer before and behind, whose tick is 40 instructions.
    assert!(taken(&float).abs_diff(taken(&parity)) <= 2 * 40, "{float} {parity}");
    let integer = bench("imu", "qemu-m4", &in_bytes("imu"));
    assert!(taken(&integer) < taken(&float), "{integer}");
    assert_eq!((&float["precision"], &integer["precision"]), (&"f32".into(), &"int8x8".into()));
    // Three convolutions of stride 2 over 64, 32 and 16 values, and the dense layers.
    let macs = 32 * 16 * 9 * 5 + 16 * 24 * 16 * 5 + 8 * 32 * 24 * 3 + 256 * 32 + 2 * 32 * 6;
    for report in [&float, &integer] {
        assert_eq!(report["macs"], macs, "{report}");
        let each = report["instructions_per_mac"].as_f64().expect("a number");
        assert!((each * f64::from(macs) - taken(report) as f64).abs() < 1e-6, "{report}");
        assert_eq!(report["peers"], Value::Array(vec![]), "{report}");
        assert_eq!(sum(&report["encode"], "macs"), Some(macs as u64), "{report}");
        assert_eq!(report["encode"]["instructions"], taken(report), "{report}");
        // Checks and clamps of six means and log-variances are in no layer, nor are likelihood and divergence of 576
        // values, which begin behind the last one; a decoder's checks are those of its six latents.
        for (part, outside) in [("encode", 6 * 80), ("decode", 6 * 40), ("score", 576 * 60)] {
            let part = &report[part];
            let layers = part["layers"].as_array().expect("a list").len() as i64;
            let found = part["outside_layers"].as_i64().expect("a number");
            // Keeping the steps apart takes some ten instructions each.
            assert!((-16 * layers..=outside).contains(&found), "{part}");
            let all = sum(part, "instructions").expect("numbers").cast_signed() + found;
            assert_eq!(Some(all), part["instructions"].as_i64(), "{part}");
        }
        let of = |part: &str| report[part]["instructions"].as_u64().expect("a number");
        assert!(of("decode") < of("score"), "{report}");
        // A checksum bit by bit takes more than 8 instructions of a byte.
        let weights = report["flash_bytes"]["weights"].as_u64().expect("a number");
        assert!(of("boot") > 8 * weights, "{report}");
        assert!(report["refine_step"].is_null(), "{report}");
        for known in ["compiler", "flags"] {
            assert!(report[known].as_str().is_some_and(|text| text.len() > 10), "{report}");
        }
    }
    let names: Vec<_> = integer["encode"]["layers"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|layer| &layer["name"])
        .collect();
    assert_eq!(names[..2], ["node_Conv_25 (quantize)", "node_Conv_25"], "{integer}");
    assert!((1..names.len()).all(|at| !names[at..].contains(&names[at - 1])), "{names:?}");
}

/// The limits of `compile --target` are those of the program whose bytes `bench` prints; the first that is exceeded ends it
/// before anything is written.
#[test]
fn compile_holds_the_limits_of_the_whole_program() {
    let report = bench("imu", "qemu-m4", "");
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64).expect("a number");
    let [flash, ram] = ["/program_bytes/flash", "/program_bytes/ram"].map(number);
    assert!(flash > number("/flash_bytes/code") + number("/flash_bytes/weights"), "{report}");
    assert!(ram > number("/ram_bytes/workspace") + number("/ram_bytes/stack"), "{report}");
    let (beside, model) = (tempfile::tempdir().unwrap(), repository("models/imu"));
    let out = beside.path().join("out");
    let compiled = |flash: u64, ram: u64| {
        let line = format!(
            "compile {{}} --out-dir {{}} --target qemu-m4 --firmware {{}} --max-flash {flash} --max-ram {ram}"
        );
        elbow_line(&line, &[&model, &out, &repository("firmware")])
    };
    let of_flash = format!("needs {flash} bytes of flash, --max-flash allows {}", flash - 1);
    let of_ram = format!("need {ram} bytes of RAM, --max-ram allows {}", ram - 1);
    for (flash, ram, words) in [
        (flash - 1, ram, &[&of_flash][..]),
        (flash, ram - 1, &[&of_ram]),
        (flash - 1, ram - 1, &[&of_flash, &of_ram]),
    ] {
        let outcome = compiled(flash, ram);
        assert_eq!((outcome.code, &outcome.stdout[..]), (1, ""), "{}", outcome.stderr);
        for word in words {
            assert!(outcome.stderr.contains(word.as_str()), "no {word:?} in {}", outcome.stderr);
        }
        assert!(!out.exists(), "something was written");
    }
    compiled(flash, ram).done();
    for file in ["model.rs", "weights.bin", "budget.json"] {
        assert!(out.join(file).is_file(), "{file}");
    }
}

#[test]
fn bench_estimates_cycles_where_timings_are_published() {
    for target in Target::all().filter(|target| timing(target.row).is_some()) {
        let target = target.name;
        let report = bench("digits", target, &in_bytes("digits"));
        let cycles = report["encode"]["cycles_estimate"].as_u64().expect("an estimate");
        // No instruction takes less than a cycle; loads and branches take two or three.
        assert!((taken(&report)..2 * taken(&report)).contains(&cycles), "{target}: {report}");
        let layers = sum(&report["encode"], "cycles_estimate").expect("estimates");
        assert!(layers.abs_diff(cycles) <= cycles / 50, "{target}, {layers} by layer: {report}");
    }
}

/// Also a core that nobody has published timings of says what a window takes, and where that comes from.
#[test]
fn bench_measures_the_other_cores_and_says_that_it_does_not_know_their_cycles() {
    for target in Target::all().filter(|target| timing(target.row).is_none()) {
        let report =
            bench("digits", target.name, " --clock 100MHz --rate 1000 --hop 1 --power 20mW");
        assert!(report["encode"]["cycles_estimate"].is_null(), "{report}");
        assert!(report["encode"]["layers"][0]["cycles_estimate"].is_null(), "{report}");
        let schedule = &report["schedule"];
        assert_eq!(schedule["cycles"], "one_an_instruction", "{report}");
        let of = |part: &str| report[part]["instructions"].as_f64().expect("a number");
        let number = |field: &str| schedule[field].as_f64().expect("a number");
        let ms = (of("encode") + of("score")) / 1e5;
        assert!((number("per_window_ms") - ms).abs() < 1e-9, "{report}");
        assert!((number("duty") - ms).abs() < 1e-9 && schedule["fits"] == (ms <= 1.0), "{report}");
        assert!((number("energy_per_window_uj") - 20.0 * ms).abs() < 1e-9, "{report}");
    }
}

/// The figures of `inspect --target` are those of `bench`, with a step of refinement for a model that refines.
#[test]
fn inspect_measures_a_step_of_refinement_and_what_does_not_fit() {
    let (folder, model) = (tempfile::tempdir().unwrap(), repository("models/digits"));
    for file in ["encoder.onnx", "decoder.onnx"] {
        std::fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let manifest = std::fs::read_to_string(model.join("elbow.toml")).unwrap() + "[refine]\n";
    std::fs::write(folder.path().join("elbow.toml"), manifest).unwrap();
    let line = "inspect {} --target qemu-m4 --firmware {} --clock 1MHz --rate 100 --hop 1 --json";
    let report = elbow_line(line, &[folder.path(), &repository("firmware")]).done().json();
    let own = &report["on_target"];
    assert_eq!((&own["target"], &own["schedule"]["fits"]), (&"qemu-m4".into(), &false.into()));
    let of = |part: &str| own[part]["instructions"].as_u64().expect("a number");
    // A step has 8 draws; each decodes and goes back, which takes two to four times as much.
    assert!((8 * 2 * of("decode")..8 * 4 * of("decode")).contains(&of("refine_step")), "{own}");
    let text = elbow_line(&line.replace(" --json", ""), &[folder.path(), &repository("firmware")]);
    let text = text.done().stdout;
    assert!(text.contains("DOES NOT FIT") && text.contains("refine step"), "{text}");
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
