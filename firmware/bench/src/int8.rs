//! Int8 workloads: layers, their values as `bench/c/model.c` draws them, and the plain reference.
//!
//! Activations are channels last, weights `[out][kernel rows][kernel columns][in]`, or `[kernel rows]
//! [kernel columns][channels]` of a depthwise layer. An output is
//!
//! ```text
//! acc = bias + sum (x - zero_in) * w
//! y = clamp(zero_out + floor((acc * ratio + 2^31) / 2^32), -128, 127)
//! ```
//!
//! The peers round twice where this rule rounds once, so that a few outputs differ by one.

use crate::values::Values;

/// A layer.
#[derive(Debug)]
pub struct Layer {
    /// Height, width, channels.
    pub input: [usize; 3],
    pub output: [usize; 3],
    /// Rows, columns.
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Rows above, columns to the left.
    pub pad: [usize; 2],
    pub relu: bool,
    pub per_channel: bool,
    pub depthwise: bool,
}

const fn dense(inputs: usize, outputs: usize, relu: bool) -> Layer {
    Layer {
        input: [1, 1, inputs],
        output: [1, 1, outputs],
        kernel: [1, 1],
        stride: [1, 1],
        pad: [0, 0],
        relu,
        per_channel: false,
        depthwise: false,
    }
}

/// A convolution along columns by two, ReLU.
const fn conv(input: [usize; 2], output: [usize; 2], kernel: usize, pad: usize) -> Layer {
    Layer {
        input: [1, input[0], input[1]],
        output: [1, output[0], output[1]],
        kernel: [1, kernel],
        stride: [1, 2],
        pad: [0, pad],
        relu: true,
        per_channel: true,
        depthwise: false,
    }
}

const fn separable(kernel: usize, pad: usize, relu: bool, depthwise: bool) -> Layer {
    Layer {
        input: [25, 5, 64],
        output: [25, 5, 64],
        kernel: [kernel, kernel],
        stride: [1, 1],
        pad: [pad, pad],
        relu,
        per_channel: true,
        depthwise,
    }
}

const W1_128: [Layer; 1] = [dense(128, 128, false)];
const W1_640: [Layer; 1] = [dense(640, 128, false)];
const W2: [Layer; 10] = [
    dense(640, 128, true),
    dense(128, 128, true),
    dense(128, 128, true),
    dense(128, 128, true),
    dense(128, 8, true),
    dense(8, 128, true),
    dense(128, 128, true),
    dense(128, 128, true),
    dense(128, 128, true),
    dense(128, 640, false),
];
const W3: [Layer; 5] = [
    conv([128, 6], [64, 16], 5, 1),
    conv([64, 16], [32, 32], 5, 1),
    conv([32, 32], [16, 32], 3, 0),
    dense(512, 64, true),
    dense(64, 16, false),
];
const W4: [Layer; 2] = [separable(3, 1, true, true), separable(1, 0, false, false)];

/// The layers of a workload.
pub fn layers(name: &str) -> Option<&'static [Layer]> {
    Some(match name {
        "W1-128" => &W1_128,
        "W1-640" => &W1_640,
        "W2" => &W2,
        "W3" => &W3,
        "W4" => &W4,
        "W4-depthwise" => &W4[..1],
        "W4-pointwise" => &W4[1..],
        _ => return None,
    })
}

impl Layer {
    /// Inputs of an output.
    pub fn patch(&self) -> usize {
        self.kernel[0] * self.kernel[1] * if self.depthwise { 1 } else { self.input[2] }
    }

    /// Output channels.
    pub fn rows(&self) -> usize {
        self.output[2]
    }

    /// Values that the layer reads.
    pub fn inputs(&self) -> usize {
        self.input.iter().product()
    }

    /// Values that the layer writes.
    pub fn outputs(&self) -> usize {
        self.output.iter().product()
    }

    /// Weights of the layer.
    pub fn weights(&self) -> usize {
        self.patch() * self.rows()
    }
}

/// Values of one layer.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    pub weights: &'a [i8],
    pub bias: &'a [i32],
    /// Of output to accumulator, times 2^32.
    pub ratio: &'a [i32],
    pub zero_in: i32,
    pub zero_out: i32,
}

/// The largest workload.
const WEIGHTS: usize = 264_192;
const ROWS: usize = 1_672;
const WIDEST: usize = 8_000;

/// A workload with its values.
pub struct Network {
    layers: &'static [Layer],
    weights: [i8; WEIGHTS],
    bias: [i32; ROWS],
    ratio: [i32; ROWS],
    input: [i8; WIDEST],
}

