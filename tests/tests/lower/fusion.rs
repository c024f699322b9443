//! Patterns become one kernel, and only where nothing else reads what lies between.

use elbow::import::{Graph, Op, ValueId};
use elbow::lower::{Kernel, Plan, fold, lower, place, prune, schedule};
use elbow::twin::Twin;
use elbow_core::kernels::{BinaryOp, Unary};
use elbow_tests::graphs::Builder;
use elbow_tests::random::Random;
use elbow_tests::tolerance::ONNXRUNTIME;

const SEED: u64 = 11;

fn kernels(plan: &Plan) -> Vec<&Kernel> {
    plan.steps.iter().map(|step| &step.kernel).filter(|kernel| **kernel != Kernel::Copy).collect()
}

fn unfused(graph: &Graph) -> Plan {
    let all: Vec<usize> = (0..graph.outputs.len()).collect();
    let mut graph = prune(graph, &all).expect("all outputs exist");
    fold(&mut graph);
    place(schedule(&graph).unwrap_or_else(|error| panic!("{error}")))
}

/// Lowers a graph and checks that fusion changes its values by no more than rounding.
fn fused(graph: &Graph) -> Plan {
    let all: Vec<usize> = (0..graph.outputs.len()).collect();
    let plan = lower(graph, &all).unwrap_or_else(|error| panic!("{error}"));
    let mut random = Random::new(SEED, 0);
    let inputs: Vec<Vec<f32>> = plan.inputs.iter().map(|port| random.values(port.len())).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let other = Twin::new(&unfused(graph)).run(&inputs).expect("it runs");
    for (a, b) in
        Twin::new(&plan).run(&inputs).expect("it runs").iter().flatten().zip(other.iter().flatten())
    {
        let error = f64::from(a - b).abs() / f64::from(b.abs()).max(1.0);
        assert!(error <= ONNXRUNTIME, "seed {SEED}: {a} and {b}\n{plan}");
    }
    plan
}

const MUL: Op = Op::Binary(BinaryOp::Mul);
const DIV: Op = Op::Binary(BinaryOp::Div);

