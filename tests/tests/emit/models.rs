//! Models of the tests.

use elbow::import::{Op, import_onnx};
use elbow::lower::lower;
use elbow::manifest::{Score, ScoreKind, Window};
use elbow::model::{Decoder, Encoder, Graphs, Likelihood, Model};
use elbow_core::distributions::Spread;
use elbow_core::kernels::Unary;
use elbow_tests::fixtures::path;
use elbow_tests::graphs::Builder;

const FIXTURES: [&str; 14] = [
    "activation_attributes",
    "arithmetic_torchscript17",
    "branches_dynamo",
    "clip",
    "concat",
    "conv1d_depthwise_dynamo",
    "conv_transpose_pads",
    "dynamic_operands",
    "expand",
    "gemm_attributes",
    "identity",
    "linear_3d_dynamo",
    "outputs",
    "relu_batch_norm_dynamo",
];

/// Graphs of the zoo that between them use every kernel.
const ZOO: [&str; 20] = [
    "activations.dynamo",
    "attention.dynamo",
    "bidirectional_lstm.dynamo",
    "bilinear_decoder.dynamo",
    "causal_attention.torchscript",
    "conv2d.dynamo",
    "evidential.dynamo",
    "fourier.torchscript",
    "gru_100.dynamo",
    "hierarchical.dynamo",
    "iaf.dynamo",
    "lstm_100.torchscript",
    "mixture.dynamo",
    "quantiles.dynamo",
    "realnvp.torchscript",
    "rnn.torchscript",
    "separable.dynamo",
    "shuffle_decoder.dynamo",
    "swiglu.dynamo",
    "vector_quantizer.dynamo",
];

/// Every kind of model, with names that differ: both trained ones, small ones, and graphs without
/// roles that between them use every kernel.
pub fn all() -> Vec<Model> {
    let imu = Likelihood::Gaussian { log_scale: (0..9).map(|i| i as f32 / 8.0 - 0.5).collect() };
    let named = |name: &str, model: Model| Model { name: name.into(), ..model };
    let mut models = vec![
        trained("imu", "", imu.clone()),
        trained("imu", ".torchscript", imu),
        trained("digits", "", Likelihood::BernoulliLogits),
        named("encoder only", tiny(None)),
        named("gaussian", tiny(Some(Likelihood::Gaussian { log_scale: vec![-0.5] }))),
        named("probabilities", tiny(Some(Likelihood::BernoulliProbabilities))),
    ];
    models.extend(FIXTURES.map(|name| bare(name, &format!("tests/fixtures/{name}"))));
    models.extend(ZOO.map(|name| bare(name, &format!("tests/zoo/{name}"))));
    models
}

/// Four values to two latents and back, by hand.
pub fn tiny(decoder: Option<Likelihood>) -> Model {
    let eighths = |len: usize, start: i32| -> Vec<f32> {
        (0..len as i32).map(|i| ((i * 5 + start) % 13 - 6) as f32 / 8.0).collect()
    };
    let mut graph = Builder::new("encoder");
    let x = graph.input("x", &[1, 4]);
    let h = graph.linear(x, &eighths(12, 0), &eighths(3, 1));
    let h = graph.node("Tanh", Op::Unary(Unary::Tanh), &[h], &[1, 3]);
    let mean = graph.linear(h, &eighths(6, 2), &eighths(2, 3));
    let spread = graph.linear(h, &eighths(6, 4), &eighths(2, 5));
    graph.output("mu", mean);
    graph.output("logvar", spread);
    let encoder = Encoder {
        plan: lower(&graph.graph, &[0, 1]).expect("an encoder"),
        head: Spread::LogVar,
        eps: 0.0,
        clamp: decoder.is_some().then_some((-2.5, 6.0)),
    };
    let decoder = decoder.map(|likelihood| {
        let mut graph = Builder::new("decoder");
        let z = graph.input("z", &[1, 2]);
        let h = graph.linear(z, &eighths(6, 6), &eighths(3, 7));
        let h = graph.node("LeakyRelu", Op::Unary(Unary::LeakyRelu(0.01)), &[h], &[1, 3]);
        let x = graph.linear(h, &eighths(12, 8), &eighths(4, 9));
        graph.output("x_mean", x);
        Decoder { plan: lower(&graph.graph, &[0]).expect("a decoder"), likelihood }
    });
    let window =
        Window { channels: 2, length: 2, hop: 1, mean: vec![0.5, -1.0], std: vec![2.0, 0.25] };
    let score = Score { kind: ScoreKind::ElboAtMean, alpha: 0.01, threshold: -12.5 };
    let score = decoder.is_some().then_some(score);
    let graphs = Graphs::Amortized { encoder, decoder };
    Model { name: "tiny".into(), graphs, window: Some(window), score }
}

/// A trained model, under another name where it comes from another exporter.
pub fn trained(model: &str, exporter: &str, likelihood: Likelihood) -> Model {
    let import = |graph: &str| {
        let file = path(&format!("models/{model}/{graph}{exporter}.onnx"));
        import_onnx(&file).unwrap_or_else(|error| panic!("{error}"))
    };
    // Both exporters give the same code: with equal clamps the linker would merge the two.
    let low = if exporter.is_empty() { -14.0 } else { -13.0 };
    let encoder = Encoder {
        plan: lower(&import("encoder"), &[0, 1]).expect("an encoder"),
        head: Spread::LogVar,
        eps: 0.0,
        clamp: Some((low, 6.0)),
    };
    let plan = lower(&import("decoder"), &[0]).expect("a decoder");
    let decoder = Some(Decoder { plan, likelihood });
    let name = format!("{model}{exporter}");
    Model { name, graphs: Graphs::Amortized { encoder, decoder }, window: None, score: None }
}

/// The graph of a folder, without roles.
pub fn bare(name: &str, folder: &str) -> Model {
    let file = path(folder).join("model.onnx");
    let graph = import_onnx(&file).unwrap_or_else(|error| panic!("{error}"));
    let all: Vec<usize> = (0..graph.outputs.len()).collect();
    let plan = lower(&graph, &all).unwrap_or_else(|error| panic!("{error}"));
    Model { name: name.into(), graphs: Graphs::Bare(plan), window: None, score: None }
}
