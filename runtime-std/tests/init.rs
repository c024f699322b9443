//! `elbow init` on graphs whose structure shows, or does not show, what their tensors are.

mod common;

use common::{Outcome, elbow_line, repository};
use prost::Message;
use std::fs;
use std::path::PathBuf;
use tract_onnx::pb::{self, attribute_proto::AttributeType, tensor_proto::DataType};

/// A graph that is written down node by node; an input `x` of 4 values.
struct Onnx {
    graph: pb::GraphProto,
}

fn tensor_type(shape: &[i64]) -> pb::TypeProto {
    use pb::tensor_shape_proto::{Dimension, dimension::Value};
    let dim = |size: &i64| Dimension { value: Some(Value::DimValue(*size)), ..Default::default() };
    let shape = pb::TensorShapeProto { dim: shape.iter().map(dim).collect() };
    let tensor = pb::type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(shape) };
    pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..Default::default() }
}

impl Onnx {
    fn new() -> Self {
        let graph = pb::GraphProto { name: "g".into(), ..Default::default() };
        Self { graph }.input("x", 4)
    }

    fn input(mut self, name: &str, len: i64) -> Self {
        let r#type = Some(tensor_type(&[1, len]));
        let info = pb::ValueInfoProto { name: name.into(), r#type, ..Default::default() };
        self.graph.input.push(info);
        self
    }

    fn constant(mut self, name: &str, shape: &[i64], values: &[f32]) -> Self {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (dims, data_type) = (shape.to_vec(), DataType::Float as i32);
        let tensor =
            pb::TensorProto { name: name.into(), dims, data_type, raw_data, ..Default::default() };
        self.graph.initializer.push(tensor);
        self
    }

    /// `output = op(inputs)`; integers and floats are attributes.
    fn node(mut self, output: &str, op: &str, inputs: &str) -> Self {
        let words = |text: &str| text.split_whitespace().map(String::from).collect();
        self.graph.node.push(pb::NodeProto {
            name: format!("node_{output}"),
            op_type: op.into(),
            input: words(inputs),
            output: words(output),
            ..Default::default()
        });
        self
    }

    fn int(mut self, name: &str, i: i64) -> Self {
        let r#type = AttributeType::Int as i32;
        let attribute = pb::AttributeProto { name: name.into(), i, r#type, ..Default::default() };
        self.graph.node.last_mut().unwrap().attribute.push(attribute);
        self
    }

    /// A dense layer of `x`, or another value, with weights that look random.
    fn linear(self, output: &str, input: &str, from: i64, to: i64) -> Self {
        let values: Vec<f32> = (0..from * to).map(|i| (i as f32 * 1.7).sin()).collect();
        let weights = format!("{output}_w");
        self.constant(&weights, &[from, to], &values).node(
            output,
            "MatMul",
            &format!("{input} {weights}"),
        )
    }

    fn outputs(mut self, names: &[(&str, i64)]) -> Self {
        self.graph.output.extend(names.iter().map(|(name, len)| pb::ValueInfoProto {
            name: (*name).into(),
            r#type: Some(tensor_type(&[1, *len])),
            ..Default::default()
        }));
        self
    }

    fn write(self) -> (tempfile::TempDir, PathBuf) {
        let opset = pb::OperatorSetIdProto { domain: String::new(), version: 18 };
        let model = pb::ModelProto {
            ir_version: 8,
            opset_import: vec![opset],
            graph: Some(self.graph),
            ..Default::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("encoder.onnx");
        fs::write(&path, model.encode_to_vec()).unwrap();
        (folder, path)
    }

    fn init(self) -> Outcome {
        let (_folder, path) = self.write();
        elbow_line("init {}", &[&path])
    }
}

fn proposed(outcome: Outcome, parts: &[&str]) {
    let outcome = outcome.done();
    for part in parts {
        assert!(outcome.stdout.contains(part), "no {part:?} in {}", outcome.stdout);
    }
}

fn undecided(outcome: &Outcome, parts: &[&str]) {
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
    for part in parts {
        assert!(outcome.stderr.contains(part), "no {part:?} in {}", outcome.stderr);
    }
}

/// `z = a + eps * exp(0.5 * clip(b))`, with `h` as the value that `a` is.
fn sampling(names: &[(&str, i64)]) -> Onnx {
    Onnx::new()
        .input("e", 2)
        .constant("half", &[], &[0.5])
        .constant("low", &[], &[-5.0])
        .constant("high", &[], &[3.0])
        .linear("a", "x", 4, 2)
        .linear("b", "x", 4, 2)
        .node("c", "Clip", "b low high")
        .node("d", "Mul", "half c")
        .node("s", "Exp", "d")
        .node("n", "Mul", "e s")
        .node("z", "Add", "n a")
        .outputs(names)
}

#[test]
fn a_draw_shows_mean_head_clamp_and_noise() {
    let both = [("z", 2), ("a", 2), ("b", 2)];
    proposed(
        sampling(&both).init(),
        &[
            "mean = \"a\"",
            "spread = { output = \"b\", head = \"logvar\", clamp = [-5.0, 3.0] }",
            "z = a + noise * exp(0.5 * clip(b, -5, 3))",
        ],
    );
    proposed(
        sampling(&[("z", 2), ("a", 2), ("c", 2)]).init(),
        &["output = \"c\", head = \"logvar\", clamp"],
    );
    proposed(
        sampling(&[("z", 2), ("a", 2), ("s", 2)]).init(),
        &["output = \"s\", head = \"sigma\" }"],
    );
    proposed(
        sampling(&[("z", 2), ("a", 2), ("d", 2)]).init(),
        &["output = \"d\", head = \"log_sigma\" }"],
    );
}

#[test]
fn halves_of_one_layer_need_a_decision() {
    let halves = |first: &str, second: &str| {
        Onnx::new()
            .linear("h", "x", 4, 6)
            .node(&format!("{first} {second}"), "Split", "h")
            .int("axis", 1)
            .int("num_outputs", 2)
            .outputs(&[(first, 3), (second, 3)])
    };
    undecided(
        &halves("p", "q").init(),
        &[
            "parts of the result of one MatMul",
            "mean = \"p\", spread = { output = \"q\", head = \"logvar\" }",
            "mean = \"q\", spread = { output = \"p\", head = \"logvar\" }",
        ],
    );
    proposed(halves("logvar", "mu").init(), &["mean = \"mu\"", "output = \"logvar\""]);
}

#[test]
fn a_positive_output_is_a_spread_of_which_the_kind_must_be_known() {
    let positive = |spread: &str| {
        Onnx::new()
            .constant("half", &[], &[0.5])
            .constant("eps", &[], &[1e-3])
            .linear("a", "x", 4, 2)
            .linear("b", "x", 4, 2)
            .node("soft", "Softplus", "b")
            .node("t", "Mul", "half b")
            .node("scale", "Exp", "t")
            .node("e", "Exp", "b")
            .node("var", "Add", "soft eps")
            .node("sd", "Sqrt", "e")
            .outputs(&[("a", 2), (spread, 2)])
            .init()
    };
    let kinds = ["head = \"sigma\"", "head = \"var\"", "decide"];
    undecided(&positive("soft"), &kinds);
    undecided(&positive("e"), &kinds);
    proposed(positive("var"), &["output = \"var\", head = \"var\"", "name says var"]);
    proposed(positive("scale"), &["head = \"sigma\""]);
    proposed(positive("sd"), &["head = \"sigma\"", "square root"]);
}

#[test]
fn a_clipped_output_is_a_logarithm_of_a_spread() {
    let clipped = Onnx::new()
        .constant("low", &[], &[-6.0])
        .constant("high", &[], &[2.0])
        .linear("a", "x", 4, 2)
        .linear("b", "x", 4, 2)
        .node("c", "Clip", "b low high")
        .outputs(&[("a", 2), ("c", 2)]);
    undecided(
        &clipped.init(),
        &["clipped to [-6, 2]", "clamp = [-6.0, 2.0]", "\"log_sigma\", clamp = [-12.0, 4.0]"],
    );
}

#[test]
fn two_posteriors_are_told_apart_by_their_names() {
    let named = |names: [&str; 4]| {
        let graph = Onnx::new()
            .linear(names[0], "x", 4, 2)
            .linear(names[1], "x", 4, 2)
            .linear(names[2], "x", 4, 3)
            .linear(names[3], "x", 4, 3);
        let lens = [2, 2, 3, 3];
        graph.outputs(&names.into_iter().zip(lens).collect::<Vec<_>>())
    };
    proposed(
        named(["z1_mean", "z1_logvar", "z2_mean", "z2_logvar"]).init(),
        &["[[latent]]", "mean = \"z2_mean\"", "output = \"z1_logvar\""],
    );
    undecided(&named(["mean_a", "logvar_b", "mean_c", "logvar_d"]).init(), &["candidates"]);
}

/// `p`, `q` from a draw of `a`, `b`, beside what the graph gives besides.
fn hierarchy(p: &str, q: &str, z: i64) -> Onnx {
    Onnx::new()
        .input("e", 3)
        .constant("half", &[], &[0.5])
        .linear("mu1", "x", 4, 3)
        .linear("logvar1", "x", 4, 3)
        .node("d", "Mul", "half logvar1")
        .node("s", "Exp", "d")
        .node("n", "Mul", "e s")
        .node("z1", "Add", "n mu1")
        .linear(p, "z1", 3, z)
        .linear(q, "z1", 3, z)
        .outputs(&[("mu1", 3), ("logvar1", 3), ("z1", 3), (p, z), (q, z)])
}

#[test]
fn the_last_posterior_of_a_hierarchy_needs_no_draw() {
    proposed(
        hierarchy("mu2", "logvar2", 2).init(),
        &[
            "[[latent]]",
            "mean = \"mu1\"",
            "mean = \"mu2\"",
            "spread = { output = \"logvar2\", head = \"logvar\" }",
            "no role for its outputs [\"z1\"]",
        ],
    );
    for (p, q, second) in [("p", "q", "p"), ("mean_a", "logvar_a", "mean_a")] {
        undecided(
            &hierarchy(p, q, 2).init(),
            &[
                "[encoder] mean = \"mu1\"",
                "[[latent]] mean = \"mu1\"",
                &format!("[[latent]] mean = \"{second}\""),
                "decide",
            ],
        );
    }
    // As large as the observation: what a decoder gives.
    let decoded = hierarchy("x_mean", "x_logvar", 4).init();
    proposed(decoded, &["[encoder]", "no role for its outputs [\"z1\", \"x_mean\", \"x_logvar\"]"]);
}

#[test]
fn further_inputs_are_conditions_states_or_a_question() {
    let further = |name: &str| {
        let joined = format!("x {name}");
        Onnx::new()
            .input(name, 3)
            .node("j", "Concat", &joined)
            .int("axis", 1)
            .linear("mu", "j", 7, 2)
            .linear("logvar", "j", 7, 2)
            .linear("h_next", "j", 7, 3)
    };
    let heads = [("mu", 2), ("logvar", 2)];
    proposed(
        further("label").outputs(&heads).init(),
        &["[[input]]", "name = \"label\"", "role = \"condition\"", "neither noise nor state"],
    );
    let with_state = [heads[0], heads[1], ("h_next", 3)];
    proposed(
        further("h").outputs(&with_state).init(),
        &["[state]", "pairs = [{ input = \"h\", output = \"h_next\" }]"],
    );
    proposed(further("noise").outputs(&heads).init(), &["role = \"eps\"", "name says noise"]);
    let mut unnamed = further("u").outputs(&heads);
    unnamed.graph.input[0].name = "v".into();
    unnamed.graph.node[0].input[0] = "v".into();
    undecided(&unnamed.init(), &["\"v\" [1, 4]", "\"u\" [1, 3]", "role = \"condition\""]);
}

#[test]
fn a_flow_is_known_by_names_and_shapes() {
    let flow = |z: &str, log: &str| {
        Onnx::new()
            .linear("h", "x", 4, 4)
            .node(z, "Tanh", "h")
            .linear(log, "x", 4, 1)
            .outputs(&[(z, 4), (log, 1)])
    };
    proposed(flow("z", "log_det").init(), &["[flow]", "z = \"z\"", "log_det = \"log_det\""]);
    undecided(&flow("z", "log_q").init(), &["log_q", "needs noise"]);
    undecided(
        &flow("p", "q1").init(),
        &["as of a flow", "log_det = \"q1\"", "log_q = \"q1\", eps = NAME"],
    );
}

#[test]
fn the_zoos_samplers_are_read() {
    for (model, parts) in [
        ("vae.keras", vec!["mean = \"Identity:0\"", "exp(0.5 * Identity_1:0)"]),
        ("vae_eps.torchscript", vec!["head = \"logvar\"", "\"eps\", is the noise"]),
        ("scvi.dynamo", vec!["head = \"var\"", "noise * sqrt("]),
        ("hierarchical.torchscript", vec!["[[latent]]", "mean = \"onnx::RandomNormalLike_25\""]),
    ] {
        let path = repository("tests/zoo").join(model).join("model.onnx");
        proposed(elbow_line("init {}", &[&path]), &parts);
        let report = elbow_line("init {} --json", &[&path]).json();
        let reasons = report["roles"].as_array().unwrap();
        assert!(reasons.iter().all(|reason| !reason["reason"].as_str().unwrap().is_empty()));
    }
}

/// Encoders whose spread is never negative in ways that no single operator shows.
#[test]
fn a_spread_that_is_never_negative_is_no_logarithm() {
    let encoder = |name: &str| -> Onnx {
        let graph = Onnx::new()
            .constant("two", &[], &[2.0])
            .constant("zero", &[], &[0.0])
            .constant("one", &[], &[1.0])
            .constant("minus", &[], &[-1.0])
            .linear("a", "x", 4, 2)
            .linear("b", "x", 4, 2)
            .linear("c", "x", 4, 1)
            .node("e", "Exp", "b")
            .node("sq", "Mul", "b b");
        match name {
            "product" => graph.node("s", "Mul", "e e"),
            "quotient" => graph.node("f", "Exp", "a").node("s", "Div", "e f"),
            "sum" => graph.node("f", "Softplus", "a").node("s", "Add", "e f"),
            "joined" => graph
                .node("f", "Exp", "c")
                .node("g", "Abs", "c")
                .node("s", "Concat", "f g")
                .int("axis", 1),
            "root" => graph.node("s", "Sqrt", "e"),
            "square" => graph.node("s", "Mul", "sq one"),
            "magnitude" => graph.node("s", "Abs", "b"),
            "power" => graph.node("s", "Pow", "b two"),
            "maximum" => graph.node("s", "Max", "b zero"),
            "elu" => graph.node("f", "Elu", "b").node("s", "Add", "f one"),
            "choice" => graph.node("k", "Greater", "b zero").node("s", "Where", "k e sq"),
            "one_minus" => graph.node("f", "Sigmoid", "b").node("s", "Sub", "one f"),
            "negated" => {
                graph.node("f", "Relu", "b").node("g", "Neg", "f").node("s", "Mul", "g minus")
            }
            other => panic!("{other}"),
        }
        .outputs(&[("a", 2), ("s", 2)])
    };
    let names = [
        "product",
        "quotient",
        "sum",
        "joined",
        "root",
        "square",
        "magnitude",
        "power",
        "maximum",
        "elu",
        "choice",
        "one_minus",
        "negated",
    ];
    for name in names {
        let (_folder, path) = encoder(name).write();
        let inspect =
            |head: &str| elbow_line(&format!("inspect {{}} --mean a --spread s:{head}"), &[&path]);
        let wrong = inspect("logvar");
        assert_eq!(wrong.code, 2, "{name}: {}", wrong.stdout);
        assert!(wrong.stderr.contains("never negative"), "{name}: {}", wrong.stderr);
        inspect("sigma").done();
    }
}

/// `a` of either sign, and `s` made of `b` by these nodes, as outputs; inspected with `s` as the mean.
fn swapped(name: &str, mean: &str, head: &str) -> Outcome {
    let graph = Onnx::new()
        .constant("low", &[], &[-6.0])
        .constant("high", &[], &[2.0])
        .constant("small", &[], &[1e-3])
        .linear("a", "x", 4, 2)
        .linear("b", "x", 4, 2)
        .node("e", "Exp", "b")
        .node("k", "Softplus", "b")
        .input("noise", 2);
    let graph = match name {
        "exp" => graph.node(mean, "Exp", "b"),
        "softplus" => graph.node(mean, "Add", "k small"),
        "root" => graph.node(mean, "Sqrt", "e"),
        "clipped" => graph.node(mean, "Clip", "b low high"),
        "relu" => graph.node(mean, "Relu", "b"),
        "free" => graph.node(mean, "Neg", "b"),
        "both_clipped" => graph.node(mean, "Clip", "b low high").node("c", "Clip", "a low high"),
        "drawn" => graph
            .node(mean, "Exp", "b")
            .node("t", "Exp", "a")
            .node("u", "Mul", "noise t")
            .node("z", "Add", &format!("u {mean}")),
        other => panic!("{other}"),
    };
    let spread = if name == "both_clipped" { "c" } else { "a" };
    let mut outputs = vec![(spread, 2), (mean, 2)];
    outputs.extend((name == "drawn").then_some(("z", 2)));
    let (_folder, path) = graph.outputs(&outputs).write();
    elbow_line(&format!("inspect {{}} --mean {mean} --spread {spread}:{head}"), &[&path])
}

#[test]
fn a_mean_made_like_a_spread_beside_a_free_spread_has_changed_places() {
    for (name, cure) in [
        ("exp", "head sigma or var"),
        ("softplus", "head sigma or var"),
        ("root", "head sigma or var"),
        ("clipped", "head logvar or log_sigma"),
    ] {
        for head in ["logvar", "softplus_sigma"] {
            let refused = swapped(name, "s", head);
            assert_eq!(refused.code, 2, "{name}: {}", refused.stdout);
            for part in
                ["changed places", "declare \"a\" as the mean and \"s\" as the spread", cure]
            {
                assert!(refused.stderr.contains(part), "{name}: no {part:?} in {}", refused.stderr);
            }
        }
        swapped(name, "z_mean", "logvar").done(); // its name says that it is
    }
    for name in ["relu", "free", "both_clipped"] {
        swapped(name, "s", "logvar").done();
    }
    swapped("drawn", "s", "log_sigma").done();
}

#[test]
fn the_sample_of_the_graph_is_no_head() {
    let names = [("z", 2), ("a", 2), ("b", 2)];
    let (_folder, path) = sampling(&names).write();
    for (mean, spread, key) in [("z", "b", "encoder.mean"), ("a", "z", "encoder.spread")] {
        let line = format!("inspect {{}} --mean {mean} --spread {spread}:logvar");
        let refused = elbow_line(&line, &[&path]);
        assert_eq!(refused.code, 2, "{}", refused.stdout);
        let parts = ["\"z\" is the sample", "declare \"a\" as the mean and \"b\"", "logvar", key];
        for part in parts {
            assert!(refused.stderr.contains(part), "no {part:?} in {}", refused.stderr);
        }
    }
    elbow_line("inspect {} --mean a --spread b:logvar", &[&path]).done();
    let (_folder, path) = sampling(&[("z", 2), ("b", 2)]).write();
    let refused = elbow_line("inspect {} --mean z --spread b:logvar", &[&path]);
    assert!(refused.stderr.contains("export mean and spread"), "{}", refused.stderr);
}

/// Spreads of either sign are no standard deviations, and what is not known is nobody's fault.
#[test]
fn a_spread_of_either_sign_is_no_standard_deviation() {
    let encoder = |name: &str| -> Onnx {
        let graph = Onnx::new()
            .constant("minus", &[], &[-0.5])
            .constant("one", &[], &[1.0])
            .linear("a", "x", 4, 2)
            .linear("b", "x", 4, 2)
            .node("e", "Exp", "b");
        match name {
            "scaled" => graph.node("s", "Mul", "b minus"),
            "leaky" => graph.node("s", "LeakyRelu", "b"),
            "bounded" => graph.node("s", "Tanh", "b"),
            "difference" => graph.node("f", "Exp", "a").node("s", "Sub", "e f"),
            "logarithm" => graph.node("s", "Log", "e"),
            "residual" => graph.node("f", "Relu", "a").node("s", "Add", "b f"),
            other => panic!("{other}"),
        }
        .outputs(&[("a", 2), ("s", 2)])
    };
    for (name, contradicted) in [
        ("scaled", true),
        ("leaky", true),
        ("bounded", true),
        ("difference", false),
        ("logarithm", false),
        ("residual", false),
    ] {
        let (_folder, path) = encoder(name).write();
        let sigma = elbow_line("inspect {} --mean a --spread s:sigma", &[&path]);
        assert_eq!(sigma.code == 2, contradicted, "{name}: {}", sigma.stderr);
        elbow_line("inspect {} --mean a --spread s:logvar", &[&path]).done();
    }
}

/// Whether values can be negative is a matter of the weights, not of the operator alone.
#[test]
fn a_layer_of_bounded_values_is_positive_by_its_bias() {
    let spread = |bias: f32| {
        let weights: Vec<f32> = (0..8).map(|i| 0.01 * (i as f32 * 1.7).sin()).collect();
        Onnx::new()
            .constant("w", &[4, 2], &weights)
            .constant("c", &[2], &[bias, bias])
            .linear("mu", "x", 4, 2)
            .node("g", "Sigmoid", "x")
            .node("sigma", "Gemm", "g w c")
            .outputs(&[("mu", 2), ("sigma", 2)])
            .init()
    };
    proposed(spread(1.0), &["output = \"sigma\", head = \"sigma\" }"]);
    undecided(&spread(0.0), &["sigma", "Gemm", "can be negative"]);
    undecided(&spread(-1.0), &["sigma", "Gemm", "can be negative"]);
}

#[test]
fn a_threshold_below_zero_lets_negative_values_pass() {
    let spread = |alpha: f32| {
        let mut graph = Onnx::new()
            .linear("mu", "x", 4, 2)
            .linear("h", "x", 4, 2)
            .node("sigma", "ThresholdedRelu", "h")
            .outputs(&[("mu", 2), ("sigma", 2)]);
        let r#type = AttributeType::Float as i32;
        let name = "alpha".to_string();
        let attribute = pb::AttributeProto { name, f: alpha, r#type, ..Default::default() };
        graph.graph.node.last_mut().unwrap().attribute.push(attribute);
        graph.init()
    };
    proposed(spread(0.5), &["output = \"sigma\", head = \"sigma\" }"]);
    undecided(&spread(-1.0), &["sigma", "can be negative"]);
}

/// Heads of `x`, and a sample that a constant scales.
fn frozen() -> Onnx {
    Onnx::new()
        .constant("k", &[1, 2], &[0.371, -1.294])
        .linear("mu", "x", 4, 2)
        .linear("logvar", "x", 4, 2)
        .node("s", "Exp", "logvar")
        .node("p", "Mul", "s k")
        .node("z", "Add", "mu p")
        .outputs(&[("mu", 2), ("logvar", 2), ("z", 2)])
}

#[test]
fn frozen_noise_is_refused_until_it_is_accepted() {
    let (folder, path) = frozen().write();
    let manifest = folder.path().join("elbow.toml");
    let out = folder.path().join("out");
    let words = ["Mul `node_p`", "`k`", "frozen_noise = \"accept\"", "--accept-frozen-noise"];
    for line in ["init {}", "inspect {}"] {
        let refused = elbow_line(line, &[&path]);
        assert_eq!(refused.code, 2, "{line}");
        assert!(words.iter().all(|word| refused.stderr.contains(word)), "{}", refused.stderr);
        elbow_line(&format!("{line} --accept-frozen-noise"), &[&path]).done();
    }
    elbow_line("init {} --accept-frozen-noise -o {}", &[&path, &manifest]).done();
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(text.contains("frozen_noise = \"accept\""), "{text}");
    elbow_line("inspect {}", &[&manifest]).done();
    elbow_line("compile {} --out-dir {}", &[&manifest, &out]).done();

    let flagged = elbow_line("inspect {} --accept-frozen-noise", &[&manifest]);
    assert_eq!(flagged.code, 2);
    assert!(flagged.stderr.contains("bare .onnx"), "{}", flagged.stderr);
    fs::write(&manifest, text.replace("frozen_noise = \"accept\"", "")).unwrap();
    assert_eq!(elbow_line("inspect {}", &[&manifest]).code, 2);
    fs::write(&manifest, text.replace("\"accept\"", "\"ignore\"")).unwrap();
    let unknown = elbow_line("inspect {}", &[&manifest]);
    assert!(unknown.stderr.contains("`refuse` or `accept`"), "{}", unknown.stderr);
}
