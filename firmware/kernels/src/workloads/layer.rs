//! A layer's description, its values, and what it computes by plain loops.

use super::{Buffers, Values};
use elbow_core::kernels::integer::{
    Form, Linear, PaddedCopy, Requantize, pack_depthwise, pack_weights, packed_depthwise_len,
    packed_len, paired_segment,
};

/// Zero points of the first input and of the others, on bytes.
pub const ZEROS: [i32; 2] = [-3, -128];

/// The copy of so many values to other numbers, one behind the other.
pub const fn straight(values: usize) -> PaddedCopy {
    PaddedCopy {
        dims: [1, 1, values],
        from: [0, 0, 1],
        from_start: 0,
        to: [0, 0, 1],
        to_start: 0,
        len: 0,
    }
}

/// A dense, convolution or depthwise layer; dense ones have one position.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// Whether every channel has a filter of its own.
    pub depthwise: bool,
    /// Whether outputs are `stride` apart where inputs are neighbours.
    pub transposed: bool,
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
    /// A dense layer of one position, with one scale for all rows.
    pub const fn dense(inputs: usize, outputs: usize, relu: bool) -> Self {
        Self {
            depthwise: false,
            transposed: false,
            input: [1, 1, inputs],
            output: [1, 1, outputs],
            kernel: [1, 1],
            stride: 1,
            pads: [0, 0],
            relu,
            per_channel: false,
        }
    }

    /// Number of weights of an output.
    pub const fn patch(&self) -> usize {
        self.kernel[0] * self.kernel[1] * if self.depthwise { 1 } else { self.input[2] }
    }

    /// Number of weights of all outputs.
    pub const fn weights(&self) -> usize {
        self.patch() * self.output[2]
    }

    /// Number of words of the packed weights, whose patch is one run; `form` does not matter for a depthwise
    /// layer.
    pub const fn words(&self, form: Form) -> usize {
        match self.depthwise {
            true => packed_depthwise_len(self.output[2], self.patch()) / 4,
            false => packed_len(form, self.output[2], self.patch(), 1) / 4,
        }
    }

    /// The rule from sums to bytes, without a shift; behind a ReLU the zero point is the least byte.
    pub const fn rule(&self) -> Requantize {
        Requantize { zero_point: self.zero_out(), low: -128, high: 127, shift: 0 }
    }

    /// Zero point of the output.
    pub const fn zero_out(&self) -> i32 {
        if self.relu { -128 } else { 4 }
    }

    /// The layer for a kernel of dense layers and convolutions, as one run per position of an input that is
    /// already padded; positions are `step` values of `x` apart, and their outputs lie one after another from
    /// the front of `y`. Not for depthwise or transposed layers.
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

/// Number of words of the packed weights before each layer, and of all: `M` is `N + 1`; entries behind that
/// are 0.
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

/// Number of rows before each layer, and of all: `M` is `N + 1`; entries behind that are 0.
pub const fn rows<const N: usize, const M: usize>(layers: &[Layer; N]) -> [usize; M] {
    let mut rows = [0; M];
    let mut i = 0;
    while i < N && i + 1 < M {
        rows[i + 1] = rows[i] + layers[i].output[2];
        i += 1;
    }
    rows
}

