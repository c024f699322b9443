//! Dense layers and convolutions.

use super::super::job::{self, Job, cut_into};
use super::super::panels::by_panels;
use crate::kernels::integer::{Linear, Output, Value};
use core::arch::naked_asm;

/// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` from weights in `Form::Paired`,
/// by machine code, as [`portable::paired`](crate::kernels::integer::portable::paired) defines it. Where a
/// slice is too short or not aligned, integers in `y` may stay as they are.
#[inline(always)]
pub fn linear_paired<Y: Output>(
    x: &[i16],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
) {
    by_panels!(
        [x, weights, outputs, y, s],
        SingleJobLayer::of(s).filter(|_| s.is_one_segment()),
        [paired_panels, paired_panels],
        BLOCKS,
        Linear::piece
    );
}

/// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` from weights in `Form::Wide`,
/// by machine code, as [`portable::wide`](crate::kernels::integer::portable::wide) defines it. Where a slice
/// is too short or not aligned, integers in `y` may stay as they are.
#[inline(always)]
pub fn linear_wide<Y: Output>(
    x: &[i16],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
) {
    by_panels!(
        [x, weights, outputs, y, s],
        SingleJobLayer::of(s),
        [wide_panels, wide_panels],
        BLOCKS,
        |s: &Linear| s.run
    );
}

/// `[passes, entry]` of a run: passes of eight blocks of four inputs.
const BLOCKS: job::Cut = |run| cut_into(8, 4, run);

/// Computes the outputs of all of the job's panels of four rows at one position, from paired weights, and
/// writes them to the job's `y`; one of size 4 is the sum with its bias.
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
    4: .irp block, 0, 1, 2, 3, 4, 5, 6, 7
        .hword ((6f - 4b) + \\block * (9f - 6f) / 8) / 2
        .endr
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
    9:  subs r2, r2, #1
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

/// Computes the outputs of all of the job's panels of four rows at one position, from wide weights, and
/// writes them to the job's `y`; one of size 4 is the sum with its bias.
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
    4: .irp block, 0, 1, 2, 3, 4, 5, 6, 7
        .hword ((6f - 4b) + \\block * (9f - 6f) / 8) / 2
        .endr
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
    9:  subs r2, r2, #1
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
