//! The description of a layer that machine code reads, and the checks that make it safe to run.

use crate::kernels::PANEL;
#[cfg(elbow_dsp)]
use crate::kernels::integer::Depthwise;
use crate::kernels::integer::linear::{self, portable::each_run};
use crate::kernels::integer::{Linear, Output, Requantize, Value};
use crate::pieces::pieces;
use core::marker::PhantomData;
use core::ptr::{null, null_mut};
use zerocopy::IntoBytes;

/// Panels of four rows at one position, for one call of machine code.
///
/// Whoever makes a job guarantees, for reading and writing:
///
/// - `x`: `runs` runs, `gap` bytes between the end of one and the start of the next; a run is what
///   `passes` and `entry` say (see [`Cut`]). Aligned to four bytes where the code asks for i16.
/// - `weights..end`: whole panels, at least one, aligned to four bytes.
/// - `outputs`: a pair per row of these panels.
/// - `y`: an output per row of these panels, aligned to its size.
///
/// All is plain memory that no other thread writes, and `y` overlaps nothing else.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Job {
    x: *const u8,
    /// Passes of a run, by the kernel's [`Cut`].
    passes: usize,
    runs: usize,
    /// Where the first pass of a run is entered, by the kernel's [`Cut`].
    entry: usize,
    gap: isize,
    /// This and the next two: the three results of [`limits`].
    zero_point: u32,
    low: u32,
    high: u32,
    shift: u32,
    /// Which code finishes the outputs: their size in bytes (4: sums with their biases, as i32), plus 4 on
    /// cores with DSP instructions where the rule has a shift (rare).
    kind: usize,
    outputs: *const [i32; 2],
    y: *mut u8,
    end: *const i8,
    weights: *const i8,
    /// Bytes from tap to tap of a depthwise convolution, or bytes of a panel of weights.
    step: isize,
    /// Where code computes two positions at once: bytes of `x` and of `y` from the first one to the second.
    #[cfg(elbow_v7m)]
    second: [isize; 2],
}

/// Whether machine code reads values of 16 bits two by two, as words, so that they come in even numbers and lie at
/// multiples of four bytes.
const AS_WORDS: bool = cfg!(elbow_dsp);

/// Whether there is machine code for two positions at once.
const IN_PAIRS: bool = cfg!(elbow_v7m);

/// How a kernel cuts a run of so many inputs: gives [`Job::passes`] and [`Job::entry`].
pub type Cut = fn(usize) -> [usize; 2];

/// `[passes, entry]` of a run of `run` inputs, cut into passes of `blocks` blocks of `inputs` inputs each:
/// the number of passes, and the block at which the first pass is entered so that the last one ends with the
/// run. `blocks` and `inputs` are not 0.
///
/// A run without a whole block is entered at `blocks`, behind the last block. Where inputs are left that fill
/// no block, `entry` is greater by `blocks + 1`: the code takes them first.
#[cfg(any(elbow_dsp, elbow_v7m))]
pub const fn cut_into(blocks: usize, inputs: usize, run: usize) -> [usize; 2] {
    let [whole, rest] = [run / inputs, run % inputs];
    let passes = whole.div_ceil(blocks);
    let entry = if whole == 0 { blocks } else { passes * blocks - whole };
    [passes, entry + if rest == 0 { 0 } else { blocks + 1 }]
}

impl Job {
    /// A job whose pointers are still null and whose `step` is 0: it must not be run before both are set.
    /// `cut` is `[passes, entry]`, `gap` the number of values of `x` between the end of a run and the start
    /// of the next (wrapped where it is negative), `sizes` the bytes of a value of `x` and of `y` (4: sums).
    fn new(cut: [usize; 2], runs: usize, gap: usize, sizes: [usize; 2], rule: &Requantize) -> Self {
        let [x_size, size] = sizes;
        let [zero_point, low, high] = limits(rule, size);
        let shift = if size == 4 { 0 } else { rule.shift };
        Self {
            x: null(),
            passes: cut[0],
            runs,
            entry: cut[1],
            gap: bytes(gap, x_size),
            zero_point,
            low,
            high,
            shift,
            kind: if cfg!(elbow_dsp) && shift > 0 { size + 4 } else { size },
            outputs: null(),
            y: null_mut(),
            end: null(),
            weights: null(),
            step: 0,
            #[cfg(elbow_v7m)]
            second: [0; 2],
        }
    }

