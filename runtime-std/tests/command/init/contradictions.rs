//! What the graph contradicts of heads that were declared.

use super::onnx::Onnx;
use crate::common::{Outcome, elbow_line};

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
