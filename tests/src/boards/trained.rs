//! Trained models as boards have them.

use crate::fixtures::path;
use crate::integers::rows;
use elbow::Precision;
use elbow::detect::with_calibration;
use elbow::import::Options;
use elbow::lower::Core;
use elbow::model::Loaded;

/// A trained model in f32.
///
/// # Panics
///
/// It cannot be read.
pub fn float(name: &str) -> Loaded {
    Loaded::read(&path("models").join(name), None, &Options::default()).expect("a model")
}

/// A trained model in f32 with its detector.
///
/// # Panics
///
/// It cannot be read, or is not calibrated.
pub fn calibrated(name: &str) -> Loaded {
    let (loaded, problem) = with_calibration(float(name));
    assert!(problem.is_none() && loaded.model.calibration.is_some(), "{problem:?}");
    loaded
}

/// A trained model in integers for a core with or without their extension, under a name of its own.
///
/// # Panics
///
/// It cannot be read, or has no integers.
pub fn integers(name: &str, precision: Precision, core: Core) -> Loaded {
    let float = float(name);
    let calibration = rows(&float, name, "calibration.npy");
    let mut loaded = float.quantized(precision, &calibration).expect("it has integers");
    loaded.model.name = format!("{name}_{}", precision.name());
    loaded.for_core(core).expect("it can be lowered")
}

/// What the Pico's parity image holds in the tests, each with the name of the model whose rows it takes: `imu` and
/// `digits` in integers, and `imu` in f32.
///
/// # Panics
///
/// As [`integers`].
pub fn models_of_the_pico() -> [(&'static str, Loaded); 3] {
    [
        ("imu", integers("imu", Precision::Int8x16, Core::Plain)),
        ("digits", integers("digits", Precision::Int8x8, Core::Plain)),
        ("imu", float("imu")),
    ]
}