    /// Says how many bytes of `x` and of `y` the second one of two positions is behind the first one.
    #[inline(always)]
    fn set_second(&mut self, second: [isize; 2]) {
        #[cfg(elbow_v7m)]
        (self.second = second);
        #[cfg(not(elbow_v7m))]
        let _: [isize; 2] = second;
    }

    /// Calls `run` with the job of all full panels at each position, or each two positions, and with their number;
    /// their outputs go to the `y` of `t`. Changes the job's pointers. There must be a full panel: four rows.
    /// Does nothing where a slice is too short or not aligned.
    #[inline(always)]
    fn full(&mut self, t: &Tensors<'_>, p: &Places, run: impl Fn(&Self, usize)) {
        let full = p.rows / PANEL;
        if t.hold(p) {
            self.weights = t.weights.as_ptr();
            self.end = self.weights.wrapping_add(full * p.panel_len);
            self.outputs = t.outputs.as_ptr();
            self.set_second([
                bytes(p.position_steps[1], t.sizes[0]),
                bytes(p.y_steps[1], t.sizes[1]),
            ]);
            each_position(t, p, |x, y, positions| {
                (self.x, self.y) = (x, y);
                run(self, positions);
            });
        }
    }

    /// Calls `run` with the job of the last panel, which is not full, at each position, or each two positions, and
    /// with their number, and copies the outputs of its rows to the `y` of `t`; changes the job's pointers. The
    /// number of rows must not be a multiple of four. Does nothing where a slice is too short or not aligned.
    #[inline(always)]
    fn rest(&mut self, t: &Tensors<'_>, p: &Places, run: impl Fn(&Self, usize)) {
        let (full, rest) = (p.rows / PANEL, p.rows % PANEL);
        if t.hold(p) {
            let parameters = last_parameters(t.outputs, PANEL * full);
            self.weights = t.weights.as_ptr().wrapping_add(full * p.panel_len);
            self.end = self.weights.wrapping_add(p.panel_len);
            self.outputs = parameters.as_ptr();
            self.set_second([bytes(p.position_steps[1], t.sizes[0]), size_of::<Last>() as isize]);
            each_position(t, p, |x, y, positions| {
                let mut last: [Last; POSITIONS] = [[0; PANEL]; POSITIONS];
                self.x = x.wrapping_add(full * p.x_step);
                self.y = last.as_mut_ptr().cast();
                run(self, positions);
                let size = t.sizes[1];
                let mut to = y.wrapping_add(PANEL * full * size);
                for last in last.iter().take(positions) {
                    for (at, byte) in last.as_bytes().iter().take(rest * size).enumerate() {
                        // SAFETY: `hold` has checked that all rows of a position lie inside `y`. (Volatile, so
                        // that three bytes are not made a call.)
                        unsafe { to.add(at).write_volatile(*byte) };
                    }
                    to = to.wrapping_add(p.y_steps[1] * size);
                }
            });
        }
    }

    /// The sums of one panel's four rows over the run `x`, without biases, as `run` computes them; changes
    /// the job's pointers and its `step`. `x` is not empty, `weights` are four times as many, and `passes`
    /// and `entry` of the job are those of a run of that length. Zeros where a slice is not aligned.
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

/// Outputs of a panel that is not full.
type Last = [u32; PANEL];

/// Most positions of a job.
const POSITIONS: usize = if IN_PAIRS { 2 } else { 1 };

/// What a layer reads and writes, as bytes, so that code for it exists once for all types.
pub struct Tensors<'a> {
    x: *const u8,
    weights: &'a [i8],
    outputs: &'a [[i32; 2]],
    y: *mut u8,
    /// Values of `x` and of `y`.
    lengths: [usize; 2],
    /// Bytes of a value of `x` and of `y`.
    sizes: [usize; 2],
    tensors: PhantomData<(&'a [u8], &'a mut [u8])>,
}

impl<'a> Tensors<'a> {
    /// The tensors of a layer, borrowed; nothing is checked yet.
    #[inline(always)]
    pub fn new<X: Value, Y: Output>(
        x: &'a [X],
        weights: &'a [i8],
        outputs: &'a [[i32; 2]],
        y: &'a mut [Y],
    ) -> Self {
        Self {
            x: x.as_ptr().cast(),
            weights,
            outputs,
            lengths: [x.len(), y.len()],
            y: y.as_mut_ptr().cast(),
            sizes: [size_of::<X>(), size_of::<Y>()],
            tensors: PhantomData,
        }
    }

