//! Recurrent layers: one call for all that a layer gives, and memory that does not grow with time.

use elbow::ir::{Op, RecurrentOutput};
use elbow::lower::{Kernel, Plan};
use elbow::stages::lower;
use elbow::twin::Twin;
use elbow_core::kernels::{Cell, Unary};
use elbow_tests::graphs::Builder;
use elbow_tests::random::Random;

const INPUTS: usize = 3;
const HIDDEN: usize = 5;
const F: Unary = Unary::Sigmoid;
const G: Unary = Unary::Tanh;

const CELLS: [Cell; 3] = [
    Cell::Rnn { f: G },
    Cell::Gru { f: F, g: G, linear_before_reset: true },
    Cell::Lstm { f: F, g: G, h: G, coupled: false },
];

/// What of a bidirectional layer's output `[1, steps, 2 * HIDDEN]` is read.
#[derive(Clone, Copy, Debug)]
enum Taken {
    /// PyTorch's `out[:, step]`.
    Step(usize),
    /// `out[:, step, :HIDDEN]`, or from `HIDDEN` on.
    Half(usize, usize),
    /// `out`
    All,
}

impl Taken {
    /// Of the values of `All`.
    fn of(self, all: &[f32]) -> Vec<f32> {
        let row = |step: usize| &all[step * 2 * HIDDEN..][..2 * HIDDEN];
        match self {
            Self::Step(step) => row(step).to_vec(),
            Self::Half(step, direction) => row(step)[direction * HIDDEN..][..HIDDEN].to_vec(),
            Self::All => all.to_vec(),
        }
    }
}

/// Both directions of a layer, joined as import and PyTorch's exporters do it.
fn bidirectional(cell: Cell, steps: usize, taken: Taken) -> Plan {
    let mut random = Random::new(5, 0);
    let mut graph = Builder::new("bidirectional");
    let rows = cell.gates() * HIDDEN;
    let x = graph.input("x", &[1, steps, INPUTS]);
    let turned = Op::Transpose { perm: vec![1, 0, 2] };
    let turned = graph.node("Transpose", turned, &[x], &[steps, 1, INPUTS]);
    let directions = [false, true].map(|reverse| {
        let mut operands = vec![turned];
        for shape in [[rows, INPUTS], [rows, HIDDEN], [2 * rows, 1], [1, HIDDEN], [1, HIDDEN]] {
            let values = random.values(shape[0] * shape[1]);
            operands.push(graph.constant(&shape, &values));
        }
        operands.truncate(if matches!(cell, Cell::Lstm { .. }) { 6 } else { 5 });
        let op = Op::Recurrent { cell, reverse, gives: RecurrentOutput::Sequence };
        let y = graph.node("Layer", op, &operands, &[steps, 1, HIDDEN]);
        graph.node("Reshape", Op::Reshape, &[y], &[steps, 1, 1, HIDDEN])
    });
    let shape = [steps, 2, 1, HIDDEN];
    let mut y = graph.node("Concat", Op::Concat { axis: 1 }, &directions, &shape);
    let perm = Op::Transpose { perm: vec![0, 2, 1, 3] };
    y = graph.node("Transpose", perm, &[y], &[steps, 1, 2, HIDDEN]);
    y = graph.node("Reshape", Op::Reshape, &[y], &[steps, 1, 2 * HIDDEN]);
    let perm = Op::Transpose { perm: vec![1, 0, 2] };
    y = graph.node("Transpose", perm, &[y], &[1, steps, 2 * HIDDEN]);
    let slice = |starts| Op::Slice { starts, steps: vec![1; 3] };
    if let Taken::Step(step) | Taken::Half(step, _) = taken {
        y = graph.node("Slice", slice(vec![0, step, 0]), &[y], &[1, 1, 2 * HIDDEN]);
    }
    if let Taken::Half(_, direction) = taken {
        let start = direction * HIDDEN;
        y = graph.node("Slice", slice(vec![0, 0, start]), &[y], &[1, 1, HIDDEN]);
    }
    let shape = graph.graph.values[y].shape.clone();
    let y = graph.node("Tanh", Op::Unary(Unary::Tanh), &[y], &shape);
    graph.output("y", y);
    lower(&graph.graph, &[0]).expect("it can be lowered")
}

#[test]
fn the_workspace_of_both_directions_does_not_depend_on_the_number_of_steps() {
    for cell in CELLS {
        let last = |steps| Taken::Step(steps - 1);
        for taken in
            [last, |_| Taken::Step(0), |steps| Taken::Half(steps - 1, 0), |_| Taken::Half(0, 1)]
        {
            let arenas = [2, 10, 100, 1000].map(|n| bidirectional(cell, n, taken(n)).arena);
            assert_eq!(arenas, [arenas[0]; 4], "{cell:?}, {:?}", taken(10));
        }
    }
}

