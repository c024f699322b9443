//! Deep graphs: time in proportion, no stack.

use elbow::ir::{Op, RecurrentOutput, ValueId};
use elbow::lower::{fuse, schedule};
use elbow::model::sampling::{Makers, draws};
use elbow::stages::lower;
use elbow::twin::Twin;
use elbow_core::kernels::{BinaryOp, Cell, Unary};
use elbow_tests::graphs::Builder;
use elbow_tests::spent::cpu_seconds;
use elbow_tests::tolerance::IMPORT_SECONDS;

const NODES: usize = 100_000;

/// Does this in time.
fn timed<T>(work: impl FnOnce() -> T) -> T {
    let start = cpu_seconds();
    let result = work();
    let seconds = cpu_seconds() - start;
    println!("{NODES} nodes in {seconds:.2} s");
    assert!(seconds < IMPORT_SECONDS, "{seconds} s");
    result
}

/// Lowers and runs a chain of nodes, each made of the one before.
fn chain(next: impl Fn(&mut Builder, ValueId) -> ValueId) -> Vec<f32> {
    let mut graph = Builder::new("deep");
    let mut value = graph.input("x", &[1, 2]);
    for _ in 0..NODES {
        value = next(&mut graph, value);
    }
    graph.output("y", value);
    let plan = timed(|| lower(&graph.graph, &[0]).expect("a plan"));
    Twin::new(&plan).run(&[&[0.5, -1.0]]).expect("it fits").remove(0)
}

#[test]
fn a_chain_of_multiplications_is_lowered_in_proportion() {
    let y = chain(|graph, x| {
        let factor = graph.constant(&[1], &[1.0]);
        graph.node("Mul", Op::Binary(BinaryOp::Mul), &[x, factor], &[1, 2])
    });
    assert_eq!(y, [0.5, -1.0]);
}

#[test]
fn a_chain_of_activations_is_lowered_in_proportion() {
    let y = chain(|graph, x| graph.node("Relu", Op::Unary(Unary::Relu), &[x], &[1, 2]));
    assert_eq!(y, [0.5, 0.0]);
}

#[test]
fn a_chain_of_reshapes_is_lowered_in_proportion() {
    let y = chain(|graph, x| graph.node("Reshape", Op::Reshape, &[x], &[1, 2]));
    assert_eq!(y, [0.5, -1.0]);
}

#[test]
fn a_chain_of_silus_is_fused_in_proportion() {
    let y = chain(|graph, x| {
        let gate = graph.node("Sigmoid", Op::Unary(Unary::Sigmoid), &[x], &[1, 2]);
        graph.node("Mul", Op::Binary(BinaryOp::Mul), &[x, gate], &[1, 2])
    });
    assert!(y.iter().all(|y| y.abs() < 1e-3), "{y:?}");
}

/// A chain of reshapes of a value, each of which a node reads besides.
fn reshapes(
    graph: &mut Builder,
    mut value: ValueId,
    count: usize,
    mut read: impl FnMut(&mut Builder, ValueId),
) {
    for _ in 0..count {
        value = graph.node("Reshape", Op::Reshape, &[value], &[1, 2]);
        read(graph, value);
    }
}

#[test]
fn slices_are_followed_to_their_layer_in_proportion() {
    let mut graph = Builder::new("slices");
    let x = graph.input("x", &[1, 2]);
    reshapes(&mut graph, x, NODES / 2, |graph, value| {
        let slice = Op::Slice { starts: vec![0, 1], steps: vec![1, 1] };
        graph.node("Slice", slice, &[value], &[1, 1]);
    });
    timed(|| fuse(&mut graph.graph));
    assert_eq!(graph.graph.nodes.len(), NODES);
}

#[test]
fn values_are_followed_to_their_source_in_proportion() {
    let mut graph = Builder::new("sources");
    let x = graph.input("x", &[1, 2]);
    let mut values = Vec::new();
    reshapes(&mut graph, x, NODES, |_, value| values.push(value));
    let is_source = timed(|| {
        let makers = Makers::of(&graph.graph);
        values.iter().all(|value| makers.source(*value) == x)
    });
    assert!(is_source);
}

#[test]
fn draws_are_found_in_proportion() {
    let mut graph = Builder::new("draws");
    let (x, eps) = (graph.input("x", &[1, 2]), graph.input("eps", &[1, 2]));
    let mean = graph.node("Tanh", Op::Unary(Unary::Tanh), &[x], &[1, 2]);
    let scale = graph.node("Exp", Op::Unary(Unary::Exp), &[x], &[1, 2]);
    reshapes(&mut graph, scale, NODES / 3, |graph, value| {
        let noise = graph.node("Mul", Op::Binary(BinaryOp::Mul), &[value, eps], &[1, 2]);
        graph.node("Add", Op::Binary(BinaryOp::Add), &[mean, noise], &[1, 2]);
    });
    assert_eq!(timed(|| draws(&graph.graph)).len(), NODES / 3);
}

#[test]
fn layers_of_the_same_weights_are_scheduled_in_proportion() {
    const LAYERS: usize = NODES / 2;
    let mut graph = Builder::new("layers");
    let cell = Cell::Gru { f: Unary::Sigmoid, g: Unary::Tanh, linear_before_reset: false };
    let op = Op::Recurrent { cell, reverse: false, gives: RecurrentOutput::Hidden };
    let mut state = graph.input("h", &[1, 1]);
    let x = graph.input("x", &[1, 1, 1]);
    let weights = [[3, 1], [3, 1], [6, 1]]
        .map(|[rows, columns]| graph.constant(&[rows, columns], &vec![0.5; rows * columns]));
    for _ in 0..LAYERS {
        let operands = [&[x][..], &weights, &[state]].concat();
        state = graph.node("GRU", op.clone(), &operands, &[1, 1]);
    }
    graph.output("y", state);
    assert!(timed(|| schedule(&graph.graph, None)).is_ok());
}

#[test]
fn tensors_that_live_together_are_placed_in_proportion() {
    const PARTS: usize = NODES / 2;
    let mut graph = Builder::new("parts");
    let x = graph.input("x", &[1, 2]);
    let mut parts = Vec::new();
    reshapes(&mut graph, x, PARTS, |graph, value| {
        let slice = Op::Slice { starts: vec![0, parts.len() % 2], steps: vec![1, 1] };
        parts.push(graph.node("Slice", slice, &[value], &[1, 1]));
    });
    let joined = graph.node("Concat", Op::Concat { axis: 1 }, &parts, &[1, PARTS]);
    graph.output("y", joined);
    let plan = timed(|| lower(&graph.graph, &[0]).expect("a plan"));
    let y = Twin::new(&plan).run(&[&[0.5, -1.0]]).expect("it fits").remove(0);
    assert!(y.chunks(2).all(|pair| *pair == [0.5, -1.0]) && y.len() == PARTS);
}
