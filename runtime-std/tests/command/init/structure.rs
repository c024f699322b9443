//! Heads that the way they are made shows.

use super::onnx::{Onnx, proposed, undecided};

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
            .node("root", "Sqrt", "e")
            .outputs(&[("a", 2), (spread, 2)])
            .init()
    };
    let kinds = ["head = \"sigma\"", "head = \"var\"", "decide"];
    undecided(&positive("soft"), &kinds);
    undecided(&positive("e"), &kinds);
    proposed(positive("var"), &["output = \"var\", head = \"var\"", "name says var"]);
    proposed(positive("scale"), &["head = \"sigma\""]);
    proposed(positive("root"), &["head = \"sigma\"", "square root"]);
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
        Onnx::new()
            .linear("mu", "x", 4, 2)
            .linear("h", "x", 4, 2)
            .node("sigma", "ThresholdedRelu", "h")
            .float("alpha", alpha)
            .outputs(&[("mu", 2), ("sigma", 2)])
            .init()
    };
    proposed(spread(0.5), &["output = \"sigma\", head = \"sigma\" }"]);
    undecided(&spread(-1.0), &["sigma", "can be negative"]);
}
