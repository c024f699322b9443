//! `elbow score`: what it writes, shows and refuses.

mod faults;
mod refused;

use crate::common::{Outcome, elbow_line, repository};
use elbow::npy;
use elbow_core::noise::{Stream, fill_standard_normal};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Channels of the model, and readings of a window.
const CHANNELS: usize = 2;
const LENGTH: usize = 3;

/// A folder with the model of windows, its readings at 10 Hz.
pub(super) fn windows() -> tempfile::TempDir {
    let (folder, model) = (tempfile::tempdir().unwrap(), repository("tests/detection/windows"));
    for file in ["encoder.onnx", "channels_first.onnx"] {
        fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let text = fs::read_to_string(model.join("channels_first.toml")).unwrap();
    let text = text.replace("hop = 3\n", "hop = 3\nrate = 10.0\n");
    fs::write(folder.path().join("elbow.toml"), text).unwrap();
    folder
}

/// The same, calibrated by noise: one in twenty windows may be an anomaly, an alarm may come in forty windows.
pub(super) fn calibrated() -> tempfile::TempDir {
    let folder = windows();
    let recording = save(folder.path(), "normal.npy", &[1500, CHANNELS], &noise(1500, 1));
    let line = "calibrate {} --recording {} --arl 40 --alpha 0.05";
    elbow_line(line, &[folder.path(), &recording]).done();
    folder
}

/// Readings of noise.
pub(super) fn noise(readings: usize, seed: u64) -> Vec<f32> {
    let mut values = vec![0.0; readings * CHANNELS];
    fill_standard_normal(&mut Stream::new(seed, 0, 0), &mut values).unwrap();
    values
}

/// A file of the folder.
pub(super) fn save(folder: &Path, name: &str, shape: &[usize], values: &[f32]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, npy::encode(shape, values)).unwrap();
    path
}

/// The windows of readings, channels first.
fn observations(readings: &[f32]) -> Vec<f32> {
    let windows = readings.chunks_exact(LENGTH * CHANNELS);
    let turn = |window: &[f32]| {
        let at = |i: usize| window[i % LENGTH * CHANNELS + i / LENGTH];
        (0..LENGTH * CHANNELS).map(at).collect::<Vec<f32>>()
    };
    windows.flat_map(turn).collect()
}

/// The fields of a column, in order.
fn column(folder: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.join("scores.csv")).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let at = head.iter().position(|own| *own == name).unwrap_or_else(|| panic!("no {name}"));
    lines
        .map(|line| {
            assert_eq!(line.len(), head.len(), "{line:?}");
            line[at].to_string()
        })
        .collect()
}

fn bits(path: &Path) -> Vec<u32> {
    npy::read(path).unwrap().values.iter().map(|value| value.to_bits()).collect()
}

/// Sum of the alarm in f64 by the p-values, and where it was raised.
fn alarms(p: &[f64], kappa: f64, h: f64) -> (Vec<f64>, Vec<bool>) {
    let k = -kappa.ln() / (1.0 - kappa);
    let mut g = 0.0;
    let step = |p: &f64| {
        g = f64::max(0.0, g - p.ln() - k);
        let raised = g > h;
        g = if raised { 0.0 } else { g };
        (g, raised)
    };
    p.iter().map(step).unzip()
}

