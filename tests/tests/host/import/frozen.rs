//! Noise that was drawn at export: found however the sample is written, and nowhere else.

use super::build::{Dim, encoded, floats, info, model, node};
use super::refused::refused;
use elbow::stages::import_bytes;
use tract_onnx::pb::{ModelProto, NodeProto, TensorProto};

const LATENT: usize = 3;
const DRAWN: [f32; 15] = [
    0.371_492_6,
    -1.294,
    0.853,
    -0.217,
    1.766,
    -0.582,
    0.094,
    -2.031,
    0.645,
    1.128,
    -0.739,
    0.256,
    -1.507,
    0.918,
    -0.063,
];

/// Nodes as lines `output = Op operand operand`.
fn nodes(lines: &str) -> Vec<NodeProto> {
    let line = |line: &str| {
        let (output, rest) = line.trim().split_once(" = ").expect("an assignment");
        let mut words = rest.split(' ');
        let op = words.next().expect("an operator");
        node(op, output, &words.collect::<Vec<_>>(), &[output])
    };
    lines.split(';').map(str::trim).filter(|text| !text.is_empty()).map(line).collect()
}

/// A model of `x` with dense heads `mu` and `h` of so many values, a constant `eps`, and these lines.
fn heads(latent: usize, eps: TensorProto, lines: &str) -> ModelProto {
    let weights = |name: &str, phase: f32| {
        let values: Vec<f32> = (0..4 * latent).map(|i| (i as f32 * 1.7 + phase).sin()).collect();
        floats(name, &[4, latent as i64], &values)
    };
    let number = |name: &str, value: f32| floats(name, &[], &[value]);
    let gains: Vec<f32> = (0..latent).map(|i| 0.9 + 0.017 * i as f32).collect();
    let constants = vec![
        weights("w", 0.0),
        weights("v", 1.0),
        eps,
        number("half", 0.5),
        number("temperature", 0.7),
        number("one", 1.0),
        number("least", 1e-4),
        number("far", 20.0),
        floats("gains", &[latent as i64], &gains),
    ];
    let given = nodes("mu = MatMul x w; h = MatMul x v");
    let nodes: Vec<NodeProto> = given.into_iter().chain(nodes(lines)).collect();
    model(nodes, constants, vec![info("x", &[Dim::N(1), Dim::N(4)])], &["z", "mu", "h"])
}

fn eps(shape: &[i64]) -> TensorProto {
    floats("eps", shape, &DRAWN[..shape.iter().product::<i64>() as usize])
}

const EXP: &str = "a = Mul h half; s = Exp a;";
const SAMPLE: &str = "p = Mul s eps; z = Add mu p";

/// Ways to make a standard deviation `s`.
const SCALES: [&str; 14] = [
    EXP,
    "s = Softplus h;",
    "a = Softplus h; s = Add a least;",
    "c = Greater h far; a = Softplus h; s = Where c h a;",
    "s = Sigmoid h;",
    "s = Abs h;",
    "a = Elu h; s = Add a one;",
    "a = Elu h; s = Add one a;",
    "a = Exp h; s = Sqrt a;",
    "a = Exp h; s = Pow a half;",
    "a = Exp h; b = Add a least; s = Sqrt b;",
    "a = Mul h half; b = Exp a; s = Max b least;",
    "a = Mul h half; b = Exp a; s = Mul b temperature;",
    "a = Exp h; b = Reciprocal a; s = Sqrt b;",
];

/// Ways to draw a sample `z` by it.
const SAMPLES: [&str; 9] = [
    SAMPLE,
    "p = Mul eps s; z = Add p mu",
    "p = Mul s eps; z = Sum mu p",
    "p = Mul s eps; z = Sub mu p",
    "p = Mul s eps; n = Neg p; z = Add mu n",
    "p = Mul s eps; q = Mul p temperature; z = Add mu q",
    "p = Mul s eps; q = Mul temperature p; z = Add q mu",
    "p = Mul s eps; q = Div p temperature; z = Add mu q",
    "r = Mul s temperature; p = Mul r eps; z = Add mu p",
];

#[test]
fn frozen_noise_is_found_in_every_form() {
    for scale in SCALES {
        for sample in SAMPLES {
            let bytes = encoded(&heads(LATENT, eps(&[1, 3]), &format!("{scale}{sample}")));
            let message = refused(&bytes, &["Mul `p`", "`eps`", "every sample would be the same"]);
            assert!(message.contains("accept"), "{scale}{sample}: {message}");
        }
    }
}

#[test]
fn frozen_noise_is_found_in_every_shape() {
    for (latent, shape) in [(3, &[3][..]), (1, &[1, 1]), (3, &[5, 1, 3]), (3, &[5, 3])] {
        let bytes = encoded(&heads(latent, eps(shape), &format!("{EXP}{SAMPLE}")));
        refused(&bytes, &["Mul `p`", &format!("of shape {shape:?}")]);
    }
}

