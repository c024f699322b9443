//! A layer's description, its values, and what it computes by plain loops.

use super::Words;
use elbow_core::kernels::integer::{
    Form, Linear, Requantize, pack_depthwise, pack_weights, packed_depthwise_len, packed_len,
    paired_segment,
};

/// A dense, convolution or depthwise layer; dense ones have one position.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// Whether every channel has a filter of its own.
    pub depthwise: bool,
    /// Input height, width, channels.
    pub input: [usize; 3],
    /// Output height, width, channels.
    pub output: [usize; 3],
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Steps between outputs.
    pub stride: usize,
    /// Padding in front.
    pub pads: [usize; 2],
    /// Whether the output is clamped at its zero point.
    pub relu: bool,
    /// Whether each row has a scale of its own.
    pub per_channel: bool,
}

impl Layer {
    /// A dense layer.
    pub const fn dense(inputs: usize, outputs: usize, relu: bool) -> Self {
        Self {
            depthwise: false,
            input: [1, 1, inputs],
            output: [1, 1, outputs],
            kernel: [1, 1],
            stride: 1,
            pads: [0, 0],
            relu,
            per_channel: false,
        }
    }

    /// Weights of an output.
    pub const fn patch(&self) -> usize {
        self.kernel[0] * self.kernel[1] * if self.depthwise { 1 } else { self.input[2] }
    }

    /// Words of the packed weights; the patch is one run.
    pub const fn words(&self, form: Form) -> usize {
        match self.depthwise {
            true => packed_depthwise_len(self.output[2], self.patch()) / 4,
            false => packed_len(form, self.output[2], self.patch(), 1) / 4,
        }
    }

    /// From sums to bytes.
    pub const fn rule(&self) -> Requantize {
        Requantize { zero_point: self.zero_out(), low: -128, high: 127, shift: 0 }
    }

    /// Zero point of the output.
    pub const fn zero_out(&self) -> i32 {
        if self.relu { -128 } else { 4 }
    }

    /// As one run per position; `step` values of `x` and as many outputs lie between positions.
    pub const fn line(&self, form: Form, step: usize) -> Linear {
        Linear {
            rows: self.output[2],
            run: form.packed_run(self.patch()),
            runs: [1, 1],
            run_steps: [0, 0],
            positions: [1, self.output[0] * self.output[1]],
            position_steps: [0, step],
            x_start: 0,
            y_start: 0,
            y_steps: [0, self.output[2]],
            segment: usize::MAX, // `prepare` checks that it may be
            rule: self.rule(),
        }
    }
}

/// Words of the packed weights before each layer, and of all.
pub const fn offsets<const N: usize, const M: usize>(
    layers: &[Layer; N],
    form: Form,
) -> [usize; M] {
    let mut offsets = [0; M];
    let mut i = 0;
    while i < N && i + 1 < M {
        offsets[i + 1] = offsets[i] + layers[i].words(form);
        i += 1;
    }
    offsets
}

/// Rows before each layer, and of all.
pub const fn rows<const N: usize, const M: usize>(layers: &[Layer; N]) -> [usize; M] {
    let mut rows = [0; M];
    let mut i = 0;
    while i < N && i + 1 < M {
        rows[i + 1] = rows[i] + layers[i].output[2];
        i += 1;
    }
    rows
}

/// Values of a whole workload as they are drawn, and as kernels read them.
#[derive(Debug)]
pub struct Source<const WEIGHTS: usize, const WORDS: usize, const ROWS: usize, const INPUTS: usize>
{
    /// Row-major weights, layer by layer.
    pub weights: [i8; WEIGHTS],
    /// Biases before the zero point is folded in.
    pub biases: [i32; ROWS],
    /// Packed weights.
    pub packed: [f32; WORDS],
    /// Folded biases and multipliers.
    pub outputs: [[i32; 2]; ROWS],
    /// The input.
    pub input: [i8; INPUTS],
}

