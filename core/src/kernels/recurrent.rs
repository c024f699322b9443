//! Recurrent layers as state machines: memory does not grow with the sequence.

use super::{Unary, dense, part, part_mut, unary};
use crate::pieces::{pieces, pieces_mut};
use core::array::from_fn;

/// The recurrence of a layer, as ONNX defines it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Cell {
    /// `h = f(W x + R h + b)`
    Rnn {
        /// Activation.
        f: Unary,
    },
    /// Gated recurrent unit (Cho et al., 2014); gates in the order update, reset, candidate.
    Gru {
        /// Activation of update and reset.
        f: Unary,
        /// Activation of the candidate.
        g: Unary,
        /// The reset applies behind the candidate's matrix product, not in front of it.
        linear_before_reset: bool,
    },
    /// Long short-term memory (Hochreiter and Schmidhuber, 1997); gates in the order input, output,
    /// forget, candidate.
    Lstm {
        /// Activation of the gates.
        f: Unary,
        /// Activation of the candidate.
        g: Unary,
        /// Activation of the cell on its way out.
        h: Unary,
        /// The forget gate is one minus the input gate.
        coupled: bool,
    },
}

impl Cell {
    /// Number of gates: matrices of `hidden` rows that are stacked in each of the weights. 1, 3 or 4.
    pub const fn gates(self) -> usize {
        match self {
            Self::Rnn { .. } => 1,
            Self::Gru { .. } => 3,
            Self::Lstm { .. } => 4,
        }
    }

    /// Number of floats of scratch memory that [`recurrent`] needs: `2 * hidden` for a plain cell, else
    /// `5 * hidden`.
    pub const fn scratch(self, hidden: usize) -> usize {
        match self {
            Self::Rnn { .. } => 2 * hidden,
            Self::Gru { .. } | Self::Lstm { .. } => 5 * hidden,
        }
    }
}

/// Shapes of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecurrentShape {
    /// Steps of the sequence.
    pub steps: usize,
    /// Sequences that run side by side.
    pub rows: usize,
    /// Values of one step.
    pub inputs: usize,
    /// Values of the state.
    pub hidden: usize,
    /// From the last step to the first.
    pub reverse: bool,
}

/// Weights of a recurrent layer; `panels` are [`dense`]'s.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentWeights<'w> {
    /// The input's matrices, gate by gate: panels of `[hidden][inputs]` each.
    pub w: &'w [f32],
    /// The state's matrices, gate by gate: panels of `[hidden][hidden]` each.
    pub r: &'w [f32],
    /// Biases of the input's matrices, gate by gate.
    pub bias_w: &'w [f32],
    /// Biases of the state's matrices, gate by gate.
    pub bias_r: &'w [f32],
    /// Factors of the cell in the gates input, output and forget; or empty.
    pub peepholes: &'w [f32],
}

/// Memory that a recurrent layer writes.
#[derive(Debug)]
pub struct RecurrentMemory<'m> {
    /// `[rows][hidden]`: the initial state on entry, the final state on return.
    pub h: &'m mut [f32],
    /// An LSTM's cell, as `h`; empty for other layers.
    pub c: &'m mut [f32],
    /// The states behind all steps, `[steps][rows][hidden]`; empty where they are not wanted.
    pub y: &'m mut [f32],
    /// [`Cell::scratch`] values.
    pub scratch: &'m mut [f32],
}

