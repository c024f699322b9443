//! Pooling over one or two spatial axes.

use crate::math;
use crate::pieces::{pieces, pieces_mut};
use core::iter::{StepBy, Take};
use core::slice::Iter;

/// Shapes of a pooling layer; one-dimensional ones have height 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PoolShape {
    /// Planes: all axes in front of the spatial ones.
    pub channels: usize,
    /// Input height and width.
    pub input: [usize; 2],
    /// Output height and width.
    pub output: [usize; 2],
    /// Window height and width.
    pub kernel: [usize; 2],
    /// Steps between neighbouring outputs.
    pub strides: [usize; 2],
    /// Steps between neighbouring taps.
    pub dilations: [usize; 2],
    /// Pads before the first row and column.
    pub pads: [usize; 2],
    /// Pads behind the last row and column.
    pub pads_end: [usize; 2],
}

/// How a window's mean is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mean {
    /// Whether taps in the pads count as zeros; where not, they are left out of the mean.
    pub count_pads: bool,
    /// The sum adds up the sums of the columns, instead of all taps row by row. Where means of quantized
    /// values lie half-way between two integers, the order decides which one they round to.
    pub by_column: bool,
}

/// `y[c][p]` is the largest of the taps `x[c][p * stride + k * dilation - pad]` inside the input; NaN
/// where one is NaN, minus infinity where none is inside.
#[inline(never)]
pub fn max_pool(x: &[f32], y: &mut [f32], s: &PoolShape) {
    each_window(x, y, s, |window, _| {
        let mut largest = f32::NEG_INFINITY;
        window.each(|x| largest = math::max(largest, x));
        largest
    });
}

/// `y[c][p]` is the mean of the taps `x[c][p * stride + k * dilation - pad]` inside the input, or, with
/// `count_pads`, their sum divided by the number of taps inside input and pads; NaN where there are no such
/// taps.
///
/// Order: all sums start at 0 and run by row and column, or, with `by_column`, add up those of the columns;
/// the division comes last.
#[inline(never)]
pub fn average_pool(x: &[f32], y: &mut [f32], mean: &Mean, s: &PoolShape) {
    each_window(x, y, s, |window, padded| {
        let mut sum = 0.0;
        match mean.by_column {
            true => window.each_column(|column| sum += column.fold(0.0, |sum, x| sum + *x)),
            false => window.each(|x| sum += x),
        }
        let inside = window.rows.count * window.columns.count;
        sum / if mean.count_pads { padded } else { inside } as f32
    });
}

/// Sets every value of `y` to `f(window, padded)`: the taps of its window inside the input, and the number of
/// its taps inside input and pads.
#[inline(always)]
fn each_window(x: &[f32], y: &mut [f32], s: &PoolShape, f: impl Fn(&TapWindow<'_>, usize) -> f32) {
    let planes = pieces(x, s.input[0] * s.input[1]);
    for (plane, y) in planes.zip(pieces_mut(y, s.output[0] * s.output[1])) {
        for (row, y) in pieces_mut(y, s.output[1]).enumerate() {
            let rows = Taps::at(row, 0, s);
            for (column, y) in y.iter_mut().enumerate() {
                let columns = Taps::at(column, 1, s);
                let window = TapWindow { plane, width: s.input[1], rows: &rows, columns: &columns };
                *y = f(&window, rows.padded * columns.padded);
            }
        }
    }
}

/// The taps of a window's column.
type Column<'x> = Take<StepBy<Iter<'x, f32>>>;

/// The taps of one output inside the input.
struct TapWindow<'x> {
    plane: &'x [f32],
    width: usize,
    rows: &'x Taps,
    columns: &'x Taps,
}

impl TapWindow<'_> {
    /// Calls `f` with each tap, row by row, from left to right; taps behind the end of `plane` are left out.
    #[inline(always)]
    fn each(&self, mut f: impl FnMut(f32)) {
        for row in 0..self.rows.count {
            let start = (self.rows.first + row * self.rows.step) * self.width + self.columns.first;
            let line = self.plane.get(start..).unwrap_or(&[]);
            let taps = line.iter().step_by(self.columns.step).take(self.columns.count);
            taps.for_each(|x| f(*x));
        }
    }

    /// Calls `f` for each column of the window, from left to right, with an iterator over its taps from top
    /// to bottom; taps behind the end of `plane` are left out.
    #[inline(always)]
    fn each_column<'w>(&'w self, mut f: impl FnMut(Column<'w>)) {
        for column in 0..self.columns.count {
            let start =
                self.rows.first * self.width + self.columns.first + column * self.columns.step;
            let line = self.plane.get(start..).unwrap_or(&[]);
            let taps = line.iter().step_by((self.rows.step * self.width).max(1));
            f(taps.take(self.rows.count));
        }
    }
}

/// The taps of one output along one axis.
pub(super) struct Taps {
    /// Number of taps inside the input.
    pub count: usize,
    /// Number of taps inside input and pads.
    pub padded: usize,
    /// Input index of the first one inside.
    pub first: usize,
    /// Input steps between taps.
    pub step: usize,
}

impl Taps {
    /// The taps of the output at index `position` along `axis` (0 is height, 1 is width); `count` is 0 where
    /// none lies inside the input.
    #[inline(always)]
    pub fn at(position: usize, axis: usize, s: &PoolShape) -> Self {
        let axis = axis & 1;
        let (len, pad, step) = (s.input[axis], s.pads[axis], s.dilations[axis].max(1));
        let origin = position * s.strides[axis];
        let taps = |end: usize| end.saturating_sub(origin).div_ceil(step).min(s.kernel[axis]);
        let outside = pad.saturating_sub(origin).div_ceil(step).min(s.kernel[axis]);
        Self {
            count: taps(pad + len).saturating_sub(outside),
            padded: taps(pad + len + s.pads_end[axis]),
            first: (origin + outside * step).saturating_sub(pad),
            step,
        }
    }
}
