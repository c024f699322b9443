//! `elbow calibrate`: what it writes, what it shows, and what it refuses.

mod refused;

use crate::common::{Outcome, elbow_line, repository};
use elbow::detect::{Calibration, RowHashes};
use elbow::manifest::Manifest;
use elbow::model::Loaded;
use elbow::{Precision, Result, npy};
use elbow_core::detect::{ChannelState, Gate};
use elbow_core::window::Readings;
use std::fs;
use std::path::{Path, PathBuf};

/// Values of one observation of imu.
const OBSERVED: usize = 9 * 64;
/// A comment that an edit must not lose.
const COMMENT: &str = "# decided by a person\n";

/// A folder with a copy of imu's graphs and of its manifest, with a comment in it.
pub(super) fn imu() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["encoder.onnx", "decoder.onnx"] {
        fs::copy(repository("models/imu").join(file), folder.path().join(file)).unwrap();
    }
    let text = fs::read_to_string(repository("models/imu/elbow.toml")).unwrap();
    assert!(text.contains("[score]\n"), "{text}");
    let text = text.replace("[score]\n", &format!("{COMMENT}[score]\n"));
    let manifest = folder.path().join("elbow.toml");
    fs::write(&manifest, text).unwrap();
    (folder, manifest)
}

/// A file of imu.
pub(super) fn of_imu(name: &str) -> PathBuf {
    repository("models/imu").join(name)
}

/// Rows of noise that share no reading, `[rows, 9, 64]`, in a file of the folder.
pub(super) fn noise(folder: &Path, name: &str, rows: usize, seed: u64) -> PathBuf {
    let mut values = vec![0.0; rows * OBSERVED];
    let mut stream = elbow_core::noise::Stream::new(seed, 0, 0);
    elbow_core::noise::fill_standard_normal(&mut stream, &mut values).unwrap();
    let path = folder.join(name);
    fs::write(&path, npy::encode(&[rows, 9, 64], &values)).unwrap();
    path
}

/// The calibration of the model in `folder`.
fn calibration(folder: &Path) -> Result<Calibration> {
    let loaded = Loaded::read(folder, None, &Default::default()).unwrap();
    Calibration::required(&loaded)
}

/// Names of the files of a folder, sorted, with their bytes.
pub(super) fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[track_caller]
fn holds(outcome: &Outcome, words: &[&str]) {
    for word in words {
        assert!(outcome.stdout.contains(word), "no {word:?} in {}", outcome.stdout);
    }
}

