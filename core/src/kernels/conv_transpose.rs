//! Transposed convolution over one or two spatial axes.

use crate::pieces::{pieces, pieces_mut};

/// Shapes of a transposed convolution; one-dimensional ones have height 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// `y[f][p] = bias[f] + sum_{c, i, k: i * stride + k * dilation - pad = p} x[c][i] * w[c][f][k]`.
///
/// `x` is `[channels][height][width]`, `y` is `[filters][height][width]`, `weights` is ONNX's
/// `[channels][filters / groups][kernel]`.
///
/// Order: the output is set to its bias, then every input value, by channel, row and column, adds its
/// products by filter, kernel row and kernel column.
#[inline(never)]
pub fn conv_transpose(
    x: &[f32],
    weights: &[f32],
    bias: &[f32],
    y: &mut [f32],
    s: &ConvTransposeShape,
) {
    let out_len = s.output[0] * s.output[1];
    for (y, bias) in pieces_mut(y, out_len).zip(bias) {
        y.fill(*bias);
    }
    let groups = s.groups.max(1);
    let (channels, filters) = (s.channels / groups, s.filters / groups);
    let planes = pieces(x, s.input[0] * s.input[1]);
    let kernels = pieces(weights, filters * s.kernel[0] * s.kernel[1]);
    for (c, (plane, kernels)) in planes.zip(kernels).enumerate() {
        let group = c / channels.max(1);
        for (position, x) in plane.iter().enumerate() {
            let (row, column) = (position / s.input[1].max(1), position % s.input[1].max(1));
            let ys = pieces_mut(y, out_len).skip(group * filters);
            for (y, kernel) in ys.zip(pieces(kernels, s.kernel[0] * s.kernel[1])) {
                scatter(*x, kernel, y, [row, column], s);
            }
        }
    }
}

/// Adds one input value's products to one output plane.
#[inline(always)]
fn scatter(x: f32, kernel: &[f32], y: &mut [f32], at: [usize; 2], s: &ConvTransposeShape) {
    for (k, kernel) in pieces(kernel, s.kernel[1]).enumerate() {
        // Positions before the first row wrap to huge indices, which no row has.
        let row = (at[0] * s.strides[0] + k * s.dilations[0]).wrapping_sub(s.pads[0]);
        let Some(line) = pieces_mut(y, s.output[1]).nth(row) else { continue };
        for (k, w) in kernel.iter().enumerate() {
            let column = (at[1] * s.strides[1] + k * s.dilations[1]).wrapping_sub(s.pads[1]);
            if let Some(y) = line.get_mut(column) {
                *y += x * w;
            }
        }
    }
}
