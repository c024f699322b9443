//! A whole decoder of the form of `models/imu`'s, on bytes: two dense layers, and [`Transposed`] behind them.

use super::layer::{Layer, Source, ZEROS, offsets, rows, straight};
use super::{Buffers, Transposed, Values, Workload};
use elbow_core::kernels::integer::native::{FORM8, X8, linear8, x8s, x8s_mut};
use elbow_core::kernels::integer::{Linear, Output, PaddedCopy, Requantize, i8s, padded_copy};
use elbow_core::kernels::part;

/// Latents.
pub const LATENT: usize = 6;

const LAYERS: [Layer; 2] = [Layer::dense(LATENT, 32, true), Layer::dense(32, 256, true)];
const WORDS: [usize; 3] = offsets(&LAYERS, FORM8);
const ROWS: [usize; 3] = rows(&LAYERS);
const WEIGHTS: usize = 8384;

type Dense = Source<WEIGHTS, { WORDS[2] }, { ROWS[2] }, LATENT>;

/// The decoder: 6 latents by dense layers of 32 and 256 to 8 x 32, and on to 64 x 9.
#[derive(Debug)]
pub struct Decoder {
    dense: Dense,
    /// What the last patch reads for nothing lies behind the latents.
    latents: [f32; 8],
    hidden: [f32; 32],
    end: Transposed,
}

impl Decoder {
    const WIDEN: PaddedCopy = straight(LATENT);

    /// All zero.
    pub const fn new() -> Self {
        Self { dense: Source::new(), latents: [0.0; 8], hidden: [0.0; 32], end: Transposed::new() }
    }

    /// The latents, on bytes with the zero point -3: what the next inference decodes.
    pub fn latents_mut(&mut self) -> &mut [i8] {
        &mut self.dense.input
    }
}

impl Workload for Decoder {
    type Value = i8;

    /// Draws and packs everything; `None` where it does not fit.
    fn prepare(&mut self, values: &mut Values) -> Option<()> {
        self.dense.prepare(&LAYERS, FORM8, ZEROS, values)?;
        self.end.prepare(values)
    }

    /// One inference, from the latents to the output.
    #[inline]
    fn run(&mut self) {
        let m = &self.dense;
        padded_copy(&m.input, x8s_mut(&mut self.latents), 0, &Self::WIDEN);
        layer::<0, X8>(m, x8s(&self.latents), x8s_mut(&mut self.hidden));
        layer::<1, i8>(m, x8s(&self.hidden), self.end.input_mut());
        self.end.run();
    }

    /// What the last inference wrote: 64 places of 9 channels.
    fn output(&self) -> &[Self::Value] {
        self.end.output()
    }

    /// The output by plain loops; `None` also where the dense layers gave the others something else than plain loops do.
    fn expected<'b>(&self, buffers: &'b mut Buffers) -> Option<&'b [i16]> {
        let flat = self.dense.expected_by(&LAYERS, ZEROS, rule, buffers)?;
        let given = self.end.input().iter().map(|value| i16::from(*value));
        given.eq(flat.iter().copied()).then_some(())?;
        self.end.expected(buffers)
    }
}

/// The rule of a dense layer: what the other layers read has the zero point of their drawn input.
const fn rule(layer: &Layer) -> Requantize {
    match layer.output[2] == LAYERS[1].output[2] {
        true => Requantize { zero_point: ZEROS[0], low: ZEROS[0], ..layer.rule() },
        false => layer.rule(),
    }
}

/// Layer `n` for its kernel.
const fn line(n: usize) -> Linear {
    Linear { rule: rule(&LAYERS[n]), ..LAYERS[n].line(FORM8, 0) }
}

/// Runs dense layer `N`, from 0.
#[inline(always)]
fn layer<const N: usize, Y: Output>(m: &Dense, x: &[X8], y: &mut [Y]) {
    let weights = i8s(part(&m.packed, const { WORDS[N]..WORDS[N + 1] }));
    let outputs = m.outputs.get(const { ROWS[N]..ROWS[N + 1] }).unwrap_or(&[]);
    linear8(x, weights, outputs, y, const { &line(N) });
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}