#[test]
fn run_and_score_write_the_same_scores_in_every_bit_and_the_terms_are_theirs() {
    let folder = calibrated();
    let x = save(folder.path(), "x.npy", &[40, CHANNELS, LENGTH], &observations(&noise(120, 2)));
    let x = {
        let values = npy::read(&x).unwrap().values;
        save(folder.path(), "x.npy", &[40, CHANNELS * LENGTH], &values)
    };
    let [run, score] = ["run", "score"].map(|name| folder.path().join(name));
    elbow_line("run {} --input {} --out-dir {}", &[folder.path(), &x, &run]).done();
    let line = "score {} --input x={} --out-dir {} --json";
    let report = elbow_line(line, &[folder.path(), &x, &score]).done().json();
    assert_eq!(bits(&run.join("score.npy")), bits(&score.join("score.npy")));
    assert_eq!((&report["rows"], &report["kind"]), (&40.into(), &"elbo_at_mean".into()));
    assert_eq!(
        (&report["decided_by"], &report["not_a_number"]),
        (&"calibration".into(), &0.into())
    );
    assert!(report["rows_outside"].is_null(), "floats have no range: {report}");
    let read = |name: &str| npy::read(&run.join(name)).unwrap().values;
    let [score, log_likelihood, kl, channels] =
        ["score.npy", "score_log_likelihood.npy", "score_kl.npy", "score_channels.npy"].map(read);
    for row in 0..40 {
        assert_eq!(score[row].to_bits(), (log_likelihood[row] - kl[row]).to_bits());
        let sum: f32 = channels[row * CHANNELS..][..CHANNELS].iter().sum();
        assert!((sum - log_likelihood[row]).abs() <= 1e-5 * sum.abs(), "{sum}");
    }
    let out = folder.path().join("score");
    for (name, own) in [("score", &score), ("log_likelihood", &log_likelihood), ("kl", &kl)] {
        let written: Vec<f32> = column(&out, name).iter().map(|v| v.parse().unwrap()).collect();
        assert_eq!(&written, own, "{name}");
    }
    let p = npy::read(&out.join("p.npy")).unwrap().values;
    let anomalies = p.iter().filter(|p| **p <= 0.05).count();
    assert_eq!(report["anomalies"], anomalies);
    assert_eq!(column(&out, "anomaly").iter().filter(|own| *own == "1").count(), anomalies);
    assert!(column(&out, "outside").iter().all(|own| own == "0"));
}

#[test]
fn alarms_are_those_of_the_sum_and_are_held_against_labels() {
    let folder = calibrated();
    // An event that begins in window 50 and ends with window 69; from window 54 on readings have grown.
    let mut readings = noise(300, 3);
    readings[54 * 6..70 * 6].iter_mut().for_each(|value| *value *= 1.6);
    let labels: Vec<f32> =
        (0..300).map(|at| f32::from((50 * LENGTH + 1..70 * LENGTH).contains(&at))).collect();
    let raw = save(folder.path(), "raw.npy", &[300, CHANNELS], &readings);
    let of_readings = save(folder.path(), "labels.npy", &[300], &labels);
    let by_window: Vec<f32> = labels.chunks(LENGTH).map(|own| own[LENGTH - 1]).collect();
    let of_windows = save(folder.path(), "by_window.npy", &[100], &by_window);
    let out = folder.path().join("out");
    let line = "score {} --readings {} --labels {} --out-dir {} --json";
    let report =
        |labels: &Path| elbow_line(line, &[folder.path(), &raw, labels, &out]).done().json();
    let found = report(&of_readings);
    assert_eq!(found, report(&of_windows), "a window is anomalous if one of its readings is");
    let manifest = fs::read_to_string(folder.path().join("elbow.toml")).unwrap();
    let manifest: Value = toml::from_str(&manifest).unwrap();
    let alarm = &manifest["score"]["alarm"];
    let number = |key: &str| alarm[key].as_f64().unwrap();
    assert_eq!((number("arl"), number("every")), (40.0, 1.0));
    let scored: Vec<usize> = (0..100).filter(|at| !column(&out, "score")[*at].is_empty()).collect();
    let verdicts = column(&out, "verdict");
    let faulty = verdicts.iter().filter(|verdict| *verdict == "sensor_fault").count();
    assert_eq!(scored.len() + faulty, 100);
    let floats = |name: &str| -> Vec<f64> {
        scored.iter().map(|at| column(&out, name)[*at].parse().unwrap()).collect()
    };
    let (sums, raised) = alarms(&floats("p"), number("kappa"), number("threshold"));
    for (found, expected) in floats("cusum").iter().zip(&sums) {
        assert!((found - expected).abs() <= 1e-4, "{found} for {expected}");
    }
    let own: Vec<bool> = floats("alarm").iter().map(|own| *own == 1.0).collect();
    assert_eq!(own, raised);
    let is_event = |at: &usize| by_window[*at] == 1.0;
    let pairs = || scored.iter().zip(&raised).filter(|(_, raised)| **raised);
    let inside = pairs().filter(|(at, _)| is_event(at)).count();
    let outside = pairs().count() - inside;
    assert!(inside > 0, "the event is found: {found}");
    let labelled = &found["labelled"]["alarms"];
    assert_eq!((&labelled["inside"], &labelled["outside"]), (&inside.into(), &outside.into()));
    assert_eq!((&labelled["events_found"], &found["labelled"]["events"]), (&1.into(), &1.into()));
    let start = scored.iter().position(|at| *at == 50).unwrap();
    let first = raised[start..].iter().position(|raised| *raised).unwrap();
    assert_eq!(labelled["delay_mean"], first as f64);
    let normal = scored.iter().filter(|at| !is_event(at)).count() as f64;
    let monthly = 30.0 * 86_400.0 * 10.0 / 3.0 * outside as f64 / normal;
    assert!(
        (labelled["false_alarms_per_month"].as_f64().unwrap() - monthly).abs() <= 1e-6 * monthly
    );
    let counted = &found["alarms"];
    assert_eq!(
        (&counted["raised"], &counted["counted"]),
        (&pairs().count().into(), &scored.len().into())
    );
    // Until the first alarm nobody has to acknowledge anything: the device's verdict is the same.
    let device = verdicts.iter().position(|verdict| verdict == "alarm");
    assert_eq!(device, pairs().next().map(|(at, _)| *at));
}

