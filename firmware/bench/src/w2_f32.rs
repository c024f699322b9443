//! W2 in f32: 640-128-128-128-128-8-128-128-128-128-640, ReLU between.

use crate::harness::{Work, crc32};
use elbow_core::kernels::{PANEL, Unary, dense, unary};
use elbow_kernels::workloads::Values;

/// Layers: inputs, outputs.
const LAYERS: [(usize, usize); 10] = [
    (640, 128),
    (128, 128),
    (128, 128),
    (128, 128),
    (128, 8),
    (8, 128),
    (128, 128),
    (128, 128),
    (128, 128),
    (128, 640),
];
const WEIGHTS: usize = 264_192;
const BIASES: usize = 1_672;
const WIDEST: usize = 640;

/// Largest error relative to the largest output, against sums in f64.
const TOLERANCE: f64 = 2e-6;

/// The network.
pub struct W2 {
    /// In panels, as the kernel wants them.
    weights: [f32; WEIGHTS],
    biases: [f32; BIASES],
    input: [f32; WIDEST],
    /// Two buffers in turn; after ten layers the output is in the second.
    buffers: [[f32; WIDEST]; 2],
}

impl W2 {
    /// All zeros, not prepared yet.
    pub const fn new() -> Self {
        Self {
            weights: [0.0; WEIGHTS],
            biases: [0.0; BIASES],
            input: [0.0; WIDEST],
            buffers: [[0.0; WIDEST]; 2],
        }
    }

    /// The output of the last run.
    fn output(&self) -> &[f32] {
        &self.buffers[1]
    }
}

impl Work for W2 {
    /// Layer by layer draws the weights, into their panels, and the biases; at last the input.
    fn prepare(&mut self, values: &mut Values) {
        let (mut weights, mut biases) = (&mut self.weights[..], &mut self.biases[..]);
        for (inputs, outputs) in LAYERS {
            let (layer, rest) = weights.split_at_mut(inputs * outputs);
            let scale = Values::scale(inputs);
            for (row, column) in (0..outputs).flat_map(|o| (0..inputs).map(move |i| (o, i))) {
                layer[packed(inputs, row, column)] = values.float(scale);
            }
            let (bias, others) = biases.split_at_mut(outputs);
            bias.fill_with(|| values.float(0.5));
            (weights, biases) = (rest, others);
        }
        self.input.fill_with(|| values.float(1.0));
    }

    /// Runs the ten layers; the output is in the second buffer.
    fn run(&mut self) {
        let (mut weights, mut biases) = (&self.weights[..], &self.biases[..]);
        let [one, two] = &mut self.buffers;
        let (mut from, mut to) = (two, one);
        for (number, (inputs, outputs)) in LAYERS.into_iter().enumerate() {
            let (layer, rest) = weights.split_at(inputs * outputs);
            let (bias, others) = biases.split_at(outputs);
            let x = if number == 0 { &self.input[..] } else { &from[..inputs] };
            dense(x, layer, bias, &mut to[..outputs]);
            if number + 1 < LAYERS.len() {
                unary(&mut to[..outputs], Unary::Relu);
            }
            (weights, biases) = (rest, others);
            (from, to) = (to, from);
        }
    }

    /// Whether the output is that in f64, but for the tolerance, and not all 0.
    fn is_right(&mut self) -> bool {
        let expected = reference(&self.weights, &self.biases, &self.input);
        let largest = expected.iter().fold(0.0, |largest: f64, e| largest.max(e.abs()));
        let close = |(e, y): (&f64, &f32)| (e - f64::from(*y)).abs() <= TOLERANCE * largest;
        largest > 0.0 && expected.iter().zip(self.output()).all(close)
    }

    /// CRC-32 of the output's little-endian bytes.
    fn check(&self) -> u32 {
        crc32(self.output().iter().flat_map(|y| y.to_le_bytes()))
    }
}

/// Index of the weight of output `row` and input `column` in the panels of a layer of so many inputs.
fn packed(inputs: usize, row: usize, column: usize) -> usize {
    (row / PANEL * inputs + column) * PANEL + row % PANEL
}

/// The output, one value at a time in f64; `weights` lie in panels.
fn reference(weights: &[f32], biases: &[f32], input: &[f32]) -> [f64; WIDEST] {
    let (mut weights, mut biases) = (weights, biases);
    let mut x = [0.0; WIDEST];
    x.iter_mut().zip(input).for_each(|(x, value)| *x = f64::from(*value));
    for (number, (inputs, outputs)) in LAYERS.into_iter().enumerate() {
        let mut y = [0.0; WIDEST];
        for (row, y) in y[..outputs].iter_mut().enumerate() {
            let product = |i: usize| x[i] * f64::from(weights[packed(inputs, row, i)]);
            let sum = f64::from(biases[row]) + (0..inputs).map(product).sum::<f64>();
            *y = if number + 1 < LAYERS.len() { sum.max(0.0) } else { sum };
        }
        (weights, biases) = (&weights[inputs * outputs..], &biases[outputs..]);
        x = y;
    }
    x
}
