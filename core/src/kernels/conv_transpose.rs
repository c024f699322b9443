//! Transposed convolution over one or two spatial axes.

use super::PANEL;
use super::conv::{ConvShape, FilterLayout, Placement, convolve};
use core::ops::Range;

/// Shapes of a transposed convolution; one-dimensional ones have height 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConvTransposeShape {
    /// Input channels of all groups.
    pub channels: usize,
    /// Input height and width.
    pub input: [usize; 2],
    /// Output channels of all groups.
    pub filters: usize,
    /// Output height and width.
    pub output: [usize; 2],
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// FilterLayout between the first taps of neighbouring inputs.
    pub strides: [usize; 2],
    /// FilterLayout between neighbouring taps.
    pub dilations: [usize; 2],
    /// Rows and columns cut off at the start of the full output.
    pub pads: [usize; 2],
    /// Groups; channels and filters divide evenly among them.
    pub groups: usize,
}

impl ConvTransposeShape {
    /// Number of multiply-accumulates, counting those that fall outside the output; 0 without groups.
    pub const fn macs(&self) -> usize {
        match self.filters.checked_div(self.groups) {
            Some(filters) => {
                let inputs = self.channels * self.input[0] * self.input[1];
                inputs * filters * self.kernel[0] * self.kernel[1]
            }
            None => 0,
        }
    }

    /// Number of weights as [`pack_transposed`] packs them: that of ONNX's weights, unless an axis has fewer
    /// outputs than its stride.
    pub fn packed_len(&self) -> usize {
        let [rows, columns] = self.phases();
        let rows: usize = (0..rows).map(|phase| Phase::new(self, 0, phase).taps).sum();
        let columns: usize = (0..columns).map(|phase| Phase::new(self, 1, phase).taps).sum();
        self.channels * (self.filters / self.groups.max(1)) * rows * columns
    }

    /// Number of phases along height and width: the stride, or the number of outputs where that is less.
    #[inline(always)]
    fn phases(&self) -> [usize; 2] {
        let ([height, width], [rows, columns]) = (self.output, self.strides);
        [rows.min(height), columns.min(width)]
    }
}

/// The outputs at `phase + stride * j` along one axis, for all `j`: those of a convolution of stride 1.
struct Phase {
    outputs: usize,
    /// Number of taps that contribute to them: from tap `last` back, each `between` in front of the one
    /// before.
    taps: usize,
    last: usize,
    between: usize,
    /// Inputs from tap to tap.
    dilation: usize,
    /// Zeros that pad the front of the input. Where the first window begins behind the first input, it is the
    /// number of inputs in front of the window as a negative number, which wraps.
    pad: usize,
}

impl Phase {
    /// The phase with this number along `axis` (0 is height, 1 is width). Its taps are those whose offset
    /// `tap * dilation` differs from `phase + pad` by a multiple of the stride: only they meet inputs.
    #[inline(never)]
    fn new(s: &ConvTransposeShape, axis: usize, phase: usize) -> Self {
        let (stride, kernel) = (s.strides[axis & 1].max(1), s.kernel[axis & 1]);
        let (step, place) = (s.dilations[axis & 1], phase + s.pads[axis & 1]);
        let (mut taps, mut between, mut last) = (0, 1, 0);
        // Remainder of the distance `place - tap * step` modulo the stride.
        let (mut rest, back) = (place % stride, step % stride);
        for tap in 0..kernel {
            if rest == 0 {
                (taps, between, last) = (taps + 1, tap - last, tap);
            }
            rest = rest.checked_sub(back).unwrap_or(rest + stride - back);
        }
        // With a single tap, `between` is that tap's own index.
        let between = between.max(1);
        let offset = last * step;
        let distance = place.abs_diff(offset) / stride;
        Self {
            outputs: s.output[axis & 1].saturating_sub(phase).div_ceil(stride),
            taps,
            last,
            between,
            dilation: between * step / stride,
            pad: if place < offset { distance } else { distance.wrapping_neg() },
        }
    }