#[test]
fn windows_behind_the_gate_are_not_scored_and_the_others_are_scored_as_rows() {
    let folder = calibrated();
    let mut readings = noise(120, 4);
    readings[30 * CHANNELS + 1] = f32::NAN;
    readings[60 * CHANNELS..63 * CHANNELS].fill(f32::NAN);
    readings[90 * CHANNELS] = 500.0;
    let raw = save(folder.path(), "raw.npy", &[120, CHANNELS], &readings);
    let labels: Vec<f32> = (0..40).map(|window| f32::from(window == 10 || window == 11)).collect();
    let labels = save(folder.path(), "labels.npy", &[40], &labels);
    let out = folder.path().join("out");
    let line = "score {} --readings {} --labels {} --out-dir {}";
    let outcome = elbow_line(line, &[folder.path(), &raw, &labels, &out]).done();
    assert!(outcome.stdout.contains("120 readings in 40 windows"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("1 anomalous windows were not scored"), "{}", outcome.stdout);
    let (verdicts, faults) = (column(&out, "verdict"), column(&out, "fault"));
    for (window, fault, channel) in
        [(10, "not_finite", "1"), (20, "missing", "0"), (30, "step", "0")]
    {
        assert_eq!(verdicts[window], "sensor_fault", "{window}");
        assert_eq!(column(&out, "channel")[window], channel, "{window}: {faults:?}");
        assert!([fault, "rails"].contains(&faults[window].as_str()), "{window}: {faults:?}");
        assert_eq!(column(&out, "score")[window], "");
        assert_eq!(column(&out, "reading")[window], (3 * window + 2).to_string());
    }
    let healthy = |window: &usize| verdicts[*window] != "sensor_fault";
    let kept: Vec<usize> = (0..40).filter(healthy).collect();
    let x = observations(&readings);
    let x: Vec<f32> = kept.iter().flat_map(|own| x[own * 6..][..6].to_vec()).collect();
    let x = save(folder.path(), "x.npy", &[kept.len(), CHANNELS * LENGTH], &x);
    let rows = folder.path().join("rows");
    elbow_line("score {} --input {} --out-dir {}", &[folder.path(), &x, &rows]).done();
    assert_eq!(bits(&out.join("score.npy")), bits(&rows.join("score.npy")));
    // The terms are those of the detector's own score.
    for name in ["log_likelihood", "kl", "p", "outside", "worst_channel"] {
        let (of_windows, of_rows) = (column(&out, name), column(&rows, name));
        let of_windows: Vec<&String> = kept.iter().map(|own| &of_windows[*own]).collect();
        assert_eq!(of_windows, of_rows.iter().collect::<Vec<_>>(), "{name}");
    }
    // Without a calibration nothing but NaN keeps a window from being scored.
    let bare = windows();
    let line = "score {} --readings {} --json";
    let report = elbow_line(line, &[bare.path(), &raw]).done().json();
    assert_eq!((&report["rows"], &report["decided_by"]), (&38.into(), &"nothing".into()));
    assert_eq!(report["recorded"]["faults"], serde_json::json!({ "not_finite": 2 }));
}

/// Behind a gap the window begins anew, and what it holds is scored as a row.
#[test]
fn times_of_readings_make_gaps() {
    let folder = calibrated();
    let readings = noise(61, 9);
    let raw = save(folder.path(), "raw.npy", &[61, CHANNELS], &readings);
    // Readings come every 0.1 s; behind number 30 none for 5 s, so that windows begin with number 31.
    let seconds: Vec<f32> = (0..61).map(|at| at as f32 / 10.0 + f32::from(at > 30) * 5.0).collect();
    let times = save(folder.path(), "times.npy", &[61], &seconds);
    let out = folder.path().join("out");
    let line = "score {} --readings {} --times {} --out-dir {} --json";
    let report = elbow_line(line, &[folder.path(), &raw, &times, &out]).done().json();
    assert_eq!(
        (&report["recorded"]["gaps"], &report["recorded"]["windows"]),
        (&1.into(), &20.into())
    );
    let last: Vec<usize> = column(&out, "reading").iter().map(|at| at.parse().unwrap()).collect();
    let expected: Vec<usize> =
        (0..10).map(|at| 3 * at + 2).chain((0..10).map(|at| 3 * at + 33)).collect();
    assert_eq!(last, expected);
    let (score, verdict) = (column(&out, "score"), column(&out, "verdict"));
    let scored: Vec<usize> = (0..20).filter(|at| !score[*at].is_empty()).collect();
    assert!(scored.len() >= 18, "{verdict:?}");
    let windows = |at: &usize| readings[(last[*at] - 2) * CHANNELS..][..LENGTH * CHANNELS].to_vec();
    let rows: Vec<f32> = scored.iter().flat_map(windows).collect();
    let x = save(folder.path(), "x.npy", &[scored.len(), CHANNELS * LENGTH], &observations(&rows));
    let rows = folder.path().join("rows");
    elbow_line("score {} --input {} --out-dir {}", &[folder.path(), &x, &rows]).done();
    assert_eq!(bits(&out.join("score.npy")), bits(&rows.join("score.npy")));
}

/// Of one report, a fault of a channel.
fn case<'r>(report: &'r Value, fault: &str, channel: Value) -> &'r Value {
    let faults = report["injected"]["faults"].as_array().unwrap();
    let is = |own: &&Value| own["fault"] == fault && own["channel"] == channel;
    faults.iter().find(is).unwrap_or_else(|| panic!("no {fault}: {report}"))
}

