//! Dense layers and convolutions: rows of weights against patches of the input.

use super::{Output, Requantize, Value};
use crate::kernels::arch::integer as arch;

/// Shapes of a dense layer or a convolution without edges.
///
/// A layer has `rows` (output channels) and positions (one for a dense layer). The patch of a position
/// is `runs[0] * runs[1]` runs of `run` values that lie next to each other in `x`:
///
/// | Layer | Positions | Runs | Run |
/// |---|---|---|---|
/// | dense | 1 | 1 | inputs |
/// | convolution over one axis | outputs | 1 | kernel * channels |
/// | over two axes | height, width | kernel height | kernel width * channels |
/// | with dilated columns | height, width | kernel height, kernel width | channels |
///
/// A transposed convolution is one call per phase of its strides, each with the taps of its phase and
/// `y_steps` that interleave the phases; grouped convolution is one call per group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(C)]
pub struct Linear {
    /// Number of outputs of a position, one per row of weights.
    pub rows: usize,
    /// Values of a run as packed: a multiple of the form's grain. `x` is readable that far.
    pub run: usize,
    /// Runs of a patch: kernel rows, kernel columns (1 where columns lie next to each other).
    pub runs: [usize; 2],
    /// Values of `x` from run to run.
    pub run_steps: [usize; 2],
    /// Positions: output height and width.
    pub positions: [usize; 2],
    /// Values of `x` from patch to patch.
    pub position_steps: [usize; 2],
    /// Index in `x` of the first patch.
    pub x_start: usize,
    /// Index in `y` of the first output of the first position.
    pub y_start: usize,
    /// Values of `y` from position to position.
    pub y_steps: [usize; 2],
    /// For [`Form::Paired`](super::Form::Paired): the number of inputs for which the sum of odd rows is
    /// exact, by [`paired_segment`](super::paired_segment).
    pub segment: usize,
    /// From sums to outputs.
    pub rule: Requantize,
}

impl Linear {
    /// Number of inputs of a patch as packed, with the zeros that pad its runs.
    #[inline(always)]
    pub const fn inputs(&self) -> usize {
        self.run * self.runs[0] * self.runs[1]
    }

    /// Number of multiply-accumulates of the layer, counting those with zeros that pad runs, but not those of
    /// rows that pad the last panel.
    pub const fn macs(&self) -> usize {
        self.rows * self.positions[0] * self.positions[1] * self.inputs()
    }

    /// Whether a whole patch as packed fits into one [`segment`](Self::segment), so that the sums of paired
    /// rows are separated only once.
    #[inline(always)]
    pub(crate) const fn is_one_segment(&self) -> bool {
        self.inputs() <= self.segment
    }

    /// Number of inputs of a run that [`Form::Paired`](super::Form::Paired) sums before it separates the rows
    /// of a pair: the whole run where the patch is one segment, else `segment`.
    #[inline(always)]
    pub(crate) const fn piece(&self) -> usize {
        if self.is_one_segment() { self.run } else { self.segment }
    }
}

/// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` with weights in
/// [`Form::Plain`](super::Form::Plain).
///
/// `x[p][k]` is the `k`-th value of the patch at position `p`, `finish` the rule of
/// [`Output::finish`]: the second parameter of a row is its multiplier, or for outputs of f32 the bits
/// of its scale.
///
/// Exact: the order of the sum does not matter, and it wraps outside of i32.
#[inline(always)]
pub fn linear_plain<X: Value, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
) {
    arch::linear_plain(x, weights, outputs, y, s);
}

/// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` as in [`linear_plain`], with
/// weights in [`Form::Paired`](super::Form::Paired), for 8-bit values widened to i16. Runs and patches start
/// at multiples of four bytes.
///
/// Two rows a, b share a 16-bit lane as `256 * b + a`. One dual multiply-accumulate of lanes gives
/// `S = 256 * B + A`, one of the low bytes gives `A`, and `B = (S - A) / 256`: per two rows and two
/// inputs one unpacking and two multiplications instead of two and two. `S - A` is exact while
/// `|B| < 2^23`, which [`paired_segment`](super::paired_segment) makes sure of: `segment` inputs keep
/// the bound. A patch of more inputs is summed by pieces of at most `segment` inputs of a run.
#[inline(always)]
pub fn linear_paired<Y: Output>(
    x: &[i16],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
) {
    arch::linear_paired(x, weights, outputs, y, s);
}

/// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` as in [`linear_plain`], with
/// weights in [`Form::Wide`](super::Form::Wide), for values of 16 bits. Runs and patches start at multiples
/// of four bytes.
#[inline(always)]
pub fn linear_wide<Y: Output>(
    x: &[i16],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
) {
    arch::linear_wide(x, weights, outputs, y, s);
}

/// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` as in [`linear_plain`], with
/// weights in [`Form::Helium`](super::Form::Helium).
#[inline(always)]
pub fn linear_helium<X: Value, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
) {
    arch::linear_helium(x, weights, outputs, y, s);
}

