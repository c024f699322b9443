//! `--readings`: recordings in place of rows, and the verdicts of a calibrated model on a board.

use crate::common::{Outcome, elbow_line, repository};
use elbow::detect::Recording;
use elbow::model::Loaded;
use elbow::npy;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Readings of motion3 that are healthy, one after the other.
fn healthy() -> Vec<[f32; 3]> {
    let recording = npy::read(&repository("models/motion3/recording.npy")).unwrap();
    recording.values.as_chunks().0.to_vec()
}

/// A copy of motion3 with a calibration by its own recording, with few windows between alarms.
fn calibrated() -> tempfile::TempDir {
    let (folder, model) = (tempfile::tempdir().unwrap(), repository("models/motion3"));
    for file in ["encoder.onnx", "decoder.onnx", "recording.npy"] {
        fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let text = fs::read_to_string(model.join("elbow.toml")).unwrap();
    let own = text.split("[score]").next().unwrap();
    assert!(own.contains("rate = 64"), "{text}");
    let score = "[score]\nkind = \"elbo_at_mean\"\n";
    fs::write(folder.path().join("elbow.toml"), format!("{own}{score}")).unwrap();
    let recording = folder.path().join("recording.npy");
    let line = "calibrate {} --recording {} --arl 8 --alpha 0.1";
    elbow_line(line, &[folder.path(), &recording]).done();
    folder
}

/// Writes a recording and its times, in seconds, with every trouble that a sensor may have, into `folder`.
pub(super) fn troubled(folder: &Path) -> [PathBuf; 2] {
    let all = healthy();
    let (mut readings, mut times, mut now, mut from) = (Vec::new(), Vec::new(), 0.0, 0);
    let mut add = |count: usize, period: f32, change: &dyn Fn(usize, &mut [f32; 3])| {
        for (at, mut reading) in all[from..from + count].iter().copied().enumerate() {
            change(at, &mut reading);
            readings.extend(reading);
            now += period;
            times.push(now);
        }
        from += count;
    };
    const PERIOD: f32 = 1.0 / 64.0;
    let as_it_is = &|_: usize, _: &mut [f32; 3]| {};
    add(160, PERIOD, as_it_is);
    add(64, PERIOD, &|at, reading| reading[1] = if at == 10 { f32::NAN } else { reading[1] });
    add(64, PERIOD, &|at, reading| *reading = if at == 5 { [f32::NAN; 3] } else { *reading });
    add(64, PERIOD, &|at, reading| reading[0] = if at == 9 { f32::INFINITY } else { reading[0] });
    add(64, PERIOD, as_it_is);
    add(64, PERIOD, &|_, reading| reading[2] = -160.0);
    add(80, PERIOD, as_it_is);
    add(32, PERIOD, &|_, reading| reading[0] = 4000.0);
    add(80, PERIOD, as_it_is);
    add(1, 0.5, as_it_is);
    add(100, PERIOD, as_it_is);
    add(160, 1.0 / 45.0, as_it_is);
    add(160, PERIOD, as_it_is);
    add(64, PERIOD, &|at, reading| reading[1] += 12.0 * at as f32);
    add(128, PERIOD, &|_, reading| reading[0] *= 3.0);
    let [recording, seconds] = ["troubled.npy", "times.npy"].map(|file| folder.join(file));
    fs::write(&recording, npy::encode(&[times.len(), 3], &readings)).unwrap();
    fs::write(&seconds, npy::encode(&[times.len()], &times)).unwrap();
    [recording, seconds]
}

/// `elbow parity` of the model in `folder` on the recording, on a board, with further words.
fn judged(folder: &Path, target: &str, more: &str) -> Outcome {
    let [recording, times] = troubled(folder);
    let line = format!(
        "parity {{}} --readings {{}} --times {{}} --target {target} --firmware {{}} --json{more}"
    );
    elbow_line(&line, &[folder, &recording, &times, &repository("firmware")])
}

/// Fails where the report of verdicts lacks one of those that [`troubled`] brings about, or one of the board differs from
/// the twin's.
pub(super) fn holds(report: &Value) {
    assert_eq!(report["different"], 0, "{report}");
    let verdicts = report["verdicts"].as_object().unwrap();
    let wanted = ["pending", "scored", "alarm", "gap", "wrong_rate"];
    let faults =
        ["missing", "not_finite", "stuck", "rails"].map(|kind| format!("sensor_fault_{kind}"));
    for name in wanted.into_iter().chain(faults.iter().map(String::as_str)) {
        assert!(verdicts.contains_key(name), "no {name}: {report}");
    }
}

/// Every verdict of the board has the twin's bits, and what the budget says of RAM is what the image has.
fn judges_as_the_twin(target: &str) -> Value {
    let folder = calibrated();
    let report = judged(folder.path(), target, "").done().json();
    holds(&report);
    let out = folder.path().join("out");
    let compiled = elbow_line("compile {} --out-dir {} --json", &[folder.path(), &out]).done();
    let budget = compiled.json();
    assert_eq!(budget["ram_bytes"]["detector"], report["ram_bytes"]["detector"], "{report}");
    assert!(fs::read_to_string(out.join("model.rs")).unwrap().contains("pub type Detector"));
    report
}

#[test]
fn a_cortex_m4_judges_recorded_readings_as_the_twin_does_and_keeps_its_limits() {
    let report = judges_as_the_twin("qemu-m4");
    let folder = calibrated();
    let line = "bench {} --target qemu-m4 --firmware {} --json";
    let program = elbow_line(line, &[folder.path(), &repository("firmware")]).done().json();
    let number =
        |report: &Value, pointer: &str| report.pointer(pointer).and_then(Value::as_u64).unwrap();
    let [flash, ram] =
        ["/program_bytes/flash", "/program_bytes/ram"].map(|pointer| number(&program, pointer));
    let called =
        ["/ram_bytes/detector", "/ram_bytes/stack"].map(|pointer| number(&report, pointer));
    assert!(ram >= called[0] + called[1], "{program} {report}");
    let exact = format!(" --max-ram {ram} --max-flash {flash}");
    judged(folder.path(), "qemu-m4", &exact).done();
    let outcome = judged(folder.path(), "qemu-m4", &format!(" --max-ram {}", ram - 1));
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(&format!("need {ram} bytes of RAM")), "{}", outcome.stderr);
    let outcome = judged(folder.path(), "qemu-m4", &format!(" --max-flash {}", flash - 1));
    assert!(
        outcome.stderr.contains(&format!("needs {flash} bytes of flash")),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_cortex_m3_judges_recorded_readings_as_the_twin_does() {
    judges_as_the_twin("qemu-m3");
}

#[test]
fn a_cortex_m0_judges_recorded_readings_as_the_twin_does() {
    judges_as_the_twin("qemu-m0");
}

#[cfg(unix)]
#[test]
fn a_board_at_a_port_judges_recorded_readings_as_the_twin_does() {
    let folder = calibrated();
    let line = crate::port::board::board_with("motion3", folder.path());
    let report = judged(folder.path(), &line.target, "").done().json();
    assert_eq!((&report["different"], &report["target"]), (&0.into(), &line.target.clone().into()));
    let alarms = report["verdicts"]["alarm"].as_u64();
    assert!(alarms.is_some_and(|alarms| alarms > 0), "{report}");
    assert!(report["cycles"].is_u64() && report["seconds"].is_f64(), "{report}");
    for unknown in ["/instructions", "/flash_bytes/code", "/ram_bytes/stack"] {
        assert!(report.pointer(unknown).is_some_and(Value::is_null), "{unknown}: {report}");
    }
    let outcome = judged(folder.path(), &line.target, " --max-ram 100000");
    assert!(outcome.code == 2 && outcome.stderr.contains("leave them out"), "{}", outcome.stderr);
}

#[test]
fn the_rows_of_a_recording_are_its_windows() {
    let (folder, model) = (tempfile::tempdir().unwrap(), repository("models/motion3"));
    let [recording, _] = troubled(folder.path());
    let window = Loaded::read(&model, None, &Default::default()).unwrap().model.window.unwrap();
    let (values, unfit) = Recording::read(&recording, &window).unwrap().observations(&window);
    let rows = values.len() / 192;
    assert!(unfit > 0 && rows > 40, "{rows} rows, {unfit} windows left out");
    let input = folder.path().join("windows.npy");
    fs::write(&input, npy::encode(&[rows, 3, 64], &values)).unwrap();
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    elbow_line("run {} --input {} --out-dir {}", &[&model, &input, &a]).done();
    let told = elbow_line("run {} --readings {} --out-dir {}", &[&model, &recording, &b]).done();
    assert!(told.stderr.contains(&format!("{unfit} windows hold a value")), "{}", told.stderr);
    for file in ["posterior_mean.npy", "posterior_log_var.npy", "score.npy"] {
        let same = fs::read(a.join(file)).unwrap() == fs::read(b.join(file)).unwrap();
        assert!(same, "{file} differs");
    }
}

#[test]
fn readings_are_refused_with_the_cure() {
    let folder = calibrated();
    let [recording, times] = troubled(folder.path());
    let firmware = repository("firmware");
    let refused = |line: &str, paths: &[&Path], words: &str| {
        let outcome = elbow_line(line, paths);
        assert_eq!(outcome.code, 2, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    };
    let board = "parity {} --readings {} --target qemu-m4 --firmware {}";
    let plain = repository("models/imu");
    refused(board, &[&plain, &recording, &firmware], "elbow calibrate");
    let without = repository("models/digits");
    let line = "run {} --readings {} --out-dir out";
    refused(line, &[&without, &recording], "--readings needs a [window]");
    let short = folder.path().join("short.npy");
    fs::write(&short, npy::encode(&[2], &[0.0, 1.0])).unwrap();
    let timed = "parity {} --readings {} --times {} --target qemu-m4 --firmware {}";
    refused(timed, &[folder.path(), &recording, &short, &firmware], "one time for each reading");
    let manifest = folder.path().join("elbow.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let own = text.split("model = \"").nth(1).unwrap().split('"').next().unwrap().to_string();
    fs::write(&manifest, text.replace(&own, "0123456789abcdef-01234567")).unwrap();
    refused(timed, &[folder.path(), &recording, &times, &firmware], "run `elbow calibrate` again");
    let out = folder.path().join("out");
    let told = elbow_line("compile {} --out-dir {}", &[folder.path(), &out]).done();
    assert!(
        told.stderr.contains("no Detector: the calibration of [score] belongs to"),
        "{}",
        told.stderr
    );
    assert!(!fs::read_to_string(out.join("model.rs")).unwrap().contains("Detector"));
}
