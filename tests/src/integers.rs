//! Models that compute with integers.

use crate::fixtures::{self, path};
use crate::tolerance::INT8_SHARE;
use elbow::import::Options;
use elbow::lower::Core;
use elbow::model::{Loaded, Model};
use elbow::parity::arithmetic::macs;
use elbow::rows::{Batch, Rows};
use elbow::{Precision, npy};
use std::sync::LazyLock;

/// Trained models, with the precision that they are quantized to.
const TRAINED: [(&str, Precision); 5] = [
    ("digits", Precision::Int8x8),
    ("imu", Precision::Int8x16),
    ("digits_gaussian", Precision::Int8x16),
    ("digits_conv", Precision::Int8x8),
    ("digits_conv", Precision::Int8x16),
];
/// Graphs that onnxruntime quantized: every operator that takes the file's integers.
const QUANTIZED: [&str; 10] = [
    "mlp_u8_channel",
    "mlp_s8_symmetric",
    "conv1d_s8_channel",
    "conv2d_u8_channel",
    "conv2d_s8_symmetric",
    "conv_transpose1d_s8_channel",
    "conv_transpose2d_u8_tensor",
    "residual_s8_channel",
    "pooling_u8_tensor",
    "global_pool_s8_channel",
];
/// A graph with a mean over its positions, which onnxruntime rounds otherwise than its integer kernel does: quantized
/// here, on its own rows.
const AVERAGED: &str = "separable.dynamo";

static LOADED: LazyLock<Vec<Loaded>> = LazyLock::new(|| {
    let trained = TRAINED.map(|(model, precision)| {
        let float =
            Loaded::read(&path("models").join(model), None, &Options::default()).expect("a model");
        let calibration = rows(&float, model, "calibration.npy");
        let loaded = float.quantized(precision, &calibration).expect("it has integers");
        named(loaded, format!("{model}.{}", precision.name()))
    });
    let quantized = QUANTIZED.map(|case| {
        let file = path("tests/qdq").join(case).join("model.onnx");
        named(
            Loaded::read(&file, None, &Options::default()).expect("a quantized graph"),
            case.into(),
        )
    });
    trained.into_iter().chain(quantized).chain([averaged()]).collect()
});

fn averaged() -> Loaded {
    let case = fixtures::case("tests/zoo", AVERAGED);
    let float = Loaded::read(&case.onnx, None, &Options::default()).expect("a graph");
    let port = &float.model.graphs.main().plan.inputs[0];
    let values = fixtures::rows(&case.inputs[0].1).values;
    let rows = Rows { name: port.name.clone(), shape: port.shape.clone(), values };
    let loaded = float.quantized(Precision::Int8x8, &rows.into()).expect("it has integers");
    named(loaded, format!("{AVERAGED}.int8x8"))
}

/// The model under a name of its own; its layers have integer weights, or it does not belong here.
fn named(mut loaded: Loaded, name: String) -> Loaded {
    let share = macs(loaded.model.graphs.main().plan).int8_share;
    assert!(share.is_some_and(|share| share >= INT8_SHARE), "{name}: {share:?}");
    loaded.model.name = name;
    loaded
}

/// All of them, with weights in the form of a core.
///
/// # Panics
///
/// A model cannot be read or lowered.
pub fn models(core: Core) -> Vec<Model> {
    LOADED.iter().map(|loaded| loaded.for_core(core).expect("it can be lowered").model).collect()
}

/// Rows of a trained model's observation from one of its files.
///
/// # Panics
///
/// The file is not there, or of another shape.
pub fn rows(loaded: &Loaded, model: &str, file: &str) -> Batch {
    let port = &loaded.amortized().expect("an encoder").0.plan.inputs[0];
    let file = path("models").join(model).join(file);
    let values = npy::read_rows(&file, &port.shape).expect("rows of the encoder").values;
    Rows { name: port.name.clone(), shape: port.shape.clone(), values }.into()
}
