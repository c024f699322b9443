//! Flows, and graphs that are neither flow nor encoder.

use super::onnx::{Onnx, proposed, undecided};

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
fn a_conditional_flow_maps_what_has_the_shape_of_its_latent() {
    let flow = |theta: i64| {
        Onnx::new()
            .input("theta", theta)
            .node("j", "Concat", "x theta")
            .int("axis", 1)
            .linear("h", "j", 4 + theta, 3)
            .node("z", "Tanh", "h")
            .linear("log_det", "j", 4 + theta, 1)
            .outputs(&[("z", 3), ("log_det", 1)])
    };
    proposed(
        flow(3).init(),
        &[
            "[flow]",
            "input = \"theta\"",
            "name = \"x\"",
            "role = \"condition\"",
            "as many values as z",
        ],
    );
    undecided(&flow(2).init(), &["needs as many values as the input"]);
    let ambiguous = Onnx::new()
        .input("theta", 4)
        .node("z", "Add", "x theta")
        .linear("log_det", "x", 4, 1)
        .outputs(&[("z", 4), ("log_det", 1)]);
    undecided(&ambiguous.init(), &["\"x\", \"theta\"", "which of them the flow maps"]);
}

#[test]
fn autoencoders_and_densities_alone_run_as_they_are() {
    let decoded = |name: &str| Onnx::new().linear("h", "x", 4, 2).linear(name, "h", 2, 4);
    undecided(
        &decoded("y").outputs(&[("y", 4)]).init(),
        &["reconstruction of an autoencoder", "elbow run", "encoder.mean"],
    );
    let scored = decoded("y")
        .node("d", "Sub", "x y")
        .node("s", "ReduceSumSquare", "d")
        .outputs(&[("y", 4), ("s", 1)]);
    undecided(&scored.init(), &["\"s\" is one number, a score of it", "elbow run"]);
    let density = Onnx::new().linear("log_prob", "x", 4, 1).outputs(&[("log_prob", 1)]);
    undecided(&density.init(), &["one number", "elbow run", "[\"z\", \"log_det\"]"]);
}
