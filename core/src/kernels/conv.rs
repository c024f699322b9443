//! Convolution over one or two spatial axes.

use super::dense::{PANEL, accumulate};
use crate::pieces::{pieces, pieces_mut};

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
    /// Multiply-accumulates, padding counted.
    pub const fn macs(&self) -> usize {
        self.filters * self.output[0] * self.output[1] * self.taps()
    }

    /// Weights of one filter; 0 without groups.
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
#[inline(never)]
pub fn conv(x: &[f32], weights: &[f32], bias: &[f32], y: &mut [f32], s: &ConvShape) {
    filter_groups::<PANEL>(x, weights, bias, y, s);
}

/// [`conv`] for one filter per group: panels of one filter, that is ONNX's own layout of weights.
///
/// Padding such panels to [`PANEL`] would cost four times the weights and the work.
#[inline(never)]
pub fn conv_depthwise(x: &[f32], weights: &[f32], bias: &[f32], y: &mut [f32], s: &ConvShape) {
    filter_groups::<1>(x, weights, bias, y, s);
}

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
    let group_weights = filters.div_ceil(P) * panel_len;
    let groups = pieces(x, x.len() / groups)
        .zip(pieces(weights, group_weights))
        .zip(pieces(bias, filters))
        .zip(pieces_mut(y, filters * out_len));
    for (((x, weights), bias), y) in groups {
        let panels = pieces(weights, panel_len);
        let panels = panels.zip(pieces(bias, P)).zip(pieces_mut(y, P * out_len));
        for ((panel, bias), y) in panels {
            filter_panel::<P>(x, panel, bias, y, s);
        }
    }
}

/// All positions of up to `P` filters.
#[inline(always)]
fn filter_panel<const P: usize>(
    x: &[f32],
    panel: &[f32],
    bias: &[f32],
    y: &mut [f32],
    s: &ConvShape,
) {
    let [height, width] = s.input;
    let out_len = s.output[0] * s.output[1];
    let mut start = [0.0; P];
    for (start, bias) in start.iter_mut().zip(bias) {
        *start = *bias;
    }
    for row in 0..s.output[0] {
        let rows = Taps::at(row, height, 0, s);
        for column in 0..s.output[1] {
            let columns = Taps::at(column, width, 1, s);
            let mut acc = start;
            let planes = pieces(x, height * width);
            let filters = pieces(panel, P * s.kernel[0] * s.kernel[1]);
            for (plane, filter) in planes.zip(filters) {
                for row in 0..rows.count {
                    let at_x = (rows.first + row * rows.step) * width + columns.first;
                    let at_w = ((rows.tap + row) * s.kernel[1] + columns.tap) * P;
                    let ws = tail(filter, at_w).as_chunks::<P>().0;
                    let ws = ws.get(..columns.count).unwrap_or(ws);
                    add_products(&mut acc, tail(plane, at_x), ws, columns.step);
                }
            }
            let position = row * s.output[1] + column;
            let ys = y.iter_mut().skip(position).step_by(out_len.max(1));
            ys.zip(acc).for_each(|(y, acc)| *y = acc);
        }
    }
}

/// One kernel row: every `step`-th value of `xs` against the columns of a panel.
#[inline(always)]
fn add_products<const P: usize>(acc: &mut [f32; P], xs: &[f32], ws: &[[f32; P]], step: usize) {
    if step == 1 {
        xs.iter().zip(ws).for_each(|(x, w)| accumulate(acc, *x, w));
    } else {
        xs.iter().step_by(step).zip(ws).for_each(|(x, w)| accumulate(acc, *x, w));
    }
}

/// `slice` from `start` on; empty where it is shorter.
#[inline(always)]
fn tail(slice: &[f32], start: usize) -> &[f32] {
    slice.get(start..).unwrap_or(&[])
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
    #[inline(always)]
    fn at(position: usize, len: usize, axis: usize, s: &ConvShape) -> Self {
        let (pad, step) = (s.pads[axis & 1], s.dilations[axis & 1].max(1));
        let origin = position * s.strides[axis & 1];
        let tap = pad.saturating_sub(origin).div_ceil(step);
        let first = (origin + tap * step).saturating_sub(pad);
        let inside = len.saturating_sub(first).div_ceil(step);
        Self { tap, count: inside.min(s.kernel[axis & 1].saturating_sub(tap)), first, step }
    }
}
