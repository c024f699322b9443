//! Matrix products.

use super::{Random, compare, random::LONGEST};
use elbow_core::kernels::{self, MatMul, PANEL};

/// Index of the weight `column` of `row` in panels of rows of `len` values.
pub fn in_panels(row: usize, column: usize, len: usize) -> usize {
    (row / PANEL * len + column) * PANEL + row % PANEL
}

/// Runs a random dense layer in `memory`, which it overwrites, and compares it bit by bit with plain sums:
/// the number of values, `None` where one differs. Panics where `memory` is too short.
pub fn dense(random: &mut Random, memory: &mut [f32]) -> Option<usize> {
    let (inputs, outputs) = (random.int(1, 70), random.int(1, 40));
    rows(random, memory, [1, inputs, outputs])
}

/// Runs a random dense layer of several rows in `memory`, which it overwrites, and compares it bit by bit
/// with plain sums: the number of values, `None` where one differs. Panics where `memory` is too short.
pub fn dense_rows(random: &mut Random, memory: &mut [f32]) -> Option<usize> {
    let shape = [random.int(2, 9), random.int(1, 40), random.int(1, 20)];
    rows(random, memory, shape)
}

/// Draws operands of a dense layer of this shape into `memory`, runs its kernel and compares, as [`dense`]
/// and [`dense_rows`] say.
fn rows(
    random: &mut Random,
    memory: &mut [f32],
    [rows, inputs, outputs]: [usize; 3],
) -> Option<usize> {
    let (x, w, bias, y) = operands(memory, rows * inputs, outputs.next_multiple_of(PANEL) * inputs);
    let (bias, y) = (&mut bias[..outputs], &mut y[..rows * outputs]);
    [&mut *x, &mut *w, &mut *bias, &mut *y].into_iter().for_each(|values| random.fill(values));
    if rows == 1 {
        kernels::dense(x, w, bias, y);
    } else {
        kernels::dense_rows(x, w, bias, y, rows);
    }
    compare(y, |at| {
        let (row, output) = (at / outputs, at % outputs);
        let product = |i| x[row * inputs + i] * w[in_panels(output, i, inputs)];
        (0..inputs).map(product).fold(bias[output], |sum, product| sum + product)
    })
}

/// The memory cut into four: `x` of `x` floats, weights of `w` floats, a bias, and a result with all the
/// rest. Panics where `x` or `w` is above [`LONGEST`], or `memory` is shorter than three times that.
pub fn operands(
    memory: &mut [f32],
    x: usize,
    w: usize,
) -> (&mut [f32], &mut [f32], &mut [f32], &mut [f32]) {
    let (xs, rest) = memory.split_at_mut(LONGEST);
    let (ws, rest) = rest.split_at_mut(LONGEST);
    let (bias, y) = rest.split_at_mut(LONGEST);
    (&mut xs[..x], &mut ws[..w], bias, y)
}

/// Runs a random stack of matrix products, whose `b` may be one for all, in `memory`, which it overwrites,
/// and compares it bit by bit with plain sums: the number of values, `None` where one differs. Panics where
/// `memory` is too short.
pub fn matmul(random: &mut Random, memory: &mut [f32]) -> Option<usize> {
    let [batch, rows, inner, columns] =
        [random.int(1, 3), random.int(1, 11), random.int(1, 20), random.int(1, 14)];
    let repeated = random.int(0, 1);
    let (a_step, b_step) = (rows * inner, repeated * inner * columns);
    let s = MatMul { batch, rows, inner, columns, a_step, b_step };
    let (a, b, _, y) = operands(memory, batch * a_step, batch * inner * columns);
    let y = &mut y[..batch * rows * columns];
    [&mut *a, &mut *b, &mut *y].into_iter().for_each(|values| random.fill(values));
    kernels::matmul(a, b, y, &s);
    compare(y, |at| {
        let (n, row, column) = (at / columns / rows, at / columns % rows, at % columns);
        let product = |k| a[n * a_step + row * inner + k] * b[n * b_step + k * columns + column];
        (0..inner).map(product).fold(0.0, |sum, product| sum + product)
    })
}
