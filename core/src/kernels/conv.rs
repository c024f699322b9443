//! Convolution over one or two spatial axes.

use super::arch::{Factors, Steps, Walk, float};
use super::dense::{PANEL, first_values};
use crate::pieces::pieces;
use core::ops::Range;

/// Neighbouring outputs computed together.
const TILE: usize = 4;

/// Shapes of a convolution; one-dimensional ones have height 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConvShape {
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
    /// Steps between neighbouring outputs.
    pub strides: [usize; 2],
    /// Steps between neighbouring taps.
    pub dilations: [usize; 2],
    /// Zeros before the first row and column (those behind follow from `output`).
    pub pads: [usize; 2],
    /// Groups; channels and filters divide evenly among them.
    pub groups: usize,
}

impl ConvShape {
    /// Number of multiply-accumulates, counting those with padding.
    pub const fn macs(&self) -> usize {
        self.filters * self.output[0] * self.output[1] * self.taps()
    }

    /// Number of weights of one filter: channels of a group times kernel height and width; 0 without groups.
    pub const fn taps(&self) -> usize {
        match self.channels.checked_div(self.groups) {
            Some(channels) => channels * self.kernel[0] * self.kernel[1],
            None => 0,
        }
    }

    /// Whether every group has one filter, so that [`conv_depthwise`] computes it.
    pub const fn is_depthwise(&self) -> bool {
        self.filters == self.groups
    }
}

/// `y[f][p] = bias[f] + sum_{c, k} x[c][p * stride + k * dilation - pad] * w[f][c][k]`, zeros outside.
///
/// `x` is `[channels][height][width]`, `y` is `[filters][height][width]`. `weights` holds, group by
/// group, panels of [`PANEL`] filters, interleaved (`[filters / PANEL][channels / groups][kernel][PANEL]`,
/// the last panel of a group padded with zeros).
///
/// Order: each output starts at its bias and adds its products by channel, kernel row, kernel
/// column; taps in the padding are left out.
#[inline(always)]
pub fn conv(x: &[f32], weights: &[f32], bias: &[f32], y: &mut [f32], s: &ConvShape) {
    convolve(x, weights, bias, y, s, &FilterLayout { last_lanes: PANEL, placement: None });
}

/// [`conv`] for one filter per group: panels of one filter, that is ONNX's own layout of weights.
///
/// Padding such panels to [`PANEL`] would cost four times the weights and the work.
#[inline(always)]
pub fn conv_depthwise(x: &[f32], weights: &[f32], bias: &[f32], y: &mut [f32], s: &ConvShape) {
    convolve(x, weights, bias, y, s, &FilterLayout { last_lanes: 1, placement: None });
}

/// How filters are stored that fill no panel, and where sums are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilterLayout {
    /// Filters of the panels behind a group's full ones: [`PANEL`], most of the last padding, or 1.
    pub(super) last_lanes: usize,
    /// Where the sums are written; `None` where outputs are neighbours in `y`, as filters are.
    pub(super) placement: Option<Placement>,
}

/// Where outputs lie in `y`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    /// Index of the first output in a filter's plane of `y`.
    pub(super) start: usize,
    /// Values of `y` between neighbouring rows and between neighbouring columns of outputs.
    pub(super) steps: [usize; 2],
    /// Values of `y` from filter to filter.
    pub(super) plane: usize,
}

impl ConvShape {
    /// Index of the input that the first tap of the first output reads along `axis` (0 is height, 1 is width);
    /// negative in the padding. Where a phase of a transposed convolution begins behind the first input, `pads`
    /// is a negative number that wraps, and the index positive.
    #[inline(always)]
    fn front(&self, axis: usize) -> isize {
        (self.pads[axis & 1] as isize).wrapping_neg()
    }

    /// Range of the output columns whose taps all lie inside the input, if there are enough for a tile; else an
    /// empty one.
    #[inline(always)]
    fn columns_inside(&self) -> Range<usize> {
        let (stride, front) = (self.strides[1].max(1), self.front(1));
        let covered = self.kernel[1].saturating_sub(1) * self.dilations[1].max(1) + 1;
        let len = self.input[1].checked_add_signed(front.wrapping_neg());
        let room = len.and_then(|len| len.checked_sub(covered));
        let end = room.map_or(0, |room| room / stride + 1).min(self.output[1]);
        let start = front.min(0).unsigned_abs().div_ceil(stride);
        if start + TILE > end { 0..0 } else { start..end }
    }

