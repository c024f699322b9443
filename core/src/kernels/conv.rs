//! Convolution over one or two spatial axes.

use super::arch::{Steps, Walk, float};
use super::dense::{PANEL, first_values};
use crate::pieces::{pieces, pieces_mut};
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
/// `x` is `[channels][height][width]`, `y` is `[filters][height][width]` and is all written, `bias` has a
/// value per filter. `weights` holds, group by group, panels of [`PANEL`] filters, interleaved
/// (`[filters / groups / PANEL][channels / groups][kernel][PANEL]`, the last panel of a group padded with
/// zeros).
///
/// Order: each output starts at its bias and adds its products by channel, kernel row, kernel
/// column; taps in the padding are left out.
#[inline(never)]
pub fn conv(x: &[f32], weights: &[f32], bias: &[f32], y: &mut [f32], s: &ConvShape) {
    filter_groups::<PANEL>(x, weights, bias, y, s);
}

/// [`conv`] for one filter per group ([`ConvShape::is_depthwise`]): panels of one filter, which is ONNX's own
/// layout of weights, `[filters][channels / groups][kernel]`.
///
/// Padding such panels to [`PANEL`] would cost four times the weights and the work.
#[inline(never)]
pub fn conv_depthwise(x: &[f32], weights: &[f32], bias: &[f32], y: &mut [f32], s: &ConvShape) {
    filter_groups::<1>(x, weights, bias, y, s);
}

/// [`conv`] with weights in panels of `P` filters; writes all of `y`, unless a slice is shorter than `s`
/// says.
#[inline(always)]
fn filter_groups<const P: usize>(
    x: &[f32],
    weights: &[f32],
    bias: &[f32],
    y: &mut [f32],
    s: &ConvShape,
) {
    let groups = s.groups.max(1);
    let filters = s.filters / groups;
    let panel_len = P * s.taps();
    let out_len = s.output[0] * s.output[1];
    let channels = s.channels / groups;
    let inside = columns_inside(s);
    let group_weights = filters.div_ceil(P) * panel_len;
    let groups = pieces(x, x.len() / groups)
        .zip(pieces(weights, group_weights))
        .zip(pieces(bias, filters))
        .zip(pieces_mut(y, filters * out_len));
    for (((x, weights), bias), y) in groups {
        let panels = pieces(weights, panel_len);
        let panels = panels.zip(pieces(bias, P)).zip(pieces_mut(y, P * out_len));
        for ((weights, bias), y) in panels {
            let panel =
                Panel::<P, _> { x, weights, start: first_values(bias), channels, windows: s };
            for row in 0..s.output[0] {
                panel.output_row(row, &inside, y);
            }
        }
    }
}

/// Where the windows of a convolution start in `x`, and where in `y` their sums are written.
pub(super) trait WindowPlacement {
    /// The shapes of the convolution.
    fn shape(&self) -> &ConvShape;

    /// Input rows and columns in front of the first window; 0 along an axis with pads.
    fn skips(&self) -> [usize; 2];

    /// Index in a filter's plane of `y` of the window at `row` and `column` of the convolution's outputs.
    fn place(&self, row: usize, column: usize) -> usize;

    /// Number of filters of a panel of `P` that are computed, and how far weights of neighbouring taps are
    /// apart: `P` or 1.
    fn lanes<const P: usize>(&self) -> usize;

    /// Adds the walk's products to the sums: `sums[p][n]` is that of filter `p` at window `n` of a tile,
    /// whose first window begins at `x[0]`; the weights of the first tap begin at the index `weights.1` of
    /// `weights.0`.
    fn tile<const P: usize, const N: usize>(
        &self,
        walk: &Walk,
        x: &[f32],
        weights: (&[f32], usize),
        sums: &mut [[f32; N]; P],
    );

    /// Writes `sums[p][n]` to the output of filter `p` at the `n`-th of `N` neighbouring windows; `y` starts
    /// at the first filter's output of the first of them. What lies behind the end of `y` is left out.
    fn store<const P: usize, const N: usize>(&self, sums: &[[f32; N]; P], y: &mut [f32]);

