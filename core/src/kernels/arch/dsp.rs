//! M4, M7 and M33: the DSP extension's dual 16-bit multiplications.
//!
//! Each function computes all full panels of four rows (or groups of four channels) at one position.
//! What it needs is a [`Job`], copied to its stack frame: the inner loops take every register.
//!
//! | Per 16 products | Loads | Unpacking | Products | Instructions |
//! |---|---|---|---|---|
//! | paired | 2 | 4 | 8 | 14 |
//! | wide | 2 | 8 | 8 | 18 |
//!
//! Eight such blocks make a pass (114 and 146 instructions for 128 products); the first pass of a run
//! is entered in the middle, so that there is no remainder loop. By the M4's table of timings (Arm DDI
//! 0439) a pass of paired rows takes 164 cycles, counted by hand: lists 3 and 5, all others 1.
//!
//! Requantization is `smmlar`, whose rounding is the rule's, and `ssat`; four outputs are then clamped
//! and stored as one word, or two of 16-bit values. Such a word need not be aligned: the core does that
//! by itself unless a program has set `CCR.UNALIGN_TRP`, which is clear at reset.

use super::job::{self, Job, Line, Small, Tensors, cut_into};
use crate::kernels::PANEL;
use crate::kernels::integer::{
    Depthwise, Linear, Output, Spread, Value, each_line, panels_by, portable,
};
use core::arch::naked_asm;

/// [`portable::paired`]'s machine code.
#[inline(always)]
pub fn linear_paired<Y: Output>(
    x: &[i16],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
) {
    if let Some(line) = Line::of(s)
        && s.is_one_segment()
    {
        let tensors = Tensors::new(x, weights, outputs, y);
        if s.rows >= PANEL {
            paired_full(&tensors, line);
        }
        if !s.rows.is_multiple_of(PANEL) {
            paired_rest(&tensors, line);
        }
        job::settle(y, outputs, s);
    } else {
        panels_by(x, weights, outputs, y, s, paired_sums);
    }
}

#[inline(never)]
fn paired_full(tensors: &Tensors<'_>, s: Line<'_>) {
    // SAFETY: `line` gives jobs that lie inside their slices.
    job::line(tensors, s, true, BLOCKS, |job| unsafe { paired_panels(job) });
}

#[inline(never)]
fn paired_rest(tensors: &Tensors<'_>, s: Line<'_>) {
    // SAFETY: as above.
    job::line(tensors, s, false, BLOCKS, |job| unsafe { paired_panels(job) });
}

#[inline(never)]
fn paired_sums(x: &[i16], panel: &[i8], s: &Linear) -> [i32; PANEL] {
    // SAFETY: `sums` gives jobs that lie inside their slices.
    job::sums(x, panel, s, BLOCKS, |job| unsafe { paired_panels(job) })
}

/// [`portable::wide`]'s machine code.
#[inline(always)]
pub fn linear_wide<Y: Output>(
    x: &[i16],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
) {
    if let Some(line) = Line::of(s) {
        let tensors = Tensors::new(x, weights, outputs, y);
        if s.rows >= PANEL {
            wide_full(&tensors, line);
        }
        if !s.rows.is_multiple_of(PANEL) {
            wide_rest(&tensors, line);
        }
        job::settle(y, outputs, s);
    } else {
        panels_by(x, weights, outputs, y, s, wide_sums);
    }
}

#[inline(never)]
fn wide_full(tensors: &Tensors<'_>, s: Line<'_>) {
    // SAFETY: `line` gives jobs that lie inside their slices.
    job::line(tensors, s, true, BLOCKS, |job| unsafe { wide_panels(job) });
}

#[inline(never)]
fn wide_rest(tensors: &Tensors<'_>, s: Line<'_>) {
    // SAFETY: as above.
    job::line(tensors, s, false, BLOCKS, |job| unsafe { wide_panels(job) });
}

#[inline(never)]
fn wide_sums(x: &[i16], panel: &[i8], s: &Linear) -> [i32; PANEL] {
    let s = &Linear { segment: usize::MAX, ..*s };
    // SAFETY: `sums` gives jobs that lie inside their slices.
    job::sums(x, panel, s, BLOCKS, |job| unsafe { wide_panels(job) })
}

/// Eight blocks of four inputs.
const BLOCKS: job::Cut = |run| cut_into(8, 4, run);

