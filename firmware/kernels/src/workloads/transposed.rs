//! The end of a decoder: three transposed convolutions over one axis, on bytes, each as two convolutions,
//! one for the outputs at even places and one for those at odd places.

use super::layer::{Layer, Source, ZEROS, rows};
use super::{Buffers, Values, Workload};
use elbow_core::kernels::integer::native::{FORM8, X8, linear8, x8s, x8s_mut};
use elbow_core::kernels::integer::{
    Form, Linear, Output, PaddedCopy, i8s, i8s_mut, pack_weights, packed_len, padded_copy,
    paired_segment,
};
use elbow_core::kernels::{part, part_mut};

pub(super) const LAYERS: [Layer; 3] = [
    double([8, 32], 24, true),  // to 16 x 24
    double([16, 24], 16, true), // to 32 x 16
    double([32, 16], 9, false), // to 64 x 9
];
const ROWS: [usize; 4] = rows(&LAYERS);
/// Words of a phase's packed weights before each layer, and of all.
const WORDS: [usize; 4] = {
    let (mut words, mut n) = ([0; 4], 0);
    while n < LAYERS.len() {
        words[n + 1] = words[n] + packed_len(FORM8, LAYERS[n].output[2], run(n), 1) / 4;
        n += 1;
    }
    words
};
const WEIGHTS: usize = 5184;

/// What one phase reads besides the input.
#[derive(Debug)]
struct Phase {
    packed: [f32; WORDS[3]],
    outputs: [[i32; 2]; ROWS[3]],
}

/// The end of a decoder; each layer writes into the padded buffer of the next.
#[derive(Debug)]
pub struct Transposed {
    source: Source<WEIGHTS, 0, { ROWS[3] }, 256>,
    phases: [Phase; 2],
    /// 1 + 8 + 1 values of 32 channels.
    padded_input: [f32; 160],
    /// 1 + 16 + 1 of 24.
    padded_first: [f32; 216],
    /// 1 + 32 + 1 of 16.
    padded_second: [f32; 272],
    y: [f32; 144],
}

impl Transposed {
    const PAD: PaddedCopy = PaddedCopy {
        dims: [1, 8, 32],
        from: [0, 32, 1],
        from_start: 0,
        to: [0, 32, 1],
        to_start: 32,
        len: 10 * 32,
    }
    .merged();

    /// All zero.
    pub const fn new() -> Self {
        const PHASE: Phase = Phase { packed: [0.0; WORDS[3]], outputs: [[0; 2]; ROWS[3]] };
        Self {
            source: Source::new(),
            phases: [PHASE; 2],
            padded_input: [0.0; 160],
            padded_first: [0.0; 216],
            padded_second: [0.0; 272],
            y: [0.0; 144],
        }
    }

    /// The input, 8 places of 32 channels.
    pub fn input(&self) -> &[i8] {
        &self.source.input
    }

    /// The same, for what comes in front.
    pub fn input_mut(&mut self) -> &mut [i8] {
        &mut self.source.input
    }
}

impl Workload for Transposed {
    type Value = i8;

    /// Draws everything, and packs and folds it phase by phase; `None` where it does not fit.
    fn prepare(&mut self, values: &mut Values) -> Option<()> {
        self.source.draw(&LAYERS, values)?;
        for (n, (layer, p)) in self.source.parameters(&LAYERS).enumerate() {
            for (odd, phase) in self.phases.iter_mut().enumerate() {
                let mut weights = [0i8; 24 * 64];
                let weights = weights.get_mut(..layer.output[2] * run(n))?;
                let rows = p.weights.chunks(layer.patch()).zip(weights.chunks_mut(run(n)));
                let outputs = phase.outputs.get_mut(ROWS[n]..ROWS[n + 1])?.iter_mut();
                for (((from, to), bias), (output, drawn)) in
                    rows.zip(p.biases).zip(outputs.zip(p.outputs))
                {
                    // The taps by the inputs that they read.
                    let mut taps = from.chunks(layer.input[2]).skip(1 - odd).step_by(2);
                    let [first, last] = [taps.next()?, taps.next()?];
                    let reversed = last.iter().chain(first);
                    to.iter_mut().zip(reversed).for_each(|(to, from)| *to = *from);
                    let sum: i32 = to.iter().map(|w| i32::from(*w)).sum();
                    *output = [bias - ZEROS[usize::from(n > 0)] * sum, drawn[1]];
                }
                let exact = paired_segment(weights, run(n), run(n), 128) == run(n);
                if FORM8 == Form::Paired && !exact {
                    return None;
                }
                let packed = i8s_mut(part_mut(&mut phase.packed, WORDS[n]..WORDS[n + 1]));
                pack_weights(FORM8, layer.output[2], run(n), 1, weights, packed).ok()?;
            }
        }
        Some(())
    }

