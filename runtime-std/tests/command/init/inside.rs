//! Heads that are values inside the graph.

use super::onnx::{Onnx, proposed, sampling, undecided};
use crate::common::{elbow_line, repository};
use std::fs;
use std::path::Path;

/// A whole autoencoder around a sample of `mean + scale * noise`, `scale` made by these nodes of `b`;
/// its only output is the reconstruction.
fn whole(scale: impl Fn(Onnx) -> Onnx) -> Onnx {
    let graph = Onnx::new()
        .constant("half", &[], &[0.5])
        .constant("small", &[], &[0.001])
        .constant("low", &[], &[-5.0])
        .constant("high", &[], &[3.0])
        .linear("a", "x", 4, 2)
        .linear("b", "x", 4, 2);
    scale(graph)
        .node("noise", "RandomNormalLike", "a")
        .node("n", "Mul", "noise s")
        .node("z", "Add", "a n")
        .linear("recon", "z", 2, 4)
        .outputs(&[("recon", 4)])
}

#[test]
fn heads_are_found_behind_the_sampling_arithmetic() {
    type Nodes = fn(Onnx) -> Onnx;
    let cases: [(&str, &str, Nodes); 6] = [
        ("b", "head = \"logvar\" }", |g| g.node("t", "Mul", "b half").node("s", "Exp", "t")),
        ("b", "head = \"log_sigma\" }", |g| g.node("s", "Exp", "b")),
        ("b", "head = \"softplus_sigma\", eps = 0.001 }", |g| {
            g.node("t", "Softplus", "b").node("s", "Add", "t small")
        }),
        ("b", "head = \"logvar\", clamp = [-5.0, 3.0] }", |g| {
            g.node("c", "Clip", "b low high").node("t", "Mul", "c half").node("s", "Exp", "t")
        }),
        // Bounded on one side only, which a manifest cannot say.
        ("c", "head = \"logvar\" }", |g| {
            g.node("c", "Max", "b low").node("t", "Mul", "c half").node("s", "Exp", "t")
        }),
        ("b", "head = \"log_sigma\", eps = 0.001, clamp = [", |g| {
            g.node("c", "Clip", "b low high").node("t", "Exp", "c").node("s", "Add", "t small")
        }),
    ];
    for (spread, head, scale) in cases {
        let spread = format!("spread = {{ output = \"{spread}\", {head}");
        proposed(whole(scale).init(), &["mean = \"a\"", &spread, "a value inside the graph"]);
    }
}

/// A power of 0.5 is no square root: of `Pow` only the exponent makes one.
#[test]
fn a_power_of_a_half_is_no_variance() {
    let root = whole(|g| g.node("v", "Softplus", "b").node("s", "Pow", "v half"));
    proposed(root.init(), &["spread = { output = \"b\", head = \"softplus_var\" }"]);
    for power in ["half b", "half v"] {
        let graph = whole(|g| g.node("v", "Softplus", "b").node("s", "Pow", power));
        proposed(graph.init(), &["spread = { output = \"s\", head = \"sigma\" }"]);
    }
}

/// Bounds before `eps`, as those of the log-variance, which `eps` has joined.
#[test]
fn bounds_before_eps_move_with_it() {
    let graph = whole(|g| {
        g.node("c", "Clip", "b low high").node("t", "Exp", "c").node("s", "Add", "t small")
    });
    let text = graph.init().done().stdout;
    let (_, clamp) = text.split_once("clamp = [").unwrap();
    let (clamp, _) = clamp.split_once(']').unwrap();
    let ends: Vec<f64> = clamp.split(", ").map(|end| end.parse().unwrap()).collect();
    for (end, bound) in ends.iter().zip([-5.0f64, 3.0]) {
        let expected = 2.0 * (bound.exp() + 0.001).ln();
        assert!((end - expected).abs() < 1e-5, "{end}, expected {expected}");
    }
}

/// What is no noise for certain may be data that the graph scales: the first layer of a flow.
#[test]
fn an_input_that_is_scaled_is_no_noise_by_that_alone() {
    let scaled = |input: &str| {
        Onnx::new()
            .input(input, 2)
            .linear("shift", "x", 4, 2)
            .linear("l", "x", 4, 2)
            .node("s", "Exp", "l")
            .node("p", "Mul", &format!("{input} s"))
            .node("u", "Add", "p shift")
            .linear("y", "u", 2, 3)
            .outputs(&[("y", 3)])
            .init()
    };
    proposed(scaled("eps"), &["mean = \"shift\"", "output = \"l\", head = \"log_sigma\""]);
    undecided(&scaled("theta"), &["candidates"]);
}

#[test]
fn names_against_a_sample_of_other_values_are_a_question() {
    let graph = whole(|g| g.node("s", "Exp", "b"));
    let mut graph = graph.linear("mu", "x", 4, 2).linear("logvar", "x", 4, 2);
    graph.graph.output.clear();
    let graph = graph.outputs(&[("recon", 4), ("mu", 2), ("logvar", 2)]);
    undecided(&graph.init(), &["mean = \"a\"", "mean = \"mu\"", "decide"]);
}