/// Computes all steps of a layer over a sequence `x`, `[steps][rows][inputs]`: updates `h` and `c`, writes
/// `y` where it is not empty, and overwrites `scratch`. With `reverse`, `y` still lies in the order of `x`.
///
/// Order: step by step, row by row. Every gate is the input's product (as [`dense`] adds it, from the bias
/// on) plus the state's product (likewise), then the peephole's.
///
/// Inlined, so that an image holds only the cells and activations that its model uses.
#[inline(always)]
pub fn recurrent(
    x: &[f32],
    weights: &RecurrentWeights<'_>,
    cell: Cell,
    memory: RecurrentMemory<'_>,
    s: &RecurrentShape,
) {
    let RecurrentMemory { h, c, y, scratch } = memory;
    for step in 0..s.steps {
        let step = if s.reverse { s.steps - 1 - step } else { step };
        for row in 0..s.rows {
            let at = step * s.rows + row;
            let state = row * s.hidden..(row + 1) * s.hidden;
            let x = part(x, at * s.inputs..(at + 1) * s.inputs);
            let h = part_mut(h, state.clone());
            match cell {
                Cell::Rnn { f } => rnn_step(x, weights, f, h, scratch),
                Cell::Gru { f, g, linear_before_reset } => {
                    gru_step(x, weights, [f, g], linear_before_reset, h, scratch);
                }
                Cell::Lstm { f, g, h: out, coupled } => {
                    let state = LstmState { h, c: part_mut(c, state) };
                    lstm_step(x, weights, [f, g, out], coupled, state, scratch);
                }
            }
            let y = part_mut(y, at * s.hidden..(at + 1) * s.hidden);
            y.iter_mut().zip(h).for_each(|(y, h)| *y = *h);
        }
    }
}

/// One step of one row of a plain cell: `h = f((W x + b_w) + (R h + b_r))`, in place; overwrites `scratch`,
/// which has `2 * h.len()` values.
#[inline(always)]
fn rnn_step(
    x: &[f32],
    weights: &RecurrentWeights<'_>,
    f: Unary,
    h: &mut [f32],
    scratch: &mut [f32],
) {
    let [gate, product] = cut(scratch, h.len());
    weights.gate(0, x, h, gate, product);
    unary(gate, f);
    h.iter_mut().zip(gate).for_each(|(h, gate)| *h = *gate);
}

/// One step of one row of a GRU: `h = (1 - update) * candidate + update * h`, in place; overwrites `scratch`,
/// which has `5 * h.len()` values.
///
/// Gates `update` and `reset` have the activation `f`. The candidate is
/// `g((W x + b_w) + reset * (R h + b_r))` with `linear_before_reset`, else
/// `g((W x + b_w) + (R (reset * h) + b_r))`.
#[inline(always)]
fn gru_step(
    x: &[f32],
    weights: &RecurrentWeights<'_>,
    [f, g]: [Unary; 2],
    linear_before_reset: bool,
    h: &mut [f32],
    scratch: &mut [f32],
) {
    let [update, reset, candidate, product, kept] = cut(scratch, h.len());
    weights.gate(0, x, h, update, product);
    weights.gate(1, x, h, reset, product);
    unary(update, f);
    unary(reset, f);
    weights.input(2, x, candidate, h.len());
    if linear_before_reset {
        weights.state(2, h, product);
        product.iter_mut().zip(reset).for_each(|(product, reset)| *product *= *reset);
    } else {
        for ((kept, h), reset) in kept.iter_mut().zip(&*h).zip(reset) {
            *kept = h * *reset;
        }
        weights.state(2, kept, product);
    }
    add(candidate, product);
    unary(candidate, g);
    for ((h, update), candidate) in h.iter_mut().zip(update).zip(candidate) {
        *h = (1.0 - *update) * *candidate + *update * *h;
    }
}

/// State of one row, read and written: `hidden` values each.
struct LstmState<'s> {
    h: &'s mut [f32],
    c: &'s mut [f32],
}