#[test]
fn injected_faults_are_found_or_named() {
    let folder = calibrated();
    let readings = noise(300, 5);
    let raw = save(folder.path(), "raw.npy", &[300, CHANNELS], &readings);
    let x = save(folder.path(), "x.npy", &[100, 6], &observations(&readings));
    let stream = elbow_line("score {} --readings {} --inject --json", &[folder.path(), &raw]);
    let rows = elbow_line("score {} --input {} --inject --json", &[folder.path(), &x]);
    // Of 300 readings the fault begins with number 100, the second of a window.
    for (report, windows, since) in [(stream, 66, Value::from(100)), (rows, 100, Value::Null)] {
        let report = report.done().json();
        assert_eq!(
            (&report["injected"]["windows"], &report["injected"]["since"]),
            (&windows.into(), &since)
        );
        assert!(report["injected"]["without_fault"]["by_gate"].as_f64().unwrap() < 0.05);
        for (fault, channel) in [("dead", Value::Null), ("rail", 1.into()), ("nan", 0.into())] {
            let case = case(&report, fault, channel);
            let is_gated =
                case["by_gate"].as_f64().unwrap() > if fault == "nan" { 0.2 } else { 0.99 };
            assert!(is_gated, "{case}");
        }
        let offset = case(&report, "offset", 0.into());
        assert!(offset["by_score"].as_f64().unwrap() + offset["by_gate"].as_f64().unwrap() > 0.9);
        let gain = case(&report, "gain 0.5", 0.into());
        assert!(gain["better_than_normal"].as_f64().unwrap() > 0.9, "{gain}");
        let blind = report["injected"]["blind_to"].as_array().unwrap();
        assert!(blind.contains(&"gain 0.5 (channel 0)".into()), "{blind:?}");
        assert!(!blind.contains(&"offset (channel 0)".into()), "{blind:?}");
    }
    let text = elbow_line("score {} --readings {} --inject", &[folder.path(), &raw]).done().stdout;
    assert!(text.contains("blind to: ") && text.contains("faults from reading 100 on"), "{text}");
}

