//! Int8 workloads in plain Rust, an output at a time: what a compiler makes of the obvious loop.

use crate::harness::{Work, crc32};
use crate::int8::{BUFFERS, Buffers, Layer, Network, Parameters, layers};
use crate::values::Values;

/// A workload with room for its activations.
pub struct Plain {
    name: &'static str,
    network: Network,
    buffers: Buffers,
    /// Scratch of the reference.
    scratch: Buffers,
    outputs: usize,
}

impl Plain {
    /// No workload yet.
    pub const fn new() -> Self {
        Self { name: "", network: Network::new(), buffers: BUFFERS, scratch: BUFFERS, outputs: 0 }
    }

    /// With the layers of a workload.
    pub fn of(&mut self, name: &'static str) -> &mut Self {
        self.name = name;
        self
    }

    /// The buffer that the last layer wrote: layers write the second, the first, the second.
    fn output(&self) -> &[i8] {
        &self.buffers[self.network.len() % 2][..self.outputs]
    }
}

impl Work for Plain {
    fn prepare(&mut self, values: &mut Values) {
        let layers = layers(self.name).unwrap_or(&[]);
        self.network.draw(layers, values);
        self.outputs = layers.last().map_or(0, Layer::outputs);
    }

    fn run(&mut self) {
        let [from, to] = &mut self.buffers;
        let (mut from, mut to) = (from, to);
        for (number, (layer, parameters)) in self.network.layers().enumerate() {
            let x = if number == 0 { self.network.input() } else { &from[..] };
            if layer.depthwise {
                depthwise(layer, &parameters, x, to);
            } else {
                linear(layer, &parameters, x, to);
            }
            (from, to) = (to, from);
        }
    }

    fn is_right(&mut self) -> bool {
        let output = &self.buffers[self.network.len() % 2][..self.outputs];
        self.network.is_output(output, &mut self.scratch)
    }

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

fn inside(layer: &Layer, axis: usize, position: usize) -> Inside {
    let start = position * layer.stride[axis];
    let kernel = layer.pad[axis].saturating_sub(start);
    let input = (start + kernel).saturating_sub(layer.pad[axis]);
    let len = (layer.kernel[axis] - kernel).min(layer.input[axis] - input);
    Inside { kernel, input, len }
}

fn requantize(p: &Parameters<'_>, acc: i32, row: usize) -> i8 {
    let product = i64::from(acc) * i64::from(p.ratio[row]);
    let y = p.zero_out + ((product + (1 << 31)) >> 32) as i32;
    y.clamp(-128, 127) as i8
}

fn linear(layer: &Layer, p: &Parameters<'_>, x: &[i8], y: &mut [i8]) {
    let ([_, width, channels], [_, kernel_columns]) = (layer.input, layer.kernel);
    let [height_out, width_out, rows] = layer.output;
    let mut outputs = y.iter_mut();
    for (i, j) in (0..height_out).flat_map(|i| (0..width_out).map(move |j| (i, j))) {
        let (lines, columns) = (inside(layer, 0, i), inside(layer, 1, j));
        let run = columns.len * channels;
        let rows = p.weights.chunks_exact(layer.patch()).enumerate().take(rows);
        for ((row, weights), y) in rows.zip(&mut outputs) {
            let mut acc = p.bias[row];
            for line in 0..lines.len {
                let x = &x[((lines.input + line) * width + columns.input) * channels..][..run];
                let tap = (lines.kernel + line) * kernel_columns + columns.kernel;
                let products = x.iter().zip(&weights[tap * channels..]);
                acc = products
                    .fold(acc, |acc, (x, w)| acc + (i32::from(*x) - p.zero_in) * i32::from(*w));
            }
            *y = requantize(p, acc, row);
        }
    }
}

fn depthwise(layer: &Layer, p: &Parameters<'_>, x: &[i8], y: &mut [i8]) {
    let ([_, width, channels], [_, kernel_columns]) = (layer.input, layer.kernel);
    let [height_out, width_out, _] = layer.output;
    let mut outputs = y.iter_mut();
    for (i, j) in (0..height_out).flat_map(|i| (0..width_out).map(move |j| (i, j))) {
        let (lines, columns) = (inside(layer, 0, i), inside(layer, 1, j));
        for (channel, y) in (0..channels).zip(&mut outputs) {
            let mut acc = p.bias[channel];
            for line in 0..lines.len {
                let pixel = (lines.input + line) * width + columns.input;
                let tap = (lines.kernel + line) * kernel_columns + columns.kernel;
                for column in 0..columns.len {
                    let x = i32::from(x[(pixel + column) * channels + channel]) - p.zero_in;
                    acc += x * i32::from(p.weights[(tap + column) * channels + channel]);
                }
            }
            *y = requantize(p, acc, channel);
        }
    }
}
