//! Nodes that no kernel computes: all are named at once, with advice.

use elbow::ir::{Op, ValueId};
use elbow::stages::lower;
use elbow_core::kernels::Unary;
use elbow_tests::graphs::Builder;

/// The error of a graph with one node on two inputs of these shapes.
fn error_of(op_type: &str, op: Op, shapes: [&[usize]; 2], result: &[usize]) -> String {
    let mut graph = Builder::new("refused");
    let inputs: Vec<ValueId> = shapes.iter().map(|shape| graph.input("x", shape)).collect();
    let y = graph.node(op_type, op, &inputs, result);
    graph.output("y", y);
    let error = lower(&graph.graph, &[0]).expect_err("no kernel computes it");
    assert!(error.is_input());
    error.to_string()
}

#[test]
fn a_convolution_by_an_input_or_over_three_axes_is_refused() {
    let conv = |axes: usize| Op::Conv {
        strides: vec![1; axes],
        dilations: vec![1; axes],
        pads: vec![0; axes],
        groups: 1,
    };
    let error = error_of("Conv", conv(1), [&[1, 2, 5], &[2, 2, 1]], &[1, 2, 5]);
    assert!(error.contains("its weights depend on the input, and must be constant"), "{error}");
    let mut graph = Builder::new("refused");
    let x = graph.input("x", &[1, 1, 2, 2, 2]);
    let w = graph.constant(&[1, 1, 1, 1, 1], &[1.0]);
    let y = graph.node("Conv", conv(3), &[x, w], &[1, 1, 2, 2, 2]);
    graph.output("y", y);
    let error = lower(&graph.graph, &[0]).expect_err("three axes").to_string();
    assert!(error.contains("expected [1, channels, length]"), "{error}");
}

#[test]
fn a_transposition_that_shuffles_seven_axes_is_refused() {
    let mut graph = Builder::new("refused");
    let shape = [2, 3, 2, 3, 2, 3, 2];
    let x = graph.input("x", &shape);
    let perm = Op::Transpose { perm: (0..7).rev().collect() };
    let y = graph.node("Transpose", perm, &[x], &shape);
    graph.output("y", y);
    let error = lower(&graph.graph, &[0]).expect_err("seven axes").to_string();
    assert!(error.contains("more than six axes that cannot be joined: split it"), "{error}");
}

#[test]
fn every_problem_is_listed() {
    let mut graph = Builder::new("refused");
    let x = graph.input("x", &[1, 1, 3]);
    let conv = Op::Conv { strides: vec![1], dilations: vec![1], pads: vec![0], groups: 1 };
    let a = graph.node("Conv", conv.clone(), &[x, x], &[1, 1, 1]);
    let b = graph.node("Tanh", Op::Unary(Unary::Tanh), &[a], &[1, 1, 1]);
    let c = graph.node("Conv", conv, &[x, b], &[1, 1, 3]);
    graph.output("y", c);
    let error = lower(&graph.graph, &[0]).expect_err("two convolutions").to_string();
    assert_eq!(error.lines().count(), 2, "{error}");
    assert!(error.contains("`Conv_0`") && error.contains("`Conv_2`"), "{error}");
}