    /// The taps of the output at index `position` along `axis` (0 is height, 1 is width) that fall inside the
    /// input; `count` is 0 where none does.
    #[inline(never)]
    fn taps_at(&self, axis: usize, position: usize) -> Taps {
        let axis = axis & 1;
        let step = self.dilations[axis].max(1);
        let origin = (position * self.strides[axis]).wrapping_add_signed(self.front(axis)) as isize;
        // Cores without a divider call a function for each division.
        let steps = |len: usize| if step == 1 { len } else { len.div_ceil(step) };
        let tap = steps(origin.min(0).unsigned_abs());
        let first = origin.wrapping_add_unsigned(tap * step) as usize;
        let inside = steps(self.input[axis].saturating_sub(first));
        Taps { tap, count: inside.min(self.kernel[axis].saturating_sub(tap)), first }
    }

    /// The walk over the products of an output with so many rows and columns of taps inside the input, `lanes`
    /// filters together that read so many channels: columns innermost, then rows, then channels.
    #[inline(never)]
    fn walk(&self, [lanes, channels]: [usize; 2], [rows, columns]: [usize; 2]) -> Walk {
        let ([height, width], [kernel_rows, kernel]) = (self.input, self.kernel);
        let [down, across] = self.dilations.map(|step| step.max(1));
        let w = lanes * kernel;
        let columns = Steps { count: columns, x: across, w: lanes };
        let rows = Steps { count: rows, x: down * width, w };
        let planes = Steps { count: channels, x: height * width, w: w * kernel_rows };
        Walk::new([columns, rows, planes], self.strides[1])
    }
}

/// The taps of one output position that fall inside the input, along one axis.
struct Taps {
    /// First tap inside.
    tap: usize,
    /// Taps inside.
    count: usize,
    /// Input index of the first tap.
    first: usize,
}

/// Computes all outputs and writes them to their places in `y`. Gives what follows in `weights` behind those of
/// the filters; empty where they end too early.
///
/// `weights` holds, group by group, panels of [`PANEL`] filters, interleaved, then those of
/// `layout.last_lanes`.
#[inline(never)]
pub(super) fn convolve<'w>(
    x: &[f32],
    weights: &'w [f32],
    bias: &[f32],
    y: &mut [f32],
    s: &ConvShape,
    layout: &FilterLayout,
) -> &'w [f32] {
    let groups = s.groups.max(1);
    let (channels, group_filters) = (s.channels / groups, s.filters / groups);
    let (inputs, taps) = (s.input[0] * s.input[1], s.kernel[0] * s.kernel[1]);
    let neighbours =
        Placement { start: 0, steps: [s.output[1], 1], plane: s.output[0] * s.output[1] };
    let placement = layout.placement.unwrap_or(neighbours);
    let inside = s.columns_inside();
    let (mut first, mut weight) = (0, 0);
    for group in 0..groups {
        let end = first + group_filters;
        while first < end {
            let Some(start) = bias.get(first..).filter(|bias| !bias.is_empty()) else { break };
            let filters = (end - first).min(PANEL);
            let lanes = if filters < PANEL { layout.last_lanes } else { PANEL };
            let panel = Panel {
                x,
                weights,
                s,
                channels,
                start: first_values(start),
                lanes,
                filters: filters.min(lanes),
                origin: [
                    group * channels * inputs,
                    weight,
                    placement.start + first * placement.plane,
                ],
                placement,
            };
            for row in 0..s.output[0] {
                panel.output_row(row, &inside, y);
            }
            first += lanes;
            weight += lanes * channels * taps;
        }
        first = end;
    }
    weights.get(weight..).unwrap_or(&[])
}

/// First column of the tile of [`TILE`] columns that computes `column`, which is `inside` or behind its end;
/// `None` where the column is computed alone.
///
/// It is the column itself where a tile fits behind it. Where fewer columns are left, but at least
/// [`float::REPEATED`], it is the start of the last tile that fits: to compute some columns twice costs less
/// than single ones.
#[inline(always)]
fn tile_of(column: usize, inside: &Range<usize>) -> Option<usize> {
    let left = inside.end.saturating_sub(column);
    if left >= TILE {
        Some(column)
    } else if left >= float::REPEATED {
        Some(inside.end - TILE)
    } else {
        None
    }
}