    /// The walk over the products of a window by these loops, innermost first; neighbouring windows are the
    /// convolution's column stride apart in `x`.
    fn walk(&self, loops: [Steps; 3]) -> Walk;
}

impl WindowPlacement for ConvShape {
    /// The shapes themselves.
    #[inline(always)]
    fn shape(&self) -> &ConvShape {
        self
    }

    /// Zeros: the first window starts at the first input, or in the padding.
    #[inline(always)]
    fn skips(&self) -> [usize; 2] {
        [0; 2]
    }

    /// `row * width + column`, by the output's width.
    #[inline(always)]
    fn place(&self, row: usize, column: usize) -> usize {
        row * self.output[1] + column
    }

    /// `P`.
    #[inline(always)]
    fn lanes<const P: usize>(&self) -> usize {
        P
    }

    /// `sums[p][n] +=` the products of filter `p` at window `n`, by [`float::tile`]: of each tap, the weights
    /// of the `P` filters are neighbours, those of the first tap from `start`. Where `x` or `weights` ends
    /// too early, products or the whole tile are left out.
    #[inline(always)]
    fn tile<const P: usize, const N: usize>(
        &self,
        walk: &Walk,
        x: &[f32],
        (weights, start): (&[f32], usize),
        sums: &mut [[f32; N]; P],
    ) {
        float::tile(walk, x, weights, start, sums);
    }

    /// Writes `sums[p]` to the first `N` values of the plane of filter `p`, planes one after another from the
    /// start of `y`; ends where `y` holds fewer.
    #[inline(always)]
    fn store<const P: usize, const N: usize>(&self, sums: &[[f32; N]; P], mut y: &mut [f32]) {
        let plane = self.output[0] * self.output[1];
        for sums in sums {
            let Some(to) = y.first_chunk_mut() else { break };
            *to = *sums;
            y = y.get_mut(plane..).unwrap_or(&mut []);
        }
    }

    /// The walk of `loops` for windows that are the column stride apart in `x`.
    #[inline(always)]
    fn walk(&self, loops: [Steps; 3]) -> Walk {
        Walk::new(loops, self.strides[1])
    }
}

/// Range of the output columns whose taps all lie inside the input; an empty range where no column has that.
#[inline(always)]
pub(super) fn columns_inside<W: WindowPlacement>(windows: &W) -> Range<usize> {
    let (s, [_, skip]) = (windows.shape(), windows.skips());
    let (pad, stride) = (s.pads[1], s.strides[1].max(1));
    let covered = s.kernel[1].saturating_sub(1) * s.dilations[1] + 1 + skip;
    let room = (s.input[1] + pad).checked_sub(covered);
    let end = room.map_or(0, |room| room / stride + 1).min(s.output[1]);
    pad.div_ceil(stride)..end
}

/// First column of the tile of [`TILE`] columns that computes `column`; `None` where the column is computed
/// alone, as it or the tile is not `inside`.
///
/// It is the column itself where a tile fits behind it. Where fewer columns are left, but at least
/// [`float::REPEATED`], it is the start of the last tile that fits: to compute some columns twice costs less
/// than single ones.
#[inline(always)]
fn tile_of(column: usize, inside: &Range<usize>) -> Option<usize> {
    let last = inside.end.checked_sub(TILE).filter(|last| inside.contains(last))?;
    let left = inside.end.checked_sub(column)?;
    match inside.contains(&column) {
        true if left >= TILE => Some(column),
        true if left >= float::REPEATED => Some(last),
        _ => None,
    }
}

/// Up to `P` filters of a group, with what they read: `x` has the channels of their group.
pub(super) struct Panel<'a, const P: usize, W> {
    pub(super) x: &'a [f32],
    pub(super) weights: &'a [f32],
    /// Bias of each filter.
    pub(super) start: [f32; P],
    pub(super) channels: usize,
    pub(super) windows: &'a W,
}

