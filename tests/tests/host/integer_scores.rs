//! Scores of models in integers: what they lose of those in floats, and that outliers do not become normal.

use elbow::Precision;
use elbow::divergence::{Grade, ScoreError};
use elbow::import::Options;
use elbow::infer::{ScoredRow, scored_rows};
use elbow::model::Loaded;
use elbow::parity::OutlierReport;
use elbow::rows::{Batch, Rows};
use elbow_tests::fixtures::path;
use elbow_tests::integers::rows;
use elbow_tests::random::Random;

const SEED: u64 = 0x6f75_746c;
/// Windows that no sensor of the training data has given.
const OUTLIERS: usize = 1_000;

/// Windows of `normal`, a third each: scaled 2 to 50 times; with a step of 2 to 50 from some place on, in some
/// channels; with an impact of 2 to 200 over one to three readings. Magnitudes are uniform in the logarithm, from
/// the same `[channels][length]` windows.
fn outliers(normal: &Rows) -> Rows {
    let mut random = Random::new(SEED, 0);
    let [_, channels, length] = normal.shape[..] else { panic!("windows of channels") };
    let mut values = Vec::new();
    for at in 0..OUTLIERS {
        let (row, from) = (random.int(0, normal.count() - 1), random.int(0, length - 3));
        let (width, several) = (random.int(1, 3), random.int(1, channels));
        let mut window = normal.row(row).to_vec();
        if at % 3 == 0 {
            let factor = random.uniform(2f32.ln(), 50f32.ln()).exp();
            window.iter_mut().for_each(|value| *value *= factor);
        } else {
            let (end, most) = if at % 3 == 1 { (length, 50f32) } else { (from + width, 200f32) };
            for channel in 0..several {
                let sign = if random.uniform(-1.0, 1.0) < 0.0 { -1.0 } else { 1.0 };
                let change = sign * random.uniform(2f32.ln(), most.ln()).exp();
                let channel = (channel + row) % channels;
                window[channel * length + from..channel * length + end]
                    .iter_mut()
                    .for_each(|value| *value += change);
            }
        }
        values.extend(window);
    }
    Rows { name: normal.name.clone(), shape: normal.shape.clone(), values }
}

/// The scores of `rows` by `loaded`.
fn scored(loaded: &Loaded, rows: &Batch) -> Vec<ScoredRow> {
    scored_rows(loaded, rows).expect("finite posteriors").expect("a decoder")
}

/// The scores alone.
fn scores(rows: &[ScoredRow]) -> Vec<f32> {
    rows.iter().map(|row| row.score).collect()
}

#[test]
fn outliers_of_the_imu_do_not_look_normal_in_integers() {
    let float = Loaded::read(&path("models/imu"), None, &Options::default()).expect("a model");
    let calibration = rows(&float, "imu", "calibration.npy");
    let integer = float.quantized(Precision::Int8, &calibration).expect("it has integer forms");
    let test = rows(&float, "imu", "test.npy");
    let in_integers = scored(&integer, &test);
    let error = ScoreError::of(&scores(&scored(&float, &test)), &scores(&in_integers));
    let error = error.expect("rows");
    let flags = in_integers.iter().filter(|row| row.saturated > 0).count();
    let far = outliers(&test.inputs[0]).into();
    let report = OutlierReport::of(&float, &integer, &far, Some(error)).expect("finite posteriors");
    println!(
        "imu, encoder {}, decoder {}: {error:?}; {flags} of {} normal rows flagged; {report}; {report:?}",
        integer.precision().name(),
        integer.decoder_precision().expect("a decoder").name(),
        test.len
    );
    assert_eq!(error.grade, Grade::A);
    assert!(1_000 * flags <= test.len, "{flags} normal rows are flagged");
    assert_eq!((report.rows, report.better_unflagged), (OUTLIERS, 0), "{report:?}");
}