/// The whole way of a file whose only output is a sample or a reconstruction: `init`, `parity` against a
/// reference that runs the whole file, `run` with samples, `compile`.
#[test]
fn a_file_is_cut_at_the_heads_inside_it() {
    for (file, values) in
        [("01-torch-normal/rsample_ts.onnx", 20), ("21-keras-vae/whole_vae.onnx", 40)]
    {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let model = at("model.onnx");
        fs::copy(repository("tests/field").join(file), &model).unwrap();
        let (manifest, rows) = (at("elbow.toml"), at("x.npy"));
        write_rows(&rows, values);
        elbow_line("init {} -o {}", &[&model, &manifest]).done();
        let report = elbow_line("parity {} --input {} --json", &[&manifest, &rows]).done().json();
        assert_eq!(report["pass"], true, "{file}: {report}");
        assert!(report["kl_nats"]["max"].as_f64().unwrap() < 1e-6, "{file}: {report}");
        let outputs = report["outputs"].as_array().unwrap();
        let roles: Vec<&str> = outputs.iter().filter_map(|one| one["role"].as_str()).collect();
        assert_eq!(roles, ["mean", "log_var"], "{file}: {report}");
        let compiled = at("out");
        elbow_line("compile {} --out-dir {}", &[&manifest, &compiled]).done();
        let source = fs::read_to_string(compiled.join("model.rs")).unwrap();
        assert!(!source.contains("eps: &[f32"), "{file}: the noise is no input of the encoder");
    }
}

fn write_rows(path: &Path, values: usize) {
    let shape = [3, values];
    let data: Vec<f32> = (0..3 * values).map(|at| (at as f32 * 0.7).sin()).collect();
    fs::write(path, elbow::npy::encode(&shape, &data)).unwrap();
}

#[test]
fn any_inner_value_may_be_named_and_is_held_against_the_graph() {
    let (_folder, path) = sampling(&[("z", 2)]).write();
    let inspect = |mean: &str, spread: &str| {
        let line = format!("inspect {{}} --mean {mean} --spread {spread} --json");
        elbow_line(&line, &[&path])
    };
    let report = inspect("a", "b:logvar").done().json();
    let named = |name: &str| {
        let outputs = report["outputs"].as_array().unwrap();
        outputs.iter().find(|output| output["name"] == name).unwrap()["role"].clone()
    };
    assert_eq!((named("a"), named("b")), ("mean".into(), "log_var".into()));
    inspect("a", "s:sigma").done();
    for (mean, spread, words) in [
        ("a", "b:log_sigma", "so \"b\" is the head \"logvar\""),
        ("b", "a:logvar", "have changed places"),
        ("a", "s:logvar", "never negative"),
        ("a", "nowhere:logvar", "or a value that the graph computes on the way"),
        ("a", "a_w:logvar", "or a value that the graph computes on the way"), // a constant
    ] {
        let refused = inspect(mean, spread);
        assert_eq!(refused.code, 2, "{mean} {spread}: {}", refused.stdout);
        assert!(refused.stderr.contains(words), "{mean} {spread}: {}", refused.stderr);
    }
}

/// In the file the values of selected places have a length that depends on data: they are no heads, and no
/// layers that a reference could be held against.
#[test]
fn what_a_mask_selects_is_no_head() {
    let graph = Onnx::new()
        .constant("zero", &[], &[0.0])
        .node("m", "Greater", "x zero")
        .node("nz", "NonZero", "m")
        .node("t", "Transpose", "nz")
        .node("xs", "GatherND", "x t")
        .node("f", "Exp", "xs")
        .node("y", "ScatterND", "x t f")
        .outputs(&[("y", 4)]);
    let (folder, path) = graph.write();
    for (mean, spread, named) in [("f", "xs:logvar", "`f`"), ("y", "xs:logvar", "`xs`")] {
        let line = format!("inspect {{}} --mean {mean} --spread {spread}");
        let refused = elbow_line(&line, &[&path]);
        assert_eq!(refused.code, 2, "{mean} {spread}: {}", refused.stdout);
        for words in [named, "NonZero selects", "puts it back"] {
            assert!(refused.stderr.contains(words), "{mean} {spread}: {}", refused.stderr);
        }
    }
    let rows = folder.path().join("x.npy");
    fs::write(&rows, elbow::npy::encode(&[2, 4], &[0.5; 8])).unwrap();
    let report = elbow_line("parity {} --input {} --layers --json", &[&path, &rows]).done().json();
    let layers = report["layers"].as_array().unwrap();
    let held = |name: &str| {
        let layer = layers.iter().find(|layer| layer["value"] == name).unwrap();
        layer["max_abs"].is_number()
    };
    assert_eq!([held("f"), held("y")], [false, true], "{report}");
}