impl Network {
    /// No layers.
    pub const fn new() -> Self {
        Self {
            layers: &[],
            weights: [0; WEIGHTS],
            bias: [0; ROWS],
            ratio: [0; ROWS],
            input: [0; WIDEST],
        }
    }

    /// Draws the values of a workload.
    pub fn draw(&mut self, layers: &'static [Layer], values: &mut Values) {
        self.layers = layers;
        let (mut weight, mut row) = (0, 0);
        for (number, layer) in layers.iter().enumerate() {
            let (weights, rows) = (weight..weight + layer.weights(), row..row + layer.rows());
            (weight, row) = (weights.end, rows.end);
            self.weights[weights].fill_with(|| values.byte().max(-127));
            self.bias[rows.clone()].fill_with(|| values.word() as i32 >> 16);
            let scale = if number == 0 { 40_000_000 } else { 80_000_000 };
            let base = scale / layer.patch().isqrt() as u32;
            self.ratio[rows].fill_with(|| ratio(layer, base, values));
        }
        let inputs = layers.first().map_or(0, Layer::inputs);
        self.input[..inputs].fill_with(|| values.byte());
    }

    /// Layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// The input of the first layer.
    pub fn input(&self) -> &[i8] {
        &self.input[..self.layers.first().map_or(0, Layer::inputs)]
    }

    /// Layers with their values.
    pub fn layers(&self) -> impl Iterator<Item = (&'static Layer, Parameters<'_>)> {
        let (mut weight, mut row) = (0, 0);
        self.layers.iter().enumerate().map(move |(number, layer)| {
            let (weights, rows) = (weight..weight + layer.weights(), row..row + layer.rows());
            (weight, row) = (weights.end, rows.end);
            let parameters = Parameters {
                weights: &self.weights[weights],
                bias: &self.bias[rows.clone()],
                ratio: &self.ratio[rows],
                zero_in: if number == 0 { -3 } else { -128 },
                zero_out: if layer.relu { -128 } else { 4 },
            };
            (layer, parameters)
        })
    }

    /// Whether `y` is the output, an output at a time in 64 bits; `buffers` are scratch.
    pub fn is_output(&self, y: &[i8], buffers: &mut [[i8; WIDEST]; 2]) -> bool {
        let [from, to] = buffers;
        from[..self.input().len()].copy_from_slice(self.input());
        for (layer, parameters) in self.layers() {
            for at in 0..layer.outputs() {
                to[at] = reference(layer, &parameters, &from[..], at);
            }
            core::mem::swap(from, to);
        }
        let outputs = self.layers.last().map_or(0, Layer::outputs);
        y.len() == outputs && from[..outputs] == *y
    }
}

/// Room for the activations of any workload.
pub type Buffers = [[i8; WIDEST]; 2];

/// No activations.
pub const BUFFERS: Buffers = [[0; WIDEST]; 2];

fn ratio(layer: &Layer, base: u32, values: &mut Values) -> i32 {
    let spread = if layer.per_channel { values.word() % (base / 2) } else { base / 4 };
    (base - base / 4 + spread) as i32
}

/// One output, by definition.
fn reference(layer: &Layer, p: &Parameters<'_>, x: &[i8], at: usize) -> i8 {
    let ([height, width, channels], [kernel_rows, kernel_columns]) = (layer.input, layer.kernel);
    let (row, position) = (at % layer.rows(), at / layer.rows());
    let start = [position / layer.output[1], position % layer.output[1]];
    let mut acc = i64::from(p.bias[row]);
    for (i, j) in (0..kernel_rows).flat_map(|i| (0..kernel_columns).map(move |j| (i, j))) {
        let line = (start[0] * layer.stride[0] + i).wrapping_sub(layer.pad[0]);
        let column = (start[1] * layer.stride[1] + j).wrapping_sub(layer.pad[1]);
        if line >= height || column >= width {
            continue;
        }
        let (pixel, tap) = ((line * width + column) * channels, i * kernel_columns + j);
        let product = |x: i8, w: i8| i64::from(i32::from(x) - p.zero_in) * i64::from(w);
        if layer.depthwise {
            acc += product(x[pixel + row], p.weights[tap * channels + row]);
            continue;
        }
        let weights = &p.weights[row * layer.patch() + tap * channels..][..channels];
        acc += x[pixel..].iter().zip(weights).map(|(x, w)| product(*x, *w)).sum::<i64>();
    }
    let y = i64::from(p.zero_out) + ((acc * i64::from(p.ratio[row]) + (1 << 31)) >> 32);
    y.clamp(-128, 127) as i8
}