    /// Whether all that a layer at these places reads and writes lies inside the slices, there is a position,
    /// and, where `x` is read [as words](AS_WORDS), patches, runs and weights start at multiples of four bytes.
    ///
    /// Nothing overflows: numbers of a [`Places`] are below 2^15, or below 2^31 where it says so. That is
    /// what [`SingleJobLayer`] and [`Small`] are for.
    #[inline(never)]
    fn hold(&self, p: &Places) -> bool {
        let x_size = self.sizes[0];
        let x = last_of(p.x_start, p.positions, p.position_steps) + p.reach;
        let y = last_of(p.y_start, p.positions, p.y_steps) + p.rows;
        let weights = p.rows.div_ceil(PANEL) as u64 * p.panel_len as u64;
        let odd = self.x as usize
            | self.weights.as_ptr() as usize
            | (p.x_start | p.position_steps[0] | p.position_steps[1] | p.inner) * x_size;
        x <= self.lengths[0]
            && y <= self.lengths[1]
            && weights <= self.weights.len() as u64
            && p.rows <= self.outputs.len()
            && (x_size == 1 || !AS_WORDS || odd.is_multiple_of(4))
            && p.positions[0] > 0
            && p.positions[1] > 0
    }
}

/// Where patches and outputs lie, in values; made from a [`SingleJobLayer`] or a [`Small`] only.
struct Places {
    /// Values from the start of a patch to its end, below 2^31.
    reach: usize,
    rows: usize,
    positions: [usize; 2],
    x_start: usize,
    position_steps: [usize; 2],
    /// Bitwise or of the steps and lengths inside a patch, for a test of what divides them all.
    inner: usize,
    y_start: usize,
    y_steps: [usize; 2],
    /// Weights of a panel, below 2^32.
    panel_len: usize,
    /// Bytes of `x` from panel to panel.
    x_step: usize,
}

/// Index of the last value of a grid of `n[0]` by `n[1]` values that begins at `start` and has these strides;
/// a count of 0 is taken for 1.
#[inline(always)]
const fn last_of(start: usize, n: [usize; 2], steps: [usize; 2]) -> usize {
    start + n[0].saturating_sub(1) * steps[0] + n[1].saturating_sub(1) * steps[1]
}

/// Calls `f` with the address of each position's patch, that of its outputs, and 1, row by row; where there is code
/// for it, with those of the first one of two successive positions of a row, and 2. It only computes addresses, which
/// [`Tensors::hold`] has to have checked before `f` uses them.
#[inline(always)]
fn each_position(t: &Tensors<'_>, p: &Places, mut f: impl FnMut(*const u8, *mut u8, usize)) {
    let [x_size, y_size] = t.sizes;
    let mut x_row = t.x.wrapping_add(p.x_start * x_size);
    let mut y_row = t.y.wrapping_add(p.y_start * y_size);
    for _ in 0..p.positions[0] {
        let (mut x, mut y) = (x_row, y_row);
        let mut left = p.positions[1];
        while IN_PAIRS && left > 1 {
            f(x, y, 2);
            x = x.wrapping_add(2 * p.position_steps[1] * x_size);
            y = y.wrapping_add(2 * p.y_steps[1] * y_size);
            left -= 2;
        }
        for _ in 0..left {
            f(x, y, 1);
            x = x.wrapping_add(p.position_steps[1] * x_size);
            y = y.wrapping_add(p.y_steps[1] * y_size);
        }
        x_row = x_row.wrapping_add(p.position_steps[0] * x_size);
        y_row = y_row.wrapping_add(p.y_steps[0] * y_size);
    }
}

/// The parameters of the first four rows from `start` on, zeros where there are fewer.
fn last_parameters(outputs: &[[i32; 2]], start: usize) -> [[i32; 2]; PANEL] {
    core::array::from_fn(|row| outputs.get(start + row).copied().unwrap_or_default())
}

/// The bytes of so many values of `size` bytes each; wraps, so that a wrapped negative number of values stays
/// one.
const fn bytes(values: usize, size: usize) -> isize {
    values.wrapping_mul(size) as isize
}

