//! W2 with activations of 16 bits: the layers and weights of W2, zero points 0.

use super::layer::{Layer, Source, offsets, straight};
use super::w2::{LAYERS, ROWS, WEIGHTS};
use super::{Buffers, Values, Workload};
use elbow_core::kernels::integer::native::{FORM16, linear16};
use elbow_core::kernels::integer::{
    Linear, Output, PaddedCopy, Requantize, i8s, i16s, i16s_mut, padded_copy,
};
use elbow_core::kernels::part;

const ZEROS: [i32; 2] = [0, 0];
const WORDS: [usize; 11] = offsets(&LAYERS, FORM16);

type Drawn = Source<WEIGHTS, { WORDS[10] }, { ROWS[10] }, 640>;

/// The autoencoder, and two buffers in turn: 640 and 128 values wide.
#[derive(Debug)]
pub struct W2Wide {
    source: Drawn,
    one: [f32; 320],
    two: [f32; 64],
    y: [f32; 320],
}

impl W2Wide {
    const WIDEN: PaddedCopy = straight(640);

    /// All zero.
    pub const fn new() -> Self {
        Self { source: Source::new(), one: [0.0; 320], two: [0.0; 64], y: [0.0; 320] }
    }
}

impl Workload for W2Wide {
    type Value = i16;

    /// Draws and packs everything; `None` where it does not fit.
    fn prepare(&mut self, values: &mut Values) -> Option<()> {
        self.source.prepare(&LAYERS, FORM16, ZEROS, values)
    }

    /// One inference, from the drawn input to `y`.
    #[inline]
    fn run(&mut self) {
        let Self { source, one, two, y } = self;
        padded_copy(&source.input, i16s_mut(one), 0, &Self::WIDEN);
        dense::<0, i16>(source, i16s(one), i16s_mut(two));
        dense::<1, i16>(source, i16s(two), i16s_mut(one));
        dense::<2, i16>(source, i16s(one), i16s_mut(two));
        dense::<3, i16>(source, i16s(two), i16s_mut(one));
        dense::<4, i16>(source, i16s(one), i16s_mut(two));
        dense::<5, i16>(source, i16s(two), i16s_mut(one));
        dense::<6, i16>(source, i16s(one), i16s_mut(two));
        dense::<7, i16>(source, i16s(two), i16s_mut(one));
        dense::<8, i16>(source, i16s(one), i16s_mut(two));
        dense::<9, i16>(source, i16s(two), i16s_mut(y));
    }

    /// What the last inference wrote.
    fn output(&self) -> &[Self::Value] {
        i16s(&self.y)
    }

    /// The output by plain loops.
    fn expected<'b>(&self, buffers: &'b mut Buffers) -> Option<&'b [i16]> {
        self.source.expected_by(&LAYERS, ZEROS, |l| wide(l).rule, buffers)
    }
}

/// Runs layer `N`, from 0, with its drawn parameters.
#[inline(always)]
fn dense<const N: usize, Y: Output>(source: &Drawn, x: &[i16], y: &mut [Y]) {
    let weights = i8s(part(&source.packed, const { WORDS[N]..WORDS[N + 1] }));
    let outputs = source.outputs.get(const { ROWS[N]..ROWS[N + 1] }).unwrap_or(&[]);
    linear16(x, weights, outputs, y, const { &wide(&LAYERS[N]) });
}

/// A dense layer from and to 16 bits, with 12 bits of range; ReLU keeps what is positive.
const fn wide(layer: &Layer) -> Linear {
    let low = if layer.relu { 0 } else { -2048 };
    let rule = Requantize { zero_point: 0, low, high: 2047, shift: 0 };
    Linear { rule, ..layer.line(FORM16, 0) }
}

impl Default for W2Wide {
    fn default() -> Self {
        Self::new()
    }
}
