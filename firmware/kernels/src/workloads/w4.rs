//! W4: a depthwise and a pointwise convolution, on bytes.

use super::layer::{Layer, Source, ZEROS, offsets, rows};
use super::{Buffers, Values, Workload};
use elbow_core::kernels::integer::native::{FORM8, linear8, x8s, x8s_mut};
use elbow_core::kernels::integer::{
    Depthwise, Linear, PaddedCopy, depthwise, i8s, i8s_mut, padded_copy,
};
use elbow_core::kernels::part;

pub(super) const LAYERS: [Layer; 2] = [separable(true, 3, 1), separable(false, 1, 0)];
const WORDS: [usize; 3] = offsets(&LAYERS, FORM8);
const ROWS: [usize; 3] = rows(&LAYERS);
pub(super) const VALUES: usize = 25 * 5 * 64;
pub(super) const PADDED: usize = 27 * 7 * 64;

/// From the input into its padded copy.
pub(super) const PAD: PaddedCopy = PaddedCopy {
    dims: [25, 5, 64],
    from: [5 * 64, 64, 1],
    from_start: 0,
    to: [7 * 64, 64, 1],
    to_start: 8 * 64,
    len: PADDED,
}
.merged();

/// The first layer.
pub(super) const DEPTHWISE: Depthwise = Depthwise {
    channels: 64,
    kernel: [3, 3],
    tap_steps: [7 * 64, 64],
    positions: [25, 5],
    position_steps: [7 * 64, 64],
    x_start: 0,
    y_start: 0,
    y_steps: [5 * 64, 64],
    rule: LAYERS[0].rule(),
};

/// The second layer.
pub(super) const POINTWISE: Linear = LAYERS[1].line(FORM8, 64);

/// A separable convolution.
#[derive(Debug)]
pub struct W4 {
    source: Source<{ 64 * 9 + 64 * 64 }, { WORDS[2] }, { ROWS[2] }, VALUES>,
    padded: [f32; PADDED / 2],
    between: [f32; VALUES / 2],
    y: [f32; VALUES / 4],
}

impl W4 {
    /// All zero.
    pub const fn new() -> Self {
        Self {
            source: Source::new(),
            padded: [0.0; PADDED / 2],
            between: [0.0; VALUES / 2],
            y: [0.0; VALUES / 4],
        }
    }
}

impl Workload for W4 {
    type Value = i8;

    /// Draws and packs everything; `None` where it does not fit.
    fn prepare(&mut self, values: &mut Values) -> Option<()> {
        self.source.prepare(&LAYERS, FORM8, ZEROS, values)
    }

    /// One inference, from the drawn input to `y`.
    #[inline]
    fn run(&mut self) {
        let m = &self.source;
        let weights = i8s(part(&m.packed, 0..WORDS[1]));
        padded_copy(&m.input, x8s_mut(&mut self.padded), ZEROS[0], &PAD);
        let between = x8s_mut(&mut self.between);
        depthwise(x8s(&self.padded), weights, &m.outputs, between, &DEPTHWISE);
        let weights = i8s(part(&m.packed, WORDS[1]..WORDS[2]));
        let outputs = m.outputs.get(ROWS[1]..).unwrap_or(&[]);
        linear8(x8s(&self.between), weights, outputs, i8s_mut(&mut self.y), &POINTWISE);
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

/// A convolution from 25 x 5 x 64 to the same shape, with a kernel of `kernel` by `kernel` and `pad` zeros in
/// front: depthwise with a ReLU, or neither.
const fn separable(depthwise: bool, kernel: usize, pad: usize) -> Layer {
    Layer {
        depthwise,
        transposed: false,
        input: [25, 5, 64],
        output: [25, 5, 64],
        kernel: [kernel, kernel],
        stride: 1,
        pads: [pad, pad],
        relu: depthwise,
        per_channel: true,
    }
}

impl Default for W4 {
    fn default() -> Self {
        Self::new()
    }
}
