//! Outputs and operands in odd places.

use elbow::ir::Op;
use elbow::lower::{Buffer, Kernel, Plan};
use elbow::stages::lower;
use elbow::twin::Twin;
use elbow_core::kernels::{BinaryOp, Unary};
use elbow_tests::graphs::Builder;

fn run(plan: &Plan, inputs: &[&[f32]]) -> Vec<Vec<f32>> {
    Twin::new(plan).run(inputs).unwrap_or_else(|error| panic!("{error}"))
}

const RELU: Op = Op::Unary(Unary::Relu);
const ADD: Op = Op::Binary(BinaryOp::Add);
const MUL: Op = Op::Binary(BinaryOp::Mul);
const X: [f32; 3] = [-1.0, 2.0, 3.0];

#[test]
fn an_output_may_be_an_input_or_a_constant_and_one_value_may_be_two_outputs() {
    let mut graph = Builder::new("outputs");
    let x = graph.input("x", &[1, 3]);
    let c = graph.constant(&[2], &[7.0, 8.0]);
    let y = graph.node("Relu", RELU, &[x], &[1, 3]);
    let reshaped = graph.node("Reshape", Op::Reshape, &[y], &[3]);
    for (name, value) in [("x", x), ("c", c), ("y", y), ("again", y), ("flat", reshaped)] {
        graph.output(name, value);
    }
    let plan = lower(&graph.graph, &[0, 1, 2, 3, 4]).expect("it can be lowered");
    let y = vec![0.0, 2.0, 3.0];
    assert_eq!(run(&plan, &[&X]), [X.to_vec(), vec![7.0, 8.0], y.clone(), y.clone(), y]);
    assert_eq!(plan.arena, 0);
}

#[test]
fn outputs_come_in_the_order_asked_for_and_what_they_do_not_need_goes() {
    let mut graph = Builder::new("order");
    let [x, unused] = ["x", "unused"].map(|name| graph.input(name, &[1, 3]));
    let dead = graph.node("Relu", RELU, &[unused], &[1, 3]);
    let relu = graph.node("Relu", RELU, &[x], &[1, 3]);
    let sum = graph.node("Add", ADD, &[relu, x], &[1, 3]);
    for (name, value) in [("dead", dead), ("relu", relu), ("sum", sum)] {
        graph.output(name, value);
    }
    let plan = lower(&graph.graph, &[2, 1]).expect("it can be lowered");
    let names: Vec<&str> = plan.outputs.iter().map(|port| port.name.as_str()).collect();
    assert_eq!((names, plan.inputs.len()), (vec!["sum", "relu"], 1));
    assert_eq!(run(&plan, &[&X]), [[-1.0, 4.0, 6.0], [0.0, 2.0, 3.0]]);
    let error = lower(&graph.graph, &[3]).expect_err("there is no such output");
    assert!(error.to_string().contains("has 3 outputs, none of index 3"), "{error}");
}

#[test]
fn a_value_may_meet_itself_and_be_read_three_times() {
    let mut graph = Builder::new("itself");
    let x = graph.input("x", &[1, 3]);
    let y = graph.node("Relu", RELU, &[x], &[1, 3]);
    let square = graph.node("Mul", MUL, &[y, y], &[1, 3]);
    let double = graph.node("Add", ADD, &[square, square], &[1, 3]);
    let sum = graph.node("Add", ADD, &[double, y], &[1, 3]);
    let flat = graph.node("Reshape", Op::Reshape, &[y], &[3]);
    let all = graph.node("Sub", Op::Binary(BinaryOp::Sub), &[sum, flat], &[1, 3]);
    graph.output("y", all);
    let plan = lower(&graph.graph, &[0]).expect("it can be lowered");
    assert_eq!(run(&plan, &[&X]), [[0.0, 8.0, 18.0]]);
}

