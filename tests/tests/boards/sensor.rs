//! The sensor image of the Pico, as it is flashed, in rp2040js with a LIS3DH on its bus that plays a recording.

use crate::parity::bits;
use elbow::detect::{Judged, Stream, verdicts};
use elbow::model::{Calibration, Loaded};
use elbow::posterior::twin_posteriors;
use elbow::rows::{Batch, Rows};
use elbow_core::detect::{FaultKind, Verdict};
use elbow_core::wire::{Judgement, ResetReason, SensorFaults};
use elbow_tests::boards::{
    Emulated, STEP, Telemetry, ToldWindow, calibrated, image, recording, scenario,
};
use elbow_toolchain::{Board, BoardProgram};
use serde_json::{Value, json};
use std::path::Path;

/// Microseconds from one reading to the next.
const PERIOD_US: u64 = 15_625;
/// Readings of a window.
const LENGTH: usize = 64;
/// Readings from one window to the next.
const HOP: usize = 16;

/// What a run gave.
struct Run {
    told: Telemetry,
    /// For each reading of the sensor when it began, in microseconds, and its row of the recording; `None` where it
    /// gave an odd code.
    readings: Vec<(f64, Option<usize>)>,
    resets: u64,
    slept: f64,
}

/// Runs the sensor image for so many seconds with these faults, cuts and hangs.
fn run(seconds: f64, events: &Value) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let board = Board::named("pico").expect("a board");
    let (image, _) = image(board, BoardProgram::Sensor, &[calibrated("motion3").model]);
    let scenario = scenario(folder.path(), &recording(), seconds, events);
    let emulated = Emulated::pico(&image, Some(&scenario));
    let told = Telemetry::read(emulated.connect());
    let run = recorded(&folder.path().join("record"), told);
    let counts = run.told.counts();
    println!(
        "{seconds} s: {counts:?}, {} windows, slept {:.0} %",
        run.told.windows.len(),
        100.0 * run.slept
    );
    run
}

/// What the emulator recorded, with what the board told.
fn recorded(file: &Path, told: Telemetry) -> Run {
    let mut run = Run { told, readings: Vec::new(), resets: 0, slept: f64::NAN };
    for line in std::fs::read_to_string(file).expect("a record").lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        if let Some(row) = entry["row"].as_u64() {
            let is_odd = entry["is_odd"].as_bool().expect("a truth");
            let row = (!is_odd).then_some(row as usize);
            run.readings.push((entry["t_us"].as_f64().expect("a time"), row));
        } else if let Some(end) = entry["end_us"].as_f64() {
            run.resets = entry["resets"].as_u64().expect("a number");
            run.slept = entry["slept_us"].as_f64().expect("a time") / end;
        }
    }
    assert!(run.slept.is_finite(), "the emulator came to its end");
    run
}

impl Run {
    /// Holds all that was told against the twin on the same readings: every verdict, and the posterior of every window that
    /// was encoded. How many of these there were, and how many windows should have been told until the last one.
    fn has_the_twins_bits(&self, loaded: &Loaded) -> [usize; 2] {
        let calibration = Calibration::required(loaded).expect("a calibration");
        let (first, readings, times) = self.stream();
        let stream = Stream { readings: &readings, times: Some(&times) };
        let judged = verdicts(&loaded.model, &calibration, stream).expect("readings");
        for window in &self.told.windows {
            let Judged { verdict, g, statistic, .. } = judged[window.reading as usize - first];
            let expected = match verdict {
                Ok(verdict) => Judgement::Verdict { verdict, g, statistic },
                Err(error) => Judgement::Refused(error.into()),
            };
            // Texts, which differ where a bit does.
            let (expected, told) = (format!("{expected:?}"), format!("{:?}", window.judgement));
            assert_eq!(told, expected, "the window that ends with reading {}", window.reading);
        }
        let due = judged.iter().filter(|judged| judged.verdict != Ok(Verdict::Pending)).count();
        [self.has_the_twins_posteriors(loaded), due]
    }

