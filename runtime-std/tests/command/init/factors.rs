//! Samples that a graph draws otherwise than a head says: with a factor, or divided by it.

use super::onnx::{Onnx, proposed, undecided};
use crate::common::elbow_line;

/// `z = mu + t` with `t` made by these nodes of `noise` and `s = exp(0.5 * logvar)`.
fn drawn(term: impl Fn(Onnx) -> Onnx, outputs: &[(&str, i64)]) -> Onnx {
    let graph = Onnx::new()
        .constant("half", &[], &[0.5])
        .constant("tenth", &[], &[0.1])
        .constant("two", &[], &[2.0])
        .constant("list", &[2], &[0.5, 0.25])
        .linear("mu", "x", 4, 2)
        .linear("logvar", "x", 4, 2)
        .node("q", "Mul", "logvar half")
        .node("s", "Exp", "q")
        .node("noise", "RandomNormalLike", "mu");
    term(graph).node("z", "Add", "mu t").outputs(outputs)
}

const HEADS: [(&str, i64); 3] = [("z", 2), ("mu", 2), ("logvar", 2)];
type Nodes = fn(Onnx) -> Onnx;

#[test]
fn a_factor_of_the_noise_is_a_question() {
    let cases: [(&str, Nodes); 4] = [
        ("0.1 *", |g| g.node("e", "Mul", "noise tenth").node("t", "Mul", "e s")),
        ("2 *", |g| g.node("n", "Mul", "noise s").node("t", "Mul", "n two")),
        ("0.5 *", |g| g.node("e", "Div", "noise two").node("t", "Mul", "e s")),
        ("2 *", |g| g.float("scale", 2.0).node("t", "Mul", "noise s")),
    ];
    let line = "mean = \"mu\", spread = { output = \"logvar\", head = \"logvar\" }";
    for (factor, term) in cases {
        for outputs in [&HEADS[..], &HEADS[..1]] {
            let sample = format!("z = mu + {factor} noise * exp(0.5 * logvar)");
            undecided(&drawn(term, outputs).init(), &[&sample, "temperature", line]);
        }
    }
    // Noise of either sign is the same noise.
    let negative: Nodes = |g| g.node("e", "Neg", "noise").node("t", "Mul", "e s");
    proposed(drawn(negative, &HEADS).init(), &["output = \"logvar\", head = \"logvar\" }"]);
    // Where the scale holds the factor, it is the standard deviation.
    let own: Nodes = |g| g.node("half_s", "Mul", "s half").node("t", "Mul", "noise half_s");
    proposed(drawn(own, &HEADS[..1]).init(), &["output = \"half_s\", head = \"sigma\" }"]);
}

#[test]
fn a_sample_that_the_named_head_does_not_make_is_a_question() {
    let cases: [(&str, Nodes); 3] = [
        ("z = mu + noise / exp(0.5 * logvar)", |g| g.node("t", "Div", "noise s")),
        ("z = mu + t, computed from noise", |g| {
            g.node("e", "Mul", "noise list").node("t", "Mul", "e s")
        }),
        ("z = mu + noise, computed from noise", |g| g.node("t", "Identity", "noise")),
    ];
    for (sample, term) in cases {
        let words = [sample, "not what the head logvar of \"logvar\" says", "output_names="];
        undecided(&drawn(term, &HEADS).init(), &words);
        undecided(&drawn(term, &HEADS[..1]).init(), &["candidates", "ecide"]);
    }
}

#[test]
fn a_sample_of_another_value_than_the_named_one_is_a_question() {
    let precision: Nodes = |g| {
        let g = g.constant("minus", &[], &[-0.5]).node("p", "Mul", "logvar minus");
        g.node("r", "Exp", "p").node("t", "Mul", "noise r")
    };
    undecided(
        &drawn(precision, &HEADS).init(),
        &[
            "z = mu + noise * exp(p)",
            "named like the head logvar",
            "spread = { output = \"p\", head = \"log_sigma\" }",
            "spread = { output = \"logvar\", head = \"logvar\" }",
        ],
    );
}

/// Names without doubt make no posterior of a bare file that samples otherwise.
#[test]
fn a_bare_file_that_samples_otherwise_has_no_heads_by_name() {
    let role = |term: Nodes| {
        let (_folder, path) = drawn(term, &HEADS).write();
        let report = elbow_line("inspect {} --json", &[&path]).done().json();
        report["outputs"][2]["role"].clone()
    };
    assert_eq!(role(|g| g.node("t", "Mul", "noise s")), "log_var");
    assert_eq!(role(|g| g.node("t", "Div", "noise s")), serde_json::Value::Null);
}

#[test]
fn an_output_behind_the_sample_is_said() {
    let graph = drawn(|g| g.node("t", "Mul", "noise s"), &[]);
    let mut graph = graph.node("z_scaled", "Mul", "z two");
    graph.graph.output.clear();
    let words = ["head = \"logvar\" }", "z_scaled is computed from that sample, and is not it"];
    proposed(graph.outputs(&[("z_scaled", 2)]).init(), &words);
}