/// 226 windows of imu overlap by 48 of 64 readings: 57 of them are disjoint, too few for one in a hundred.
#[test]
fn rates_that_the_windows_of_imu_cannot_show_are_refused_and_those_that_they_can_are_printed() {
    let (folder, _) = imu();
    let before = contents(folder.path());
    let rows = of_imu("calibration.npy");
    let outcome = elbow_line("calibrate {} --input {} --arl 10000", &[folder.path(), &rows]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    for word in ["at least 99", "found 57", "--alpha 0.017242", "--arl 19", "29958"] {
        assert!(outcome.stderr.contains(word), "no {word:?} in {}", outcome.stderr);
    }
    assert_eq!(contents(folder.path()), before, "something was written");
    let line = "calibrate {} --input {} --arl 19 --alpha 0.017242";
    let outcome = elbow_line(line, &[folder.path(), &rows]).done();
    holds(&outcome, &["57 disjoint of 226", "between 0.090 % and 5.120 %", "those of the table"]);
}

#[test]
fn the_manifest_keeps_its_order_and_comments_and_names_what_was_written() {
    let (folder, manifest) = imu();
    let line = "calibrate {} --input {} --arl 19 --alpha 0.02 --tail both --kappa 0.5";
    let short = elbow_line(line, &[folder.path(), &of_imu("calibration.npy")]);
    assert_eq!(short.code, 2, "two tails need twice as many rows: {}", short.stderr);
    assert!(short.stderr.contains("--alpha 0.034483"), "{}", short.stderr);
    let line = "calibrate {} --input {} --arl 19 --alpha 0.04 --tail both --kappa 0.5 --json";
    let again = || elbow_line(line, &[folder.path(), &of_imu("calibration.npy")]).done();
    let report = again().json();
    assert_eq!((report["rows"].as_u64(), report["given"].as_u64()), (Some(57), Some(226)));
    assert_eq!(report["basis"], "blocks");
    assert_eq!(report["alarm"]["events"], 0);
    let text = fs::read_to_string(&manifest).unwrap();
    let places: Vec<usize> =
        ["[encoder]", "[window]", COMMENT, "[score]", "[score.calibrated]", "[score.alarm]"]
            .map(|part| text.find(part).unwrap_or_else(|| panic!("no {part:?} in {text}")))
            .to_vec();
    assert!(places.is_sorted(), "{places:?} in {text}");
    assert!(text.contains("# The rate holds for windows that are exchangeable"), "{text}");
    let read = Manifest::read(&manifest).unwrap();
    let score = read.score.unwrap();
    let calibrated = score.calibrated.unwrap();
    assert_eq!((calibrated.rows, calibrated.precision), (57, Precision::F32));
    assert_eq!(score.alarm.as_ref().map(|alarm| (alarm.every, alarm.kappa)), Some((4, 0.5)));
    let alarm = score.alarm.unwrap();
    assert_eq!(alarm.dispersion, None, "no alarm shows no crowd");
    assert!((alarm.upper_rate.unwrap() - 2.995_732 / 57.0).abs() < 1e-6, "{alarm:?}");
    let scores = npy::read(&folder.path().join("scores.npy")).unwrap();
    assert_eq!(scores.shape, [57]);
    assert!(scores.values.is_sorted());
    assert_eq!(score.threshold, Some(scores.values[0]), "p <= 0.04 is rank 1 of both tails");
    assert_eq!(read.drift.unwrap().reference, Path::new("drift.npy"));
    assert_eq!(read.data.unwrap().score.unwrap().files, ["calibration.npy"]);
    assert!(read.gate.is_none(), "no recording shows limits");
    let calibration = calibration(folder.path()).unwrap();
    assert_eq!(calibration.pooled.ranks().standing(f32::NAN, false).of, 58);
    let before = contents(folder.path());
    again();
    assert_eq!(contents(folder.path()), before, "the second time changes nothing");
}

/// Extremes, runs, steps and variances of a recording are counted anew here.
#[test]
fn limits_of_a_sensor_are_those_of_its_recording_and_stop_none_of_its_windows() {
    let (folder, manifest) = imu();
    let recording = of_imu("recording.npy");
    let line = "calibrate {} --recording {} --arl 17 --alpha 0.02 --json";
    let report = elbow_line(line, &[folder.path(), &recording]).done().json();
    assert_eq!((report["rows"].as_u64(), report["given"].as_u64()), (Some(52), Some(208)));
    assert_eq!(report["gate"], true);
    let values = npy::read(&recording).unwrap().values;
    let manifest = Manifest::read(&manifest).unwrap();
    let gate = manifest.gate.as_ref().unwrap();
    for channel in 0..9 {
        let own: Vec<f32> = values.iter().skip(channel).step_by(9).copied().collect();
        let lo = own.iter().copied().fold(f32::INFINITY, f32::min);
        let hi = own.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert_eq!(gate.lo.as_ref().unwrap()[channel], lo);
        assert_eq!(gate.hi.as_ref().unwrap()[channel], hi);
        let longest = own.chunk_by(|a, b| a == b).map(<[f32]>::len).max().unwrap();
        assert_eq!(usize::from(gate.longest_run.as_ref().unwrap()[channel]), 8.max(2 * longest));
        let step = own.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert_eq!(gate.largest_step.as_ref().unwrap()[channel], 2.0 * step);
        let windows = (0..208).map(|at| &own[16 * at..16 * at + 64]);
        let at_rails = windows.clone().map(|w| w.iter().filter(|v| **v <= lo || **v >= hi).count());
        let rails = gate.most_at_rails.as_ref().unwrap()[channel];
        assert_eq!(usize::from(rails), (2 * at_rails.max().unwrap()).max(64 / 8));
        let variance = |window: &[f32]| {
            let n = window.len() as f64;
            let mean = window.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
            window.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n
        };
        let least = windows.map(variance).fold(f64::INFINITY, f64::min) / 10.0;
        assert_eq!(gate.least_variance.as_ref().unwrap()[channel], least as f32);
    }
    let limits = calibration(folder.path()).unwrap().limits;
    let gate = Gate { limits: &limits, length: 64, most_missing: 0 };
    let mut states = [ChannelState::NEW; 9];
    for (at, reading) in values.chunks(9).enumerate() {
        gate.push(&mut states, reading);
        if at >= 63 {
            let older = &values[9 * (at - 63)..9 * (at + 1)];
            let readings = Readings { channels: 9, older, newer: &[] };
            assert_eq!(gate.judge(&states, &readings), None, "reading {at}");
        }
    }
}

/// Windows of a recording are those of `test.npy`, which a script has made of it, and the table is the same.
#[test]
fn a_recording_gives_the_scores_of_its_windows() {
    let [by_recording, by_rows] = [imu(), imu()];
    let recording = "calibrate {} --recording {} --arl 17 --alpha 0.02";
    elbow_line(recording, &[by_recording.0.path(), &of_imu("recording.npy")]).done();
    let rows = "calibrate {} --input {} --arl 17 --alpha 0.02";
    elbow_line(rows, &[by_rows.0.path(), &of_imu("test.npy")]).done();
    let [a, b] = [by_recording, by_rows]
        .map(|(folder, _)| npy::read(&folder.path().join("scores.npy")).unwrap());
    assert_eq!(a.shape, b.shape);
    for (a, b) in a.values.iter().zip(&b.values) {
        assert!((a - b).abs() <= 1e-4 * a.abs(), "{a} and {b}");
    }
}

/// The table holds what the integers score, and belongs to them alone.
#[test]
fn integers_are_calibrated_by_their_own_scores() {
    let (folder, manifest) = imu();
    let [rows, integers] = ["test.npy", "calibration.npy"].map(of_imu);
    let line = "calibrate {} --input {} --arl 17 --alpha 0.02 --precision int8x16 --calibration {}";
    let outcome = elbow_line(line, &[folder.path(), &rows, &integers]).done();
    holds(&outcome, &["imu in int8x16", "52 disjoint of 208", "0 are beyond the range"]);
    let written = Manifest::read(&manifest).unwrap();
    let score = written.score.unwrap();
    assert_eq!(score.calibrated.unwrap().precision, Precision::Int8x16);
    assert_eq!(written.data.unwrap().integers.unwrap().files, ["calibration.npy"]);

    let out = folder.path().join("out");
    let line = "score {} --input {} --precision int8x16 --calibration {} --out-dir {} --json";
    let report = elbow_line(line, &[folder.path(), &rows, &integers, &out]).done().json();
    assert_eq!(report["decided_by"], "calibration");
    let all = npy::read(&out.join("score.npy")).unwrap().values;
    let mut disjoint: Vec<f32> = all.into_iter().step_by(4).collect();
    disjoint.sort_by(f32::total_cmp);
    let table = npy::read(&folder.path().join("scores.npy")).unwrap().values;
    assert_eq!(table, disjoint);
    let float = elbow_line("score {} --input {} --kind elbo_at_mean", &[folder.path(), &rows]);
    assert_eq!(float.code, 2, "{}", float.stdout);
    assert!(float.stderr.contains("use --precision int8x16"), "{}", float.stderr);
}

#[test]
fn a_mode_of_enough_rows_has_a_table_of_its_own() {
    let (folder, manifest) = imu();
    let rows = noise(folder.path(), "normal.npy", 420, 1);
    let modes: Vec<f32> = (0..420).map(|row| if row % 4 == 3 { 7.0 } else { 2.0 }).collect();
    let path = folder.path().join("modes.npy");
    fs::write(&path, npy::encode(&[420], &modes)).unwrap();
    let line = "calibrate {} --input {} --mode {} --arl 100 --kind kl";
    let outcome = elbow_line(line, &[folder.path(), &rows, &path]).done();
    holds(
        &outcome,
        &[
            "mode 2: 315 rows, a table of its own",
            "mode 7: 105 rows, the table of all modes",
            "nothing is known of where they come from",
        ],
    );
    let score = Manifest::read(&manifest).unwrap().score.unwrap();
    assert_eq!(score.mode.len(), 1);
    let own = npy::read(&folder.path().join(&score.mode[0].calibration)).unwrap();
    assert_eq!((score.mode[0].index, own.shape), (2, vec![315]));
    assert_eq!(score.alarm.as_ref().unwrap().every, 4);
    assert!(score.channel_log_likelihood.is_empty(), "kl reads no decoder");
    assert_eq!(calibration(folder.path()).unwrap().modes.iter().position(Option::is_some), Some(2));
    // Another calibration, without modes, leaves none behind.
    elbow_line("calibrate {} --input {} --arl 100", &[folder.path(), &rows]).done();
    assert!(Manifest::read(&manifest).unwrap().score.unwrap().mode.is_empty());
}

#[test]
fn mahalanobis_reads_the_moments_of_the_training_rows() {
    let (folder, _) = imu();
    let rows = noise(folder.path(), "normal.npy", 120, 1);
    let train = noise(folder.path(), "train.npy", 50, 2);
    let line = "calibrate {} --input {} --trained-on {} --arl 30 --kind mahalanobis";
    elbow_line(line, &[folder.path(), &rows, &train]).done();
    let loaded = Loaded::read(folder.path(), None, &Default::default()).unwrap();
    let score = loaded.manifest.as_ref().unwrap().score.clone().unwrap();
    let settings = elbow::scoring::Settings::of(&loaded, &score, 0).unwrap();
    let x = npy::read(&rows).unwrap();
    let x = elbow::rows::Rows { name: "x".into(), shape: vec![1, 9, 64], values: x.values };
    let found = elbow::scoring::score_rows(&loaded, &settings, &x.into()).unwrap();
    let mut found: Vec<f32> = found.iter().map(|row| row.score).collect();
    found.sort_by(f32::total_cmp);
    assert_eq!(npy::read(&folder.path().join("scores.npy")).unwrap().values, found);
    let hashes = RowHashes::read(&folder.path().join("train.hashes")).unwrap();
    assert_eq!(hashes.count(), 50);
}