/// Whether `x` and `weights` both start at multiples of four bytes; always true where `x` is of bytes or not read
/// [as words](AS_WORDS).
#[inline(always)]
fn is_aligned<X>(x: &[X], weights: &[i8]) -> bool {
    size_of::<X>() == 1
        || !AS_WORDS
        || (x.as_ptr() as usize | weights.as_ptr() as usize).is_multiple_of(4)
}

/// Zero point, least and largest output; the last two are repeated to fill a word with values of `size`
/// bytes, 1 or 2. For a `size` of 4 the code reads none of them.
#[cfg(elbow_dsp)]
fn limits(rule: &Requantize, size: usize) -> [u32; 3] {
    let repeated = |value: i32| match size {
        1 => u32::from(value as u8) * 0x0101_0101,
        _ => u32::from(value as u16) * 0x0001_0001,
    };
    [rule.zero_point as u32, repeated(rule.low), repeated(rule.high)]
}

/// Zero point and largest output, both with the least output subtracted, and the largest output as it is.
#[cfg(not(elbow_dsp))]
fn limits(rule: &Requantize, _: usize) -> [u32; 3] {
    [rule.zero_point.wrapping_sub(rule.low), rule.high.wrapping_sub(rule.low), rule.high]
        .map(|value| value as u32)
}

/// Whether all numbers are below 2^15, so that sums of two products of them are below 2^31.
const fn are_small(numbers: &[usize]) -> bool {
    let (mut all, mut i) = (0, 0);
    while i < numbers.len() {
        all |= numbers[i];
        i += 1;
    }
    all < 1 << 15
}

/// A layer whose runs are equally far from each other, so that one job has them all, and whose numbers
/// are small enough to be checked without overflow. Only [`SingleJobLayer::of`] makes one.
#[derive(Clone, Copy)]
pub struct SingleJobLayer<'s>(&'s Linear);

impl<'s> SingleJobLayer<'s> {
    /// The layer; `None` unless its runs form one line (one of the two counts is 1, neither is 0) and all its
    /// numbers are below 2^15.
    ///
    /// Where the shapes are constants, as in generated code, this costs nothing, and an image does not hold
    /// the kernels that it does not need.
    #[inline(always)]
    pub const fn of(s: &'s Linear) -> Option<Self> {
        let places = [s.rows, s.run, s.x_start, s.y_start, s.runs[0], s.runs[1]];
        let steps = [s.run_steps[0], s.run_steps[1], s.y_steps[0], s.y_steps[1]];
        let positions = [s.positions[0], s.positions[1], s.position_steps[0], s.position_steps[1]];
        let line = s.runs[0] == 1 && s.runs[1] > 0 || s.runs[1] == 1 && s.runs[0] > 0;
        let line = line && are_small(&places) && are_small(&steps) && are_small(&positions);
        if line { Some(Self(s)) } else { None }
    }
}

/// A depthwise convolution whose numbers are small enough to be checked without overflow. Only [`Small::of`]
/// makes one.
#[cfg(elbow_dsp)]
#[derive(Clone, Copy)]
pub struct Small<'s>(&'s Depthwise);

#[cfg(elbow_dsp)]
impl<'s> Small<'s> {
    /// The convolution; `None` unless it has taps and all its numbers are below 2^15.
    #[inline(always)]
    pub const fn of(s: &'s Depthwise) -> Option<Self> {
        let places = [s.channels, s.kernel[0], s.kernel[1], s.x_start, s.y_start];
        let steps = [s.tap_steps[0], s.tap_steps[1], s.y_steps[0], s.y_steps[1]];
        let positions = [s.positions[0], s.positions[1], s.position_steps[0], s.position_steps[1]];
        let taps = s.kernel[0] > 0 && s.kernel[1] > 0;
        let small = taps && are_small(&places) && are_small(&steps) && are_small(&positions);
        if small { Some(Self(s)) } else { None }
    }
}

