//! `elbow new`: the project that it makes, and what it refuses.

use crate::common::{Outcome, elbow_in, repository};
use crate::init::onnx::Onnx;
use elbow::npy;
use elbow_toolchain::BOARDS;
use std::fs;
use std::path::{Path, PathBuf};

/// `elbow new` with the words of `line` in `folder`.
fn new_in(folder: &Path, line: &str) -> Outcome {
    let words: Vec<&str> = ["new"].into_iter().chain(line.split_whitespace()).collect();
    elbow_in(folder, &words)
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_project_is_whole_and_points_nowhere_outside() {
    let folder = tempfile::tempdir().unwrap();
    let report = new_in(folder.path(), "shake --board pico --demo --json").done().json();
    let project = folder.path().join("shake");
    let expected = [
        ".cargo/config.toml",
        ".github/workflows/build.yml",
        ".gitignore",
        "Cargo.toml",
        "README.md",
        "build.rs",
        "memory.x",
        "model/calibration.npy",
        "model/decoder.onnx",
        "model/drift.npy",
        "model/elbow.toml",
        "model/encoder.onnx",
        "model/rows.npy",
        "model/scores.npy",
        "src/bin/parity.rs",
        "src/main.rs",
    ];
    assert_eq!(report["files"], serde_json::json!(expected), "{report}");
    for known in ["window_ms", "hop_ms", "duty"] {
        assert!(report[known].as_f64().is_some_and(|value| value > 0.0), "{known}: {report}");
    }
    let text = |file: &str| fs::read_to_string(project.join(file)).unwrap();
    assert!(text("src/main.rs").lines().count() <= 80);
    assert_eq!(text("build.rs").lines().count(), 3);
    // The Pico computes floats by software.
    assert!(
        text("build.rs").contains("compile_int8(")
            && text("README.md").contains("--precision int8")
    );
    for command in
        ["cargo run --release --bin shake", "elbow monitor /dev/", "elbow parity model --input"]
    {
        assert!(text("README.md").contains(command), "{command}");
    }
    assert!(text(".cargo/config.toml").contains("probe-rs run --chip RP2040"));
    // Nothing is left open in a template, and nothing names the repository, beside which it was built.
    let root = repository("").canonicalize().unwrap();
    for path in files(&project) {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let is_own = !path.starts_with(project.join("elbow"));
        assert!(!(is_own && text.contains("{{") && text.contains("}}")), "{}", path.display());
        assert!(!text.contains(root.to_str().unwrap()), "{}", path.display());
    }
    // Every path of a manifest is there.
    for manifest in files(&project).iter().filter(|path| path.ends_with("Cargo.toml")) {
        let table: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
        for key in ["dependencies", "build-dependencies"] {
            for (name, dependency) in
                table.get(key).and_then(|t| t.as_table()).into_iter().flatten()
            {
                if let Some(path) = dependency.get("path").and_then(|path| path.as_str()) {
                    let path = manifest.parent().unwrap().join(path).join("Cargo.toml");
                    assert!(path.is_file(), "{name} of {}", manifest.display());
                }
            }
        }
    }
    assert_eq!(npy::read(&project.join("model/rows.npy")).unwrap().shape, [16, 3, 64]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn every_board_has_a_project_with_its_own_parts() {
    let folder = tempfile::tempdir().unwrap();
    for board in &BOARDS {
        let line = format!("on-{0} --board {0} --demo --json --no-ci --precision f32", board.name);
        new_in(folder.path(), &line).done();
        let project = folder.path().join(format!("on-{}", board.name));
        let text = |file: &str| fs::read_to_string(project.join(file)).unwrap();
        let config: toml::Table = text(".cargo/config.toml").parse().unwrap();
        assert_eq!(config["build"]["target"].as_str(), Some(board.triple));
        let runner = config["target"]["cfg(target_os = \"none\")"]["runner"].as_str();
        assert_eq!(runner, Some(&format!("probe-rs run --chip {}", board.chip)[..]));
        let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
        let features = manifest["dependencies"][board.package]["features"].as_array().unwrap();
        assert_eq!(features[0].as_str(), Some(board.name));
        let other = BOARDS.iter().filter(|other| other.package != board.package);
        for other in other.map(|other| project.join("elbow/firmware/boards").join(other.package)) {
            assert!(!other.exists(), "{}", other.display());
        }
        for program in ["src/main.rs", "src/bin/parity.rs"] {
            let text = text(program);
            assert!(
                text.lines().count() <= 80 && text.contains(&format!("use {}::", board.package))
            );
        }
        assert!(text("memory.x").contains("FLASH"), "{}", board.name);
        assert!(!project.join(".github").exists());
    }
}

/// RAM that is printed counts the detector, as `elbow compile` does for the same model: more than without it.
#[test]
fn memory_counts_the_detector() {
    let folder = tempfile::tempdir().unwrap();
    let report = new_in(folder.path(), "own --board pico2 --demo --json").done().json();
    let model = folder.path().join("own/model").display().to_string();
    elbow_in(folder.path(), &["compile", &model, "--out-dir", "generated"]).done();
    let budget = fs::read_to_string(folder.path().join("generated/budget.json")).unwrap();
    let budget: serde_json::Value = serde_json::from_str(&budget).unwrap();
    let [detector, workspace] =
        ["detector", "workspace"].map(|part| budget["ram_bytes"][part].as_u64().unwrap());
    assert!(detector > workspace, "{budget}");
    assert_eq!(report["ram_bytes"].as_u64(), Some(detector + 20_000), "{report}");
}

/// The words that make a project of the files of `models/motion3`, without those after `--readings`.
fn motion() -> String {
    let model = repository("models/motion3");
    let [encoder, decoder, readings] =
        ["encoder.onnx", "decoder.onnx", "recording.npy"].map(|file| model.join(file));
    format!(
        "own --board pico --encoder {} --decoder {} --readings {}",
        encoder.display(),
        decoder.display(),
        readings.display()
    )
}

#[test]
fn the_manifest_is_filled_by_the_readings_with_a_reason_each() {
    let folder = tempfile::tempdir().unwrap();
    let line = motion() + " --rate 64 --length 64 --hop 16 --unit mg";
    new_in(folder.path(), &line).done();
    let text = fs::read_to_string(folder.path().join("own/model/elbow.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let window = manifest["window"].as_table().unwrap();
    let readings = npy::read(&repository("models/motion3/recording.npy")).unwrap();
    let count = readings.shape[0] as f64;
    for (channel, (mean, std)) in
        window["mean"].as_array().unwrap().iter().zip(window["std"].as_array().unwrap()).enumerate()
    {
        let own = || readings.values.iter().skip(channel).step_by(3).map(|value| f64::from(*value));
        let expected = own().sum::<f64>() / count;
        let variance = own().map(|value| value * value).sum::<f64>() / count - expected * expected;
        let [mean, std] = [mean, std].map(|value| value.as_float().unwrap());
        assert!(
            (mean - expected).abs() < 1e-3 && (std - variance.sqrt()).abs() < 1e-2,
            "{channel}"
        );
    }
    for (key, value) in [("channels", 3), ("length", 64), ("hop", 16)] {
        assert_eq!(window[key].as_integer(), Some(value), "{text}");
    }
    assert_eq!((window["rate"].as_float(), window["unit"].as_str()), (Some(64.0), Some("mg")));
    assert_eq!(window["layout"].as_str(), Some("channels_first"), "{text}");
    let log_sigma = manifest["decoder"]["likelihood"]["log_sigma"].as_float().unwrap();
    // Trained, by channel: -0.08, -0.39, -0.23; a recording of its own has its own moments.
    assert!((-1.5..0.5).contains(&log_sigma) && log_sigma != 0.0, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let values =
        lines.iter().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#'));
    for (at, line) in values {
        assert!(lines[at - 1].starts_with("# "), "{line} has no reason: {text}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("taken")).unwrap();
    let motion = motion();
    for (line, code, words) in [
        ("--board pico --demo".to_string(), 2, "the name of the project is missing"),
        ("own --demo".into(), 2, "--board is missing: one of pico"),
        ("own --board picoo --demo".into(), 2, "pico2"),
        ("own --board pico".into(), 2, "no model is named"),
        ("9lives --board pico --demo".into(), 2, "expected that of a cargo package"),
        ("parity --board pico --demo".into(), 2, "expected that of a cargo package"),
        ("taken --board pico --demo".into(), 2, "taken exists"),
        (format!("{motion} --length 64 --unit mg"), 2, "--rate HZ is missing"),
        (format!("{motion} --length 64 --rate 64"), 2, "--unit is missing"),
        (format!("{motion} --length 32 --rate 64 --unit mg"), 2, "192 values"),
        (format!("{motion} --rate 6400 --hop 1 --unit mg --precision f32"), 1, "a hop of at least"),
        ("own --board pico --demo --elbow .".into(), 2, "not a clone of Elbow"),
        ("own --board xiao-sense --demo --sensor lis3dh".into(), 2, "its sensor is lsm6ds"),
        ("own --board pico --demo --sensor bmi270".into(), 2, "lis3dh, lsm6ds"),
    ] {
        let outcome = new_in(folder.path(), &line);
        assert_eq!(outcome.code, code, "{line}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(words), "{line}: {}", outcome.stderr);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{line}: {left:?}");
    }
    let digits = repository("models/digits");
    let outcome = new_in(folder.path(), &format!("own --board pico --model {}", digits.display()));
    assert!(
        outcome.code == 2 && outcome.stderr.contains("[window] is missing"),
        "{}",
        outcome.stderr
    );
}

/// A folder with an encoder of 192 values by so many `hidden` ones, its manifest with this `hop`, and a few observations
/// for the scales of integers where it `has_rows`.
pub fn dense(folder: &Path, hidden: i64, hop: usize, has_rows: bool) -> PathBuf {
    let model = folder.join("model-of-dense-layers");
    let _ = fs::remove_dir_all(&model);
    fs::create_dir(&model).unwrap();
    let onnx = Onnx::of(192).linear("h", "x", 192, hidden).node("r", "Relu", "h");
    let onnx = onnx.linear("mean", "r", hidden, 2).linear("log_var", "r", hidden, 2);
    let (_written, onnx) = onnx.outputs(&[("mean", 2), ("log_var", 2)]).write();
    fs::copy(onnx, model.join("encoder.onnx")).unwrap();
    let manifest = format!(
        "name = \"dense\"\n[encoder]\nonnx = \"encoder.onnx\"\ninput = \"x\"\nmean = \"mean\"\nspread = {{ output = \
         \"log_var\", head = \"logvar\" }}\n[window]\nchannels = 3\nlength = 64\nhop = {hop}\nrate = 64.0\nunit = \
         \"mg\"\nrange = [-1000, 1000]\nmean = [0, 0, 0]\nstd = [1, 1, 1]\nlayout = \"channels_first\"\n"
    );
    fs::write(model.join("elbow.toml"), manifest).unwrap();
    if has_rows {
        let values: Vec<f32> = (0..8 * 192).map(|at| (at as f32 * 0.37).sin()).collect();
        fs::write(model.join("calibration.npy"), npy::encode(&[8, 192], &values)).unwrap();
    }
    model
}

/// The number before or behind `words` in a text, whose neighbour it is.
fn number_before(text: &str, words: &str) -> f64 {
    let (before, _) = text.split_once(words).unwrap_or_else(|| panic!("{words}: {text}"));
    before.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{words}: {text}"))
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_what_would() {
    let folder = tempfile::tempdir().unwrap();
    let new = |name: &str, hidden, hop, has_rows, more: &str| {
        let model = dense(folder.path(), hidden, hop, has_rows);
        let line = format!("{name} --board {more} --model {}", model.display());
        new_in(folder.path(), &line)
    };
    let refused = |outcome: Outcome, words: &[&str]| {
        assert_eq!(outcome.code, 1, "{}", outcome.stderr);
        words.iter().for_each(|word| assert!(outcome.stderr.contains(word), "{}", outcome.stderr));
        outcome.stderr
    };
    // 196 floats for each of 700 hidden values are more than the half MB of a micro:bit, and as bytes a quarter of it.
    let words = ["bytes of flash and the board has 524288", "--precision int8 fits"];
    refused(new("large", 700, 64, true, "microbit-v2"), &words);
    new("small", 700, 64, true, "microbit-v2 --precision int8").done();
    let tried = ["bytes of flash and the board has 524288", "was not tried"];
    refused(new("large", 700, 64, false, "microbit-v2"), &tried);
    // In floats by software a Pico is too slow for a window after every reading, and the hop that it names suffices.
    let slow = ["a hop of at least", "--precision int8 fits"];
    let message = refused(new("slow", 100, 1, true, "pico --precision f32"), &slow);
    let hop = number_before(&message, " readings fits");
    assert!((2.0..64.0).contains(&hop), "{message}");
    refused(new("slow", 100, hop as usize - 1, true, "pico --precision f32"), &slow);
    let report = new("slow", 100, hop as usize, true, "pico --precision f32 --json").done().json();
    let milliseconds = report["window_ms"].as_f64().unwrap();
    assert!(milliseconds <= 0.9 * report["hop_ms"].as_f64().unwrap(), "{report}");
    // What the duty is of, the hop is worth at the rate: 64 readings a second.
    assert_eq!(report["hop_ms"].as_f64(), Some(hop * 1e3 / 64.0), "{report}");
}
