//! W1: one dense layer of bytes.

use super::layer::{Layer, Source, ZEROS, straight};
use super::{Buffers, Values, Workload};
use elbow_core::kernels::integer::native::{FORM8, linear8, x8s, x8s_mut};
use elbow_core::kernels::integer::{Linear, PaddedCopy, i8s, i8s_mut, padded_copy};

/// Dense `K` to 128; `K` is 128 or 640, `WEIGHTS` 128 times and `WORDS` 32 times as much.
#[derive(Debug)]
pub struct W1<const K: usize, const WEIGHTS: usize, const WORDS: usize> {
    source: Source<WEIGHTS, WORDS, 128, K>,
    wide: [f32; K],
    y: [f32; 32],
}

impl<const K: usize, const WEIGHTS: usize, const WORDS: usize> W1<K, WEIGHTS, WORDS> {
    pub(super) const LAYERS: [Layer; 1] = [Layer::dense(K, 128, false)];
    const SHAPE: Linear = Self::LAYERS[0].line(FORM8, 0);
    const WIDEN: PaddedCopy = straight(K);

    /// All zero.
    pub const fn new() -> Self {
        Self { source: Source::new(), wide: [0.0; K], y: [0.0; 32] }
    }
}

impl<const K: usize, const WEIGHTS: usize, const WORDS: usize> Workload for W1<K, WEIGHTS, WORDS> {
    type Value = i8;

    /// Draws and packs everything; `None` where it does not fit.
    fn prepare(&mut self, values: &mut Values) -> Option<()> {
        self.source.prepare(&Self::LAYERS, FORM8, ZEROS, values)
    }

    /// One inference, from the drawn input to `y`.
    #[inline]
    fn run(&mut self) {
        let m = &self.source;
        padded_copy(&m.input, x8s_mut(&mut self.wide), 0, &Self::WIDEN);
        linear8(x8s(&self.wide), i8s(&m.packed), &m.outputs, i8s_mut(&mut self.y), &Self::SHAPE);
    }

    /// What the last inference wrote.
    fn output(&self) -> &[Self::Value] {
        i8s(&self.y)
    }

    /// The output by plain loops.
    fn expected<'b>(&self, buffers: &'b mut Buffers) -> Option<&'b [i16]> {
        self.source.expected(&Self::LAYERS, ZEROS, buffers)
    }
}

impl<const K: usize, const WEIGHTS: usize, const WORDS: usize> Default for W1<K, WEIGHTS, WORDS> {
    fn default() -> Self {
        Self::new()
    }
}
