//! W3 in f32: 128 x 6, convolutions k5 s2 16, k5 s2 32, k3 s2 32, dense 512-64-16, ReLU between.
//!
//! Values are drawn channels last, as the peers hold them; Elbow's tensors have their channels first, and
//! the first dense layer takes its inputs in that order.

use crate::harness::{Work, crc32};
use elbow_core::kernels::{ConvShape, PANEL, Unary, conv, dense, unary};
use elbow_kernels::workloads::Values;

/// A layer over positions; dense ones have one.
struct Layer {
    /// Positions and channels of the input.
    input: [usize; 2],
    /// Positions and channels of the output.
    output: [usize; 2],
    kernel: usize,
    /// Zeros in front.
    pad: usize,
}

const LAYERS: [Layer; 5] = [
    Layer { input: [128, 6], output: [64, 16], kernel: 5, pad: 1 },
    Layer { input: [64, 16], output: [32, 32], kernel: 5, pad: 1 },
    Layer { input: [32, 32], output: [16, 32], kernel: 3, pad: 0 },
    Layer { input: [1, 512], output: [1, 64], kernel: 1, pad: 0 },
    Layer { input: [1, 64], output: [1, 16], kernel: 1, pad: 0 },
];
const STRIDE: usize = 2;
/// Positions and channels that the first dense layer reads.
const FLAT: [usize; 2] = LAYERS[2].output;
const WEIGHTS: usize = 39_904;
const BIASES: usize = 160;
const WIDEST: usize = 1024;

/// Largest error relative to the largest output, against sums in f64.
const TOLERANCE: f64 = 2e-6;

impl Layer {
    /// Whether the layer is dense: its input has one position.
    const fn is_dense(&self) -> bool {
        self.input[0] == 1
    }

    /// Number of weights of an output.
    const fn patch(&self) -> usize {
        self.kernel * self.input[1]
    }

    /// The shapes of a convolution; not for a dense layer.
    const fn shape(&self) -> ConvShape {
        ConvShape {
            channels: self.input[1],
            input: [1, self.input[0]],
            filters: self.output[1],
            output: [1, self.output[0]],
            kernel: [1, self.kernel],
            strides: [1, STRIDE],
            dilations: [1, 1],
            pads: [0, self.pad],
            groups: 1,
        }
    }

    /// Index, in the layer's panels, of the weight of output `row` that is drawn as number `k`: tap by tap,
    /// channels last. The first dense layer takes its inputs channels first.
    const fn packed(&self, row: usize, k: usize) -> usize {
        let (tap, channel) = (k / self.input[1], k % self.input[1]);
        let place = match self.input {
            [1, 512] => k % FLAT[1] * FLAT[0] + k / FLAT[1],
            _ => channel * self.kernel + tap,
        };
        (row / PANEL * self.patch() + place) * PANEL + row % PANEL
    }
}

/// The network.
pub struct W3 {
    /// In panels, as the kernels want them.
    weights: [f32; WEIGHTS],
    biases: [f32; BIASES],
    /// Channels first.
    input: [f32; 768],
    /// Two buffers in turn; after five layers the output is in the first.
    buffers: [[f32; WIDEST]; 2],
}

impl W3 {
    /// All zeros, not prepared yet.
    pub const fn new() -> Self {
        Self {
            weights: [0.0; WEIGHTS],
            biases: [0.0; BIASES],
            input: [0.0; 768],
            buffers: [[0.0; WIDEST]; 2],
        }
    }

    /// The output of the last run.
    fn output(&self) -> &[f32] {
        &self.buffers[0][..16]
    }
}

impl Work for W3 {
    /// Layer by layer draws the weights, into their panels, and the biases; at last the input.
    fn prepare(&mut self, values: &mut Values) {
        let (mut weights, mut biases) = (&mut self.weights[..], &mut self.biases[..]);
        for layer in &LAYERS {
            let [_, outputs] = layer.output;
            let (own, rest) = weights.split_at_mut(outputs * layer.patch());
            let scale = Values::scale(layer.patch());
            for (row, k) in (0..outputs).flat_map(|o| (0..layer.patch()).map(move |k| (o, k))) {
                own[layer.packed(row, k)] = values.float(scale);
            }
            let (bias, others) = biases.split_at_mut(outputs);
            bias.fill_with(|| values.float(0.5));
            (weights, biases) = (rest, others);
        }
        let [positions, channels] = LAYERS[0].input;
        for at in 0..positions * channels {
            self.input[at % channels * positions + at / channels] = values.float(1.0);
        }
    }

    /// Runs the five layers; the output is in the first buffer.
    fn run(&mut self) {
        let (mut weights, mut biases) = (&self.weights[..], &self.biases[..]);
        let [one, two] = &mut self.buffers;
        let (mut from, mut to) = (two, one);
        for (number, layer) in LAYERS.iter().enumerate() {
            let [positions, outputs] = layer.output;
            let (own, rest) = weights.split_at(outputs * layer.patch());
            let (bias, others) = biases.split_at(outputs);
            let x = &from[..layer.input[0] * layer.input[1]];
            let x = if number == 0 { &self.input[..] } else { x };
            let y = &mut to[..positions * outputs];
            if layer.is_dense() {
                dense(x, own, bias, y);
            } else {
                conv(x, own, bias, y, &layer.shape());
            }
            if number + 1 < LAYERS.len() {
                unary(y, Unary::Relu);
            }
            (weights, biases) = (rest, others);
            (from, to) = (to, from);
        }
    }

    /// Whether the output is that in f64, but for the tolerance, and not all 0.
    fn is_right(&mut self) -> bool {
        let expected = reference(&self.weights, &self.biases, &self.input);
        let expected = &expected[..self.output().len()];
        let largest = expected.iter().fold(0.0, |largest: f64, e| largest.max(e.abs()));
        let close = |(e, y): (&f64, &f32)| (e - f64::from(*y)).abs() <= TOLERANCE * largest;
        largest > 0.0 && expected.iter().zip(self.output()).all(close)
    }

    /// CRC-32 of the output's little-endian bytes.
    fn check(&self) -> u32 {
        crc32(self.output().iter().flat_map(|y| y.to_le_bytes()))
    }
}

/// The output, in front, one value at a time in f64, channels last as the weights are drawn; `input` is
/// channels first, `weights` lie in panels.
fn reference(weights: &[f32], biases: &[f32], input: &[f32]) -> [f64; WIDEST] {
    let (mut weights, mut biases) = (weights, biases);
    let mut x = [0.0; WIDEST];
    let [positions, channels] = LAYERS[0].input;
    for at in 0..positions * channels {
        x[at] = f64::from(input[at % channels * positions + at / channels]);
    }
    for (number, layer) in LAYERS.iter().enumerate() {
        let ([length, channels], [positions, outputs]) = (layer.input, layer.output);
        let mut y = [0.0; WIDEST];
        for at in 0..positions * outputs {
            let (position, row) = (at / outputs, at % outputs);
            let mut sum = f64::from(biases[row]);
            for k in 0..layer.patch() {
                let from = (position * STRIDE + k / channels).wrapping_sub(layer.pad);
                if from < length {
                    let weight = f64::from(weights[layer.packed(row, k)]);
                    sum += x[from * channels + k % channels] * weight;
                }
            }
            y[at] = if number + 1 < LAYERS.len() { sum.max(0.0) } else { sum };
        }
        (weights, biases) = (&weights[outputs * layer.patch()..], &biases[outputs..]);
        x = y;
    }
    x
}