/// One GELU: how `x` is scaled, and where the factors stand.
fn gelu(graph: &mut Builder, x: ValueId, form: usize) -> ValueId {
    let shape = [1, 6];
    let mut node = |op_type: &str, op: &Op, a, b| graph_node(graph, op_type, op, a, b);
    let scaled = match form % 2 {
        0 => node("Div", &DIV, Side::Value(x), Side::Number(2f32.sqrt())),
        _ => node("Mul", &MUL, Side::Number(std::f32::consts::FRAC_1_SQRT_2), Side::Value(x)),
    };
    let erf = graph.node("Erf", Op::Unary(Unary::Erf), &[scaled], &shape);
    let mut node = |op_type: &str, op: &Op, a, b| graph_node(graph, op_type, op, a, b);
    let add = Op::Binary(BinaryOp::Add);
    let sum = match form / 2 % 2 {
        0 => node("Add", &add, Side::Value(erf), Side::Number(1.0)),
        _ => node("Add", &add, Side::Number(1.0), Side::Value(erf)),
    };
    let (x, sum, half) = (Side::Value(x), Side::Value(sum), Side::Number(0.5));
    match form / 4 {
        0 => {
            let product = node("Mul", &MUL, x, sum);
            node("Mul", &MUL, Side::Value(product), half)
        }
        1 => {
            let product = node("Mul", &MUL, half, x);
            node("Mul", &MUL, Side::Value(product), sum)
        }
        2 => {
            let product = node("Mul", &MUL, sum, half);
            node("Mul", &MUL, x, Side::Value(product))
        }
        _ => {
            let product = node("Mul", &MUL, sum, x);
            node("Div", &DIV, Side::Value(product), Side::Number(2.0))
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Value(ValueId),
    Number(f32),
}

fn graph_node(graph: &mut Builder, op_type: &str, op: &Op, a: Side, b: Side) -> ValueId {
    let operands = [a, b].map(|side| match side {
        Side::Value(value) => value,
        Side::Number(number) => graph.constant(&[], &[number]),
    });
    graph.node(op_type, op.clone(), &operands, &[1, 6])
}

#[test]
fn gelu_is_found_in_every_form() {
    for form in 0..16 {
        let mut graph = Builder::new("gelu");
        let x = graph.input("x", &[1, 6]);
        let y = gelu(&mut graph, x, form);
        graph.output("y", y);
        assert_eq!(kernels(&fused(&graph.graph)), [&Kernel::Unary(Unary::Gelu)], "form {form}");
    }
}

#[test]
fn what_is_no_gelu_stays_as_it_is() {
    for (name, change) in [("another factor", 0.51), ("the sum is read elsewhere", 0.5)] {
        let mut graph = Builder::new("not gelu");
        let x = graph.input("x", &[1, 6]);
        let y = gelu(&mut graph, x, 0);
        if change != 0.5 {
            let half =
                graph.graph.values.iter_mut().find(|value| value.constant == Some(vec![0.5]));
            half.expect("the factor").constant = Some(vec![change]);
        } else {
            let sum =
                graph.graph.nodes.iter().find(|node| node.op_type == "Add").expect("a sum").output;
            graph.output("sum", sum);
        }
        graph.output("y", y);
        let plan = fused(&graph.graph);
        assert!(!kernels(&plan).contains(&&Kernel::Unary(Unary::Gelu)), "{name}\n{plan}");
    }
}

#[test]
fn silu_is_found_with_either_order_and_only_without_other_readers() {
    for (order, read_elsewhere) in [(0, false), (1, false), (0, true)] {
        let mut graph = Builder::new("silu");
        let x = graph.input("x", &[1, 6]);
        let gate = graph.node("Sigmoid", Op::Unary(Unary::Sigmoid), &[x], &[1, 6]);
        let operands = if order == 0 { [x, gate] } else { [gate, x] };
        let y = graph.node("Mul", MUL, &operands, &[1, 6]);
        graph.output("y", y);
        if read_elsewhere {
            graph.output("gate", gate);
        }
        let plan = fused(&graph.graph);
        assert_eq!(
            kernels(&plan).contains(&&Kernel::Unary(Unary::Silu)),
            !read_elsewhere,
            "{plan}"
        );
    }
}

/// A layer on six values, of each kind that a normalization moves into, with its result's shape.
fn layer(graph: &mut Builder, kind: &str, random: &mut Random) -> (ValueId, Vec<usize>) {
    match kind {
        "Gemm" => {
            let x = graph.input("x", &[1, 6]);
            let w = graph.constant(&[4, 6], &random.values(24));
            let c = graph.constant(&[4], &random.values(4));
            let op = Op::Gemm { trans_a: false, trans_b: true, alpha: 0.5, beta: 2.0 };
            (graph.node("Gemm", op, &[x, w, c], &[1, 4]), vec![1, 4])
        }
        "MatMul" => {
            let x = graph.input("x", &[1, 6]);
            let w = graph.constant(&[6, 4], &random.values(24));
            (graph.node("MatMul", Op::MatMul, &[x, w], &[1, 4]), vec![1, 4])
        }
        "Conv" => {
            let x = graph.input("x", &[1, 2, 3]);
            let w = graph.constant(&[4, 1, 2], &random.values(8));
            let c = graph.constant(&[4], &random.values(4));
            let op = Op::Conv { strides: vec![1], dilations: vec![1], pads: vec![0], groups: 2 };
            (graph.node("Conv", op, &[x, w, c], &[1, 4, 2]), vec![1, 4, 2])
        }
        _ => {
            let x = graph.input("x", &[1, 2, 3]);
            let w = graph.constant(&[2, 2, 2], &random.values(8));
            let op = Op::ConvTranspose {
                strides: vec![1],
                dilations: vec![1],
                pads: vec![0],
                groups: 2,
            };
            (graph.node("ConvTranspose", op, &[x, w], &[1, 4, 4]), vec![1, 4, 4])
        }
    }
}

#[test]
fn batch_normalization_moves_into_every_layer() {
    for kind in ["Gemm", "MatMul", "Conv", "ConvTranspose"] {
        for read_elsewhere in [false, true] {
            let mut random = Random::new(SEED, 1);
            let mut graph = Builder::new("batch norm");
            let (hidden, shape) = layer(&mut graph, kind, &mut random);
            let variance: Vec<f32> = random.values(4).iter().map(|v| v.abs() + 0.1).collect();
            let statistics = [random.values(4), random.values(4), random.values(4), variance];
            let mut operands = vec![hidden];
            operands.extend(statistics.iter().map(|values| graph.constant(&[4], values)));
            let op = Op::BatchNormalization { epsilon: 1e-3 };
            let y = graph.node("BatchNormalization", op, &operands, &shape);
            graph.output("y", y);
            if read_elsewhere {
                graph.output("hidden", hidden);
            }
            let plan = fused(&graph.graph);
            let affine =
                kernels(&plan).iter().any(|kernel| matches!(kernel, Kernel::Affine { .. }));
            assert_eq!(affine, read_elsewhere, "{kind}\n{plan}");
        }
    }
}

#[test]
fn a_constant_row_becomes_the_bias_of_a_matmul() {
    for (order, row_shape, fused_away) in
        [(0, vec![4], true), (1, vec![1, 4], true), (0, vec![], true), (0, vec![3, 4], false)]
    {
        let mut random = Random::new(SEED, 2);
        let mut graph = Builder::new("bias");
        let x = graph.input("x", &[1, 3, 6]);
        let w = graph.constant(&[6, 4], &random.values(24));
        let row = graph.constant(&row_shape, &random.values(row_shape.iter().product()));
        let product = graph.node("MatMul", Op::MatMul, &[x, w], &[1, 3, 4]);
        let operands = if order == 0 { [product, row] } else { [row, product] };
        let y = graph.node("Add", Op::Binary(BinaryOp::Add), &operands, &[1, 3, 4]);
        graph.output("y", y);
        let plan = fused(&graph.graph);
        assert_eq!(kernels(&plan).len() == 1, fused_away, "{plan}");
    }
}