impl<const WEIGHTS: usize, const WORDS: usize, const ROWS: usize, const INPUTS: usize>
    Source<WEIGHTS, WORDS, ROWS, INPUTS>
{
    /// All zero.
    pub const fn new() -> Self {
        Self {
            weights: [0; WEIGHTS],
            biases: [0; ROWS],
            packed: [0.0; WORDS],
            outputs: [[0; 2]; ROWS],
            input: [0; INPUTS],
        }
    }

    /// Draws everything and packs it; `None` where the sizes do not fit.
    ///
    /// `zeros` are the zero points of the first input and of the others.
    pub fn prepare(&mut self, layers: &[Layer], form: Form, zeros: [i32; 2]) -> Option<()> {
        let mut words = Words::new();
        let (mut at, mut row, mut word) = (0, 0, 0);
        for (number, layer) in layers.iter().enumerate() {
            let zero = zeros[usize::from(number > 0)];
            let len = layer.patch() * layer.output[2];
            let weights = self.weights.get_mut(at..at + len)?;
            weights.fill_with(|| words.byte().max(-127));
            let rows = row..row + layer.output[2];
            let (biases, outputs) =
                (self.biases.get_mut(rows.clone())?, self.outputs.get_mut(rows)?);
            draw(layer, number == 0, &mut words, biases, outputs);
            let packed = self.packed.get_mut(word..word + layer.words(form))?;
            pack(layer, form, zero, weights, biases, outputs, packed)?;
            (at, row, word) = (at + len, row + layer.output[2], word + packed.len());
        }
        self.input.fill_with(|| words.byte());
        Some(())
    }

    /// What comes out of the layers, by plain loops over two buffers in turn.
    pub fn expected<'b>(
        &self,
        layers: &[Layer],
        zeros: [i32; 2],
        buffers: &'b mut [[i16; 8192]; 2],
    ) -> Option<&'b [i16]> {
        self.expected_by(layers, zeros, Layer::rule, buffers)
    }

    /// [`Self::expected`] with other rules than those of bytes.
    pub fn expected_by<'b>(
        &self,
        layers: &[Layer],
        zeros: [i32; 2],
        rule: impl Fn(&Layer) -> Requantize,
        buffers: &'b mut [[i16; 8192]; 2],
    ) -> Option<&'b [i16]> {
        let [x, y] = buffers;
        let (mut x, mut y): (&mut [i16], &mut [i16]) = (x, y);
        x.iter_mut().zip(self.input).for_each(|(x, input)| *x = input.into());
        let (mut at, mut row, mut len) = (0, 0, 0);
        for (number, layer) in layers.iter().enumerate() {
            let zero = zeros[usize::from(number > 0)];
            let rule = rule(layer);
            let (low, high) = (i64::from(rule.low), i64::from(rule.high));
            len = 0;
            for position in 0..layer.output[0] * layer.output[1] {
                for o in 0..layer.output[2] {
                    let weights = self.weights.get(at..)?;
                    let acc = i64::from(*self.biases.get(row + o)?)
                        + sum(layer, x, weights, zero, position, o)?;
                    let scaled = acc * i64::from(self.outputs.get(row + o)?[1]);
                    let value = i64::from(rule.zero_point) + ((scaled + (1 << 31)) >> 32);
                    *y.get_mut(len)? = value.clamp(low, high) as i16;
                    len += 1;
                }
            }
            (at, row) = (at + layer.patch() * layer.output[2], row + layer.output[2]);
            (x, y) = (y, x);
        }
        x.get(..len)
    }
}

impl<const WEIGHTS: usize, const WORDS: usize, const ROWS: usize, const INPUTS: usize> Default
    for Source<WEIGHTS, WORDS, ROWS, INPUTS>
{
    fn default() -> Self {
        Self::new()
    }
}

/// Biases, and ratios by which outputs use their range: products have a deviation of about
/// 73 * 74 * sqrt(patch), half of that behind a ReLU.
fn draw(l: &Layer, first: bool, words: &mut Words, biases: &mut [i32], outputs: &mut [[i32; 2]]) {
    biases.fill_with(|| words.word() as i32 >> 16);
    let base = if first { 40_000_000 } else { 80_000_000 } / l.patch().isqrt() as u32;
    for [_, multiplier] in outputs {
        let drawn = if l.per_channel { words.word() % (base / 2) } else { base / 4 };
        *multiplier = (base - base / 4 + drawn) as i32;
    }
}

/// Folds the zero point of the input into biases and packs the weights.
fn pack(
    l: &Layer,
    form: Form,
    zero: i32,
    weights: &[i8],
    biases: &[i32],
    outputs: &mut [[i32; 2]],
    packed: &mut [f32],
) -> Option<()> {
    let (patch, channels) = (l.patch(), l.output[2]);
    for (row, ([folded, _], bias)) in outputs.iter_mut().zip(biases).enumerate() {
        let sum: i32 = (0..patch).map(|k| weight(l, weights, row, k)).sum();
        *folded = bias - zero * sum;
    }
    let packed = elbow_core::kernels::integer::i8s_mut(packed);
    if l.depthwise {
        let mut turned = [0i8; 1024];
        let turned = turned.get_mut(..weights.len())?;
        for (at, value) in turned.iter_mut().enumerate() {
            *value = weight(l, weights, at / patch, at % patch) as i8;
        }
        return pack_depthwise(channels, patch, turned, packed).ok();
    }
    let run = form.packed_run(patch);
    let exact = paired_segment(weights, patch, run, 128) == run;
    if form == Form::Paired && !exact {
        return None;
    }
    pack_weights(form, channels, patch, 1, weights, packed).ok()
}

/// Weight `k` of row `row`; depthwise weights are drawn tap by tap.
fn weight(l: &Layer, weights: &[i8], row: usize, k: usize) -> i32 {
    let at = if l.depthwise { k * l.output[2] + row } else { row * l.patch() + k };
    weights.get(at).copied().unwrap_or(0).into()
}

/// Products of one output.
fn sum(l: &Layer, x: &[i16], w: &[i8], zero: i32, position: usize, o: usize) -> Option<i64> {
    let [height, width, channels] = l.input;
    let (row, column) = (position / l.output[1], position % l.output[1]);
    let mut sum = 0;
    for tap in 0..l.kernel[0] * l.kernel[1] {
        let r = (row * l.stride + tap / l.kernel[1]).wrapping_sub(l.pads[0]);
        let c = (column * l.stride + tap % l.kernel[1]).wrapping_sub(l.pads[1]);
        if r >= height || c >= width {
            continue;
        }
        let pixel = x.get((r * width + c) * channels..)?;
        if l.depthwise {
            sum += i64::from((i32::from(*pixel.get(o)?) - zero) * weight(l, w, o, tap));
            continue;
        }
        for (k, x) in pixel.iter().take(channels).enumerate() {
            sum += i64::from((i32::from(*x) - zero) * weight(l, w, o, tap * channels + k));
        }
    }
    Some(sum)
}
