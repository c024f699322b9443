//! Models of the tests.

mod backward;
mod refined;
mod tables;
mod watched;

use tables::{looking_up, looking_up_without_roles};

pub use refined::{refined, refined_softmax, refined_tiny};
pub use watched::{all_watched, watched};

use crate::fixtures::{FLOWS, path};
use crate::graphs::Builder;
use elbow::import::Options;
use elbow::ir::{Graph, Op, ValueId};
use elbow::lower::Port;
use elbow::manifest::{OnGap, Score, ScoreKind, Window};
use elbow::model::{
    Decoder, Density, Encoder, Flow, Graphs, Input, Latent, Likelihood, Loaded, Model,
    ParameterSource, Role,
};
use elbow::rows::{Batch, Rows};
use elbow::stages::{import_onnx, lower};
use elbow_core::distributions::{Family, Spread};
use elbow_core::kernels::{BinaryOp, Reduction, Unary};

const FIXTURES: [&str; 17] = [
    "activation_attributes",
    "arithmetic_torchscript17",
    "branches_dynamo",
    "clip",
    "computed_places",
    "concat",
    "conv1d_depthwise_dynamo",
    "conv_transpose_pads",
    "dynamic_operands",
    "expand",
    "float16",
    "gemm_attributes",
    "identity",
    "linear_3d_dynamo",
    "outputs",
    "relu_batch_norm_dynamo",
    "trigonometry",
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

/// Every kind of model, with names that differ: trained ones, small ones, and graphs without roles that
/// between them use every kernel.
pub fn all() -> Vec<Model> {
    let imu = gaussian(&std::array::from_fn::<f32, 9, _>(|i| i as f32 / 8.0 - 0.5));
    let named = |name: &str, model: Model| Model { name: name.into(), ..model };
    let mut models = vec![
        trained("imu", "", imu.clone()),
        trained("imu", ".torchscript", imu),
        trained("digits", "", bernoulli_logit()),
        named("encoder only", tiny(None)),
        named("gaussian", tiny(Some(gaussian(&[-0.5])))),
        named("probabilities", tiny(Some(bernoulli()))),
    ];
    models.extend([
        heteroscedastic(),
        counts(),
        conditional(),
        looking_up(),
        looking_up_without_roles(),
        hierarchical(),
        streaming(),
        flow(),
        flow_posterior(),
        with_flow(),
    ]);
    models.extend(FLOWS.map(|name| {
        let folder = path("models").join(name);
        Loaded::read(&folder, None, &Options::default()).expect("a model").model
    }));
    models.extend(FIXTURES.map(|name| bare(name, &format!("tests/fixtures/{name}"))));
    models.extend(ZOO.map(|name| bare(name, &format!("tests/zoo/{name}"))));
    models.extend(backward::all());
    models
}

/// What one call is given: observation, conditions and noise of all graphs.
pub fn given(model: &Model) -> Vec<Port> {
    let inputs = model.signature().inputs.into_iter();
    inputs.map(|Input { name, shape, .. }| Port { name, shape }).collect()
}

/// The rows of each port, of calls whose inputs lie one after another.
pub fn split(ports: &[Port], values: &[f32], count: usize) -> Batch {
    let len = values.len() / count;
    let mut start = 0;
    let rows = ports.iter().map(|port| {
        let own = start..start + port.len();
        start = own.end;
        Rows {
            name: port.name.clone(),
            shape: port.shape.clone(),
            values: values.chunks_exact(len).flat_map(|row| row[own.clone()].to_vec()).collect(),
        }
    });
    Batch { inputs: rows.collect(), len: count }
}

/// Numbers that repeat after 13.
fn eighths(len: usize, start: i32) -> Vec<f32> {
    (0..len as i32).map(|i| ((i * 5 + start) % 13 - 6) as f32 / 8.0).collect()
}

fn latent(len: usize, clamp: Option<(f32, f32)>) -> Latent {
    Latent { len, head: Spread::LogVar, eps: 0.0, clamp }
}

fn unary(graph: &mut Builder, f: Unary, x: ValueId, len: usize) -> ValueId {
    graph.node(&format!("{f:?}"), Op::Unary(f), &[x], &[1, len])
}

fn binary(graph: &mut Builder, op: BinaryOp, operands: [ValueId; 2], len: usize) -> ValueId {
    graph.node(&format!("{op:?}"), Op::Binary(op), &operands, &[1, len])
}

fn joined(graph: &mut Builder, operands: &[ValueId], len: usize) -> ValueId {
    graph.node("Concat", Op::Concat { axis: 1 }, operands, &[1, len])
}

fn model(name: &str, graphs: Graphs) -> Model {
    Model {
        name: name.into(),
        graphs,
        window: None,
        score: None,
        missing: Vec::new(),
        calibration: None,
    }
}

/// Normals of these scales.
pub fn gaussian(log_scale: &[f32]) -> Likelihood {
    Likelihood::fixed(Family::Gaussian, &[log_scale])
}

/// Events with probabilities.
pub fn bernoulli() -> Likelihood {
    Likelihood::fixed(Family::Bernoulli, &[])
}

/// Events with logits.
pub fn bernoulli_logit() -> Likelihood {
    Likelihood::fixed(Family::BernoulliLogit, &[])
}

/// Encoder of `(x, c)`, decoder of `(z, c, d)`: the condition `d` is the decoder's own.
fn conditional() -> Model {
    let mut graph = Builder::new("encoder");
    let (x, c) = (graph.input("x", &[1, 4]), graph.input("c", &[1, 2]));
    let h = joined(&mut graph, &[x, c], 6);
    for (name, start) in [("mu", 0), ("logvar", 3)] {
        let head = graph.linear(h, &eighths(12, start), &eighths(2, start + 1));
        graph.output(name, head);
    }
    let encoder = Encoder {
        plan: lower(&graph.graph, &[0, 1]).expect("an encoder"),
        inputs: vec![Role::X, Role::Condition],
        latents: vec![latent(2, None)],
        states: 0,
    };
    let decoder = Decoder {
        plan: lower(&conditional_decoder(), &[0]).expect("a decoder"),
        inputs: vec![Role::Z, Role::Condition, Role::Condition],
        likelihood: gaussian(&[-0.25]),
        refine: None,
    };
    model("conditional", Graphs::Amortized { encoder, decoder: Some(decoder), flow: None })
}

fn conditional_decoder() -> Graph {
    let mut graph = Builder::new("decoder");
    let z = graph.input("z", &[1, 2]);
    let (c, d) = (graph.input("c", &[1, 2]), graph.input("d", &[1, 1]));
    let h = joined(&mut graph, &[z, c, d], 5);
    let x_mean = graph.linear(h, &eighths(20, 2), &eighths(4, 5));
    graph.output("x_mean", x_mean);
    graph.graph
}

/// [`tiny`] with a decoder of the family, which gives the outputs of these lengths after the mean.
fn with_parameters(name: &str, likelihood: Likelihood, lens: &[usize]) -> Model {
    let Graphs::Amortized { encoder, .. } = tiny(None).graphs else { panic!("it encodes") };
    let outputs: Vec<usize> = (0..=lens.len()).collect();
    let plan = lower(&decoder(lens), &outputs).expect("a decoder");
    let decoder = Some(Decoder { plan, inputs: vec![Role::Z], likelihood, refine: None });
    model(name, Graphs::Amortized { encoder, decoder, flow: None })
}

/// A decoder of two latents with a mean of four values, and further outputs of these lengths; all are
/// above 0.
pub fn decoder(lens: &[usize]) -> Graph {
    let mut graph = Builder::new("decoder");
    let z = graph.input("z", &[1, 2]);
    let h = graph.linear(z, &eighths(6, 6), &eighths(3, 7));
    let h = unary(&mut graph, Unary::Tanh, h, 3);
    for (at, len) in [4].iter().chain(lens).enumerate() {
        let output = graph.linear(h, &eighths(3 * len, at as i32), &eighths(*len, 9));
        // An activation in the output's own memory.
        let output = unary(&mut graph, Unary::Softplus, output, *len);
        graph.output(&format!("output {at}"), output);
    }
    graph.graph
}

/// A scale for every value by the decoder, and fixed degrees of freedom.
fn heteroscedastic() -> Model {
    let parameters = vec![ParameterSource::Fixed(vec![3.0, 5.0]), ParameterSource::Output(1)];
    let likelihood = Likelihood { family: Family::StudentT, parameters, in_steps: false };
    with_parameters("heteroscedastic", likelihood, &[4])
}

/// Both parameters of the counts by the decoder: one for all, and one for every value.
fn counts() -> Model {
    let family = Family::ZeroInflatedNegativeBinomialLog;
    let parameters = vec![ParameterSource::Output(1), ParameterSource::Output(2)];
    with_parameters("counts", Likelihood { family, parameters, in_steps: false }, &[1, 4])
}

/// `q(z0 | x) q(z1 | z0, x)`, where `z0` is drawn inside the graph; both are decoded.
fn hierarchical() -> Model {
    let mut graph = Builder::new("encoder");
    let (x, eps) = (graph.input("x", &[1, 4]), graph.input("eps", &[1, 2]));
    let mean = graph.linear(x, &eighths(8, 0), &eighths(2, 1));
    let spread = graph.linear(x, &eighths(8, 2), &eighths(2, 3));
    let scale = unary(&mut graph, Unary::Exp, spread, 2);
    let noise = binary(&mut graph, BinaryOp::Mul, [eps, scale], 2);
    let z = binary(&mut graph, BinaryOp::Add, [mean, noise], 2);
    let h = joined(&mut graph, &[x, z], 6);
    let deep_mean = graph.linear(h, &eighths(18, 4), &eighths(3, 5));
    let deep_spread = graph.linear(h, &eighths(18, 6), &eighths(3, 7));
    let outputs = [("mu0", mean), ("s0", spread), ("mu1", deep_mean), ("s1", deep_spread)];
    outputs.into_iter().for_each(|(name, value)| graph.output(name, value));
    let encoder = Encoder {
        plan: lower(&graph.graph, &[0, 1, 2, 3]).expect("an encoder"),
        inputs: vec![Role::X, Role::Eps],
        latents: vec![
            Latent { head: Spread::LogSigma, ..latent(2, None) },
            latent(3, Some((-0.5, 0.5))),
        ],
        states: 0,
    };
    let mut graph = Builder::new("decoder");
    let (z0, z1) = (graph.input("z0", &[1, 2]), graph.input("z1", &[1, 3]));
    let h = joined(&mut graph, &[z0, z1], 5);
    let x_mean = graph.linear(h, &eighths(20, 2), &eighths(4, 5));
    graph.output("x_mean", x_mean);
    let decoder = Decoder {
        plan: lower(&graph.graph, &[0]).expect("a decoder"),
        inputs: vec![Role::Z, Role::Z],
        likelihood: bernoulli_logit(),
        refine: None,
    };
    model("hierarchical", Graphs::Amortized { encoder, decoder: Some(decoder), flow: None })
}

/// An Elman cell of 3 values; besides it two states change places at every call, and one takes part.
fn streaming() -> Model {
    let mut graph = Builder::new("encoder");
    let (x, h) = (graph.input("x", &[1, 4]), graph.input("h", &[1, 3]));
    let (a, b) = (graph.input("a", &[1, 2]), graph.input("b", &[1, 2]));
    let joined = joined(&mut graph, &[x, h], 7);
    let next = graph.linear(joined, &eighths(21, 0), &eighths(3, 1));
    let next = unary(&mut graph, Unary::Tanh, next, 3);
    let mean = graph.linear(next, &eighths(6, 2), &eighths(2, 3));
    let mean = binary(&mut graph, BinaryOp::Add, [mean, a], 2);
    let spread = graph.linear(next, &eighths(6, 4), &eighths(2, 5));
    let one = graph.constant(&[1, 1], &[1.0]);
    let counted = binary(&mut graph, BinaryOp::Add, [a, one], 2);
    let outputs =
        [("mu", mean), ("logvar", spread), ("h_next", next), ("a_next", b), ("b_next", counted)];
    outputs.into_iter().for_each(|(name, value)| graph.output(name, value));
    let encoder = Encoder {
        plan: lower(&graph.graph, &[0, 1, 2, 3, 4]).expect("an encoder"),
        inputs: vec![Role::X, Role::State, Role::State, Role::State],
        latents: vec![latent(2, None)],
        states: 3,
    };
    model("streaming", Graphs::Amortized { encoder, decoder: None, flow: None })
}

/// `z = x * exp(s(x_0..1)) + t` by a coupling: the first half stays.
fn coupling() -> Flow {
    let mut graph = Builder::new("flow");
    let x = graph.input("x", &[1, 4]);
    let half = |graph: &mut Builder, start: usize| {
        let op = Op::Slice { starts: vec![0, start], steps: vec![1, 1] };
        graph.node("Slice", op, &[x], &[1, 2])
    };
    let (kept, moved) = (half(&mut graph, 0), half(&mut graph, 2));
    let s = graph.linear(kept, &eighths(4, 0), &eighths(2, 1));
    let s = unary(&mut graph, Unary::Tanh, s, 2);
    let t = graph.linear(kept, &eighths(4, 2), &eighths(2, 3));
    let scale = unary(&mut graph, Unary::Exp, s, 2);
    let moved = binary(&mut graph, BinaryOp::Mul, [moved, scale], 2);
    let moved = binary(&mut graph, BinaryOp::Add, [moved, t], 2);
    let z = joined(&mut graph, &[kept, moved], 4);
    let sum = Op::Reduce { reduction: Reduction::Sum, axes: vec![1] };
    let log_det = graph.node("ReduceSum", sum, &[s], &[1]);
    graph.output("z", z);
    graph.output("log_det", log_det);
    Flow {
        plan: lower(&graph.graph, &[0, 1]).expect("a flow"),
        inputs: vec![Role::X],
        density: Density::LogDet { standard_normal: true },
    }
}

fn flow() -> Model {
    model("coupling", Graphs::Flow(coupling()))
}

/// `z = t(x, c) + eps`, with the density of `eps` up to its constant.
fn flow_posterior() -> Model {
    let mut graph = Builder::new("flow");
    let x = graph.input("x", &[1, 4]);
    let (c, eps) = (graph.input("c", &[1, 1]), graph.input("eps", &[1, 2]));
    let h = joined(&mut graph, &[x, c], 5);
    let t = graph.linear(h, &eighths(10, 0), &eighths(2, 1));
    let z = binary(&mut graph, BinaryOp::Add, [t, eps], 2);
    let squares = Op::Reduce { reduction: Reduction::SumOfSquares, axes: vec![1] };
    let log_q = graph.node("ReduceSumSquare", squares, &[eps], &[1, 1]);
    graph.output("z", z);
    graph.output("log_q", log_q);
    let flow = Flow {
        plan: lower(&graph.graph, &[0, 1]).expect("a flow"),
        inputs: vec![Role::X, Role::Condition, Role::Eps],
        density: Density::LogQ,
    };
    model("flow posterior", Graphs::Flow(flow))
}

/// An encoder and a flow of the same observation.
fn with_flow() -> Model {
    let Graphs::Amortized { encoder, decoder, .. } = tiny(None).graphs else {
        panic!("it has an encoder");
    };
    model("with flow", Graphs::Amortized { encoder, decoder, flow: Some(coupling()) })
}

/// Four values to two latents and back, by hand.
pub fn tiny(decoder: Option<Likelihood>) -> Model {
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
        inputs: vec![Role::X],
        latents: vec![Latent {
            len: 2,
            head: Spread::LogVar,
            eps: 0.0,
            clamp: decoder.is_some().then_some((-2.5, 6.0)),
        }],
        states: 0,
    };
    let decoder = decoder.map(|likelihood| {
        let plan = lower(&tiny_decoder(), &[0]).expect("a decoder");
        Decoder { plan, inputs: vec![Role::Z], likelihood, refine: None }
    });
    let window = Window {
        channels: 2,
        length: 2,
        hop: 1,
        layout: None,
        max_missing: 0,
        mean: vec![0.5, -1.0],
        std: vec![2.0, 0.25],
        rate: None,
        max_gap: None,
        on_gap: OnGap::Clear,
        stale: None,
        scale: None,
        offset: None,
        unit: None,
        range: None,
    };
    let score = Score::by_threshold(ScoreKind::ElboAtMean, -12.5);
    let score = decoder.is_some().then_some(score);
    let graphs = Graphs::Amortized { encoder, decoder, flow: None };
    let missing = Vec::new();
    Model { name: "tiny".into(), graphs, window: Some(window), score, missing, calibration: None }
}