/// One step of one row of an LSTM: `c = forget * c + input * candidate`, then `h = output * out(c)`, in
/// place; overwrites `scratch`, which has `5 * hidden` values.
///
/// The gates have the activation `f`, the candidate `g`. Peepholes of input and forget gate read the old `c`,
/// that of the output gate the new one. With `coupled`, `forget` is `1 - input`.
#[inline(always)]
fn lstm_step(
    x: &[f32],
    weights: &RecurrentWeights<'_>,
    [f, g, out]: [Unary; 3],
    coupled: bool,
    state: LstmState<'_>,
    scratch: &mut [f32],
) {
    let LstmState { h, c } = state;
    let [input, output, forget, candidate, product] = cut(scratch, h.len());
    weights.gate(0, x, h, input, product);
    weights.gate(1, x, h, output, product);
    weights.gate(2, x, h, forget, product);
    weights.gate(3, x, h, candidate, product);
    weights.peephole(0, c, input);
    weights.peephole(2, c, forget);
    unary(input, f);
    unary(forget, f);
    unary(candidate, g);
    if coupled {
        forget.iter_mut().zip(&*input).for_each(|(forget, input)| *forget = 1.0 - input);
    }
    let gates = forget.iter().zip(&*input).zip(&*candidate);
    for (c, ((forget, input), candidate)) in c.iter_mut().zip(gates) {
        *c = forget * *c + input * candidate;
    }
    weights.peephole(1, c, output);
    unary(output, f);
    product.iter_mut().zip(&*c).for_each(|(product, c)| *product = *c);
    unary(product, out);
    for ((h, output), product) in h.iter_mut().zip(output).zip(product) {
        *h = *output * *product;
    }
}

impl RecurrentWeights<'_> {
    /// `gate = (W x + b_w) + (R h + b_r)` with the matrices at `index`, before any activation; overwrites
    /// `product`.
    #[inline(always)]
    fn gate(&self, index: usize, x: &[f32], h: &[f32], gate: &mut [f32], product: &mut [f32]) {
        self.input(index, x, gate, h.len());
        self.state(index, h, product);
        add(gate, product);
    }

    /// `gate = W x + b_w` with the matrix at `index`, which has `hidden` rows. `gate` stays as it is where
    /// there is no such matrix.
    #[inline(always)]
    fn input(&self, index: usize, x: &[f32], gate: &mut [f32], hidden: usize) {
        product(self.w, self.bias_w, index, x, gate, hidden);
    }

    /// `gate = R h + b_r` with the matrix at `index`, before any activation; `gate` is as long as `h`, and
    /// stays as it is where there is no such matrix.
    #[inline(always)]
    fn state(&self, index: usize, h: &[f32], gate: &mut [f32]) {
        product(self.r, self.bias_r, index, h, gate, h.len());
    }

    /// `gate[i] += peepholes[index][i] * c[i]`, where `index` is 0 for input, 1 for output, 2 for forget;
    /// nothing where the layer has no peepholes. `c` is the whole cell of a row, as long as each list of factors.
    #[inline(always)]
    fn peephole(&self, index: usize, c: &[f32], gate: &mut [f32]) {
        let factors = pieces(self.peepholes, c.len()).nth(index).unwrap_or(&[]);
        for ((gate, c), factor) in gate.iter_mut().zip(c).zip(factors) {
            *gate += factor * c;
        }
    }
}

/// `y = W x + b` with matrix number `index` of those stacked in `weights`, each `[hidden][x.len()]` in
/// panels, and with bias number `index`, of `hidden` values. `y` stays as it is where `weights` have no such
/// matrix.
#[inline(always)]
fn product(weights: &[f32], bias: &[f32], index: usize, x: &[f32], y: &mut [f32], hidden: usize) {
    let panels = hidden.next_multiple_of(super::PANEL) * x.len();
    let weights = pieces(weights, panels).nth(index).unwrap_or(&[]);
    let bias = pieces(bias, hidden).nth(index).unwrap_or(&[]);
    dense(x, weights, bias, y);
}

/// `y[i] += x[i]`, up to the end of the shorter one.
#[inline(always)]
fn add(y: &mut [f32], x: &[f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
}

/// The first `N` parts of `scratch`, of `len` values each; where the memory ends, a part is shorter and those
/// behind it are empty.
#[inline(always)]
fn cut<const N: usize>(scratch: &mut [f32], len: usize) -> [&mut [f32]; N] {
    let mut parts = pieces_mut(scratch, len);
    from_fn(|_| parts.next().unwrap_or(&mut []))
}
