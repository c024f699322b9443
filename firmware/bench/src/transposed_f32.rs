//! The decoder of `models/imu` behind its dense layers: 8 x 32, transposed convolutions k4 s2 to 16 x 24,
//! 32 x 16 and 64 x 9, ReLU between.
//!
//! Values are drawn channels last, as the peers hold them; Elbow's tensors have their channels first.

use crate::harness::{Work, crc32};
use elbow_core::kernels::{ConvTransposeShape, Phases, Unary, conv_phases, pack_transposed, unary};
use elbow_kernels::workloads::Values;

/// Positions and channels of the input, and behind each layer.
const SIZES: [[usize; 2]; 4] = [[8, 32], [16, 24], [32, 16], [64, 9]];
const LAYERS: usize = SIZES.len() - 1;
const KERNEL: usize = 4;
const STRIDE: usize = 2;
const PAD: usize = 1;
/// Values of the longest layer's weights.
const LONGEST: usize = 32 * 24 * KERNEL;
const WIDEST: usize = 576;

/// Largest error relative to the largest output, against sums in f64.
const TOLERANCE: f64 = 2e-6;

/// The shapes of layer `n`, from 0.
const fn shape(n: usize) -> ConvTransposeShape {
    let ([positions, channels], [outputs, filters]) = (SIZES[n], SIZES[n + 1]);
    ConvTransposeShape {
        channels,
        input: [1, positions],
        filters,
        output: [1, outputs],
        kernel: [1, KERNEL],
        strides: [1, STRIDE],
        dilations: [1, 1],
        pads: [0, PAD],
        groups: 1,
    }
}

/// The decoder.
pub struct Transposed {
    /// As ONNX has them.
    weights: [[f32; LONGEST]; LAYERS],
    /// As the kernel wants them.
    packed: [[f32; LONGEST]; LAYERS],
    biases: [[f32; 24]; LAYERS],
    /// Channels first.
    input: [f32; 256],
    /// After three layers the output is in the first.
    buffers: [[f32; WIDEST]; 2],
}

impl Transposed {
    /// All zeros, not prepared yet.
    pub const fn new() -> Self {
        Self {
            weights: [[0.0; LONGEST]; LAYERS],
            packed: [[0.0; LONGEST]; LAYERS],
            biases: [[0.0; 24]; LAYERS],
            input: [0.0; 256],
            buffers: [[0.0; WIDEST]; 2],
        }
    }
}

impl Work for Transposed {
    /// Draws weights, biases and input, in the order of the peers, and packs the weights.
    fn prepare(&mut self, values: &mut Values) {
        for n in 0..LAYERS {
            let s = shape(n);
            let scale = Values::scale(KERNEL * s.channels);
            for (filter, tap) in (0..s.filters).flat_map(|f| (0..KERNEL).map(move |tap| (f, tap))) {
                for channel in 0..s.channels {
                    self.weights[n][(channel * s.filters + filter) * KERNEL + tap] =
                        values.float(scale);
                }
            }
            self.biases[n][..s.filters].fill_with(|| values.float(0.5));
            pack_transposed(&self.weights[n], &mut self.packed[n], &s);
        }
        let [positions, channels] = SIZES[0];
        for at in 0..positions * channels {
            self.input[at % channels * positions + at / channels] = values.float(1.0);
        }
    }

    /// Runs the three layers; the output is in the first buffer.
    fn run(&mut self) {
        let [one, two] = &mut self.buffers;
        let ([a, b, c], biases) = (&self.packed, &self.biases);
        let y = layer::<0>(&self.input, a, &biases[0], one);
        unary(y, Unary::Relu);
        let y = layer::<1>(y, b, &biases[1], two);
        unary(y, Unary::Relu);
        layer::<2>(y, c, &biases[2], one);
    }

    /// Whether the output is that in f64, but for the tolerance, and not all 0.
    fn is_right(&mut self) -> bool {
        let expected = self.expected();
        let largest = expected.iter().fold(0.0, |largest: f64, e| largest.max(e.abs()));
        let close = |(e, y): (&f64, &f32)| (e - f64::from(*y)).abs() <= TOLERANCE * largest;
        largest > 0.0 && expected.iter().zip(&self.buffers[0]).all(close)
    }

    /// CRC-32 of the output's little-endian bytes, channels last, as the peers have it.
    fn check(&self) -> u32 {
        let [positions, channels] = SIZES[LAYERS];
        let places = (0..positions).flat_map(|p| (0..channels).map(move |c| c * positions + p));
        crc32(places.flat_map(|at| self.buffers[0][at].to_le_bytes()))
    }
}

/// Writes the output of layer `N` to the front of `y`, without an activation, and gives that part of `y`. The
/// slices may be longer than the layer needs; panics where one is shorter.
#[inline(always)]
fn layer<'y, const N: usize>(
    x: &[f32],
    weights: &[f32],
    bias: &[f32],
    y: &'y mut [f32],
) -> &'y mut [f32] {
    const { assert!(N < LAYERS) };
    let s = const { &shape(N) };
    let phases = const { &Phases::<STRIDE>::new(&shape(N)) };
    let y = &mut y[..s.filters * s.output[1]];
    conv_phases(
        &x[..s.channels * s.input[1]],
        &weights[..s.channels * s.filters * KERNEL],
        &bias[..s.filters],
        y,
        phases,
    );
    y
}

impl Transposed {
    /// The output in f64, channels first: every input adds its products to the outputs that it reaches.
    fn expected(&self) -> [f64; WIDEST] {
        let mut x = [0.0; WIDEST];
        x.iter_mut().zip(self.input).for_each(|(x, input)| *x = f64::from(input));
        for n in 0..LAYERS {
            let ([inputs, channels], [positions, filters]) = (SIZES[n], SIZES[n + 1]);
            let mut y = [0.0; WIDEST];
            for filter in 0..filters {
                let y = &mut y[filter * positions..(filter + 1) * positions];
                y.fill(f64::from(self.biases[n][filter]));
                for (from, tap) in
                    (0..channels * inputs).flat_map(|x| (0..KERNEL).map(move |t| (x, t)))
                {
                    let (channel, position) = (from / inputs, from % inputs);
                    let to = (position * STRIDE + tap).wrapping_sub(PAD);
                    let w = self.weights[n][(channel * filters + filter) * KERNEL + tap];
                    y.iter_mut().skip(to).take(1).for_each(|y| *y += x[from] * f64::from(w));
                }
                let behind = n + 1 < LAYERS;
                y.iter_mut().filter(|y| behind && **y < 0.0).for_each(|y| *y = 0.0);
            }
            x = y;
        }
        x
    }
}