impl<const P: usize, W: WindowPlacement> Panel<'_, P, W> {
    /// Computes one row of outputs of every filter and writes it to `y`, which starts at the first filter's
    /// plane: tiles of columns `inside`, single columns behind them and at the edges. `inside` is what
    /// [`columns_inside`] gives for `windows`; `row` is an output row of the convolution.
    #[inline(always)]
    pub(super) fn output_row(&self, row: usize, inside: &Range<usize>, y: &mut [f32]) {
        let (s, skips) = (self.windows.shape(), self.windows.skips());
        let width = s.output[1];
        let rows = Taps::at(row, 0, s, skips);
        let within = self.walk(&rows, &Taps::inside(inside.start, 1, s, skips));
        let mut column = 0;
        while column < width {
            if let Some(tile) = tile_of(column, inside) {
                let columns = Taps::inside(tile, 1, s, skips);
                self.sums::<TILE>(&within, &rows, &columns, self.windows.place(row, tile), y);
                column = tile + TILE;
            } else {
                let columns = Taps::at(column, 1, s, skips);
                let walk = self.walk(&rows, &columns);
                self.sums::<1>(&walk, &rows, &columns, self.windows.place(row, column), y);
                column += 1;
            }
        }
    }

    /// The walk over the products of an output with these taps: columns innermost, then rows, then channels.
    #[inline(always)]
    fn walk(&self, rows: &Taps, columns: &Taps) -> Walk {
        let s = self.windows.shape();
        let ([height, width], [_, kernel]) = (s.input, s.kernel);
        let lanes = self.windows.lanes::<P>();
        let w = (lanes * kernel) as isize;
        let columns = Steps { count: columns.count, x: columns.step, w: lanes as isize };
        let planes = Steps { count: self.channels, x: height * width, w: w * s.kernel[0] as isize };
        let rows = Steps { count: rows.count, x: rows.step * width, w };
        self.windows.walk([columns, rows, planes])
    }

    /// Computes `N` neighbouring outputs of each filter and writes them to `y` from index `position` of the
    /// filters' planes on. `rows` and `columns` are the taps of the first output, and the others must have as
    /// many; `walk` is what [`walk`](Self::walk) makes of them.
    #[inline(always)]
    fn sums<const N: usize>(
        &self,
        walk: &Walk,
        rows: &Taps,
        columns: &Taps,
        position: usize,
        y: &mut [f32],
    ) {
        let s = self.windows.shape();
        let x = self.x.get(rows.first * s.input[1] + columns.first..).unwrap_or(&[]);
        let start = self.windows.lanes::<P>() * (rows.tap * s.kernel[1] + columns.tap);
        let mut acc = self.start.map(|bias| [bias; N]);
        self.windows.tile(walk, x, (self.weights, start), &mut acc);
        self.windows.store(&acc, y.get_mut(position..).unwrap_or(&mut []));
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
    /// Input steps between taps.
    step: usize,
}

impl Taps {
    /// The taps of the output at index `position` along `axis` (0 is height, 1 is width) that fall inside the
    /// input; `count` is 0 where none does. `skips` are the inputs in front of the first window.
    #[inline(always)]
    fn at(position: usize, axis: usize, s: &ConvShape, skips: [usize; 2]) -> Self {
        let (pad, step) = (s.pads[axis & 1], s.dilations[axis & 1].max(1));
        let origin = position * s.strides[axis & 1] + skips[axis & 1];
        let tap = pad.saturating_sub(origin).div_ceil(step);
        let first = (origin + tap * step).saturating_sub(pad);
        let inside = s.input[axis & 1].saturating_sub(first).div_ceil(step);
        Self { tap, count: inside.min(s.kernel[axis & 1].saturating_sub(tap)), first, step }
    }

    /// The taps of the output at index `position` along `axis` (0 is height, 1 is width), all of which have
    /// to fall inside the input: that is not checked. `skips` are the inputs in front of the first window.
    #[inline(always)]
    fn inside(position: usize, axis: usize, s: &ConvShape, skips: [usize; 2]) -> Self {
        let origin = position * s.strides[axis & 1] + skips[axis & 1];
        let first = origin.saturating_sub(s.pads[axis & 1]);
        Self { tap: 0, count: s.kernel[axis & 1], first, step: s.dilations[axis & 1].max(1) }
    }
}
