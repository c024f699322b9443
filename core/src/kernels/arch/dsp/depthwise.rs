//! Depthwise convolutions.

use super::super::job::{self, Job, Small, Tensors, cut_into};
use crate::kernels::PANEL;
use crate::kernels::integer::{Depthwise, Linear, Output, Value, portable};
use core::arch::naked_asm;

/// `y[p][c] = finish(outputs[c][0] + sum_t x[p][t][c] * w[c][t], outputs[c][1])`, as [`portable::depthwise`]
/// defines it: by machine code where `x` is of i16 and the numbers are small, else by the definition itself.
/// Where the machine code's checks find a slice too short or not aligned, integers in `y` stay as they are.
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

/// Computes the outputs of the full groups of four channels at all positions, of which there must be at least
/// one. Nothing is written where a slice is too short or not aligned.
#[inline(never)]
fn depthwise_full(tensors: &Tensors<'_>, s: Small<'_>) {
    // SAFETY: `depthwise` gives jobs that lie inside their slices.
    job::depthwise(tensors, s, true, TAPS, |job| unsafe { depthwise_groups(job) });
}

/// Computes the outputs of the last group, of fewer than four channels, at all positions; the number of
/// channels must not be a multiple of four. Nothing is written where a slice is too short or not aligned.
#[inline(never)]
fn depthwise_rest(tensors: &Tensors<'_>, s: Small<'_>) {
    // SAFETY: as above.
    job::depthwise(tensors, s, false, TAPS, |job| unsafe { depthwise_groups(job) });
}

/// `[passes, entry]` of a kernel row: passes of three taps.
const TAPS: job::Cut = |columns| cut_into(3, 1, columns);

/// Computes the outputs of all of the job's groups of four channels at one position, and writes them to the
/// job's `y`; one of size 4 is the sum with its bias.
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
    4: .irp block, 0, 1, 2
        .hword ((6f - 4b) + \\block * (9f - 6f) / 3) / 2
        .endr
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
    9:  subs r2, r2, #1
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
