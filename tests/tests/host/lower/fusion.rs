//! Patterns become one kernel, and only where nothing else reads what lies between.

use elbow::ir::{Graph, Op, ValueId};
use elbow::lower::{Kernel, Plan, fold, place, prune, schedule};
use elbow::stages::lower;
use elbow::twin::{Twin, evaluate};
use elbow_core::kernels::{Along, BinaryOp, Reduction, Unary};
use elbow_tests::graphs::Builder;
use elbow_tests::random::Random;
use elbow_tests::tolerance::{ACTIVATION, ONNXRUNTIME};

const SEED: u64 = 11;

fn kernels(plan: &Plan) -> Vec<&Kernel> {
    plan.steps.iter().map(|step| &step.kernel).filter(|kernel| **kernel != Kernel::Copy).collect()
}

fn unfused(graph: &Graph) -> Plan {
    let all: Vec<usize> = (0..graph.outputs.len()).collect();
    let mut graph = prune(graph, &all).expect("all outputs exist");
    fold(&mut graph, evaluate);
    place(schedule(&graph, None).unwrap_or_else(|error| panic!("{error}")))
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

/// `softplus(beta x) / beta` behind a threshold, as the dynamo exporter writes it.
fn thresholded_softplus(beta: f32, factor: f32, threshold: f32) -> Builder {
    let mut graph = Builder::new("softplus");
    let x = graph.input("x", &[1, 6]);
    let [b, f, t] = [beta, factor, threshold].map(|value| graph.constant(&[], &[value]));
    let u = if beta == 1.0 { x } else { graph.node("Mul", MUL, &[x, b], &[1, 6]) };
    let soft = graph.node("Softplus", Op::Unary(Unary::Softplus), &[u], &[1, 6]);
    let y = if beta == 1.0 { soft } else { graph.node("Div", DIV, &[soft, f], &[1, 6]) };
    let far = graph.node("Greater", Op::Binary(BinaryOp::Greater), &[u, t], &[1, 6]);
    let y = graph.node("Where", Op::Where, &[far, x, y], &[1, 6]);
    graph.output("y", y);
    graph
}

#[test]
fn a_softplus_behind_a_far_threshold_is_one() {
    let x = [-30.0, -1.0, 0.0, 2.0, 9.0, 40.0];
    for (beta, factor, threshold, fused) in [
        (1.0, 1.0, 20.0, true),
        (2.0, 2.0, 20.0, true),
        (1.0, 1.0, 8.0, false),
        (2.0, 3.0, 20.0, false),
    ] {
        let graph = thresholded_softplus(beta, factor, threshold);
        let plan = lower(&graph.graph, &[0]).expect("it can be lowered");
        let chooses = kernels(&plan).contains(&&Kernel::Select);
        assert_eq!(chooses, !fused, "beta {beta}, threshold {threshold}\n{plan}");
        let y = Twin::new(&plan).run(&[&x]).expect("it runs").remove(0);
        for (x, y) in x.iter().zip(y) {
            let (x, beta, factor) = (f64::from(*x), f64::from(beta), f64::from(factor));
            let truth = if beta * x > f64::from(threshold) {
                x
            } else {
                ((-(beta * x).abs()).exp().ln_1p() + (beta * x).max(0.0)) / factor
            };
            assert!((f64::from(y) - truth).abs() <= ACTIVATION * truth.abs().max(1.0), "{x}: {y}");
        }
    }
}

#[test]
fn normalizations_that_exporters_spell_out_are_one_kernel() {
    let reduce = |reduction| Op::Reduce { reduction, axes: vec![1] };
    for (centred, reciprocal, axes_kept) in
        [(true, false, true), (true, true, true), (false, false, true), (true, false, false)]
    {
        let mut graph = Builder::new("normalization");
        let (shape, kept) = ([2, 5], if axes_kept { vec![2, 1] } else { vec![2] });
        let x = graph.input("x", &shape);
        let epsilon = graph.constant(&[], &[1e-3]);
        let mean = graph.node("ReduceMean", reduce(Reduction::Mean), &[x], &[2, 1]);
        let sub = Op::Binary(BinaryOp::Sub);
        let d = if centred { graph.node("Sub", sub, &[x, mean], &shape) } else { x };
        let square = graph.node("Mul", MUL, &[d, d], &shape);
        let variance = graph.node("ReduceMean", reduce(Reduction::Mean), &[square], &kept);
        let variance = graph.node("Reshape", Op::Reshape, &[variance], &[2, 1]);
        let variance = if axes_kept {
            graph.graph.nodes.pop().expect("the reshape").inputs[0]
        } else {
            variance
        };
        let sum = graph.node("Add", Op::Binary(BinaryOp::Add), &[variance, epsilon], &[2, 1]);
        let root = graph.node("Sqrt", Op::Unary(Unary::Sqrt), &[sum], &[2, 1]);
        let y = if reciprocal {
            let inverse = graph.node("Reciprocal", Op::Unary(Unary::Reciprocal), &[root], &[2, 1]);
            graph.node("Mul", MUL, &[d, inverse], &shape)
        } else {
            graph.node("Div", DIV, &[d, root], &shape)
        };
        graph.output("y", y);
        let plan = lower(&graph.graph, &[0]).expect("it can be lowered");
        let along = Along { outer: 2, len: 5, inner: 1 };
        let kernel = if centred {
            Kernel::Normalize(1e-3, along)
        } else {
            Kernel::RmsNormalize(1e-3, along)
        };
        assert_eq!(kernels(&plan).contains(&&kernel), axes_kept, "{plan}");
        let x = [1.0, -2.0, 0.5, 3.0, 1.5, 10.0, 11.0, 9.0, 10.5, 8.0];
        let y = Twin::new(&plan).run(&[&x]).expect("it runs").remove(0);
        for (row, y) in x.chunks(5).zip(y.chunks(5)) {
            let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
            let mean = if centred { row.iter().sum::<f64>() / 5.0 } else { 0.0 };
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 5.0;
            for (x, y) in row.iter().zip(y) {
                let truth = (x - mean) / (variance + f64::from(1e-3f32)).sqrt();
                assert!((f64::from(*y) - truth).abs() < ACTIVATION, "{y} for {truth}");
            }
        }
    }
}

/// What is needed beside the result has to be computed anyhow: nothing would be won.
#[test]
fn a_normalization_whose_steps_are_read_elsewhere_stays_as_it_is() {
    let mean = || Op::Reduce { reduction: Reduction::Mean, axes: vec![1] };
    let steps = ["mean", "centred", "squares", "variance", "sum", "root"];
    for read_elsewhere in [""].into_iter().chain(steps) {
        let mut graph = Builder::new("normalization");
        let x = graph.input("x", &[2, 5]);
        let epsilon = graph.constant(&[], &[1e-3]);
        let m = graph.node("ReduceMean", mean(), &[x], &[2, 1]);
        let d = graph.node("Sub", Op::Binary(BinaryOp::Sub), &[x, m], &[2, 5]);
        let squares = graph.node("Mul", MUL, &[d, d], &[2, 5]);
        let variance = graph.node("ReduceMean", mean(), &[squares], &[2, 1]);
        let sum = graph.node("Add", Op::Binary(BinaryOp::Add), &[variance, epsilon], &[2, 1]);
        let root = graph.node("Sqrt", Op::Unary(Unary::Sqrt), &[sum], &[2, 1]);
        let y = graph.node("Div", DIV, &[d, root], &[2, 5]);
        graph.output("y", y);
        for (name, value) in steps.into_iter().zip([m, d, squares, variance, sum, root]) {
            if name == read_elsewhere {
                graph.output(name, value);
            }
        }
        let plan = fused(&graph.graph);
        let is_fused = |kernel: &&Kernel| matches!(kernel, Kernel::Normalize(..));
        let found = kernels(&plan).iter().any(is_fused);
        assert_eq!(found, read_elsewhere.is_empty(), "{read_elsewhere}\n{plan}");
    }
}
