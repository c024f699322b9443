//! The parity image of the Pico, as it is flashed, in rp2040js: every bit of the twin.

use elbow::device::Device;
use elbow::import::Options;
use elbow::infer::scored_rows;
use elbow::lower::Core;
use elbow::model::{Loaded, Model};
use elbow::posterior::twin_posteriors;
use elbow::{Precision, identifier};
use elbow_tests::boards::{Emulated, image};
use elbow_tests::fixtures::path;
use elbow_tests::images::or_cure;
use elbow_tests::integers::rows;
use elbow_toolchain::{Board, BoardProgram};

/// Most cycles of an encoding of `imu` in int8.
const MOST_CYCLES: u64 = 1_500_000;

/// A trained model in f32.
pub fn float(name: &str) -> Loaded {
    Loaded::read(&path("models").join(name), None, &Options::default()).expect("a model")
}

/// A trained model in integers for a core without their extension, under a name of its own.
pub fn integers(name: &str, precision: Precision) -> Loaded {
    let float = float(name);
    let calibration = rows(&float, name, "calibration.npy");
    let mut loaded = float.quantized(precision, &calibration).expect("it has integers");
    loaded.model.name = format!("{name}_{}", precision.name());
    loaded.for_core(Core::Plain).expect("it can be lowered")
}

/// What is compiled of loaded models.
pub fn models_of(loaded: &[Loaded]) -> Vec<Model> {
    loaded.iter().map(|loaded| loaded.model.clone()).collect()
}

/// The bits of values.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Encodes and scores so many rows of the test data of each model on the emulated board, and compares all bits; the most
/// cycles of an encoding of each.
fn cycles(models: &[(&str, Loaded, usize)]) -> Vec<u64> {
    let loaded: Vec<Loaded> = models.iter().map(|(_, loaded, _)| loaded.clone()).collect();
    let board = Board::named("pico").expect("a board");
    let (image, _) = image(board, BoardProgram::Parity, &models_of(&loaded));
    let emulated = Emulated::pico(&image, None);
    let name = |loaded: &Loaded| identifier::identifier(&loaded.model.name);
    let names = loaded.iter().map(name).collect();
    let mut device = or_cure(Device::connect(emulated.connect(), names, None));
    let mut all = Vec::new();
    for (index, (data, loaded, count)) in models.iter().enumerate() {
        or_cure(device.select(index));
        let batch = rows(loaded, data, "test.npy").first(*count);
        let posteriors = twin_posteriors(loaded, &batch).expect("finite");
        let scores = scored_rows(loaded, &batch).expect("finite").expect("a decoder");
        let mut most = 0;
        for (row, expected) in scores.iter().enumerate() {
            let found = or_cure(device.encode(row as u64, 1, 0, &batch.row(row)));
            let (loc, log_var) = posteriors[0].row(row);
            let name = &loaded.model.name;
            assert_eq!(bits(&found.loc), bits(loc), "{name}: means of row {row}");
            assert_eq!(bits(&found.log_var), bits(log_var), "{name}: log-variances of row {row}");
            let (terms, _) = found.score.expect("a decoder");
            assert_eq!(bits(&[terms.elbo()]), bits(&[expected.score]), "{name}: row {row}");
            most = most.max(found.spent.instructions);
        }
        println!("{}: {count} rows equal in every bit, {most} cycles to encode", loaded.model.name);
        all.push(most);
    }
    all
}

#[test]
fn the_pico_has_the_twins_bits() {
    let most = cycles(&[
        ("imu", integers("imu", Precision::Int8x16), 3),
        ("digits", integers("digits", Precision::Int8x8), 3),
        ("imu", float("imu"), 1),
    ]);
    assert!(most[0] <= MOST_CYCLES, "{} cycles", most[0]);
}

#[test]
#[ignore = "many emulated rows: `cargo xtask test --boards`"]
fn the_pico_has_the_twins_bits_in_many_rows() {
    cycles(&[
        ("imu", integers("imu", Precision::Int8x16), 20),
        ("digits", integers("digits", Precision::Int8x8), 50),
        ("imu", float("imu"), 4),
    ]);
}
