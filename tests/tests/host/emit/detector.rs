//! The detector of a generated module, against the desktop's replay of the same readings.

use elbow::detect::{Judged, Stream, verdicts};
use elbow::manifest::ScoreKind;
use elbow_core::detect::{FaultKind, Verdict};
use elbow_core::pack::Aligned;
use elbow_tests::models;
use elbow_tests::random::Random;

/// A small calibrated model, in a program that uses its detector alone and allows no warning.
#[deny(warnings)]
mod watched {
    include!("../../../golden/watched/model.rs");
}

static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../golden/watched/weights.bin"));

/// Readings with their times: healthy ones, and each kind of trouble.
fn troubled() -> (Vec<f32>, Vec<u64>) {
    let mut random = Random::new(15, 0);
    let (mut readings, mut times, mut t_us) = (Vec::new(), Vec::new(), 1_000_000);
    let mut add = |count: usize, step_us: u64, reading: &mut dyn FnMut(f32, f32) -> [f32; 2]| {
        for _ in 0..count {
            t_us += step_us;
            times.push(t_us);
            let noise = random.normal(2);
            readings.extend(reading(noise[0], noise[1]));
        }
    };
    let healthy = &mut |a: f32, b: f32| [0.5 + 2.0 * a, -1.0 + 0.25 * b];
    add(40, 10_000, healthy);
    add(2, 10_000, &mut |_, b| [f32::NAN, b]);
    add(8, 10_000, healthy);
    add(1, 10_000, &mut |_, _| [f32::NAN; 2]);
    add(8, 10_000, healthy);
    add(1, 10_000, &mut |_, b| [f32::INFINITY, b]);
    add(8, 10_000, healthy);
    add(6, 10_000, &mut |a, _| [a, 0.125]);
    add(8, 10_000, healthy);
    add(2, 10_000, &mut |a, _| [a, 51.0]);
    add(8, 10_000, healthy);
    add(2, 10_000, &mut |a, b| [40.0 + a, b]);
    add(2, 10_000, &mut |a, b| [-40.0 + a, b]);
    add(8, 10_000, healthy);
    add(1, 40_000, healthy);
    add(12, 10_000, healthy);
    add(40, 14_000, healthy);
    add(20, 10_000, healthy);
    add(3, 24_000, healthy);
    add(20, 10_000, healthy);
    add(12, 10_000, &mut |a, b| [30.0 + a, -1.0 + 3.0 * b]);
    add(20, 10_000, healthy);
    (readings, times)
}

/// The name of a verdict.
fn name(judged: &Judged) -> String {
    match judged.verdict {
        Ok(Verdict::SensorFault { kind, .. }) => format!("{kind:?}"),
        Ok(verdict) => format!("{verdict:?}").split([' ', '{']).next().unwrap_or_default().into(),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn the_detector_of_a_module_judges_as_the_desktop_does_in_every_bit() {
    let (readings, times) = troubled();
    let model = models::watched(ScoreKind::ElboAtMean);
    let calibration = model.calibration.as_ref().expect("it is calibrated");
    let stream = Stream { readings: &readings, times: Some(&times) };
    let expected = verdicts(&model, calibration, stream).expect("it has a detector");
    let mut detector = watched::Detector::new();
    detector.boot(&WEIGHTS.0).expect("its own weights");
    let found: Vec<Judged> = readings
        .as_chunks()
        .0
        .iter()
        .zip(&times)
        .enumerate()
        .map(|(at, (reading, t_us))| {
            let verdict = detector.push_at(*t_us, reading);
            let monitor = detector.monitor();
            let (g, statistic) = (monitor.cusum().g(), monitor.statistic());
            Judged { reading: at, t_us: *t_us, verdict, g, statistic }
        })
        .collect();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }
    let names: Vec<String> = expected.iter().map(name).collect();
    let kinds = [
        FaultKind::Missing,
        FaultKind::NotFinite,
        FaultKind::Stuck,
        FaultKind::Rails,
        FaultKind::Step,
    ];
    let faults = kinds.iter().map(|kind| format!("{kind:?}"));
    let others = ["Pending", "Scored", "Anomaly", "Alarm", "Gap", "WrongRate"].map(String::from);
    for wanted in faults.chain(others) {
        assert!(names.contains(&wanted), "no {wanted} in {names:?}");
    }
}