#[test]
fn both_operands_may_be_stretched_and_either_may_be_constant() {
    let mut graph = Builder::new("stretched");
    let column = graph.input("column", &[2, 1]);
    let row = graph.input("row", &[1, 3]);
    let c = graph.constant(&[1, 3], &[10.0, 20.0, 30.0]);
    let div = Op::Binary(BinaryOp::Div);
    let ends = [
        graph.node("Sub", Op::Binary(BinaryOp::Sub), &[column, row], &[2, 3]),
        graph.node("Sub", Op::Binary(BinaryOp::Sub), &[row, column], &[2, 3]),
        graph.node("Div", div.clone(), &[c, column], &[2, 3]),
        graph.node("Div", div, &[column, c], &[2, 3]),
    ];
    ends.into_iter().for_each(|end| graph.output("end", end));
    let plan = lower(&graph.graph, &[0, 1, 2, 3]).expect("it can be lowered");
    let outputs = run(&plan, &[&[1.0, 2.0], &[4.0, 5.0, 6.0]]);
    assert_eq!(outputs[0], [-3.0, -4.0, -5.0, -2.0, -3.0, -4.0]);
    assert_eq!(outputs[1], [3.0, 4.0, 5.0, 2.0, 3.0, 4.0]);
    assert_eq!(outputs[2], [10.0, 20.0, 30.0, 5.0, 10.0, 15.0]);
    assert_eq!(outputs[3], [10.0, 20.0, 30.0, 5.0, 10.0, 15.0].map(|quotient: f32| 1.0 / quotient));
}

#[test]
fn inputs_and_weights_are_never_written_and_reshapes_cost_nothing() {
    let mut graph = Builder::new("aliases");
    let x = graph.input("x", &[1, 2, 1, 3]);
    let flat = graph.node("Reshape", Op::Reshape, &[x], &[1, 6]);
    let moved = graph.node("Transpose", Op::Transpose { perm: vec![1, 0] }, &[flat], &[6, 1]);
    let y = graph.node("Relu", RELU, &[moved], &[6, 1]);
    let y = graph.node("Reshape", Op::Reshape, &[y], &[2, 3]);
    let y = graph.node("Tanh", Op::Unary(Unary::Tanh), &[y], &[2, 3]);
    graph.output("y", y);
    let plan = lower(&graph.graph, &[0]).expect("it can be lowered");
    let kernels: Vec<&Kernel> = plan.steps.iter().map(|step| &step.kernel).collect();
    let expected = [Kernel::Copy, Kernel::Unary(Unary::Relu), Kernel::Unary(Unary::Tanh)];
    assert_eq!(kernels, expected.iter().collect::<Vec<_>>());
    assert!(plan.steps.iter().all(|step| step.outputs == [Buffer::Output(0)]));
}

#[test]
fn inputs_of_wrong_number_or_length_are_refused() {
    let mut graph = Builder::new("lengths");
    let x = graph.input("x", &[1, 3]);
    let y = graph.node("Relu", RELU, &[x], &[1, 3]);
    graph.output("y", y);
    let plan = lower(&graph.graph, &[0]).expect("it can be lowered");
    let error = |inputs: &[&[f32]]| Twin::new(&plan).run(inputs).expect_err("refused").to_string();
    assert!(error(&[&X, &X]).contains("was given 2 inputs, and has 1"));
    assert!(error(&[&X[..2]]).contains("input `x` was given 2 values, and holds 3"));
}

#[test]
fn constants_are_folded_as_they_would_run() {
    let mut graph = Builder::new("constants");
    let x = graph.input("x", &[1, 3]);
    let a = graph.constant(&[1, 3], &[0.1, 0.7, 1.3]);
    let w = graph.constant(&[3, 3], &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
    let sum = graph.node("Add", ADD, &[a, a], &[1, 3]);
    let product = graph.node("MatMul", Op::MatMul, &[sum, w], &[1, 3]);
    let tanh = graph.node("Tanh", Op::Unary(Unary::Tanh), &[product], &[1, 3]);
    let y = graph.node("Add", ADD, &[x, tanh], &[1, 3]);
    graph.output("y", y);
    let plan = lower(&graph.graph, &[0]).expect("it can be lowered");
    assert_eq!(plan.steps.iter().filter(|step| step.kernel != Kernel::Copy).count(), 1);

    let mut running = graph.graph.clone();
    let given = running.values[a].constant.take().expect("a constant");
    running.inputs.push(a);
    let run_whole = lower(&running, &[0]).expect("it can be lowered");
    assert!(run_whole.steps.len() > plan.steps.len());
    assert_eq!(run(&plan, &[&X]), run(&run_whole, &[&X, &given]));
}
