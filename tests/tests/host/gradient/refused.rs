//! Graphs without a gradient.

use elbow::ir::{Graph, Op};
use elbow::stages::{gradient, import_onnx};
use elbow_core::kernels::Unary;
use elbow_tests::fixtures::path;
use elbow_tests::graphs::Builder;

/// Two rows of x picked by computed indices, then again from what came out.
fn picks() -> Graph {
    let mut graph = Builder::new("picks");
    let z = graph.input("z", &[3, 2]);
    let index = graph.input("index", &[2]);
    let picked = graph.node("Gather", Op::TakeBy { axis: 0 }, &[z, index], &[2, 2]);
    let again = graph.node("GatherAgain", Op::TakeBy { axis: 0 }, &[picked, index], &[2, 2]);
    let along = graph.node("Elements", Op::TakeAlong { axis: 0 }, &[again, again], &[2, 2]);
    graph.output("y", along);
    graph.graph
}

#[test]
fn every_node_without_a_gradient_is_listed_with_a_cure() {
    let message = gradient(&picks(), &[0], &[0]).expect_err("it has none").to_string();
    for words in ["`Gather_0`", "`GatherAgain_1`", "`Elements_2`", "use constant indices"] {
        assert!(message.contains(words), "{message}");
    }
    let gru = import_onnx(&path("tests/zoo/gru.dynamo/model.onnx")).expect("it imports");
    let message = gradient(&gru, &[0], &[0]).expect_err("it has none").to_string();
    assert!(message.contains("(GRU)") && message.contains("no refinement"), "{message}");
}

#[test]
fn what_the_gradient_does_not_pass_through_may_be_anything() {
    let by_index = gradient(&picks(), &[0], &[1]).expect("indices have no gradient");
    let zeros = by_index.outputs[1].1;
    assert_eq!(by_index.values[zeros].constant, Some(vec![0.0; 2]));
}

#[test]
fn outputs_and_inputs_must_be_there() {
    let mut graph = Builder::new("small");
    let z = graph.input("z", &[1, 2]);
    let y = graph.node("Tanh", Op::Unary(Unary::Tanh), &[z], &[1, 2]);
    graph.output("y", y);
    let input = gradient(&graph.graph, &[0], &[1]).expect_err("there is one input").to_string();
    assert!(input.contains("has 1 inputs, none of index 1"), "{input}");
    let output = gradient(&graph.graph, &[1], &[0]).expect_err("there is one output").to_string();
    assert!(output.contains("has 1 outputs, none of index 1"), "{output}");
}
