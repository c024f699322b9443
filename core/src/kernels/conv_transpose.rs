//! Transposed convolution over one or two spatial axes.

use super::conv::{ConvShape, Panel, Windows, columns_inside};
use super::dense::{PANEL, first_values};
use crate::pieces::{pieces, pieces_mut};
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
    /// Outputs between the first taps of neighbouring inputs.
    pub strides: [usize; 2],
    /// Outputs between neighbouring taps.
    pub dilations: [usize; 2],
    /// Rows and columns cut off at the start of the full output.
    pub pads: [usize; 2],
    /// Groups; channels and filters divide evenly among them.
    pub groups: usize,
}

impl ConvTransposeShape {
    /// Multiply-accumulates, those that fall outside the output counted.
    pub const fn macs(&self) -> usize {
        match self.filters.checked_div(self.groups) {
            Some(filters) => {
                let inputs = self.channels * self.input[0] * self.input[1];
                inputs * filters * self.kernel[0] * self.kernel[1]
            }
            None => 0,
        }
    }

    /// Length of the weights as [`pack_transposed`] packs them: those of ONNX, unless an axis has fewer
    /// outputs than its stride.
    pub fn packed_len(&self) -> usize {
        let [rows, columns] = self.phases();
        let rows: usize = (0..rows).map(|phase| Phase::new(self, 0, phase).taps).sum();
        let columns: usize = (0..columns).map(|phase| Phase::new(self, 1, phase).taps).sum();
        self.channels * (self.filters / self.groups.max(1)) * rows * columns
    }

    /// Phases along each axis, without those that have no outputs.
    #[inline(always)]
    fn phases(&self) -> [usize; 2] {
        let ([height, width], [rows, columns]) = (self.output, self.strides);
        [rows.min(height), columns.min(width)]
    }
}

/// The outputs `phase + stride * j` along one axis: a convolution of stride 1.
struct Phase {
    outputs: usize,
    /// Taps that reach them: from `last` back, `between` apart.
    taps: usize,
    last: usize,
    between: usize,
    /// Inputs from tap to tap.
    dilation: usize,
    /// Zeros in front of the input, and inputs in front of the first window: one of them is 0.
    pad: usize,
    skip: usize,
}

impl Phase {
    /// A tap belongs to the phase whose distance to `phase + pad` is whole strides, so that it meets inputs.
    #[inline(always)]
    fn new(s: &ConvTransposeShape, axis: usize, phase: usize) -> Self {
        let (stride, kernel) = (s.strides[axis & 1].max(1), s.kernel[axis & 1]);
        let (step, place) = (s.dilations[axis & 1], phase + s.pads[axis & 1]);
        let belongs = |tap: &usize| place.abs_diff(tap * step).is_multiple_of(stride);
        let first = (0..kernel).find(belongs).unwrap_or(kernel);
        let between =
            (1..kernel).find(|between| belongs(&(first + between))).unwrap_or(kernel.max(1));
        let taps = (kernel - first).div_ceil(between);
        let last = first + taps.saturating_sub(1) * between;
        Self {
            outputs: s.output[axis & 1].saturating_sub(phase).div_ceil(stride),
            taps,
            last,
            between,
            dilation: between * step / stride,
            pad: (last * step).saturating_sub(place) / stride,
            skip: place.saturating_sub(last * step) / stride,
        }
    }
}

/// `y[f][p] = bias[f] + sum_{c, i, k: i * stride + k * dilation - pad = p} x[c][i] * w[c][f][k]`.
///
/// `x` is `[channels][height][width]`, `y` is `[filters][height][width]`. `weights` is what
/// [`pack_transposed`] makes: for each phase, that is for all outputs at one distance from multiples of the
/// strides, the filters of a convolution.
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
    let out_len = s.output[0] * s.output[1];
    // What phases without taps leave.
    for (y, bias) in pieces_mut(y, out_len).zip(bias) {
        y.fill(*bias);
    }
    let [rows, columns] = s.phases();
    let mut weights = weights;
    for row in 0..rows {
        for column in 0..columns {
            let along = [Phase::new(s, 0, row), Phase::new(s, 1, column)];
            weights = convolve(x, weights, bias, y, s, &Phases::new(s, [row, column], along));
        }
    }
}

