//! W3 with activations of 16 bits: the layers and weights of W3, zero points 0.

use super::layer::{Layer, Source, offsets};
use super::w3::{LAYERS, ROWS, WEIGHTS};
use super::{Buffers, Values, Workload};
use elbow_core::kernels::integer::native::{FORM16, linear16};
use elbow_core::kernels::integer::{
    Linear, Output, PaddedCopy, Requantize, i8s, i16s, i16s_mut, padded_copy,
};
use elbow_core::kernels::part;

const ZEROS: [i32; 2] = [0, 0];
const WORDS: [usize; 6] = offsets(&LAYERS, FORM16);

type Drawn = Source<WEIGHTS, { WORDS[5] }, { ROWS[5] }, 768>;

/// The encoder; each layer writes into the padded buffer of the next.
#[derive(Debug)]
pub struct W3Wide {
    source: Drawn,
    /// 1 + 128 + 2 values of 6 channels, and two that the last patch reads for nothing.
    padded_input: [f32; 394],
    /// 1 + 64 + 2 of 16.
    padded_first: [f32; 536],
    /// 32 + 1 of 32.
    padded_second: [f32; 528],
    flat: [f32; 256],
    hidden: [f32; 32],
    y: [f32; 8],
}

impl W3Wide {
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
            y: [0.0; 8],
        }
    }
}

impl Workload for W3Wide {
    type Value = i16;

    /// Draws and packs everything; `None` where it does not fit.
    fn prepare(&mut self, values: &mut Values) -> Option<()> {
        self.source.prepare(&LAYERS, FORM16, ZEROS, values)
    }

    /// One inference, from the drawn input to `y`.
    #[inline]
    fn run(&mut self) {
        let m = &self.source;
        let [one, two, three] =
            [&mut self.padded_input[..], &mut self.padded_first, &mut self.padded_second];
        padded_copy(&m.input, i16s_mut(one), ZEROS[0], &Self::PAD);
        fill(i16s_mut(two), 0, 16);
        fill(i16s_mut(two), 65 * 16, 2 * 16);
        layer::<0, i16>(m, i16s(one), i16s_mut(two), const { &line(0, 12, 16) });
        fill(i16s_mut(three), 32 * 32, 32);
        layer::<1, i16>(m, i16s(two), i16s_mut(three), const { &line(1, 32, 0) });
        layer::<2, i16>(m, i16s(three), i16s_mut(&mut self.flat), const { &line(2, 64, 0) });
        layer::<3, i16>(m, i16s(&self.flat), i16s_mut(&mut self.hidden), const { &line(3, 0, 0) });
        layer::<4, i16>(m, i16s(&self.hidden), i16s_mut(&mut self.y), const { &line(4, 0, 0) });
    }

    /// What the last inference wrote.
    fn output(&self) -> &[Self::Value] {
        i16s(&self.y)
    }

    /// The output by plain loops.
    fn expected<'b>(&self, buffers: &'b mut Buffers) -> Option<&'b [i16]> {
        self.source.expected_by(&LAYERS, ZEROS, |l| wide(l, 0).rule, buffers)
    }
}

/// Layer `n` for its kernel: patches are `step` values of `x` apart, and outputs begin at `y_start`, behind
/// padding.
const fn line(n: usize, step: usize, y_start: usize) -> Linear {
    Linear { y_start, ..wide(&LAYERS[n], step) }
}

/// A layer from and to 16 bits, with 12 bits of range; ReLU keeps what is positive.
const fn wide(layer: &Layer, step: usize) -> Linear {
    let low = if layer.relu { 0 } else { -2048 };
    let rule = Requantize { zero_point: 0, low, high: 2047, shift: 0 };
    Linear { rule, ..layer.line(FORM16, step) }
}

/// Writes `len` zeros, the padding, from `start` on.
#[inline(always)]
fn fill(y: &mut [i16], start: usize, len: usize) {
    y.get_mut(start..).unwrap_or(&mut []).iter_mut().take(len).for_each(|y| *y = 0);
}

/// Runs layer `N`, from 0, with its drawn parameters and the shapes `s`.
#[inline(always)]
fn layer<const N: usize, Y: Output>(m: &Drawn, x: &[i16], y: &mut [Y], s: &'static Linear) {
    let weights = i8s(part(&m.packed, const { WORDS[N]..WORDS[N + 1] }));
    let outputs = m.outputs.get(const { ROWS[N]..ROWS[N + 1] }).unwrap_or(&[]);
    linear16(x, weights, outputs, y, s);
}

impl Default for W3Wide {
    fn default() -> Self {
        Self::new()
    }
}