    /// Holds the posterior of every window that was encoded against the twin; how many there were.
    fn has_the_twins_posteriors(&self, loaded: &Loaded) -> usize {
        let encoded = self.told.windows.iter().filter(|window| !window.mean.is_empty());
        let windows: Vec<&ToldWindow> = encoded.collect();
        let observations: Vec<f32> =
            windows.iter().flat_map(|window| self.observation(loaded, window)).collect();
        let port = &loaded.amortized().expect("an encoder").0.plan.inputs[0];
        let (name, shape) = (port.name.clone(), port.shape.clone());
        let batch: Batch = Rows { name, shape, values: observations }.into();
        let posteriors = twin_posteriors(loaded, &batch).expect("finite");
        for (row, window) in windows.iter().enumerate() {
            let (loc, log_var) = posteriors[0].row(row);
            assert_eq!(bits(&window.mean), bits(loc), "means of window {row}");
            assert_eq!(bits(&window.log_var), bits(log_var), "log-variances of window {row}");
        }
        windows.len()
    }

    /// What the detector was handed until the last window that was told, by the emulator's record: the number of the first
    /// reading, the values in mg, NaN where a reading did not come, and the times.
    fn stream(&self) -> (usize, Vec<f32>, Vec<u64>) {
        let [first, .., last] = &self.told.windows[..] else { panic!("two windows") };
        let start_us = first.t_us as f64 - f64::from(first.reading) * PERIOD_US as f64;
        let recording = recording();
        let mut came = vec![None; last.reading as usize + 1];
        for (t_us, row) in &self.readings {
            let number = ((t_us - start_us) / PERIOD_US as f64).round();
            if let (Some(place), Some(row)) = (came.get_mut(number as usize), row) {
                *place = Some(recording[row % recording.len()]);
            }
        }
        let first = came.iter().position(Option::is_some).expect("a reading");
        let value = |reading: &Option<[i16; 3]>| match reading {
            Some(steps) => steps.map(|step| f32::from(step) * STEP),
            None => [f32::NAN; 3],
        };
        let times = (first..came.len()).map(|number| start_us as u64 + number as u64 * PERIOD_US);
        (first, came[first..].iter().flat_map(value).collect(), times.collect())
    }

    /// The observation of a window: the recording's rows of its readings, found by their times, normalized.
    fn observation(&self, loaded: &Loaded, window: &ToldWindow) -> Vec<f32> {
        let window_of = loaded.model.window.as_ref().expect("a window");
        let recording = recording();
        let end = self.readings.iter().position(|(t_us, _)| *t_us >= window.t_us as f64);
        let end = end.expect("a reading of that time");
        assert!(self.readings[end].0 - (window.t_us as f64) < PERIOD_US as f64 / 2.0);
        let readings = &self.readings[end + 1 - LENGTH..=end];
        for pair in readings.windows(2) {
            let period = pair[1].0 - pair[0].0;
            assert!((period - PERIOD_US as f64).abs() < 2000.0, "no reading is missing: {period}");
        }
        let value = |channel: usize, (_, row): &(f64, Option<usize>)| {
            let row = row.expect("no odd code") % recording.len();
            let reading = f32::from(recording[row][channel]) * STEP;
            (reading - window_of.mean[channel]) / window_of.std[channel]
        };
        let channel = |channel: usize| readings.iter().map(move |reading| value(channel, reading));
        (0..3).flat_map(channel).collect()
    }
}

/// Runs without any fault and holds all that was told against the twin.
fn runs_well(seconds: u32) {
    let run = run(f64::from(seconds), &json!({}));
    let [windows, due] = run.has_the_twins_bits(&calibrated("motion3"));
    assert_eq!([windows, due], [run.told.windows.len(); 2], "each window is scored and told");
    let readings = 64 * seconds as usize - 8; // but those of the start
    assert!(windows >= (readings - LENGTH) / HOP, "{windows}");
    let counts = run.told.counts();
    assert_eq!((counts.lost, counts.late, counts.untold), (0, 0, 0));
    assert!(counts.missed <= 6, "while the sensor settles: {counts:?}");
    assert_eq!(counts.faults, SensorFaults::default());
    assert_eq!((run.told.bad_frames, run.resets), (0, 0));
    let status = run.told.status.last().expect("a status");
    assert_eq!((status.model.as_str(), status.sensor.as_str()), ("motion3", "LIS3DH"));
    assert_eq!(status.rate, 64.0);
    assert!(run.told.status.len() >= seconds as usize - 1);
    let duty = status.busy_us as f64 / status.t_us as f64;
    println!("duty of inference {:.1} %, asleep {:.1} %", 100.0 * duty, 100.0 * run.slept);
    assert!(run.slept > 0.0 && run.slept < 1.0 - duty, "it sleeps between windows");
}