/// A phase along both axes.
struct Phases {
    conv: ConvShape,
    skips: [usize; 2],
    /// Index of the first output.
    start: usize,
    /// Outputs between rows and columns.
    steps: [usize; 2],
    plane: usize,
}

impl Phases {
    #[inline(always)]
    fn new(s: &ConvTransposeShape, [row, column]: [usize; 2], [rows, columns]: [Phase; 2]) -> Self {
        Self {
            conv: ConvShape {
                channels: s.channels,
                input: s.input,
                filters: s.filters,
                output: [rows.outputs, columns.outputs],
                kernel: [rows.taps, columns.taps],
                strides: [1; 2],
                dilations: [rows.dilation, columns.dilation],
                pads: [rows.pad, columns.pad],
                groups: s.groups,
            },
            skips: [rows.skip, columns.skip],
            start: row * s.output[1] + column,
            steps: [s.strides[0] * s.output[1], s.strides[1]],
            plane: s.output[0] * s.output[1],
        }
    }
}

impl Windows for Phases {
    #[inline(always)]
    fn shape(&self) -> &ConvShape {
        &self.conv
    }

    #[inline(always)]
    fn skips(&self) -> [usize; 2] {
        self.skips
    }

    #[inline(always)]
    fn place(&self, row: usize, column: usize) -> usize {
        self.start + row * self.steps[0] + column * self.steps[1]
    }

    #[inline(always)]
    fn step(&self) -> usize {
        self.steps[1]
    }

    #[inline(always)]
    fn plane(&self) -> usize {
        self.plane
    }
}

/// The outputs of one phase; gives the weights behind its own.
#[inline(always)]
fn convolve<'w>(
    x: &[f32],
    weights: &'w [f32],
    bias: &[f32],
    y: &mut [f32],
    s: &ConvTransposeShape,
    phase: &Phases,
) -> &'w [f32] {
    let groups = s.groups.max(1);
    let (filters, taps) = (s.filters / groups, phase.conv.taps());
    let full = filters / PANEL * PANEL;
    let inside = columns_inside(phase);
    let mut rest = weights;
    let groups = pieces(x, x.len() / groups).zip(pieces(bias, filters));
    for ((x, bias), y) in groups.zip(pieces_mut(y, filters * phase.plane)) {
        let (own, others) = rest.split_at_checked(filters * taps).unwrap_or((rest, &[]));
        let (in_panels, single) = own.split_at_checked(full * taps).unwrap_or((own, &[]));
        let (panel_bias, bias) = bias.split_at_checked(full).unwrap_or((bias, &[]));
        let (panel_y, y) = y.split_at_mut(y.len().min(full * phase.plane));
        panels::<PANEL>(x, in_panels, panel_bias, panel_y, phase, &inside);
        panels::<1>(x, single, bias, y, phase, &inside);
        rest = others;
    }
    rest
}

/// Panels of `P` filters at the windows of one phase.
#[inline(always)]
fn panels<const P: usize>(
    x: &[f32],
    weights: &[f32],
    bias: &[f32],
    y: &mut [f32],
    windows: &Phases,
    inside: &Range<usize>,
) {
    let shape = &windows.conv;
    let channels = shape.channels / shape.groups.max(1);
    let panels = pieces(weights, P * shape.taps());
    let panels = panels.zip(pieces(bias, P)).zip(pieces_mut(y, P * windows.plane));
    for ((weights, bias), y) in panels {
        let panel = Panel::<P, _> { x, weights, start: first_values(bias), channels, windows };
        for row in 0..shape.output[0] {
            panel.output_row(row, inside, y);
        }
    }
}

/// Reorders ONNX's `[channels][filters / groups][kernel]` for [`conv_transpose`]; `packed` has
/// [`packed_len`](ConvTransposeShape::packed_len) values.
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

/// Filters of a group that are stored together.
fn panels_of(filters: usize) -> impl Iterator<Item = Range<usize>> {
    let full = filters / PANEL;
    let panels = (0..full).map(|panel| panel * PANEL..(panel + 1) * PANEL);
    panels.chain((full * PANEL..filters).map(|filter| filter..filter + 1))
}
