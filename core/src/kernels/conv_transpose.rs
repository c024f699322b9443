//! Transposed convolution over one or two spatial axes.

use super::arch::{Steps, Walk, float};
use super::conv::{ConvShape, Panel, WindowPlacement, columns_inside};
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
    /// Zeros that pad the front of the input, and inputs in front of the first window: one of them is 0.
    pad: usize,
    skip: usize,
}

impl Phase {
    /// The phase with the number `phase`, below the stride, along `axis` (0 is height, 1 is width). Its taps
    /// are those whose offset `tap * dilation` differs from `phase + pad` by a multiple of the stride: only
    /// they meet inputs. `taps` is 0 where there is no such tap: the outputs are then biases.
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
/// `x` is `[channels][height][width]`, `y` is `[filters][height][width]`, all of which is written, `bias` has
/// a value per filter. `weights` is what [`pack_transposed`] makes: for each phase, that is for all outputs
/// at one distance from multiples of the strides, the filters of a convolution.
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
    for row in 0..rows {
        for column in 0..columns {
            let along = [Phase::new(s, 0, row), Phase::new(s, 1, column)];
            weights = convolve(x, weights, bias, y, Phases::new(s, [row, column], along));
        }
    }
}

/// The outputs of one phase along each axis, as a convolution of stride 1.
struct Phases {
    conv: ConvShape,
    /// Input rows and columns in front of the first window.
    skips: [usize; 2],
    /// Index of the phase's first output in a filter's plane of `y`.
    start: usize,
    /// Values of `y` between neighbouring rows and between neighbouring columns of the phase.
    steps: [usize; 2],
    /// Values of `y` from filter to filter.
    plane: usize,
    /// Filters that are computed together: [`PANEL`] or 1.
    lanes: usize,
}

impl Phases {
    /// The outputs of phase number `row` along the height and `column` along the width; `rows` and `columns`
    /// must be these phases, as [`Phase::new`] makes them. The field `lanes` of the result is [`PANEL`].
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
            lanes: PANEL,
        }
    }
}

impl WindowPlacement for Phases {
    /// The shapes of the phase as a convolution of stride 1.
    #[inline(always)]
    fn shape(&self) -> &ConvShape {
        &self.conv
    }

    /// Input rows and columns in front of the phase's first window.
    #[inline(always)]
    fn skips(&self) -> [usize; 2] {
        self.skips
    }

    /// Index in a filter's plane of `y` of the phase's output at `row` and `column`.
    #[inline(always)]
    fn place(&self, row: usize, column: usize) -> usize {
        self.start + row * self.steps[0] + column * self.steps[1]
    }

    /// Number of filters that are computed together: the field, whatever `P` is.
    #[inline(always)]
    fn lanes<const P: usize>(&self) -> usize {
        self.lanes
    }

    /// Adds the products of a walk to the sums of `lanes` filters, by [`float::neighbours`]; nothing unless
    /// `P` is [`PANEL`] or more.
    #[inline(always)]
    fn tile<const P: usize, const N: usize>(
        &self,
        walk: &Walk,
        x: &[f32],
        weights: (&[f32], usize),
        sums: &mut [[f32; N]; P],
    ) {
        if let Some(sums) = sums.first_chunk_mut() {
            float::neighbours(walk, x, weights, sums, self.lanes);
        }
    }

    /// Writes the sums of the first `lanes` filters to every `steps[1]`-th value of `y`, filters `plane`
    /// values apart. What lies behind the end of `y` is left out; the values between stay as they are.
    #[inline(always)]
    fn store<const P: usize, const N: usize>(&self, sums: &[[f32; N]; P], y: &mut [f32]) {
        let sums = sums.as_flattened();
        store(sums.get(..self.lanes * N).unwrap_or(sums), N, y, [self.plane, self.steps[1]]);
    }

    /// The walk of `loops` for windows that are neighbours in `x`.
    #[inline(always)]
    fn walk(&self, loops: [Steps; 3]) -> Walk {
        walk(loops)
    }
}

/// [`Walk::new`] for positions one value apart; not inlined, as its code is long and it is rarely called.
#[inline(never)]
fn walk(loops: [Steps; 3]) -> Walk {
    Walk::new(loops, 1)
}

/// Writes each piece of `len` sums to `y`, the values of a piece `step` apart, the pieces `plane` apart.
/// Places behind the end of `y` are left out, and those between stay as they are.
#[inline(never)]
fn store(sums: &[f32], len: usize, mut y: &mut [f32], [plane, step]: [usize; 2]) {
    for sums in pieces(sums, len) {
        sums.iter().zip(y.iter_mut().step_by(step.max(1))).for_each(|(sum, y)| *y = *sum);
        y = y.get_mut(plane..).unwrap_or(&mut []);
    }
}

/// Computes the outputs of one phase, all groups and filters, and writes them to their places in `y`, whose
/// other values stay. `weights` begins with the weights of the phase; gives the rest behind them, which is
/// empty where they end too early.
#[inline(always)]
fn convolve<'w>(
    x: &[f32],
    weights: &'w [f32],
    bias: &[f32],
    y: &mut [f32],
    mut phase: Phases,
) -> &'w [f32] {
    let (s, plane) = (&phase.conv, phase.plane);
    let (rows, groups) = (s.output[0], s.groups.max(1));
    let (filters, channels) = (s.filters / groups, s.channels / groups);
    let (taps, inside) = (s.taps(), columns_inside(&phase));
    let mut rest = weights;
    let groups = pieces(x, x.len() / groups).zip(pieces(bias, filters));
    for ((x, mut bias), mut y) in groups.zip(pieces_mut(y, filters * plane)) {
        while !bias.is_empty() {
            let lanes = if bias.len() < PANEL { 1 } else { PANEL };
            phase.lanes = lanes;
            let (weights, others) = rest.split_at_checked(lanes * taps).unwrap_or((rest, &[]));
            let windows = &phase;
            let panel =
                Panel::<PANEL, _> { x, weights, start: first_values(bias), channels, windows };
            for row in 0..rows {
                panel.output_row(row, &inside, y);
            }
            rest = others;
            bias = bias.get(lanes..).unwrap_or(&[]);
            y = y.get_mut(lanes * plane..).unwrap_or(&mut []);
        }
    }
    rest
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

/// The ranges of the `filters` filters of a group that are stored together: full panels of [`PANEL`], then
/// each remaining filter by itself.
fn panels_of(filters: usize) -> impl Iterator<Item = Range<usize>> {
    let full = filters / PANEL;
    let panels = (0..full).map(|panel| panel * PANEL..(panel + 1) * PANEL);
    panels.chain((full * PANEL..filters).map(|filter| filter..filter + 1))
}