#[test]
fn twenty_seconds_have_the_twins_bits() {
    runs_well(20);
}

#[test]
#[ignore = "a minute of the board: `cargo xtask test --boards`"]
fn sixty_seconds_have_the_twins_bits() {
    runs_well(60);
}

/// Whether the detector says that a reading of the window did not come.
fn is_missing(window: &ToldWindow) -> bool {
    let Judgement::Verdict { verdict, .. } = window.judgement else { return false };
    matches!(verdict, Verdict::SensorFault { kind: FaultKind::Missing, .. })
}

#[test]
fn faults_of_the_sensor_are_counted_reported_and_mended() {
    let run = run(
        14.0,
        &json!({ "faults": [
            { "kind": "silent", "from": 2.0, "to": 4.0 },
            { "kind": "stuck", "from": 6.0, "to": 7.0 },
            { "kind": "odd", "from": 8.5, "to": 9.0, "code": 0x7fff },
            { "kind": "odd", "from": 9.0, "to": 9.1, "code": -0x8000 },
            { "kind": "identity", "from": 10.5, "to": 11.0 },
            { "kind": "silent", "from": 10.4, "to": 10.5 },
        ] }),
    );
    let counts = run.told.counts();
    let faults = counts.faults;
    assert!(faults.silent >= 8 && faults.stuck >= 3, "{faults:?}");
    assert!(faults.implausible >= 30 && faults.wrong_identity >= 1, "{faults:?}");
    assert_eq!((faults.other, counts.lost, run.resets), (0, 0, 0));
    assert!(faults.recovered >= 4, "{faults:?}");
    let [windows, due] = run.has_the_twins_bits(&calibrated("motion3"));
    assert_eq!(due, run.told.windows.len(), "each window is told");
    let others = run.told.windows.iter().filter(|window| is_missing(window)).count();
    assert_eq!(windows + others, run.told.windows.len());
    assert!(windows >= 8 && others >= 4, "{windows} scored, {others} with missing readings");
    let last = run.told.windows.last().expect("a window");
    assert!(last.t_us > 13_500_000 && !is_missing(last), "{last:?}");
}

#[test]
fn a_link_that_is_cut_stops_nothing() {
    let run = run(6.0, &json!({ "cuts": [{ "from": 2.0, "to": 4.0 }] }));
    let counts = run.told.counts();
    assert_eq!((counts.lost, counts.late), (0, 0));
    assert!(run.told.windows.iter().all(|w| w.t_us < 2_000_000 || w.t_us >= 3_700_000));
    let numbers: Vec<u32> = run.told.windows.iter().map(|window| window.number).collect();
    let lost = numbers.windows(2).filter(|pair| pair[1] - pair[0] > 1).count();
    assert_eq!(lost, 1, "the numbers tell what is missing: {numbers:?}");
    assert!(run.has_the_twins_bits(&calibrated("motion3"))[0] >= 8);
}

#[test]
fn inference_that_hangs_ends_in_a_reset_whose_reason_is_told() {
    let run = run(8.0, &json!({ "hangs": 0.5 }));
    assert_eq!(run.resets, 1);
    let first = run.told.status.first().expect("a status");
    assert_eq!(first.reset, ResetReason::Power, "a register that reads as ones there");
    let last = run.told.status.last().expect("a status");
    assert_eq!((last.reset, last.counts.lost), (ResetReason::Watchdog, 0));
    assert!(last.t_us < 4_000_000, "it began anew: {last:?}");
    let hung = run.told.status.iter().filter(|status| status.counts.lost > 0);
    assert!(hung.count() >= 2, "sampling and telling went on meanwhile");
    assert!(run.told.windows.iter().any(|w| w.number == 0 && w.t_us > 1_000_000));
}
