//! What machine code needs to know of a layer, and the checks that make it safe to run.

use crate::kernels::PANEL;
#[cfg(elbow_dsp)]
use crate::kernels::integer::{Depthwise, GROUP, each_patch};
use crate::kernels::integer::{Linear, Output, Requantize, each_position, each_run, finish};
use crate::pieces::{pieces, pieces_mut};
use core::ptr::{null, null_mut};

/// Panels of four rows at one position, for one call of machine code.
///
/// Whoever makes a job guarantees, for reading and writing:
///
/// - `x`: `runs` runs, `gap` bytes between the end of one and the start of the next; a run is what
///   `passes` and `entry` say (see [`Cut`]). Aligned to four bytes where the code asks for i16.
/// - `weights..end`: whole panels, at least one, aligned to four bytes.
/// - `outputs`: a pair per row of these panels.
/// - `y`: `size` bytes per row of these panels, aligned to `size`.
///
/// All is plain memory that no other thread writes, and `y` overlaps nothing else.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Job {
    x: *const u8,
    /// Passes of a run.
    passes: usize,
    runs: usize,
    /// Where the first pass of a run is entered.
    entry: usize,
    gap: isize,
    /// This and the next two: what [`limits`] says.
    zero_point: u32,
    low: u32,
    high: u32,
    shift: u32,
    /// Bytes of an output; 4 for sums, with their biases.
    size: usize,
    outputs: *const [i32; 2],
    y: *mut u8,
    end: *const i8,
    weights: *const i8,
    /// Bytes from tap to tap of a depthwise convolution, or bytes of a panel of weights.
    step: isize,
}

/// How a kernel cuts a run of so many inputs: [`Job::passes`] and [`Job::entry`].
pub type Cut = fn(usize) -> [usize; 2];

/// Passes of `blocks` blocks of `inputs` inputs, and the block in which the first one begins.
///
/// A run without blocks begins behind the last block. Where half a block is left, its width is added:
/// the code takes it first.
pub const fn cut_into(blocks: usize, inputs: usize, run: usize) -> [usize; 2] {
    let [whole, rest] = [run / inputs, run % inputs];
    let passes = whole.div_ceil(blocks);
    let entry = if whole == 0 { blocks } else { passes * blocks - whole };
    [passes, entry + if rest == 0 { 0 } else { blocks + 1 }]
}

impl Job {
    /// A job that only lacks its patch, weights and outputs.
    ///
    /// `step` is the distance between runs, in values of `x`.
    fn new<X, Y: Output>(
        cut: Cut,
        run: usize,
        runs: usize,
        step: usize,
        rule: &Requantize,
    ) -> Self {
        let [passes, entry] = cut(run);
        let [zero_point, low, high] = limits(rule, Y::SIZE);
        Self {
            x: null(),
            passes,
            runs,
            entry,
            gap: bytes::<X>(step.wrapping_sub(run)),
            zero_point,
            low,
            high,
            shift: if Y::SIZE == 4 { 0 } else { rule.shift },
            size: Y::SIZE,
            outputs: null(),
            y: null_mut(),
            end: null(),
            weights: null(),
            step: 0,
        }
    }

    /// The outputs of one position, by `run`; nothing where a slice is too short or not aligned.
    #[inline(always)]
    fn position<X, Y: Output>(
        &mut self,
        x: &[X],
        rows: &Rows<'_>,
        y: &mut [Y],
        run: impl Fn(&Self),
    ) {
        let Rows { weights, outputs, panel_len, x_step } = *rows;
        let (full, rest) = y.as_chunks_mut::<PANEL>();
        let full_len = full.len() * panel_len;
        let last_len = if rest.is_empty() { 0 } else { panel_len };
        let long = weights.len() >= full_len + last_len
            && outputs.len() >= PANEL * full.len() + rest.len();
        if !long || !is_aligned(x, weights) {
            return;
        }
        let (x, start) = (x.as_ptr(), weights.as_ptr());
        if !full.is_empty() {
            self.x = x.cast();
            self.weights = start;
            self.end = start.wrapping_add(full_len);
            self.outputs = outputs.as_ptr();
            self.y = full.as_mut_ptr().cast();
            run(self);
        }
        if let Some(first) = rest.first() {
            let mut parameters = [[0; 2]; PANEL];
            let mut last = [*first; PANEL];
            let of_rest = outputs.iter().skip(PANEL * full.len());
            parameters.iter_mut().zip(of_rest).for_each(|(all, some)| *all = *some);
            self.x = x.wrapping_add(x_step * full.len()).cast();
            self.weights = start.wrapping_add(full_len);
            self.end = self.weights.wrapping_add(panel_len);
            self.outputs = parameters.as_ptr();
            self.y = last.as_mut_ptr().cast();
            run(self);
            rest.iter_mut().zip(last).for_each(|(y, last)| *y = last);
        }
        if Y::SIZE == 4 {
            let ys = full.as_flattened_mut().iter_mut().chain(rest);
            ys.zip(outputs).for_each(|(y, [_, scale])| *y = y.settled(*scale));
        }
    }