/// Reads the job into the frame; r1 is the weights from here on.
///
/// Frame: 0 x, 4 passes, 8 runs, 12 entry, 16 gap, 20 zero point, 24 low, 28 high, 32 shift, 36 kind,
/// 40 outputs, 44 y, 48 end of the weights, 52 weights, 56 step.
macro_rules! enter {
    () => {
        ".cpu cortex-m33
        ldr r1, [r0, #56]
        push {{r1, r4-r11, lr}}
        ldm r0, {{r0-r12, lr}}
        push {{r0-r12, lr}}
        ldr r1, [sp, #52]"
    };
}

/// From the sums r0, r8, r10, r12 and the parameters r3, r9, r11, lr of four rows to their outputs; then
/// back to label 2 until the weights end.
macro_rules! finish {
    () => {
        "ldrd r4, r5, [sp, #20]
        ldr r6, [sp, #28]
        ldr r2, [sp, #36]
        cmp r2, #2
        bhi 30f
    31: smmlar r0, r0, r3, r4
        smmlar r8, r8, r9, r4
        smmlar r10, r10, r11, r4
        smmlar r12, r12, lr, r4
        ldr r2, [sp, #44]
        beq 33f
        ssat r0, #8, r0
        ssat r8, #8, r8
        ssat r10, #8, r10
        ssat r12, #8, r12
        bfi r0, r8, #8, #8
        bfi r10, r12, #8, #8
        pkhbt r0, r0, r10, lsl #16
        ssub8 r3, r0, r5
        sel r0, r0, r5
        ssub8 r3, r6, r0
        sel r0, r0, r6
        str r0, [r2], #4
    34: str r2, [sp, #44]
        ldr r3, [sp, #48]
        cmp r1, r3
        bne 2b
        add sp, #60
        pop {{r4-r11, pc}}
    30: ldr r7, [sp, #32]
        lsl r0, r0, r7
        lsl r8, r8, r7
        lsl r10, r10, r7
        lsl r12, r12, r7
        subs r2, r2, #4
        beq 32f
        cmp r2, #2
        b 31b
    33: ssat r0, #16, r0
        ssat r8, #16, r8
        ssat r10, #16, r10
        ssat r12, #16, r12
        pkhbt r0, r0, r8, lsl #16
        pkhbt r10, r10, r12, lsl #16
        ssub16 r3, r0, r5
        sel r0, r0, r5
        ssub16 r3, r6, r0
        sel r0, r0, r6
        ssub16 r3, r10, r5
        sel r10, r10, r5
        ssub16 r3, r6, r10
        sel r10, r10, r6
        str r0, [r2], #4
        str r10, [r2], #4
        b 34b
    32: ldr r2, [sp, #44]
        stm r2!, {{r0, r8, r10, r12}}
        b 34b"
    };
}

/// Four rows of paired weights at one position.
///
/// # Safety
///
/// As [`Job`] says, for weights in [`Form::Paired`](crate::kernels::integer::Form::Paired) and passes of
/// [`BLOCKS`]. The core has the DSP extension.
#[unsafe(naked)]
unsafe extern "C" fn paired_panels(job: &Job) {
    naked_asm!(
        enter!(),
        // A panel: S and A of rows 0 and 1 in r4 and r5, of rows 2 and 3 in r6 and r7.
        "2: ldm sp, {{r0, r2, r3, r8}}
        movs r4, #0
        movs r5, #0
        movs r6, #0
        movs r7, #0
    3:  tbh [pc, r8, lsl #1]
    4:  .hword (6f - 4b) / 2
        .hword (6f - 4b) / 2 + 28
        .hword (6f - 4b) / 2 + 56
        .hword (6f - 4b) / 2 + 84
        .hword (6f - 4b) / 2 + 112
        .hword (6f - 4b) / 2 + 140
        .hword (6f - 4b) / 2 + 168
        .hword (6f - 4b) / 2 + 196
        .hword (7f - 4b) / 2
        .rept 9
        .hword (5f - 4b) / 2
        .endr
        // Two inputs that are no block.
    5:  sub r8, r8, #9
        ldr r9, [r0], #4
        ldm r1!, {{r10, r11}}
        smlad r4, r10, r9, r4
        sxtb16 r10, r10
        smlad r5, r10, r9, r5
        smlad r6, r11, r9, r6
        sxtb16 r11, r11
        smlad r7, r11, r9, r7
        b 3b
    6:  .rept 8
        ldm r0!, {{r8, r9}}
        ldm r1!, {{r10, r11, r12, lr}}
        smlad r4, r10, r8, r4
        sxtb16 r10, r10
        smlad r5, r10, r8, r5
        smlad r6, r11, r8, r6
        sxtb16 r11, r11
        smlad r7, r11, r8, r7
        smlad r4, r12, r9, r4
        sxtb16 r12, r12
        smlad r5, r12, r9, r5
        smlad r6, lr, r9, r6
        sxtb16 lr, lr
        smlad r7, lr, r9, r7
        .endr
        subs r2, r2, #1
        bne 6b
    7:  subs r3, r3, #1
        beq 8f
        ldr r2, [sp, #16]
        add r0, r0, r2
        ldr r2, [sp, #4]
        ldr r8, [sp, #12]
        b 3b
    8:  ldr r2, [sp, #40]
        ldm r2!, {{r0, r3, r8, r9, r10, r11, r12, lr}}
        str r2, [sp, #40]
        sub r4, r4, r5
        sub r6, r6, r7
        add r0, r0, r5
        add r8, r8, r4, asr #8
        add r10, r10, r7
        add r12, r12, r6, asr #8",
        finish!(),
    )
}

/// Four rows of wide weights at one position.
///
/// # Safety
///
/// As [`Job`] says, for weights in [`Form::Wide`](crate::kernels::integer::Form::Wide) and passes of
/// [`BLOCKS`]. The core has the DSP extension.
#[unsafe(naked)]
unsafe extern "C" fn wide_panels(job: &Job) {
    naked_asm!(
        enter!(),
        // A panel: sums in r4 to r7; runs that are left at 52.
        "2: ldm sp, {{r0, r2, r3, r8}}
        str r3, [sp, #52]
        movs r4, #0
        movs r5, #0
        movs r6, #0
        movs r7, #0
    3:  tbh [pc, r8, lsl #1]
    4:  .hword (6f - 4b) / 2
        .hword (6f - 4b) / 2 + 36
        .hword (6f - 4b) / 2 + 72
        .hword (6f - 4b) / 2 + 108
        .hword (6f - 4b) / 2 + 144
        .hword (6f - 4b) / 2 + 180
        .hword (6f - 4b) / 2 + 216
        .hword (6f - 4b) / 2 + 252
        .hword (7f - 4b) / 2
        .rept 9
        .hword (5f - 4b) / 2
        .endr
        // Two inputs that are no block.
    5:  sub r8, r8, #9
        ldr r9, [r0], #4
        ldm r1!, {{r10, r11}}
        sxtb16 r3, r10
        smlad r4, r3, r9, r4
        sxtb16 r10, r10, ror #8
        smlad r5, r10, r9, r5
        sxtb16 r3, r11
        smlad r6, r3, r9, r6
        sxtb16 r11, r11, ror #8
        smlad r7, r11, r9, r7
        b 3b
    6:  .rept 8
        ldm r0!, {{r8, r9}}
        ldm r1!, {{r10, r11, r12, lr}}
        sxtb16 r3, r10
        smlad r4, r3, r8, r4
        sxtb16 r10, r10, ror #8
        smlad r5, r10, r8, r5
        sxtb16 r3, r11
        smlad r6, r3, r8, r6
        sxtb16 r11, r11, ror #8
        smlad r7, r11, r8, r7
        sxtb16 r3, r12
        smlad r4, r3, r9, r4
        sxtb16 r12, r12, ror #8
        smlad r5, r12, r9, r5
        sxtb16 r3, lr
        smlad r6, r3, r9, r6
        sxtb16 lr, lr, ror #8
        smlad r7, lr, r9, r7
        .endr
        subs r2, r2, #1
        bne 6b
    7:  ldr r3, [sp, #52]
        subs r3, r3, #1
        beq 8f
        str r3, [sp, #52]
        ldr r2, [sp, #16]
        add r0, r0, r2
        ldr r2, [sp, #4]
        ldr r8, [sp, #12]
        b 3b
    8:  ldr r2, [sp, #40]
        ldm r2!, {{r0, r3, r8, r9, r10, r11, r12, lr}}
        str r2, [sp, #40]
        add r0, r0, r4
        add r8, r8, r5
        add r10, r10, r6
        add r12, r12, r7",
        finish!(),
    )
}

/// [`portable::depthwise`]'s machine code, for values of 16 bits.
#[inline(always)]
pub fn depthwise<X: Value, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Depthwise,
) {
    if size_of::<X>() == 2
        && let Some(small) = Small::of(s)
    {
        let tensors = Tensors::new(x, weights, outputs, y);
        if s.channels >= PANEL {
            depthwise_full(&tensors, small);
        }
        if !s.channels.is_multiple_of(PANEL) {
            depthwise_rest(&tensors, small);
        }
        let places = Linear {
            rows: s.channels,
            positions: s.positions,
            y_start: s.y_start,
            y_steps: s.y_steps,
            ..Linear::default()
        };
        job::settle(y, outputs, &places);
    } else {
        portable::depthwise(x, weights, outputs, y, s);
    }
}

#[inline(never)]
fn depthwise_full(tensors: &Tensors<'_>, s: Small<'_>) {
    // SAFETY: `depthwise` gives jobs that lie inside their slices.
    job::depthwise(tensors, s, true, TAPS, |job| unsafe { depthwise_groups(job) });
}

#[inline(never)]
fn depthwise_rest(tensors: &Tensors<'_>, s: Small<'_>) {
    // SAFETY: as above.
    job::depthwise(tensors, s, false, TAPS, |job| unsafe { depthwise_groups(job) });
}

/// Three taps.
const TAPS: job::Cut = |columns| cut_into(3, 1, columns);

/// Groups of four channels at one position.
///
/// # Safety
///
/// As [`Job`] says, for depthwise weights and passes of [`TAPS`]; runs are rows of the kernel. The core
/// has the DSP extension.
#[unsafe(naked)]
unsafe extern "C" fn depthwise_groups(job: &Job) {
    naked_asm!(
        enter!(),
        // A group: sums in r4 to r7, the step between taps in r12, that between rows in lr.
        "2: ldm sp, {{r0, r2, r3, r8}}
        add r9, r0, #8
        str r9, [sp]
        ldr r12, [sp, #56]
        ldr lr, [sp, #16]
        movs r4, #0
        movs r5, #0
        movs r6, #0
        movs r7, #0
        b 3f
    5:  add r0, r0, lr
        ldr r2, [sp, #4]
        ldr r8, [sp, #12]
    3:  tbh [pc, r8, lsl #1]
    4:  .hword (6f - 4b) / 2
        .hword (6f - 4b) / 2 + 18
        .hword (6f - 4b) / 2 + 36
    6:  .rept 3
        ldrd r8, r9, [r0]
        add.w r0, r0, r12
        ldr r10, [r1], #4
        sxtb16 r11, r10
        sxtb16 r10, r10, ror #8
        smlabb r4, r8, r11, r4
        smlatb r5, r8, r10, r5
        smlabt r6, r9, r11, r6
        smlatt r7, r9, r10, r7
        .endr
        subs r2, r2, #1
        bne 6b
        subs r3, r3, #1
        bne 5b
        ldr r2, [sp, #40]
        ldm r2!, {{r0, r3, r8, r9, r10, r11, r12, lr}}
        str r2, [sp, #40]
        add r0, r0, r4
        add r8, r8, r5
        add r10, r10, r6
        add r12, r12, r7",
        finish!(),
    )
}

/// [`portable::spread`] with machine code for lines that are widened from i8 to i16.
#[inline(always)]
pub fn spread<X: Value, Y: Value>(x: &[X], y: &mut [Y], s: &Spread) {
    if size_of::<X>() == 1 && size_of::<Y>() == 2 && [s.from[2], s.to[2]] == [1, 1] {
        widen_lines(x, y, s);
    } else {
        portable::spread(x, y, s);
    }
}

#[inline(never)]
fn widen_lines<X: Value, Y: Value>(x: &[X], y: &mut [Y], s: &Spread) {
    each_line(x, y, s, |x, y| {
        let len = s.dims[2].min(x.len()).min(y.len());
        // SAFETY: `x` has so many bytes and `y` so many values of two bytes.
        unsafe { widen(x.as_ptr().cast(), y.as_mut_ptr().cast(), len) };
    });
}

/// `len` values from i8 to i16.
///
/// # Safety
///
/// `x` is readable and `y` writable for that many values of their types; neither need be aligned to
/// words, as the core's `ldr` and `str` do without.
#[unsafe(naked)]
unsafe extern "C" fn widen(x: *const i8, y: *mut i16, len: usize) {
    naked_asm!(
        ".cpu cortex-m33
        push {{r4, lr}}
        subs r2, r2, #8
        blo 3f
    2:  ldr r3, [r0], #4
        ldr lr, [r0], #4
        sxtb16 r4, r3
        sxtb16 r3, r3, ror #8
        pkhbt r12, r4, r3, lsl #16
        pkhtb r4, r3, r4, asr #16
        str r12, [r1], #4
        str r4, [r1], #4
        sxtb16 r4, lr
        sxtb16 lr, lr, ror #8
        pkhbt r12, r4, lr, lsl #16
        pkhtb r4, lr, r4, asr #16
        str r12, [r1], #4
        str r4, [r1], #4
        subs r2, r2, #8
        bhs 2b
    3:  adds r2, r2, #8
        beq 5f
    4:  ldrsb r3, [r0], #1
        strh r3, [r1], #2
        subs r2, r2, #1
        bne 4b
    5:  pop {{r4, pc}}"
    )
}