/// Up to [`PANEL`] filters of a group, with what they read.
struct Panel<'a> {
    x: &'a [f32],
    weights: &'a [f32],
    s: &'a ConvShape,
    /// Channels of a group.
    channels: usize,
    /// Bias of each filter.
    start: [f32; PANEL],
    /// Filters that are computed together: [`PANEL`] or 1.
    lanes: usize,
    /// Filters whose sums are written.
    filters: usize,
    /// Index of their group's first channel in `x`, of their first weight, and of the first filter's first output
    /// in `y`.
    origin: [usize; 3],
    placement: Placement,
}

impl Panel<'_> {
    /// Computes one row of outputs of every filter and writes it to `y`: first tiles of columns `inside`, then
    /// single columns at the edges and behind the last tile.
    #[inline(always)]
    fn output_row(&self, row: usize, inside: &Range<usize>, y: &mut [f32]) {
        let (s, steps) = (self.s, self.placement.steps);
        let rows = s.taps_at(0, row);
        let [x, w, y_first] = self.origin;
        let (line, w) = (x + rows.first * s.input[1], w + self.lanes * rows.tap * s.kernel[1]);
        let start = y_first + row * steps[0];
        let filters = [self.lanes, self.channels];
        let mut column = inside.start;
        if !inside.is_empty() {
            let walk = s.walk(filters, [rows.count, s.kernel[1]]);
            while let Some(tile) = tile_of(column, inside) {
                let first = (line + tile * s.strides[1]).wrapping_add_signed(s.front(1));
                self.sums::<TILE>(&walk, first, w, start + tile * steps[1], y);
                column = tile + TILE;
            }
        }
        let tiled = inside.start..column;
        let mut column = if tiled.start == 0 { tiled.end } else { 0 };
        while column < s.output[1] {
            let columns = s.taps_at(1, column);
            let walk = s.walk(filters, [rows.count, columns.count]);
            let (first, w) = (line + columns.first, w + self.lanes * columns.tap);
            self.sums::<1>(&walk, first, w, start + column * steps[1], y);
            column += 1;
            if column == tiled.start {
                column = tiled.end;
            }
        }
    }

    /// Computes `N` neighbouring outputs of each filter and writes them to `y`, the first filter's from
    /// `y[position]` on. `walk` is that of the first output, whose first product is that of `x[first]` and
    /// `weights[w]`. What lies behind the end of `y` is left out.
    #[inline(always)]
    fn sums<const N: usize>(
        &self,
        walk: &Walk,
        first: usize,
        w: usize,
        position: usize,
        y: &mut [f32],
    ) {
        let x = self.x.get(first..).unwrap_or(&[]);
        let factors = Factors { x, w: self.weights, first: w };
        let mut acc = [[0.0; N]; PANEL];
        float::tile(walk, factors, &self.start, self.lanes, &mut acc);
        let (plane, step) = (self.placement.plane, self.placement.steps[1]);
        let mut y = y.get_mut(position..).unwrap_or(&mut []);
        if N > 1 && step != 1 {
            let sums = acc.as_flattened();
            return store_apart(sums.get(..self.filters * N).unwrap_or(sums), N, y, [plane, step]);
        }
        for sums in acc.iter().take(self.filters) {
            if let Some(y) = y.first_chunk_mut() {
                *y = *sums;
            }
            y = y.get_mut(plane..).unwrap_or(&mut []);
        }
    }
}

/// Writes each piece of `len` sums to `y`, the values of a piece `step` apart, the pieces `plane` apart.
/// Values behind the end of `y` are left out.
#[inline(never)]
fn store_apart(sums: &[f32], len: usize, mut y: &mut [f32], [plane, step]: [usize; 2]) {
    for sums in pieces(sums, len) {
        sums.iter().zip(y.iter_mut().step_by(step.max(1))).for_each(|(sum, y)| *y = *sum);
        y = y.get_mut(plane..).unwrap_or(&mut []);
    }
}
