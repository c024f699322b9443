//! W2: the autoencoder of MLPerf Tiny, on bytes.

use super::layer::{Layer, Source, ZEROS, offsets, rows, straight};
use super::{Buffers, Values, Workload};
use elbow_core::kernels::integer::native::{FORM8, X8, linear8, x8s, x8s_mut};
use elbow_core::kernels::integer::{Output, PaddedCopy, i8s, i8s_mut, padded_copy};
use elbow_core::kernels::part;

pub(super) const LAYERS: [Layer; 10] = [
    Layer::dense(640, 128, true),
    Layer::dense(128, 128, true),
    Layer::dense(128, 128, true),
    Layer::dense(128, 128, true),
    Layer::dense(128, 8, true),
    Layer::dense(8, 128, true),
    Layer::dense(128, 128, true),
    Layer::dense(128, 128, true),
    Layer::dense(128, 128, true),
    Layer::dense(128, 640, false),
];
const WORDS: [usize; 11] = offsets(&LAYERS, FORM8);
pub(super) const ROWS: [usize; 11] = rows(&LAYERS);
pub(super) const WEIGHTS: usize = 264_192;

type Drawn = Source<WEIGHTS, { WORDS[10] }, { ROWS[10] }, 640>;

/// The autoencoder, and two buffers in turn: 640 and 128 values wide.
#[derive(Debug)]
pub struct W2 {
    source: Drawn,
    one: [f32; 320],
    two: [f32; 64],
    y: [f32; 160],
}

impl W2 {
    const WIDEN: PaddedCopy = straight(640);

    /// All zero.
    pub const fn new() -> Self {
        Self { source: Source::new(), one: [0.0; 320], two: [0.0; 64], y: [0.0; 160] }
    }
}

impl Workload for W2 {
    type Value = i8;

    /// Draws and packs everything; `None` where it does not fit.
    fn prepare(&mut self, values: &mut Values) -> Option<()> {
        self.source.prepare(&LAYERS, FORM8, ZEROS, values)
    }

    /// One inference, from the drawn input to `y`.
    #[inline]
    fn run(&mut self) {
        let Self { source, one, two, y } = self;
        padded_copy(&source.input, x8s_mut(one), 0, &Self::WIDEN);
        dense::<0, X8>(source, x8s(one), x8s_mut(two));
        dense::<1, X8>(source, x8s(two), x8s_mut(one));
        dense::<2, X8>(source, x8s(one), x8s_mut(two));
        dense::<3, X8>(source, x8s(two), x8s_mut(one));
        dense::<4, X8>(source, x8s(one), x8s_mut(two));
        dense::<5, X8>(source, x8s(two), x8s_mut(one));
        dense::<6, X8>(source, x8s(one), x8s_mut(two));
        dense::<7, X8>(source, x8s(two), x8s_mut(one));
        dense::<8, X8>(source, x8s(one), x8s_mut(two));
        dense::<9, i8>(source, x8s(two), i8s_mut(y));
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

/// Runs layer `N`, from 0, with its drawn parameters.
#[inline(always)]
fn dense<const N: usize, Y: Output>(source: &Drawn, x: &[X8], y: &mut [Y]) {
    let weights = i8s(part(&source.packed, const { WORDS[N]..WORDS[N + 1] }));
    let outputs = source.outputs.get(const { ROWS[N]..ROWS[N + 1] }).unwrap_or(&[]);
    linear8(x, weights, outputs, y, const { &LAYERS[N].line(FORM8, 0) });
}

impl Default for W2 {
    fn default() -> Self {
        Self::new()
    }
}