/// Trained factors, and numbers that people write.
#[test]
fn what_is_no_frozen_noise_is_accepted() {
    let number = |shape: &[i64], value: f32| floats("eps", shape, &[value]);
    let cases = [
        ("an upper bound", 1, number(&[], 1.96), format!("{EXP}{SAMPLE}")),
        ("an upper bound with axes", 1, number(&[1, 1], 1.96), format!("{EXP}{SAMPLE}")),
        ("one factor for all", 3, number(&[], 0.371_49), format!("{EXP}{SAMPLE}")),
        ("equal values", 3, floats("eps", &[3], &[0.5, 0.5, 0.7]), format!("{EXP}{SAMPLE}")),
        ("a value beyond six", 3, floats("eps", &[3], &[0.5, 7.5, 0.7]), format!("{EXP}{SAMPLE}")),
        ("no scale", 3, eps(&[1, 3]), format!("s = Tanh h;{SAMPLE}")),
        ("a scale that can be negative", 3, eps(&[1, 3]), format!("s = Elu h;{SAMPLE}")),
        ("a softplus of something else", 3, eps(&[1, 3]), {
            format!("c = Greater mu far; a = Softplus h; s = Where c h a;{SAMPLE}")
        }),
        (
            "read twice",
            3,
            eps(&[1, 3]),
            format!("{EXP} q = Mul s eps; p = Mul q eps; z = Add mu p"),
        ),
        ("no sum", 3, eps(&[1, 3]), format!("{EXP} p = Mul s eps; z = Mul mu p")),
        ("a sum with a constant", 3, eps(&[1, 3]), format!("{EXP} p = Mul s eps; z = Add gains p")),
        (
            "a sum of gains",
            3,
            eps(&[1, 3]),
            format!("{EXP} p = Mul s s; q = Add p eps; z = Add mu q"),
        ),
    ];
    for (name, latent, eps, lines) in cases {
        let bytes = encoded(&heads(latent, eps, &lines));
        import_bytes(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A gate multiplies what is trained in recurrent cells, whatever its values, and in layers that scale their
/// own result.
#[test]
fn what_a_gate_multiplies_is_accepted_where_it_is_trained() {
    let drawn = |size: usize| floats("eps", &[1, size as i64], &DRAWN[..size]);
    let small: Vec<f32> = DRAWN.iter().map(|value| 0.1 * value).collect();
    let near_one: Vec<f32> = small.iter().map(|value| 1.0 + value).collect();
    let cases = [
        (
            "the candidate of a GRU",
            drawn(3),
            "s = Sigmoid h; p = Mul s eps; c = Add mu p; n = Tanh c; u = Sigmoid mu; r = Sub one u; \
                a = Mul r n; b = Mul u h; z = Add a b",
        ),
        (
            "the candidate of a GRU, whose state is the rest",
            drawn(3),
            "s = Sigmoid h; p = Mul s eps; c = Add mu p; n = Tanh c; u = Sigmoid mu; r = Sub one u; \
                a = Mul n u; b = Mul h r; z = Add b a",
        ),
        (
            "the candidate of a GRU, by a difference",
            drawn(3),
            "s = Sigmoid h; p = Mul s eps; c = Add mu p; n = Tanh c; u = Sigmoid mu; d = Sub h n; \
                e = Mul u d; z = Add e n",
        ),
        (
            "the candidate of a GRU, by a step from the state",
            drawn(3),
            "s = Sigmoid h; p = Mul s eps; c = Add mu p; n = Tanh c; u = Sigmoid mu; d = Sub n h; \
                e = Mul d u; z = Add h e",
        ),
        (
            "the cell of an LSTM",
            drawn(3),
            "s = Sigmoid h; i = Sigmoid mu; g = Tanh mu; c = Mul i g; p = Mul s eps; z = Add p c",
        ),
        (
            "the state of a GRU",
            drawn(3),
            "s = Sigmoid h; r = Sub one s; n = Tanh mu; c = Mul r n; p = Mul s eps; z = Add c p",
        ),
        (
            "a small factor",
            floats("eps", &[1, 15], &small),
            "s = Sigmoid h; p = Mul eps s; z = Add mu p",
        ),
        (
            "a factor near one",
            floats("eps", &[15], &near_one),
            "s = Sigmoid h; p = Mul eps s; z = Add mu p",
        ),
    ];
    for (name, eps, lines) in cases {
        let latent = eps.dims.last().map_or(0, |&size| size as usize);
        let bytes = encoded(&heads(latent, eps, lines));
        import_bytes(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Where a gate could be a standard deviation, the file is refused, which asks.
#[test]
fn a_draw_that_a_sigmoid_scales_is_asked_about() {
    let scales =
        ["s = Sigmoid h;", "a = Sigmoid h; s = Mul a half;", "a = Sigmoid h; s = Add a least;"];
    for scale in scales {
        let eps = floats("eps", &[1, 15], &DRAWN);
        let bytes = encoded(&heads(15, eps, &format!("{scale}{SAMPLE}")));
        refused(&bytes, &["Mul `p`", "accept"]);
    }
    // A `tanh` alone makes no recurrent cell of it, nor does a gate behind it.
    let tanh = "s = Sigmoid h; p = Mul s eps; c = Add mu p;";
    for rest in [
        "z = Tanh c",
        "n = Tanh c; z = Exp n",
        "n = Tanh c; u = Sigmoid mu; z = Mul u n",
        "n = Tanh c; u = Sigmoid mu; a = Mul u n; z = Add a mu",
        "n = Tanh c; u = Sigmoid mu; r = Sub one s; a = Mul r n; b = Mul u h; z = Add a b",
    ] {
        let bytes = encoded(&heads(15, floats("eps", &[1, 15], &DRAWN), &format!("{tanh}{rest}")));
        refused(&bytes, &["Mul `p`", "accept"]);
    }
    // A standard deviation by anything else is one, however large its noise.
    let small: Vec<f32> = DRAWN.iter().map(|value| 0.1 * value).collect();
    let bytes = encoded(&heads(15, floats("eps", &[1, 15], &small), &format!("{EXP}{SAMPLE}")));
    refused(&bytes, &["Mul `p`", "accept"]);
}