/// Calls `f` for each position, row by row, with the values of `x` from the patch's first one on, and with
/// the `rows` outputs of the position in `y`.
///
/// The values are empty where the patch starts behind `x`; the outputs are fewer where `y` ends within them.
/// The first position that starts behind the end of `y` ends the loop.
#[inline(always)]
pub(crate) fn each_position<X, Y>(
    x: &[X],
    y: &mut [Y],
    s: &Linear,
    mut f: impl FnMut(&[X], &mut [Y]),
) {
    for row in 0..s.positions[0] {
        let mut at_x = row * s.position_steps[0] + s.x_start;
        let mut at_y = row * s.y_steps[0] + s.y_start;
        for _ in 0..s.positions[1] {
            let Some(y) = y.get_mut(at_y..) else { return };
            let x = x.get(at_x..).unwrap_or(&[]);
            let rows = s.rows.min(y.len());
            f(x, y.get_mut(..rows).unwrap_or(&mut []));
            at_x += s.position_steps[1];
            at_y += s.y_steps[1];
        }
    }
}

/// The definitions of the kernels, in plain Rust: machine code gives the same bits.
pub(crate) mod portable {
    use super::{Linear, Output, Requantize, Value, each_position};
    use crate::kernels::PANEL;
    use crate::pieces::{pieces, pieces_mut};

    /// Definition of [`linear_plain`](super::linear_plain):
    /// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` for all positions and rows,
    /// from weights in `Form::Plain`.
    #[inline(never)]
    pub fn plain<X: Value, Y: Output>(
        x: &[X],
        weights: &[i8],
        outputs: &[[i32; 2]],
        y: &mut [Y],
        s: &Linear,
    ) {
        layer(x, weights, outputs, y, s, |xs, weights, acc| {
            for (x, w) in xs.iter().zip(weights.as_chunks::<PANEL>().0) {
                acc.iter_mut().zip(w).for_each(|(acc, w)| add(acc, *x, *w));
            }
        });
    }

    /// Definition of [`linear_paired`](super::linear_paired):
    /// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` for all positions and rows,
    /// from weights in `Form::Paired`.
    #[inline(never)]
    pub fn paired<Y: Output>(
        x: &[i16],
        weights: &[i8],
        outputs: &[[i32; 2]],
        y: &mut [Y],
        s: &Linear,
    ) {
        let (all, segment) = (s.is_one_segment(), s.piece());
        panels(x, weights, outputs, y, s, |x, panel, s| {
            let mut sums = [[0; 2]; 2];
            let mut acc = [0; PANEL];
            each_run(x, panel, s, |xs, weights| {
                let segments = pieces(weights, PANEL * segment);
                for (xs, weights) in pieces(xs, segment).zip(segments) {
                    pair_sums(xs, weights, &mut sums);
                    if !all {
                        separate(&mut sums, &mut acc);
                    }
                }
            });
            separate(&mut sums, &mut acc);
            acc
        });
    }

    /// Adds the products of the inputs `xs` to the sums `[S, A]` of both pairs of rows: to `S` those with the
    /// 16-bit lanes `256 * b + a`, to `A` those with the low bytes `a`. Sums wrap. Inputs go two by two: an
    /// odd last one, and those without weights, are left out.
    #[inline(always)]
    fn pair_sums(xs: &[i16], weights: &[i8], sums: &mut [[i32; 2]; 2]) {
        let blocks = weights.as_chunks::<{ 2 * PANEL }>().0;
        for (xs, block) in xs.as_chunks::<2>().0.iter().zip(blocks) {
            for ([s, a], word) in sums.iter_mut().zip(block.as_chunks::<4>().0) {
                for (x, lane) in xs.iter().zip(word.as_chunks::<2>().0) {
                    let lane = lane.map(|byte| byte as u8);
                    let both = i32::from(i16::from_le_bytes(lane));
                    *s = s.wrapping_add(both * i32::from(*x));
                    *a = a.wrapping_add(i32::from(lane[0] as i8) * i32::from(*x));
                }
            }
        }
    }

    /// Adds `A` to the sum of each pair's first row and `(S - A) >> 8` to that of its second row, wrapping,
    /// and sets `[S, A]` of both pairs to 0.
    #[inline(always)]
    fn separate(sums: &mut [[i32; 2]; 2], acc: &mut [i32; PANEL]) {
        for ([s, a], acc) in sums.iter_mut().zip(acc.as_chunks_mut::<2>().0) {
            acc[0] = acc[0].wrapping_add(*a);
            acc[1] = acc[1].wrapping_add(s.wrapping_sub(*a) >> 8);
            [*s, *a] = [0; 2];
        }
    }

