//! `Gemm` and `MatMul` in every form with one constant operand.

use elbow::ir::Op;
use elbow::stages::lower;
use elbow::twin::Twin;
use elbow_tests::graphs::Builder;
use elbow_tests::random::Random;
use elbow_tests::tolerance::summation;

const SEED: u64 = 5;

/// A matrix as it is used, whatever its storage.
struct Matrix {
    values: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Matrix {
    fn random(random: &mut Random, rows: usize, columns: usize) -> Self {
        Self { values: random.values(rows * columns), rows, columns }
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        f64::from(self.values[row * self.columns + column])
    }

    /// Shape and values as stored.
    fn stored(&self, transposed: bool) -> (Vec<usize>, Vec<f32>) {
        if !transposed {
            return (vec![self.rows, self.columns], self.values.clone());
        }
        let columns = 0..self.columns;
        let values =
            columns.flat_map(|c| self.values.iter().skip(c).step_by(self.columns).copied());
        (vec![self.columns, self.rows], values.collect())
    }
}

/// Adds an operand, and its values to the inputs unless it is constant.
fn operand(
    graph: &mut Builder,
    inputs: &mut Vec<Vec<f32>>,
    constant: bool,
    stored: (Vec<usize>, Vec<f32>),
) -> usize {
    let (shape, values) = stored;
    if constant {
        return graph.constant(&shape, &values);
    }
    inputs.push(values);
    graph.input(&format!("x{}", inputs.len()), &shape)
}

#[test]
fn gemm_computes_its_formula_with_either_operand_constant() {
    for case in 0..400 {
        let mut random = Random::new(SEED, case);
        let [m, k, n] = [0; 3].map(|_| random.choose(&[1, 2, 3, 4, 5, 7]));
        let [trans_a, trans_b, a_constant] = [0; 3].map(|_| random.choose(&[true, false]));
        let [alpha, beta] = [0; 2].map(|_| random.choose(&[1.0, 0.5, -2.0, 0.0]));
        let (a, b) = (Matrix::random(&mut random, m, k), Matrix::random(&mut random, k, n));
        let (mut graph, mut inputs) = (Builder::new("gemm"), Vec::new());
        let mut operands = vec![
            operand(&mut graph, &mut inputs, a_constant, a.stored(trans_a)),
            operand(&mut graph, &mut inputs, !a_constant, b.stored(trans_b)),
        ];
        let c_shape =
            random.choose(&[None, Some((1, 1)), Some((1, n)), Some((m, 1)), Some((m, n))]);
        let c = c_shape.map(|(rows, columns)| Matrix::random(&mut random, rows, columns));
        if let Some(c) = &c {
            let constant = random.choose(&[true, true, false]);
            operands.push(operand(&mut graph, &mut inputs, constant, c.stored(false)));
        }
        let op = Op::Gemm { trans_a, trans_b, alpha, beta };
        let y = graph.node("Gemm", op, &operands, &[m, n]);
        graph.output("y", y);
        let plan = lower(&graph.graph, &[0]).unwrap_or_else(|error| panic!("case {case}: {error}"));
        let given = plan.inputs.iter().map(|port| {
            let number: usize = port.name[1..].parse().expect("a number");
            &inputs[number - 1][..]
        });
        let given: Vec<&[f32]> = given.collect();
        let y = Twin::new(&plan).run(&given).expect("it runs");
        for (at, value) in y[0].iter().enumerate() {
            let (row, column) = (at / n, at % n);
            let products = (0..k).map(|i| f64::from(alpha) * a.at(row, i) * b.at(i, column));
            let added = c.as_ref().map_or(0.0, |c| {
                f64::from(beta) * c.at(row.min(c.rows - 1), column.min(c.columns - 1))
            });
            let (truth, size) = products
                .fold((added, added.abs()), |(sum, size), term| (sum + term, size + term.abs()));
            let error = (f64::from(*value) - truth).abs();
            assert!(
                error <= summation(k + 3) * size,
                "seed {SEED}, case {case}: {error:e}\n{plan}"
            );
        }
    }
}

/// Shape of x, of w as an operand, of the result, and whether w is on the left.
type Case = (&'static [usize], &'static [usize], &'static [usize], bool);

#[test]
fn matmul_works_on_stacks_vectors_and_either_side() {
    let mut random = Random::new(SEED, 0);
    let w = Matrix::random(&mut random, 3, 4);
    let x = random.values(2 * 5 * 3 * 4);
    let cases: [Case; 7] = [
        (&[1, 3], &[3, 4], &[1, 4], false),
        (&[2, 5, 3], &[3, 4], &[2, 5, 4], false),
        (&[2, 5, 3], &[1, 3, 4], &[2, 5, 4], false),
        (&[3], &[3, 4], &[4], false),
        (&[2, 4, 5], &[3, 4], &[2, 3, 5], true),
        (&[4], &[3, 4], &[3], true),
        (&[1, 4, 1], &[3, 4], &[1, 3, 1], true),
    ];
    for (x_shape, w_shape, y_shape, left) in cases {
        let mut graph = Builder::new("matmul");
        let input = graph.input("x", x_shape);
        let constant = graph.constant(w_shape, &w.values);
        let operands = if left { [constant, input] } else { [input, constant] };
        let y = graph.node("MatMul", Op::MatMul, &operands, y_shape);
        graph.output("y", y);
        let plan = lower(&graph.graph, &[0]).unwrap_or_else(|error| panic!("{error}"));
        let x = &x[..x_shape.iter().product()];
        let y = &Twin::new(&plan).run(&[x]).expect("it runs")[0];
        // On the left, x is a stack of [4][columns]; on the right, rows of 3.
        let columns = if left && x_shape.len() > 1 { x_shape[x_shape.len() - 1] } else { 1 };
        for (at, value) in y.iter().enumerate() {
            let truth: f64 = if left {
                let (stack, row, column) = (at / (3 * columns), at / columns % 3, at % columns);
                let x = |i: usize| f64::from(x[(stack * 4 + i) * columns + column]);
                (0..4).map(|i| w.at(row, i) * x(i)).sum()
            } else {
                (0..3).map(|i| f64::from(x[at / 4 * 3 + i]) * w.at(i, at % 4)).sum()
            };
            let error = (f64::from(*value) - truth).abs();
            assert!(error <= summation(4) * 4.0, "{x_shape:?} {w_shape:?}: {value} for {truth}");
        }
    }
}