    /// Writes into `conv` the shapes along `axis` of the convolution that computes these outputs.
    #[inline(always)]
    fn put(&self, conv: &mut ConvShape, axis: usize) {
        conv.output[axis & 1] = self.outputs;
        conv.kernel[axis & 1] = self.taps;
        conv.dilations[axis & 1] = self.dilation;
        conv.pads[axis & 1] = self.pad;
    }
}

/// `y[f][p] = bias[f] + sum_{c, i, k: i * stride + k * dilation - pad = p} x[c][i] * w[c][f][k]`.
///
/// `x` is `[channels][height][width]`, `y` is `[filters][height][width]`, all of which is written. `weights`
/// is what [`pack_transposed`] makes: for each phase, that is for all outputs at one distance from multiples
/// of the strides, the filters of a convolution.
///
/// Order: each output starts at its bias and adds its products by channel, input row, input column.
#[inline(never)]
pub fn conv_transpose(
    x: &[f32],
    weights: &[f32],
    bias: &[f32],
    y: &mut [f32],
    s: &ConvTransposeShape,
) {
    let [rows, columns] = s.phases();
    let mut weights = weights;
    let mut conv = ConvShape {
        channels: s.channels,
        input: s.input,
        filters: s.filters,
        output: [0; 2],
        kernel: [0; 2],
        strides: [1; 2],
        dilations: [1; 2],
        pads: [0; 2],
        groups: s.groups,
    };
    for row in 0..rows {
        Phase::new(s, 0, row).put(&mut conv, 0);
        for column in 0..columns {
            Phase::new(s, 1, column).put(&mut conv, 1);
            let placement = Placement {
                start: row * s.output[1] + column,
                steps: [s.strides[0] * s.output[1], s.strides[1]],
                plane: s.output[0] * s.output[1],
            };
            let layout = FilterLayout { last_lanes: 1, placement: Some(placement) };
            weights = convolve(x, weights, bias, y, &conv, &layout);
        }
    }
}

/// Packs ONNX's weights `[channels][filters / groups][kernel]` for [`conv_transpose`] into `packed`, which
/// has [`packed_len`](ConvTransposeShape::packed_len) values, all of which are written.
///
/// Phase by phase, rows in front, and group by group: panels of [`PANEL`] filters, interleaved, then the
/// filters that fill none one by one, each `[channels / groups][taps]`. Taps go by the inputs that they
/// read, which is from the last to the first.
pub fn pack_transposed(weights: &[f32], packed: &mut [f32], s: &ConvTransposeShape) {
    let groups = s.groups.max(1);
    let (channels, filters) = (s.channels / groups, s.filters / groups);
    let mut packed = packed.iter_mut();
    let [rows, columns] = s.phases();
    for phase in (0..rows).flat_map(|row| (0..columns).map(move |column| [row, column])) {
        let [rows, columns] = [Phase::new(s, 0, phase[0]), Phase::new(s, 1, phase[1])];
        for (group, panel) in (0..groups).flat_map(|g| panels_of(filters).map(move |p| (g, p))) {
            for channel in group * channels..(group + 1) * channels {
                for tap in 0..rows.taps * columns.taps {
                    let row = rows.last - tap / columns.taps * rows.between;
                    let column = columns.last - tap % columns.taps * columns.between;
                    for filter in panel.clone() {
                        let at = (channel * filters + filter) * s.kernel[0] + row;
                        let w = weights.get(at * s.kernel[1] + column);
                        if let Some((packed, w)) = packed.next().zip(w) {
                            *packed = *w;
                        }
                    }
                }
            }
        }
    }
}

/// The ranges of a group's filters that are stored together: full panels of [`PANEL`], then each remaining
/// filter by itself.
fn panels_of(filters: usize) -> impl Iterator<Item = Range<usize>> {
    let full = filters / PANEL;
    let panels = (0..full).map(|panel| panel * PANEL..(panel + 1) * PANEL);
    panels.chain((full * PANEL..filters).map(|filter| filter..filter + 1))
}
