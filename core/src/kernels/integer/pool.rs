//! Pooling, channels last.

use super::{Requantize, Value};
use crate::kernels::pool::{PoolShape, Taps};

/// How a window's mean is taken and rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RoundedMean<'m> {
    /// Zero point of the input.
    pub zero_point: i32,
    /// Multipliers of [`Requantize::apply`], division by the number of taps included: `multipliers[n]` for
    /// windows that lack `n` of the kernel's taps, the last one for those that lack more; 0 where there are
    /// none.
    pub multipliers: &'m [i32],
    /// Whether taps in the pads count as zeros; where not, they are left out of the mean.
    pub count_pads: bool,
    /// From sums to outputs.
    pub rule: Requantize,
}

/// `y[p][c]` is the largest of the taps `x[p * stride + k * dilation - pad][c]` inside the input, the
/// least value of the type where none is inside.
///
/// `x` is `[height][width][channels]`, `y` too, with the output's height and width.
#[inline(never)]
pub fn max_pool<X: Value>(x: &[X], y: &mut [X], s: &PoolShape) {
    each_window(x, y, s, |window, _| {
        let mut largest = i32::from(i16::MIN).max(i32::MIN >> (32 - 8 * size_of::<X>()));
        window.each(|x| largest = largest.max(x));
        X::of(largest)
    });
}

/// `y[p][c] = rule(sum of (x - zero_point) over the taps inside the input, multiplier)`: their mean, or, with
/// `count_pads`, their sum divided by the number of taps inside input and pads. `x` and `y` are
/// `[height][width][channels]`.
///
/// With [`Requantize::shift`] 8, the real multipliers are below 2^7.
#[inline(never)]
pub fn average_pool<X: Value>(x: &[X], y: &mut [X], mean: &RoundedMean<'_>, s: &PoolShape) {
    let &RoundedMean { zero_point, multipliers, count_pads, rule } = mean;
    let all = s.kernel[0] * s.kernel[1];
    each_window(x, y, s, |window, padded| {
        let inside = window.rows.count * window.columns.count;
        let lacking = all.saturating_sub(if count_pads { padded } else { inside });
        let multiplier = multipliers.get(lacking).or(multipliers.last()).copied().unwrap_or(0);
        let mut sum = 0i32;
        window.each(|x| sum = sum.wrapping_add(x - zero_point));
        X::of(rule.apply(sum, multiplier))
    });
}

/// Sets the values of `y`, position by position and channel by channel, to `f(window, padded)`: the taps of
/// the window inside the input, and the number of its taps inside input and pads. What `y` has behind the
/// last output stays.
#[inline(always)]
fn each_window<X: Value>(
    x: &[X],
    y: &mut [X],
    s: &PoolShape,
    f: impl Fn(&TapWindow<'_, X>, usize) -> X,
) {
    let mut outputs = y.iter_mut();
    for row in 0..s.output[0] {
        let rows = Taps::at(row, 0, s);
        for column in 0..s.output[1] {
            let columns = Taps::at(column, 1, s);
            for channel in 0..s.channels {
                let window = TapWindow { x, channel, rows: &rows, columns: &columns, s };
                let Some(y) = outputs.next() else { return };
                *y = f(&window, rows.padded * columns.padded);
            }
        }
    }
}

/// The taps of one output inside the input, all of one channel.
struct TapWindow<'x, X> {
    x: &'x [X],
    channel: usize,
    rows: &'x Taps,
    columns: &'x Taps,
    s: &'x PoolShape,
}

impl<X: Value> TapWindow<'_, X> {
    /// Calls `f` with each tap, row by row, from left to right; the first one behind the end of `x` ends the
    /// loop.
    #[inline(always)]
    fn each(&self, mut f: impl FnMut(i32)) {
        let channels = self.s.channels;
        for row in 0..self.rows.count {
            let line = (self.rows.first + row * self.rows.step) * self.s.input[1];
            let mut at = (line + self.columns.first) * channels + self.channel;
            for _ in 0..self.columns.count {
                let Some(x) = self.x.get(at) else { return };
                f((*x).into());
                at += self.columns.step * channels;
            }
        }
    }
}
