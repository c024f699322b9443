//! Depthwise convolutions: one filter per channel.

use super::linear::portable::finish;
use super::{Output, Requantize, Value};
use crate::kernels::arch::integer as arch;
use crate::pieces::{pieces, pieces_mut};

/// Number of channels whose weights are interleaved.
pub(crate) const GROUP: usize = 4;

/// Shapes of a depthwise convolution without edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(C)]
pub struct Depthwise {
    /// Channels of input and output. `x` is readable up to the next multiple of four.
    pub channels: usize,
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Values of `x` from tap to tap.
    pub tap_steps: [usize; 2],
    /// Positions: output height and width.
    pub positions: [usize; 2],
    /// Values of `x` from patch to patch.
    pub position_steps: [usize; 2],
    /// Index in `x` of the first patch.
    pub x_start: usize,
    /// Index in `y` of the first output.
    pub y_start: usize,
    /// Values of `y` from position to position.
    pub y_steps: [usize; 2],
    /// From sums to outputs.
    pub rule: Requantize,
}

impl Depthwise {
    /// Number of taps of a filter.
    #[inline(always)]
    pub const fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Number of multiply-accumulates of the layer.
    pub const fn macs(&self) -> usize {
        self.channels * self.positions[0] * self.positions[1] * self.taps()
    }
}

/// `y[p][c] = finish(outputs[c][0] + sum_t x[p][t][c] * w[c][t], outputs[c][1])`.
///
/// `x[p][t][c]` is channel `c` at tap `t` of the patch at position `p`, `finish` the rule of
/// [`Output::finish`]. Weights are packed by [`pack_depthwise`](super::pack_depthwise):
/// `[channels / 4][taps][4]`, the last group padded with zeros.
///
/// Cores with DSP instructions have machine code for i16, for which taps and patches must start at multiples
/// of four bytes (all steps are even); where one does not, integers in `y` stay as they are.
///
/// Exact: the order of the sum does not matter, and it wraps outside of i32.
#[inline(always)]
pub fn depthwise<X: Value, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Depthwise,
) {
    arch::depthwise(x, weights, outputs, y, s);
}

/// Definition of [`depthwise()`] in plain Rust:
/// `y[p][c] = finish(outputs[c][0] + sum_t x[p][t][c] * w[c][t], outputs[c][1])` for all positions and
/// channels. Machine code gives the same bits where no slice is too short.
#[inline(never)]
pub fn portable<X: Value, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Depthwise,
) {
    each_position(x, y, s, |x, y| {
        let groups = pieces(weights, GROUP * s.taps()).zip(pieces(outputs, GROUP));
        for (((weights, outputs), y), group) in groups.zip(pieces_mut(y, GROUP)).zip(0..) {
            let sums = sums(tail(x, group * GROUP), weights, s);
            finish(sums, outputs, y, &s.rule);
        }
    });
}

/// The sums of a group of four channels over the patch at the start of `x`, without biases, wrapping.
/// `weights` are the group's. Products whose `x` or weight would lie behind the end of its slice are left
/// out.
#[inline(always)]
fn sums<X: Value>(x: &[X], weights: &[i8], s: &Depthwise) -> [i32; GROUP] {
    let mut acc = [0; GROUP];
    let mut taps = weights.as_chunks::<GROUP>().0.iter();
    for row in 0..s.kernel[0] {
        for column in 0..s.kernel[1] {
            let xs = tail(x, row * s.tap_steps[0] + column * s.tap_steps[1]);
            let Some(ws) = taps.next() else { return acc };
            for ((acc, x), w) in acc.iter_mut().zip(xs).zip(ws) {
                *acc = acc.wrapping_add((*x).into() * i32::from(*w));
            }
        }
    }
    acc
}

/// Calls `f` for each position, row by row, with the values of `x` from the patch's first one on, and with
/// the position's outputs in `y`, which are fewer at the end of `y`. The first position that starts outside
/// of `x` or `y` ends the loop.
#[inline(always)]
pub(crate) fn each_position<X, Y>(
    x: &[X],
    y: &mut [Y],
    s: &Depthwise,
    mut f: impl FnMut(&[X], &mut [Y]),
) {
    for row in 0..s.positions[0] {
        let mut at_x = row * s.position_steps[0] + s.x_start;
        let mut at_y = row * s.y_steps[0] + s.y_start;
        for _ in 0..s.positions[1] {
            let (Some(x), Some(y)) = (x.get(at_x..), y.get_mut(at_y..)) else { return };
            let channels = s.channels.min(y.len());
            f(x, y.get_mut(..channels).unwrap_or(&mut []));
            at_x += s.position_steps[1];
            at_y += s.y_steps[1];
        }
    }
}

/// `slice` from `start` on; empty where it is shorter.
#[inline(always)]
fn tail<X>(slice: &[X], start: usize) -> &[X] {
    slice.get(start..).unwrap_or(&[])
}