/// What was drawn for a layer.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// Row-major; tap by tap of a depthwise layer.
    pub weights: &'a [i8],
    /// Before the zero point is folded in.
    pub biases: &'a [i32],
    /// Behind folded biases, the multipliers.
    pub outputs: &'a [[i32; 2]],
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
    /// All zero, nothing drawn.
    pub const fn new() -> Self {
        Self {
            weights: [0; WEIGHTS],
            biases: [0; ROWS],
            packed: [0.0; WORDS],
            outputs: [[0; 2]; ROWS],
            input: [0; INPUTS],
        }
    }

    /// Draws everything, folds the zero points into the biases and packs the weights; `None`, with some of it
    /// done, where the sizes do not fit or weights in `form` would not be exact as one segment.
    ///
    /// `zeros` are the zero points of the first input and of the others.
    pub fn prepare(
        &mut self,
        layers: &[Layer],
        form: Form,
        zeros: [i32; 2],
        values: &mut Values,
    ) -> Option<()> {
        self.draw(layers, values)?;
        let (mut at, mut row, mut word) = (0, 0, 0);
        for (number, layer) in layers.iter().enumerate() {
            let weights = self.weights.get(at..at + layer.weights())?;
            let rows = row..row + layer.output[2];
            let (biases, outputs) = (self.biases.get(rows.clone())?, self.outputs.get_mut(rows)?);
            let packed = self.packed.get_mut(word..word + layer.words(form))?;
            let zero = zeros[usize::from(number > 0)];
            fold(layer, zero, weights, biases, outputs);
            pack(layer, form, weights, packed)?;
            at += layer.weights();
            (row, word) = (row + layer.output[2], word + packed.len());
        }
        Some(())
    }

    /// Draws weights, biases and multipliers, layer by layer, then the input; `None`, with some of it drawn,
    /// where the sizes do not fit. Nothing is folded or packed.
    pub fn draw(&mut self, layers: &[Layer], values: &mut Values) -> Option<()> {
        let (mut at, mut row) = (0, 0);
        for (number, layer) in layers.iter().enumerate() {
            let weights = self.weights.get_mut(at..at + layer.weights())?;
            weights.fill_with(|| values.byte().max(-127));
            let rows = row..row + layer.output[2];
            let (biases, outputs) =
                (self.biases.get_mut(rows.clone())?, self.outputs.get_mut(rows)?);
            draw(layer, number == 0, values, biases, outputs);
            (at, row) = (at + layer.weights(), row + layer.output[2]);
        }
        self.input.fill_with(|| values.byte());
        Some(())
    }

    /// Each layer with what was drawn for it, in order; ends at the first that does not fit.
    pub fn parameters<'a>(
        &'a self,
        layers: &'a [Layer],
    ) -> impl Iterator<Item = (&'a Layer, Parameters<'a>)> {
        let (mut weights, mut biases) = (&self.weights[..], &self.biases[..]);
        let mut outputs = &self.outputs[..];
        layers.iter().map_while(move |layer| {
            let p;
            let rows = layer.output[2];
            (p, weights) = weights.split_at_checked(layer.weights())?;
            let (b, o);
            (b, biases) = biases.split_at_checked(rows)?;
            (o, outputs) = outputs.split_at_checked(rows)?;
            Some((layer, Parameters { weights: p, biases: b, outputs: o }))
        })
    }

    /// The output of the last layer by plain loops, with the rule of bytes; `buffers` are overwritten, and
    /// hold it. `None` where an activation does not fit; from the first layer on that does not fit into the
    /// source, layers are left out.
    ///
    /// `zeros` are the zero points of the first input and of the others.
    pub fn expected<'b>(
        &self,
        layers: &[Layer],
        zeros: [i32; 2],
        buffers: &'b mut Buffers,
    ) -> Option<&'b [i16]> {
        self.expected_by(layers, zeros, Layer::rule, buffers)
    }

    /// [`expected`](Self::expected) with the rule that `rule` gives for each layer, of which the shift is not
    /// read.
    pub fn expected_by<'b>(
        &self,
        layers: &[Layer],
        zeros: [i32; 2],
        rule: impl Fn(&Layer) -> Requantize,
        buffers: &'b mut Buffers,
    ) -> Option<&'b [i16]> {
        let [x, y] = buffers;
        let (mut x, mut y): (&mut [i16], &mut [i16]) = (x, y);
        x.iter_mut().zip(self.input).for_each(|(x, input)| *x = input.into());
        let mut len = 0;
        for (number, (layer, p)) in self.parameters(layers).enumerate() {
            let zero = zeros[usize::from(number > 0)];
            let rule = rule(layer);
            let (low, high) = (i64::from(rule.low), i64::from(rule.high));
            len = 0;
            for position in 0..layer.output[0] * layer.output[1] {
                for (o, (bias, [_, multiplier])) in p.biases.iter().zip(p.outputs).enumerate() {
                    let sum = sum(layer, x, p.weights, zero, position, o)?;
                    let scaled = (i64::from(*bias) + sum) * i64::from(*multiplier);
                    let value = i64::from(rule.zero_point) + ((scaled + (1 << 31)) >> 32);
                    *y.get_mut(len)? = value.clamp(low, high) as i16;
                    len += 1;
                }
            }
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

/// Draws the biases of a layer, and multipliers by which its outputs use their range: products have a
/// deviation of about 73 * 74 * sqrt(patch), half of that behind a ReLU. `first` says that the input is that
/// of the workload. The first parameter of `outputs` stays.
fn draw(l: &Layer, first: bool, values: &mut Values, biases: &mut [i32], outputs: &mut [[i32; 2]]) {
    biases.fill_with(|| values.word() as i32 >> 16);
    let base = if first { 40_000_000 } else { 80_000_000 } / l.patch().isqrt() as u32;
    for [_, multiplier] in outputs {
        let drawn = if l.per_channel { values.word() % (base / 2) } else { base / 4 };
        *multiplier = (base - base / 4 + drawn) as i32;
    }
}

/// Writes to the first parameter of each output its bias with the zero point `zero` of the input folded in;
/// the multipliers stay.
fn fold(l: &Layer, zero: i32, weights: &[i8], biases: &[i32], outputs: &mut [[i32; 2]]) {
    for (row, ([folded, _], bias)) in outputs.iter_mut().zip(biases).enumerate() {
        let sum: i32 = (0..l.patch()).map(|k| weight(l, weights, row, k)).sum();
        *folded = bias - zero * sum;
    }
}

/// Packs the weights of a layer into the words `packed`; `None` where lengths do not fit, a depthwise layer
/// has more than 1,024 weights, or paired rows would not be exact as one segment.
fn pack(l: &Layer, form: Form, weights: &[i8], packed: &mut [f32]) -> Option<()> {
    let (patch, channels) = (l.patch(), l.output[2]);
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

/// Weight `k` of row `row`; depthwise weights are drawn tap by tap. 0 where there is none.
fn weight(l: &Layer, weights: &[i8], row: usize, k: usize) -> i32 {
    let at = if l.depthwise { k * l.output[2] + row } else { row * l.patch() + k };
    weights.get(at).copied().unwrap_or(0).into()
}

/// The place that a tap of a position reads along `axis` (0 is height, 1 is width); one outside of the input
/// where it reads none.
fn source(l: &Layer, axis: usize, position: usize, tap: usize) -> usize {
    if !l.transposed {
        return (position * l.stride + tap).wrapping_sub(l.pads[axis]);
    }
    // An axis of one place has no stride.
    let stride = if l.input[axis] == l.output[axis] { 1 } else { l.stride };
    let at = (position + l.pads[axis]).checked_sub(tap).filter(|at| at.is_multiple_of(stride));
    at.map_or(usize::MAX, |at| at / stride)
}

/// The sum of products of output `o` at `position`, without its bias; `None` where `x` is too short.
fn sum(l: &Layer, x: &[i16], w: &[i8], zero: i32, position: usize, o: usize) -> Option<i64> {
    let [height, width, channels] = l.input;
    let (row, column) = (position / l.output[1], position % l.output[1]);
    let mut sum = 0;
    for tap in 0..l.kernel[0] * l.kernel[1] {
        let r = source(l, 0, row, tap / l.kernel[1]);
        let c = source(l, 1, column, tap % l.kernel[1]);
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
