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
use elbow_tests::labelled::{Scorer, by_label};
use elbow_tests::random::Random;

const SEED: u64 = 0x6f75_746c;
/// Windows that no sensor of the training data has given.
const OUTLIERS: usize = 1_000;

/// Windows of `normal`, a third each: scaled 2 to 50 times; with a step of 2 to 50 from some place on, in some
/// channels; with an impact of 2 to 200 over one to three readings. Magnitudes are uniform in the logarithm, from
/// the same `[channels][length]` windows; a window of one reading has no length.
fn outliers(normal: &Rows) -> Rows {
    let mut random = Random::new(SEED, 0);
    let (channels, length) = match normal.shape[..] {
        [_, channels, length] => (channels, length),
        [_, channels] => (channels, 1),
        _ => panic!("windows of channels"),
    };
    let longest = length.min(3);
    let mut values = Vec::new();
    for at in 0..OUTLIERS {
        let (row, from) = (random.int(0, normal.count() - 1), random.int(0, length - longest));
        let (width, several) = (random.int(1, longest), random.int(1, channels));
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

/// A model in floats, and in integers chosen by its calibration rows.
fn pair(model: &str) -> (Loaded, Loaded) {
    let float = Loaded::read(&path("models").join(model), None, &Options::default());
    let float = float.expect("a model");
    let calibration = rows(&float, model, "calibration.npy");
    let integer = float.quantized(Precision::Int8, &calibration).expect("it has integer forms");
    (float, integer)
}

/// Outliers made of the held-back normal rows, whose flags are counted and on which the score has grade A: none looks
/// better in integers than the grade allows, unless it is flagged, or an anomaly at 1 % all the same. Gives the scores
/// of the outliers in floats and in integers beside the error.
fn hold(model: &str, of: &(Loaded, Loaded), normal: Rows) -> [Vec<ScoredRow>; 2] {
    let (float, integer) = of;
    let far: Batch = outliers(&normal).into();
    let normal = Batch::from(normal);
    let in_integers = scored(integer, &normal);
    let error = ScoreError::of(&scores(&scored(float, &normal)), &scores(&in_integers));
    let error = error.expect("rows");
    let flags = in_integers.iter().filter(|row| row.saturated > 0).count();
    let report = OutlierReport::of(float, integer, &far, Some(error)).expect("finite posteriors");
    println!(
        "{model}, encoder {}, decoder {}: {error:?}; {flags} of {} normal rows flagged; {report}; {report:?}",
        integer.precision().name(),
        integer.decoder_precision().expect("a decoder").name(),
        normal.len
    );
    assert_eq!(error.grade, Grade::A, "{model}");
    assert!(1_000 * flags <= normal.len, "{model}: {flags} normal rows are flagged");
    assert_eq!((report.rows, report.better_unflagged), (OUTLIERS, 0), "{model}: {report:?}");
    [scored(float, &far), scored(integer, &far)]
}

#[test]
fn outliers_of_the_imu_do_not_look_normal_in_integers() {
    let of = pair("imu");
    let test = rows(&of.0, "imu", "test.npy");
    hold("imu", &of, test.inputs[0].clone());
}

/// The rows are drawn by the model itself, since its data are not in the repository.
#[test]
fn outliers_of_motions_do_not_look_normal_in_integers() {
    let of = pair("motions");
    let test = rows(&of.0, "motions", "test.npy");
    hold("motions", &of, test.inputs[0].clone());
}

/// The scores of normal rows have tails that make the grade wide. So it is also counted how many rows floats call
/// anomalous at 1 %, and integers normal without a flag: none.
#[test]
fn outliers_of_the_shuttle_do_not_look_normal_in_integers() {
    let of = pair("shuttle");
    let [normal, _] = by_label("shuttle", "test.npy");
    let normal = Scorer::of("shuttle").observed(&normal);
    let [float, integer] = hold("shuttle", &of, normal.clone());
    let held: Batch = normal.into();
    let [of_float, of_integer] = [&of.0, &of.1].map(|loaded| {
        let mut all = scores(&scored(loaded, &held));
        all.sort_by(f32::total_cmp);
        all[all.len() / 100]
    });
    let missed: Vec<(f32, f32)> = float
        .iter()
        .zip(&integer)
        .filter(|(float, integer)| {
            float.score < of_float && integer.score >= of_integer && integer.saturated == 0
        })
        .map(|(float, integer)| (float.score, integer.score))
        .collect();
    println!("shuttle: thresholds {of_float} and {of_integer}, missed in integers: {missed:?}");
    assert!(missed.is_empty(), "{missed:?}");
}