#[test]
fn baselines_are_fitted_to_normal_rows_and_the_conclusion_is_said_in_words() {
    let folder = windows();
    let normal = save(folder.path(), "normal.npy", &[200, 6], &observations(&noise(600, 6)));
    let mut readings = noise(120, 7);
    readings[20 * 6..].iter_mut().for_each(|value| *value *= 4.0);
    let labels: Vec<f32> = (0..40).map(|row| f32::from(row >= 20)).collect();
    let x = save(folder.path(), "x.npy", &[40, 6], &observations(&readings));
    let labels = save(folder.path(), "labels.npy", &[40], &labels);
    let line = "score {} --input {} --labels {} --normal {} --kind reconstruction --json";
    let report = elbow_line(line, &[folder.path(), &x, &labels, &normal]).done().json();
    let labelled = &report["labelled"];
    let names: Vec<&str> = labelled["baselines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["largest_z", "pca", "mahalanobis_x"]);
    let area = |own: &Value| own["auroc"].as_f64().unwrap();
    let best = labelled["baselines"].as_array().unwrap().iter().map(area).fold(0.0, f64::max);
    let conclusion = labelled["conclusion"].as_str().unwrap();
    let beats = area(&labelled["model"]) > best + 0.005;
    assert_eq!(conclusion.contains("does not beat"), !beats, "{conclusion}");
    // A score that is the same for all rows tells nothing apart: half of all pairs.
    let line = "score {} --input {} --labels {} --normal {} --kind kl";
    let text = elbow_line(line, &[folder.path(), &x, &labels, &normal]).done().stdout;
    assert!(text.contains("the model does not beat the baseline: AUROC 0.500"), "{text}");
}

#[test]
fn estimates_depend_on_the_seed_alone() {
    let folder = windows();
    let x = save(folder.path(), "x.npy", &[8, 6], &observations(&noise(24, 8)));
    let score = |more: &str| -> Vec<u32> {
        let out = folder.path().join("out");
        let line = format!("score {{}} --input {{}} --out-dir {{}} {more}");
        elbow_line(&line, &[folder.path(), &x, &out]).done();
        bits(&out.join("score.npy"))
    };
    assert_eq!(score("--kind iwae --seed 3"), score("--kind iwae --seed 3"));
    assert_ne!(score("--kind iwae --seed 3"), score("--kind iwae --seed 4"));
    assert_eq!(score("--seed 3"), score("--seed 4"), "nothing is drawn");
}

/// A window fifty times as large as any of the calibration.
#[test]
fn a_row_beyond_the_range_of_integers_is_anomalous_whatever_it_scores() {
    let (folder, model) = (tempfile::tempdir().unwrap(), repository("models/motion3"));
    for file in ["encoder.onnx", "decoder.onnx", "elbow.toml"] {
        fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let manifest = folder.path().join("elbow.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let at = text.find("threshold = ").unwrap();
    fs::write(&manifest, text[..at].to_string() + "threshold = -1e30\n").unwrap();
    let mut x = npy::read(&model.join("test.npy")).unwrap().values[..4 * 192].to_vec();
    x[3 * 192..].iter_mut().for_each(|value| *value *= 50.0);
    let x = save(folder.path(), "x.npy", &[4, 3, 64], &x);
    let out = folder.path().join("out");
    let line = "score {} --input {} --precision int8x16 --calibration {} --out-dir {} --json";
    let rows = model.join("calibration.npy");
    let outcome = elbow_line(line, &[folder.path(), &x, &rows, &out]).done();
    let report = outcome.json();
    assert_eq!((&report["rows_outside"], &report["anomalies"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(column(&out, "outside"), ["0", "0", "0", "1"]);
    assert_eq!(column(&out, "anomaly"), ["0", "0", "0", "1"]);
}

/// Nothing was written, and the message has these words.
#[track_caller]
fn is_refused(outcome: &Outcome, out: &Path, words: &[&str]) {
    assert_eq!(outcome.code, 2, "{} {}", outcome.stdout, outcome.stderr);
    for word in words {
        assert!(outcome.stderr.contains(word), "no {word:?} in {}", outcome.stderr);
    }
    assert!(!out.exists() && outcome.stdout.is_empty(), "something was written");
}