/// Calls `run` with one job per position, or for two, and their number, for all full panels or, without `full`, for
/// the last one that is not full; writes the outputs to the `y` of `t`. Runs are cut by `cut`. Does nothing where a
/// slice is too short or not aligned. With `full` the layer must have at least four rows, without it a number of
/// rows that is no multiple of four.
///
/// Where the outputs are f32, their places hold the bits of the i32 sums: [`settle`] makes floats of them.
#[inline(always)]
pub fn line(
    t: &Tensors<'_>,
    SingleJobLayer(s): SingleJobLayer<'_>,
    full: bool,
    cut: Cut,
    run: impl Fn(&Job, usize),
) {
    let runs = s.runs[0] * s.runs[1];
    let step = s.run_steps[usize::from(s.runs[0] == 1)];
    let mut job = Job::new(cut(s.run), runs, step.wrapping_sub(s.run), t.sizes, &s.rule);
    let places = Places {
        reach: last_of(s.run, [runs, 1], [step, 0]),
        rows: s.rows,
        positions: s.positions,
        x_start: s.x_start,
        position_steps: s.position_steps,
        inner: s.run | if runs > 1 { step } else { 0 },
        y_start: s.y_start,
        y_steps: s.y_steps,
        panel_len: PANEL * runs * s.run,
        x_step: 0,
    };
    job.step = places.panel_len as isize;
    if full { job.full(t, &places, run) } else { job.rest(t, &places, run) }
}

/// Replaces the i32 sums that jobs leave in the place of f32 outputs by `sum * scale`, with the bits of the
/// scale in the second parameter of the row. Does nothing where the outputs are integers. To be called once:
/// it takes the bits of every f32 output of the layer for a sum, also where jobs wrote none.
#[inline(always)]
pub fn settle<Y: Output>(y: &mut [Y], outputs: &[[i32; 2]], s: &Linear) {
    if Y::SIZE == 4 {
        linear::each_position::<u8, Y>(&[], y, s, |_, y| {
            y.iter_mut().zip(outputs).for_each(|(y, [_, scale])| *y = y.settled(*scale));
        });
    }
}

/// The sums of a panel's four rows over the patch at the start of `x`, without biases, wrapping: `run` is
/// called with a job per piece of a run, of at most `piece` inputs, and must write the four i32 sums of the
/// job. `panel` are the panel's weights. Pieces that lack inputs or weights, and those of an odd number of
/// 16-bit inputs that are read as words, are left out.
///
/// For shapes that do not fit into one job.
#[inline(always)]
pub fn sums<X: Value>(
    x: &[X],
    panel: &[i8],
    s: &Linear,
    piece: usize,
    cut: Cut,
    run: impl Fn(&Job),
) -> [i32; PANEL] {
    let mut job = Job::new([0; 2], 1, 0, [size_of::<X>(), 4], &s.rule);
    let mut sums = [0i32; PANEL];
    each_run(x, panel, s, |xs, weights| {
        for (xs, weights) in pieces(xs, piece).zip(pieces(weights, PANEL * piece)) {
            let whole = size_of::<X>() == 1 || !AS_WORDS || xs.len() % 2 == 0;
            if weights.len() == PANEL * xs.len() && whole {
                [job.passes, job.entry] = cut(xs.len());
                let more = job.sums(xs, weights, &run);
                sums.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.wrapping_add(more));
            }
        }
    });
    sums
}

/// Calls `run` with one job per position, for all full groups of four channels or, without `full`, for the
/// last one that is not full; writes the outputs to the `y` of `t`, sums in the place of f32 as in [`line`].
/// Does nothing where a slice is too short or not aligned. With `full` there must be at least four channels,
/// without it a number of channels that is no multiple of four.
#[cfg(elbow_dsp)]
#[inline(always)]
pub fn depthwise(t: &Tensors<'_>, Small(s): Small<'_>, full: bool, cut: Cut, run: impl Fn(&Job)) {
    let [rows, columns] = s.kernel;
    let gap = s.tap_steps[0].wrapping_sub(columns * s.tap_steps[1]);
    let mut job = Job::new(cut(columns), rows, gap, t.sizes, &s.rule);
    job.step = bytes(s.tap_steps[1], t.sizes[0]);
    let places = Places {
        reach: last_of(s.channels.next_multiple_of(PANEL), s.kernel, s.tap_steps),
        rows: s.channels,
        positions: s.positions,
        x_start: s.x_start,
        position_steps: s.position_steps,
        inner: s.tap_steps[0] | s.tap_steps[1],
        y_start: s.y_start,
        y_steps: s.y_steps,
        panel_len: PANEL * rows * columns,
        x_step: PANEL * t.sizes[0],
    };
    let run = |job: &Job, _| run(job);
    if full { job.full(t, &places, run) } else { job.rest(t, &places, run) }
}