    /// The sums of one panel without biases, by `run`; 0 where a slice is not aligned.
    #[inline(always)]
    fn sums<X>(&mut self, x: &[X], weights: &[i8], run: impl Fn(&Self)) -> [i32; PANEL] {
        const NO_BIAS: &[[i32; 2]; PANEL] = &[[0; 2]; PANEL];
        let mut sums = [0; PANEL];
        if is_aligned(x, weights) {
            self.x = x.as_ptr().cast();
            self.weights = weights.as_ptr();
            self.end = self.weights.wrapping_add(weights.len());
            self.step = weights.len() as isize;
            self.outputs = NO_BIAS.as_ptr();
            self.y = sums.as_mut_ptr().cast();
            run(self);
        }
        sums
    }
}

/// Weights and parameters of the rows of a layer, or of the channels of a depthwise one.
struct Rows<'a> {
    weights: &'a [i8],
    outputs: &'a [[i32; 2]],
    /// Weights of a panel.
    panel_len: usize,
    /// Values of `x` from panel to panel.
    x_step: usize,
}

/// Values of `X` in bytes.
const fn bytes<X>(values: usize) -> isize {
    values.wrapping_mul(size_of::<X>()) as isize
}

/// Whether both start at words; bytes need not.
#[inline(always)]
fn is_aligned<X>(x: &[X], weights: &[i8]) -> bool {
    size_of::<X>() == 1 || (x.as_ptr() as usize | weights.as_ptr() as usize).is_multiple_of(4)
}

/// Zero point, least and largest output, repeated to fill a word with values of the output's type.
#[cfg(elbow_dsp)]
fn limits(rule: &Requantize, size: usize) -> [u32; 3] {
    let repeated = |value: i32| match size {
        1 => u32::from(value as u8) * 0x0101_0101,
        _ => u32::from(value as u16) * 0x0001_0001,
    };
    [rule.zero_point as u32, repeated(rule.low), repeated(rule.high)]
}

/// Zero point and largest output, both counted from the least one, and the largest output.
#[cfg(not(elbow_dsp))]
fn limits(rule: &Requantize, _: usize) -> [u32; 3] {
    [rule.zero_point.wrapping_sub(rule.low), rule.high.wrapping_sub(rule.low), rule.high]
        .map(|value| value as u32)
}

/// Whether the runs of a patch are equally far from each other, so that one job has them all.
#[inline(always)]
pub const fn is_line(s: &Linear) -> bool {
    s.runs[0] == 1 || s.runs[1] == 1
}

/// A layer whose patches are one line of runs: a job per position.
#[inline(always)]
pub fn line<X, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
    cut: Cut,
    run: impl Fn(&Job),
) {
    let runs = s.runs[0] * s.runs[1];
    let step = s.run_steps[usize::from(s.runs[0] == 1)];
    let Some(between) = runs.checked_sub(1) else { return };
    let reach = between * step + s.run;
    let mut job = Job::new::<X, Y>(cut, s.run, runs, step, &s.rule);
    let rows = Rows { weights, outputs, panel_len: PANEL * s.inputs(), x_step: 0 };
    job.step = rows.panel_len as isize;
    each_position(x, y, s, |x, y| {
        if x.len() >= reach {
            job.position(x, &rows, y, &run);
        }
    });
}

/// Any layer: a job per position, panel and piece of a run of at most `s.segment` inputs.
#[inline(always)]
pub fn in_pieces<X, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
    cut: Cut,
    run: impl Fn(&Job),
) {
    let segment = if s.is_one_segment() { s.run } else { s.segment };
    let panel_len = PANEL * s.inputs();
    let mut job = Job::new::<X, f32>(cut, 0, 1, 0, &s.rule);
    each_position(x, y, s, |x, y| {
        let panels = pieces(weights, panel_len).zip(pieces(outputs, PANEL));
        for ((panel, outputs), y) in panels.zip(pieces_mut(y, PANEL)) {
            let mut sums = [0i32; PANEL];
            each_run(x, panel, s, |xs, weights| {
                for (xs, weights) in pieces(xs, segment).zip(pieces(weights, PANEL * segment)) {
                    if weights.len() == PANEL * xs.len() {
                        [job.passes, job.entry] = cut(xs.len());
                        let more = job.sums(xs, weights, &run);
                        sums.iter_mut().zip(more).for_each(|(sum, m)| *sum = sum.wrapping_add(m));
                    }
                }
            });
            finish(sums, outputs, y, &s.rule);
        }
    });
}

/// A depthwise convolution: a job per position.
#[cfg(elbow_dsp)]
#[inline(always)]
pub fn depthwise<X, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Depthwise,
    cut: Cut,
    run: impl Fn(&Job),
) {
    let [rows, columns] = s.kernel;
    let (Some(below), Some(beside)) = (rows.checked_sub(1), columns.checked_sub(1)) else { return };
    let reach =
        below * s.tap_steps[0] + beside * s.tap_steps[1] + s.channels.next_multiple_of(GROUP);
    let mut job = Job::new::<X, Y>(cut, columns, rows, 0, &s.rule);
    job.step = bytes::<X>(s.tap_steps[1]);
    job.gap = bytes::<X>(s.tap_steps[0].wrapping_sub(columns * s.tap_steps[1]));
    let rows = Rows { weights, outputs, panel_len: GROUP * s.taps(), x_step: GROUP };
    each_patch(x, y, s, |x, y| {
        if x.len() >= reach {
            job.position(x, &rows, y, &run);
        }
    });
}
