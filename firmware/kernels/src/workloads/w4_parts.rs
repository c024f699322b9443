//! The layers of W4, each alone and on bytes at both ends.

use super::layer::{Layer, Source, ZEROS, offsets, straight};
use super::w4::{DEPTHWISE, LAYERS, PAD, PADDED, POINTWISE, VALUES};
use super::{Buffers, Values, Workload};
use elbow_core::kernels::integer::native::{FORM8, linear8, x8s, x8s_mut};
use elbow_core::kernels::integer::{PaddedCopy, depthwise, i8s, i8s_mut, padded_copy};

const FIRST: [Layer; 1] = [LAYERS[0]];
const SECOND: [Layer; 1] = [LAYERS[1]];
const FIRST_WORDS: [usize; 2] = offsets(&FIRST, FORM8);
const SECOND_WORDS: [usize; 2] = offsets(&SECOND, FORM8);

/// The depthwise layer.
#[derive(Debug)]
pub struct W4Depthwise {
    source: Source<{ 64 * 9 }, { FIRST_WORDS[1] }, 64, VALUES>,
    padded: [f32; PADDED / 2],
    y: [f32; VALUES / 4],
}

impl W4Depthwise {
    /// All zero.
    pub const fn new() -> Self {
        Self { source: Source::new(), padded: [0.0; PADDED / 2], y: [0.0; VALUES / 4] }
    }
}

impl Workload for W4Depthwise {
    type Value = i8;

    /// Draws and packs everything; `None` where it does not fit.
    fn prepare(&mut self, values: &mut Values) -> Option<()> {
        self.source.prepare(&FIRST, FORM8, ZEROS, values)
    }

    /// One inference, from the drawn input to `y`.
    #[inline]
    fn run(&mut self) {
        let m = &self.source;
        padded_copy(&m.input, x8s_mut(&mut self.padded), ZEROS[0], &PAD);
        let (x, y) = (x8s(&self.padded), i8s_mut(&mut self.y));
        depthwise(x, i8s(&m.packed), &m.outputs, y, &DEPTHWISE);
    }

    /// What the last inference wrote.
    fn output(&self) -> &[Self::Value] {
        i8s(&self.y)
    }

    /// The output by plain loops.
    fn expected<'b>(&self, buffers: &'b mut Buffers) -> Option<&'b [i16]> {
        self.source.expected(&FIRST, ZEROS, buffers)
    }
}

/// The pointwise layer.
#[derive(Debug)]
pub struct W4Pointwise {
    source: Source<{ 64 * 64 }, { SECOND_WORDS[1] }, 64, VALUES>,
    wide: [f32; VALUES / 2],
    y: [f32; VALUES / 4],
}

impl W4Pointwise {
    const WIDEN: PaddedCopy = straight(VALUES);

    /// All zero.
    pub const fn new() -> Self {
        Self { source: Source::new(), wide: [0.0; VALUES / 2], y: [0.0; VALUES / 4] }
    }
}

impl Workload for W4Pointwise {
    type Value = i8;

    /// Draws and packs everything; `None` where it does not fit.
    fn prepare(&mut self, values: &mut Values) -> Option<()> {
        self.source.prepare(&SECOND, FORM8, ZEROS, values)
    }

    /// One inference, from the drawn input to `y`.
    #[inline]
    fn run(&mut self) {
        let m = &self.source;
        padded_copy(&m.input, x8s_mut(&mut self.wide), 0, &Self::WIDEN);
        let (x, y) = (x8s(&self.wide), i8s_mut(&mut self.y));
        linear8(x, i8s(&m.packed), &m.outputs, y, &POINTWISE);
    }

    /// What the last inference wrote.
    fn output(&self) -> &[Self::Value] {
        i8s(&self.y)
    }

    /// The output by plain loops.
    fn expected<'b>(&self, buffers: &'b mut Buffers) -> Option<&'b [i16]> {
        self.source.expected(&SECOND, ZEROS, buffers)
    }
}

impl Default for W4Depthwise {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for W4Pointwise {
    fn default() -> Self {
        Self::new()
    }
}