    /// Definition of [`linear_wide`](super::linear_wide):
    /// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` for all positions and rows,
    /// from weights in `Form::Wide`.
    #[inline(never)]
    pub fn wide<Y: Output>(
        x: &[i16],
        weights: &[i8],
        outputs: &[[i32; 2]],
        y: &mut [Y],
        s: &Linear,
    ) {
        layer(x, weights, outputs, y, s, |xs, weights, acc| {
            let blocks = weights.as_chunks::<{ 2 * PANEL }>().0;
            for (xs, block) in xs.as_chunks::<2>().0.iter().zip(blocks) {
                for (acc, word) in
                    acc.as_chunks_mut::<2>().0.iter_mut().zip(block.as_chunks::<4>().0)
                {
                    for (x, lane) in xs.iter().zip(word.as_chunks::<2>().0) {
                        acc.iter_mut().zip(lane).for_each(|(acc, w)| add(acc, *x, *w));
                    }
                }
            }
        });
    }

    /// Definition of [`linear_helium`](super::linear_helium):
    /// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` for all positions and rows,
    /// from weights in `Form::Helium`.
    #[inline(never)]
    pub fn helium<X: Value, Y: Output>(
        x: &[X],
        weights: &[i8],
        outputs: &[[i32; 2]],
        y: &mut [Y],
        s: &Linear,
    ) {
        layer(x, weights, outputs, y, s, |xs, weights, acc| {
            let blocks = weights.as_chunks::<{ 16 * PANEL }>().0;
            for (xs, block) in xs.as_chunks::<16>().0.iter().zip(blocks) {
                for (acc, row) in acc.iter_mut().zip(block.as_chunks::<16>().0) {
                    xs.iter().zip(row).for_each(|(x, w)| add(acc, *x, *w));
                }
            }
        });
    }

    /// `acc += x * w`, wrapping.
    #[inline(always)]
    fn add<X: Value>(acc: &mut i32, x: X, w: i8) {
        *acc = acc.wrapping_add(x.into() * i32::from(w));
    }

    /// Writes the outputs of all positions and rows to `y`. `add_run(xs, weights, acc)` has to add the
    /// products of one run with a panel's weights for it to the sums of the panel's four rows.
    #[inline(always)]
    fn layer<X, Y: Output>(
        x: &[X],
        weights: &[i8],
        outputs: &[[i32; 2]],
        y: &mut [Y],
        s: &Linear,
        add_run: impl Fn(&[X], &[i8], &mut [i32; PANEL]),
    ) {
        panels(x, weights, outputs, y, s, |x, panel, s| {
            let mut acc = [0; PANEL];
            each_run(x, panel, s, |xs, weights| add_run(xs, weights, &mut acc));
            acc
        });
    }

    /// Writes the outputs of all positions and rows to `y`. `sums(x, panel, s)` has to give the sums of a
    /// panel's four rows, without biases, over the patch at the start of `x`.
    #[inline(always)]
    pub(crate) fn panels<X, Y: Output>(
        x: &[X],
        weights: &[i8],
        outputs: &[[i32; 2]],
        y: &mut [Y],
        s: &Linear,
        sums: impl Fn(&[X], &[i8], &Linear) -> [i32; PANEL],
    ) {
        let panel_len = PANEL * s.inputs();
        each_position(x, y, s, |x, y| {
            let panels = pieces(weights, panel_len).zip(pieces(outputs, PANEL));
            for ((panel, outputs), y) in panels.zip(pieces_mut(y, PANEL)) {
                finish(sums(x, panel, s), outputs, y, &s.rule);
            }
        });
    }

    /// Writes the outputs of up to four rows to `y`: [`Output::finish`] of the row's sum plus its bias,
    /// wrapping, and its parameter. Stops at the end of `outputs` or `y`.
    #[inline(always)]
    pub(crate) fn finish<Y: Output>(
        sums: [i32; PANEL],
        outputs: &[[i32; 2]],
        y: &mut [Y],
        rule: &Requantize,
    ) {
        for ((sum, [bias, parameter]), y) in sums.iter().zip(outputs).zip(y) {
            *y = Y::finish(sum.wrapping_add(*bias), *parameter, rule);
        }
    }

    /// Calls `f` with each run of the patch at the start of `x` and the weights of `panel` for it, row by
    /// row; runs and weights are shorter or empty where their slices end.
    #[inline(always)]
    pub(crate) fn each_run<'a, X, W>(
        x: &'a [X],
        panel: &'a [W],
        s: &Linear,
        mut f: impl FnMut(&'a [X], &'a [W]),
    ) {
        let mut weights = pieces(panel, PANEL * s.run);
        for row in 0..s.runs[0] {
            for column in 0..s.runs[1] {
                let at = row * s.run_steps[0] + column * s.run_steps[1];
                let xs = x.get(at..).unwrap_or(&[]);
                let xs = xs.get(..s.run).unwrap_or(xs);
                f(xs, weights.next().unwrap_or(&[]));
            }
        }
    }
}
