//! Where plans put things: random graphs, executed on a memory that knows what it holds.

use elbow::ir::{Op, ValueId};
use elbow::lower::{Buffer, Plan, fold, place, prune, schedule};
use elbow::stages::lower;
use elbow::twin::{self, Twin};
use elbow_core::kernels::{BinaryOp, Unary};
use elbow_tests::graphs::Builder;
use elbow_tests::random::Random;
use std::collections::HashMap;

const SEED: u64 = 31;
const CASES: u64 = 300;

/// A random graph of activations, sums, slices, joins, transpositions and layers.
fn graph(case: u64) -> Builder {
    let mut random = Random::new(SEED, case);
    let mut graph = Builder::new("random");
    let mut values: Vec<(ValueId, Vec<usize>)> = Vec::new();
    for index in 0..random.int(1, 2) {
        let shape = vec![1, random.int(1, 4), random.int(1, 5)];
        values.push((graph.input(&format!("x{index}"), &shape), shape));
    }
    for _ in 0..random.int(1, 20) {
        let (x, shape) = values[random.int(0, values.len() - 1)].clone();
        values.push(node(&mut graph, &mut random, x, &shape, &values));
    }
    for index in 0..random.int(1, 4) {
        let (value, _) = &values[random.int(0, values.len() - 1)];
        graph.output(&format!("y{index}"), *value);
    }
    graph
}

fn node(
    graph: &mut Builder,
    random: &mut Random,
    x: ValueId,
    shape: &[usize],
    values: &[(ValueId, Vec<usize>)],
) -> (ValueId, Vec<usize>) {
    let &[one, rows, columns] = shape else { panic!("all shapes have three axes") };
    match random.int(0, 7) {
        0 => (graph.node("Tanh", Op::Unary(Unary::Tanh), &[x], shape), shape.to_vec()),
        1 | 2 => {
            let op = random.choose(&[BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul]);
            let fits: Vec<&(ValueId, Vec<usize>)> = values
                .iter()
                .filter(|(_, other)| {
                    other.iter().zip(shape).all(|(a, b)| a == b || *a == 1 || *b == 1)
                })
                .collect();
            let (other, other_shape) = fits[random.int(0, fits.len() - 1)];
            let result: Vec<usize> =
                shape.iter().zip(other_shape).map(|(a, b)| *a.max(b)).collect();
            let operands = if random.choose(&[true, false]) { [x, *other] } else { [*other, x] };
            (graph.node("Binary", Op::Binary(op), &operands, &result), result)
        }
        3 => {
            let result = vec![one, columns, rows];
            (graph.node("Transpose", Op::Transpose { perm: vec![0, 2, 1] }, &[x], &result), result)
        }
        4 => {
            let result = vec![one, rows * columns, 1];
            (graph.node("Reshape", Op::Reshape, &[x], &result), result)
        }
        5 => {
            let start = random.int(0, rows - 1);
            let result = vec![one, rows - start, columns];
            let op = Op::Slice { starts: vec![0, start, 0], steps: vec![1, 1, 1] };
            (graph.node("Slice", op, &[x], &result), result)
        }
        6 => {
            let axis = random.int(1, 2);
            let mut result = shape.to_vec();
            let fits: Vec<&(ValueId, Vec<usize>)> =
                values.iter().filter(|(_, other)| other[3 - axis] == shape[3 - axis]).collect();
            let (other, other_shape) = fits[random.int(0, fits.len() - 1)];
            result[axis] += other_shape[axis];
            if result[axis] > 12 {
                return (x, shape.to_vec());
            }
            (graph.node("Concat", Op::Concat { axis }, &[x, *other], &result), result)
        }
        _ => {
            let outputs = random.int(1, 5);
            let w = graph.constant(&[columns, outputs], &random.values(columns * outputs));
            let result = vec![one, rows, outputs];
            (graph.node("MatMul", Op::MatMul, &[x, w], &result), result)
        }
    }
}

/// What a graph computes, value by value, each in memory of its own.
fn evaluate(graph: &Builder, inputs: &HashMap<String, Vec<f32>>) -> Vec<Vec<f32>> {
    let graph = &graph.graph;
    let mut known: Vec<Option<Vec<f32>>> =
        graph.values.iter().map(|value| value.constant.clone()).collect();
    for &input in &graph.inputs {
        known[input] = Some(inputs[&graph.values[input].name].clone());
    }
    for node in &graph.nodes {
        let mut single = graph.clone();
        single.nodes = vec![node.clone()];
        single.inputs = node.inputs.clone();
        single.inputs.sort_unstable();
        single.inputs.dedup();
        single.inputs.retain(|&input| graph.values[input].constant.is_none());
        single.outputs = vec![("y".into(), node.output)];
        let plan = lower(&single, &[0]).unwrap_or_else(|error| panic!("{error}"));
        let given: Vec<&[f32]> =
            single.inputs.iter().map(|&input| known[input].as_deref().expect("computed")).collect();
        known[node.output] = Twin::new(&plan).run(&given).expect("it runs").pop();
    }
    let output = |(_, value): &(String, ValueId)| known[*value].clone().expect("computed");
    graph.outputs.iter().map(output).collect()
}

fn inputs_of(plan: &Plan, inputs: &HashMap<String, Vec<f32>>) -> Vec<Vec<f32>> {
    plan.inputs.iter().map(|port| inputs[&port.name].clone()).collect()
}

#[test]
fn sharing_memory_changes_no_value() {
    for case in 0..CASES {
        let built = graph(case);
        let mut random = Random::new(SEED, case ^ 1 << 32);
        let inputs = built.graph.inputs.iter().map(|&input| {
            let value = &built.graph.values[input];
            (value.name.clone(), random.values(value.len()))
        });
        let inputs: HashMap<String, Vec<f32>> = inputs.collect();
        let all: Vec<usize> = (0..built.graph.outputs.len()).collect();
        let mut pruned = prune(&built.graph, &all).expect("all outputs exist");
        fold(&mut pruned, twin::evaluate);
        let plan = place(schedule(&pruned, None).unwrap_or_else(|error| panic!("{error}")));
        let given = inputs_of(&plan, &inputs);
        let given: Vec<&[f32]> = given.iter().map(Vec::as_slice).collect();
        let outputs = Twin::new(&plan).run(&given).expect("it runs");
        assert_eq!(outputs, evaluate(&built, &inputs), "seed {SEED}, case {case}\n{plan}");
        check_bounds(&plan, case);
    }
}

fn check_bounds(plan: &Plan, case: u64) {
    assert!(plan.arena >= plan.arena_lower_bound, "seed {SEED}, case {case}\n{plan}");
    let mut needed = 0;
    for step in &plan.steps {
        let ranges = step.sources.iter().chain(&step.outputs).filter_map(|buffer| match buffer {
            Buffer::Arena(range) => Some(range.clone()),
            Buffer::Input(_) | Buffer::Output(_) | Buffer::Weights(_) => None,
        });
        let ranges: Vec<_> = ranges.collect();
        needed = needed.max(ranges.iter().map(|range| range.len()).sum());
        assert!(
            ranges.iter().all(|range| range.end <= plan.arena),
            "seed {SEED}, case {case}\n{plan}"
        );
        if let [a, b] = &ranges[..] {
            assert!(a.end <= b.start || b.end <= a.start, "seed {SEED}, case {case}\n{plan}");
        }
        let written = |buffer| matches!(buffer, &Buffer::Arena(_) | &Buffer::Output(_));
        assert!(step.outputs.iter().all(written));
    }
    assert_eq!(needed, plan.arena_lower_bound, "seed {SEED}, case {case}\n{plan}");
}
