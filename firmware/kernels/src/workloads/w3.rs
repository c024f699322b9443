//! W3: three convolutions over one axis and two dense layers, on bytes.

use super::layer::{Layer, Source, ZEROS, offsets, rows};
use super::{Buffers, Values, Workload};
use elbow_core::kernels::integer::native::{FORM8, X8, linear8, x8s, x8s_mut};
use elbow_core::kernels::integer::{Linear, Output, PaddedCopy, i8s, i8s_mut, padded_copy};
use elbow_core::kernels::part;

pub(super) const LAYERS: [Layer; 5] = [
    conv([128, 6], [64, 16], 5, 1),
    conv([64, 16], [32, 32], 5, 1),
    conv([32, 32], [16, 32], 3, 0),
    Layer { per_channel: false, ..Layer::dense(512, 64, true) },
    Layer { per_channel: false, ..Layer::dense(64, 16, false) },
];
const WORDS: [usize; 6] = offsets(&LAYERS, FORM8);
pub(super) const ROWS: [usize; 6] = rows(&LAYERS);
pub(super) const WEIGHTS: usize = 39_904;

type Drawn = Source<WEIGHTS, { WORDS[5] }, { ROWS[5] }, 768>;

/// The encoder; each layer writes into the padded buffer of the next.
#[derive(Debug)]
pub struct W3 {
    source: Drawn,
    /// 1 + 128 + 2 values of 6 channels, and two that the last patch reads for nothing.
    padded_input: [f32; 394],
    /// 1 + 64 + 2 of 16.
    padded_first: [f32; 536],
    /// 32 + 1 of 32.
    padded_second: [f32; 528],
    flat: [f32; 256],
    hidden: [f32; 32],
    y: [f32; 4],
}

impl W3 {
    const PAD: PaddedCopy = PaddedCopy {
        dims: [1, 128, 6],
        from: [0, 6, 1],
        from_start: 0,
        to: [0, 6, 1],
        to_start: 6,
        len: 131 * 6,
    }
    .merged();

    /// All zero.
    pub const fn new() -> Self {
        Self {
            source: Source::new(),
            padded_input: [0.0; 394],
            padded_first: [0.0; 536],
            padded_second: [0.0; 528],
            flat: [0.0; 256],
            hidden: [0.0; 32],
            y: [0.0; 4],
        }
    }
}

impl Workload for W3 {
    type Value = i8;

    /// Draws and packs everything; `None` where it does not fit.
    fn prepare(&mut self, values: &mut Values) -> Option<()> {
        self.source.prepare(&LAYERS, FORM8, ZEROS, values)
    }

    /// One inference, from the drawn input to `y`.
    #[inline]
    fn run(&mut self) {
        let m = &self.source;
        let [one, two, three] =
            [&mut self.padded_input[..], &mut self.padded_first, &mut self.padded_second];
        padded_copy(&m.input, x8s_mut(one), ZEROS[0], &Self::PAD);
        fill(x8s_mut(two), 0, 16);
        fill(x8s_mut(two), 65 * 16, 2 * 16);
        layer::<0, X8>(m, x8s(one), x8s_mut(two), const { &line(0, 12, 16) });
        fill(x8s_mut(three), 32 * 32, 32);
        layer::<1, X8>(m, x8s(two), x8s_mut(three), const { &line(1, 32, 0) });
        layer::<2, X8>(m, x8s(three), x8s_mut(&mut self.flat), const { &line(2, 64, 0) });
        layer::<3, X8>(m, x8s(&self.flat), x8s_mut(&mut self.hidden), const { &line(3, 0, 0) });
        layer::<4, i8>(m, x8s(&self.hidden), i8s_mut(&mut self.y), const { &line(4, 0, 0) });
    }

    /// What the last inference wrote.
    fn output(&self) -> &[Self::Value] {
        i8s(&self.y)
    }

    /// The output by plain loops.
    fn expected<'b>(&self, buffers: &'b mut Buffers) -> Option<&'b [i16]> {
        self.source.expected(&LAYERS, ZEROS, buffers)
    }
}

/// A convolution over one axis with stride 2 and a ReLU: `input` and `output` are length and channels,
/// `kernel` is the number of taps, `pad` that of zeros in front.
const fn conv(input: [usize; 2], output: [usize; 2], kernel: usize, pad: usize) -> Layer {
    Layer {
        depthwise: false,
        transposed: false,
        input: [1, input[0], input[1]],
        output: [1, output[0], output[1]],
        kernel: [1, kernel],
        stride: 2,
        pads: [0, pad],
        relu: true,
        per_channel: true,
    }
}

/// Layer `n` for its kernel: patches are `step` values of `x` apart, and outputs begin at `y_start`, behind
/// padding.
const fn line(n: usize, step: usize, y_start: usize) -> Linear {
    Linear { y_start, ..LAYERS[n].line(FORM8, step) }
}

/// Writes `len` values of padding, the zero point of the layers between, from `start` on.
#[inline(always)]
fn fill(y: &mut [X8], start: usize, len: usize) {
    y.get_mut(start..).unwrap_or(&mut []).iter_mut().take(len).for_each(|y| *y = -128);
}

/// Runs layer `N`, from 0, with its drawn parameters and the shapes `s`.
#[inline(always)]
fn layer<const N: usize, Y: Output>(m: &Drawn, x: &[X8], y: &mut [Y], s: &'static Linear) {
    let weights = i8s(part(&m.packed, const { WORDS[N]..WORDS[N + 1] }));
    let outputs = m.outputs.get(const { ROWS[N]..ROWS[N + 1] }).unwrap_or(&[]);
    linear8(x, weights, outputs, y, s);
}

impl Default for W3 {
    fn default() -> Self {
        Self::new()
    }
}