    /// One inference, from the drawn input to `y`.
    #[inline(always)] // also where a decoder ends with it
    fn run(&mut self) {
        let [one, two, three] =
            [&mut self.padded_input[..], &mut self.padded_first, &mut self.padded_second];
        padded_copy(&self.source.input, x8s_mut(one), ZEROS[0], &Self::PAD);
        fill(x8s_mut(two), 0, 24);
        fill(x8s_mut(two), 17 * 24, 24);
        layer::<0, X8>(&self.phases, x8s(one), x8s_mut(two));
        fill(x8s_mut(three), 0, 16);
        fill(x8s_mut(three), 33 * 16, 16);
        layer::<1, X8>(&self.phases, x8s(two), x8s_mut(three));
        layer::<2, i8>(&self.phases, x8s(three), i8s_mut(&mut self.y));
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

/// A transposed convolution of kernel 4, stride 2 and padding 1: twice as many outputs as inputs.
const fn double([inputs, channels]: [usize; 2], filters: usize, relu: bool) -> Layer {
    Layer {
        depthwise: false,
        transposed: true,
        input: [1, inputs, channels],
        output: [1, 2 * inputs, filters],
        kernel: [1, 4],
        stride: 2,
        pads: [0, 1],
        relu,
        per_channel: true,
    }
}

/// Number of inputs of an output of layer `n`: two of its taps.
const fn run(n: usize) -> usize {
    2 * LAYERS[n].input[2]
}

/// Layer `n` at even places, or odd ones with an `odd` of 1, behind as much padding as the next layer wants.
/// The input has one position of padding in front.
const fn line(n: usize, odd: usize) -> Linear {
    let (channels, filters) = (LAYERS[n].input[2], LAYERS[n].output[2]);
    let pad = if n + 1 < LAYERS.len() { 1 } else { 0 };
    Linear {
        rows: filters,
        run: run(n),
        runs: [1, 1],
        run_steps: [0, 0],
        positions: [1, LAYERS[n].input[1]],
        position_steps: [0, channels],
        x_start: odd * channels,
        y_start: (pad + odd) * filters,
        y_steps: [0, 2 * filters],
        segment: usize::MAX, // `prepare` checks that it may be
        rule: LAYERS[n].rule(),
    }
}

/// Writes `len` values of padding, the zero point of the layers between, from `start` on.
#[inline(always)]
fn fill(y: &mut [X8], start: usize, len: usize) {
    y.get_mut(start..).unwrap_or(&mut []).iter_mut().take(len).for_each(|y| *y = -128);
}

/// Runs layer `N` from the padded `x` into `y`, both phases; padding of `y` stays.
#[inline(always)]
fn layer<const N: usize, Y: Output>([even, odd]: &[Phase; 2], x: &[X8], y: &mut [Y]) {
    phase::<N, 0, Y>(even, x, y);
    phase::<N, 1, Y>(odd, x, y);
}

/// Runs layer `N` from the padded `x` into the even places of `y`, or the odd ones with an `ODD` of 1.
#[inline(always)]
fn phase<const N: usize, const ODD: usize, Y: Output>(m: &Phase, x: &[X8], y: &mut [Y]) {
    let weights = i8s(part(&m.packed, const { WORDS[N]..WORDS[N + 1] }));
    let outputs = m.outputs.get(const { ROWS[N]..ROWS[N + 1] }).unwrap_or(&[]);
    linear8(x, weights, outputs, y, const { &line(N, ODD) });
}

impl Default for Transposed {
    fn default() -> Self {
        Self::new()
    }
}
