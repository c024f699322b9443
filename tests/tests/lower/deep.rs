//! Deep graphs: time in proportion, no stack.

use elbow::import::{Op, ValueId};
use elbow::lower::lower;
use elbow::twin::Twin;
use elbow_core::kernels::{BinaryOp, Unary};
use elbow_tests::graphs::Builder;
use elbow_tests::tolerance::IMPORT_SECONDS;
use std::time::Instant;

const NODES: usize = 100_000;

/// Lowers and runs a chain of nodes, each made of the one before.
fn chain(next: impl Fn(&mut Builder, ValueId) -> ValueId) -> Vec<f32> {
    let mut graph = Builder::new("deep");
    let mut value = graph.input("x", &[1, 2]);
    for _ in 0..NODES {
        value = next(&mut graph, value);
    }
    graph.output("y", value);
    let start = Instant::now();
    let plan = lower(&graph.graph, &[0]).expect("a plan");
    let seconds = start.elapsed().as_secs_f64();
    println!("{NODES} nodes in {seconds:.2} s");
    assert!(seconds < IMPORT_SECONDS, "{seconds} s");
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
