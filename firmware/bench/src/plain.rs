//! Int8 workloads in plain Rust, an output at a time: what a compiler makes of the obvious loop.

use crate::harness::{Work, crc32};
use elbow_kernels::workloads::{Buffers, Layer, Parameters, Source, Values, ZEROS, layers};

/// Values of the largest activation.
const WIDEST: usize = 8_000;

/// A workload with room for its activations.
pub struct Plain {
    layers: &'static [Layer],
    source: Source<264_192, 0, 1_672, WIDEST>,
    buffers: [[i8; WIDEST]; 2],
    /// Scratch of the reference.
    scratch: Buffers,
    fits: bool,
}

impl Plain {
    /// No workload yet.
    pub const fn new() -> Self {
        Self {
            layers: &[],
            source: Source::new(),
            buffers: [[0; WIDEST]; 2],
            scratch: [[0; 8192]; 2],
            fits: false,
        }
    }

    /// Takes the layers of the workload with this name, none for an unknown name: such a run is never right.
    pub fn of(&mut self, name: &str) -> &mut Self {
        self.layers = layers(name).unwrap_or(&[]);
        self
    }

    /// The output of the last run, in the buffer that the last layer wrote: layers write the second, the
    /// first, the second. Panics where no buffer holds so many values.
    fn output(&self) -> &[i8] {
        let len = self.layers.last().map_or(0, |layer| layer.output.iter().product());
        &self.buffers[self.layers.len() % 2][..len]
    }
}

impl Work for Plain {
    /// Draws weights, biases, multipliers and input; notes whether they fit.
    fn prepare(&mut self, values: &mut Values) {
        self.fits = self.source.draw(self.layers, values).is_some();
    }

    /// One inference in plain loops. Panics where an activation does not fit into a buffer.
    fn run(&mut self) {
        let [from, to] = &mut self.buffers;
        let (mut from, mut to) = (from, to);
        for (number, (layer, parameters)) in self.source.parameters(self.layers).enumerate() {
            let x = if number == 0 { &self.source.input } else { &*from };
            let zero = ZEROS[usize::from(number > 0)];
            if layer.depthwise {
                depthwise(layer, &parameters, zero, x, to);
            } else {
                linear(layer, &parameters, zero, x, to);
            }
            (from, to) = (to, from);
        }
    }

    /// Whether the workload fits, has an output, and that equals the reference's in every value.
    fn is_right(&mut self) -> bool {
        let expected = self.source.expected(self.layers, ZEROS, &mut self.scratch);
        let len = expected.map_or(0, <[i16]>::len);
        let expected = self.scratch[self.layers.len() % 2].iter().copied().take(len);
        self.fits && len > 0 && expected.eq(self.output().iter().map(|y| i16::from(*y)))
    }

    /// CRC-32 of the output's bytes.
    fn check(&self) -> u32 {
        crc32(self.output().iter().map(|y| *y as u8))
    }
}

/// The part of a kernel that lies inside, and where it starts in the input: along one axis.
#[derive(Clone, Copy)]
struct Inside {
    kernel: usize,
    input: usize,
    len: usize,
}

/// The part of the kernel that lies inside the input, which must not be empty, for the output at `position`
/// along `axis` (0 is height, 1 is width).
fn inside(layer: &Layer, axis: usize, position: usize) -> Inside {
    let start = position * layer.stride;
    let kernel = layer.pads[axis].saturating_sub(start);
    let input = (start + kernel).saturating_sub(layer.pads[axis]);
    let len = (layer.kernel[axis] - kernel).min(layer.input[axis] - input);
    Inside { kernel, input, len }
}

/// The output of row `row` with the sum `acc`, bias included; the multiplier is that of the row.
fn requantize(layer: &Layer, p: &Parameters<'_>, acc: i32, row: usize) -> i8 {
    let product = i64::from(acc) * i64::from(p.outputs[row][1]);
    let y = layer.zero_out() + ((product + (1 << 31)) >> 32) as i32;
    y.clamp(-128, 127) as i8
}

/// Writes the outputs of a dense layer or a convolution to the front of `y`; `zero` is the zero point of `x`,
/// and what lies outside of `x` counts as that.
fn linear(layer: &Layer, p: &Parameters<'_>, zero: i32, x: &[i8], y: &mut [i8]) {
    let ([_, width, channels], [_, kernel_columns]) = (layer.input, layer.kernel);
    let [height_out, width_out, rows] = layer.output;
    let mut outputs = y.iter_mut();
    for (i, j) in (0..height_out).flat_map(|i| (0..width_out).map(move |j| (i, j))) {
        let (lines, columns) = (inside(layer, 0, i), inside(layer, 1, j));
        let run = columns.len * channels;
        let rows = p.weights.chunks_exact(layer.patch()).enumerate().take(rows);
        for ((row, weights), y) in rows.zip(&mut outputs) {
            let mut acc = p.biases[row];
            for line in 0..lines.len {
                let x = &x[((lines.input + line) * width + columns.input) * channels..][..run];
                let tap = (lines.kernel + line) * kernel_columns + columns.kernel;
                let products = x.iter().zip(&weights[tap * channels..]);
                acc =
                    products.fold(acc, |acc, (x, w)| acc + (i32::from(*x) - zero) * i32::from(*w));
            }
            *y = requantize(layer, p, acc, row);
        }
    }
}

/// Writes the outputs of a depthwise convolution to the front of `y`; `zero` is the zero point of `x`, and
/// what lies outside of `x` counts as that. Weights go tap by tap.
fn depthwise(layer: &Layer, p: &Parameters<'_>, zero: i32, x: &[i8], y: &mut [i8]) {
    let ([_, width, channels], [_, kernel_columns]) = (layer.input, layer.kernel);
    let [height_out, width_out, _] = layer.output;
    let mut outputs = y.iter_mut();
    for (i, j) in (0..height_out).flat_map(|i| (0..width_out).map(move |j| (i, j))) {
        let (lines, columns) = (inside(layer, 0, i), inside(layer, 1, j));
        for (channel, y) in (0..channels).zip(&mut outputs) {
            let mut acc = p.biases[channel];
            for line in 0..lines.len {
                let pixel = (lines.input + line) * width + columns.input;
                let tap = (lines.kernel + line) * kernel_columns + columns.kernel;
                for column in 0..columns.len {
                    let x = i32::from(x[(pixel + column) * channels + channel]) - zero;
                    acc += x * i32::from(p.weights[(tap + column) * channels + channel]);
                }
            }
            *y = requantize(layer, p, acc, channel);
        }
    }
}