#[test]
fn a_step_of_both_directions_is_that_of_the_whole_sequence() {
    const STEPS: usize = 7;
    for cell in CELLS {
        let x = Random::new(6, 0).values(STEPS * INPUTS);
        let run = |taken| {
            let given = Twin::new(&bidirectional(cell, STEPS, taken)).run(&[&x]);
            given.expect("it runs").remove(0)
        };
        let all = run(Taken::All);
        for step in [0, 3, STEPS - 1] {
            for taken in [Taken::Step(step), Taken::Half(step, 0), Taken::Half(step, 1)] {
                assert_eq!(run(taken), taken.of(&all), "{cell:?}, {taken:?}");
            }
        }
    }
}

/// A layer over this many steps; its state is read as such, or as the end of the sequence.
fn plan(cell: Cell, steps: usize, reverse: bool, of_sequence: bool) -> Plan {
    let mut random = Random::new(3, 0);
    let mut graph = Builder::new("recurrent");
    let rows = cell.gates() * HIDDEN;
    let x = graph.input("x", &[1, steps, INPUTS]);
    let turned = Op::Transpose { perm: vec![1, 0, 2] };
    let turned = graph.node("Transpose", turned, &[x], &[steps, 1, INPUTS]);
    let mut operands = vec![turned];
    for shape in [[rows, INPUTS], [rows, HIDDEN], [2 * rows, 1], [1, HIDDEN], [1, HIDDEN]] {
        let values = match shape[0] {
            1 => vec![0.0; HIDDEN],
            _ => random.values(shape[0] * shape[1]),
        };
        operands.push(graph.constant(&shape, &values));
    }
    operands.truncate(if matches!(cell, Cell::Lstm { .. }) { 6 } else { 5 });
    let mut layer = |gives, shape: &[usize]| {
        graph.node("Layer", Op::Recurrent { cell, reverse, gives }, &operands, shape)
    };
    let state = if of_sequence {
        let y = layer(RecurrentOutput::Sequence, &[steps, 1, HIDDEN]);
        let back = Op::Transpose { perm: vec![1, 0, 2] };
        let y = graph.node("Transpose", back, &[y], &[1, steps, HIDDEN]);
        let last = if reverse { 0 } else { steps - 1 };
        let slice = Op::Slice { starts: vec![0, last, 0], steps: vec![1, 1, 1] };
        let y = graph.node("Slice", slice, &[y], &[1, 1, HIDDEN]);
        graph.node("Reshape", Op::Reshape, &[y], &[1, HIDDEN])
    } else {
        layer(RecurrentOutput::Hidden, &[1, HIDDEN])
    };
    let y = graph.node("Relu", Op::Unary(Unary::Relu), &[state], &[1, HIDDEN]);
    graph.output("y", y);
    lower(&graph.graph, &[0]).expect("it can be lowered")
}

#[test]
fn the_workspace_of_a_layer_does_not_depend_on_the_number_of_steps() {
    for cell in CELLS {
        for (reverse, of_sequence) in [(false, false), (false, true), (true, true)] {
            let arenas =
                [1, 10, 100, 1000].map(|steps| plan(cell, steps, reverse, of_sequence).arena);
            assert_eq!(arenas, [arenas[0]; 4], "{cell:?}");
        }
    }
}

#[test]
fn the_end_of_the_sequence_is_the_state() {
    for cell in CELLS {
        for reverse in [false, true] {
            let x = Random::new(4, 0).values(7 * INPUTS);
            let [a, b] = [false, true].map(|of_sequence| {
                Twin::new(&plan(cell, 7, reverse, of_sequence)).run(&[&x]).expect("it runs")
            });
            assert_eq!(a, b, "{cell:?}");
            assert!(a[0].iter().any(|value| *value != 0.0));
        }
    }
}

#[test]
fn all_that_a_layer_gives_is_one_call() {
    let mut graph = Builder::new("layer");
    let (cell, n) = (CELLS[2], HIDDEN);
    let x = graph.input("x", &[4, 1, INPUTS]);
    let shapes = [[4 * n, INPUTS], [4 * n, n], [8 * n, 1], [1, n], [1, n]];
    let constants = shapes.map(|shape| graph.constant(&shape, &vec![0.1; shape[0] * shape[1]]));
    let operands = [&[x][..], &constants].concat();
    for (name, gives, shape) in [
        ("c", RecurrentOutput::Cell, &[1, n][..]),
        ("y", RecurrentOutput::Sequence, &[4, 1, n]),
        ("h", RecurrentOutput::Hidden, &[1, n]),
    ] {
        let op = Op::Recurrent { cell, reverse: false, gives };
        let value = graph.node("LSTM", op, &operands, shape);
        graph.output(name, value);
    }
    let plan = lower(&graph.graph, &[0, 1, 2]).expect("it can be lowered");
    let is_layer = |step: &&elbow::lower::Step| matches!(step.kernel, Kernel::Recurrent(_));
    assert_eq!(plan.steps.iter().filter(is_layer).count(), 1, "{plan}");
    let outputs = Twin::new(&plan).run(&[&[0.5; 4 * INPUTS]]).expect("it runs");
    assert_eq!(outputs[1][3 * n..], outputs[2]);
}