fn tiny_decoder() -> Graph {
    let mut graph = Builder::new("decoder");
    let z = graph.input("z", &[1, 2]);
    let h = graph.linear(z, &eighths(6, 6), &eighths(3, 7));
    let h = graph.node("LeakyRelu", Op::Unary(Unary::LeakyRelu(0.01)), &[h], &[1, 3]);
    let x = graph.linear(h, &eighths(12, 8), &eighths(4, 9));
    graph.output("x_mean", x);
    graph.graph
}

/// A trained model, under another name where it comes from another exporter.
pub fn trained(model: &str, exporter: &str, likelihood: Likelihood) -> Model {
    let import = |graph: &str| {
        let file = path(&format!("models/{model}/{graph}{exporter}.onnx"));
        import_onnx(&file).unwrap_or_else(|error| panic!("{error}"))
    };
    // Both exporters give the same code: with equal clamps the linker would merge the two.
    let low = if exporter.is_empty() { -14.0 } else { -13.0 };
    let plan = lower(&import("encoder"), &[0, 1]).expect("an encoder");
    let len = plan.outputs[0].len();
    let latent = Latent { len, head: Spread::LogVar, eps: 0.0, clamp: Some((low, 6.0)) };
    let encoder = Encoder { plan, inputs: vec![Role::X], latents: vec![latent], states: 0 };
    let plan = lower(&import("decoder"), &[0]).expect("a decoder");
    let decoder = Some(Decoder { plan, inputs: vec![Role::Z], likelihood, refine: None });
    let name = format!("{model}{exporter}");
    let graphs = Graphs::Amortized { encoder, decoder, flow: None };
    Model { name, graphs, window: None, score: None, missing: Vec::new(), calibration: None }
}

/// The graph of a folder, without roles.
pub fn bare(name: &str, folder: &str) -> Model {
    let file = path(folder).join("model.onnx");
    let graph = import_onnx(&file).unwrap_or_else(|error| panic!("{error}"));
    let all: Vec<usize> = (0..graph.outputs.len()).collect();
    let plan = lower(&graph, &all).unwrap_or_else(|error| panic!("{error}"));
    let graphs = Graphs::Bare(plan);
    Model {
        name: name.into(),
        graphs,
        window: None,
        score: None,
        missing: Vec::new(),
        calibration: None,
    }
}
