//! M3, and M33 without the DSP extension: a multiply-accumulate of 32 bits, and the long multiply.
//!
//! A byte is loaded with its sign in one instruction, so that weights need no unpacking. Eight rows
//! share a load of `x`: 17 instructions per input and 8 products. Loads come in groups, which the core
//! pipelines: about 29 cycles.

use super::job::{self, Job, cut_into};
use core::arch::naked_asm;

/// `[bytes, entry]` of a run of bytes: the bytes of all its inputs, and the block at which its first pass of eight
/// blocks of one input is entered.
pub const BLOCKS: job::Cut = |run| [run, cut_into(8, 1, run)[1]];

/// [`BLOCKS`] of a run of 16-bit values.
pub const WIDE_BLOCKS: job::Cut = |run| [2 * run, cut_into(8, 1, run)[1]];

/// The output of the sum at r10 with the parameters at r0, into r3: 11 instructions.
///
/// r5 is the zero point and r6 the largest output, both from the least one, r7 the largest output, r8
/// the shift. The clamps are masks of signs.
macro_rules! output {
    () => {
        "ldr r2, [r10], #4
        ldrd r3, r4, [r0], #8
        add r2, r2, r3
        lsl r2, r2, r8
        smull r2, r3, r2, r4
        adds r2, r2, #0x80000000
        adc r3, r3, r5
        bic r3, r3, r3, asr #31
        sub r3, r3, r6
        and r3, r3, r3, asr #31
        add r3, r3, r7
        "
    };
}

/// A function that computes the outputs of all of the job's panels at one position, two panels at a time, and writes
/// them to the job's `y`; one of size 4 is the sum with its bias. `$next` loads the next input into r3.
///
/// Frame: 0 sums of eight rows, 32 x, 36 bytes of inputs, 40 runs, 44 entry, 48 gap, 52 zero point, 56 low,
/// 60 high, 64 shift, 68 size, 72 outputs, 76 y, 80 end of the weights, 84 weights and then the end of
/// the run, 88 step, 92 runs that are left.
macro_rules! panels {
    ($next:literal) => {
        naked_asm!(
            "ldr r1, [r0, #56]
            push {{r1, r2, r4-r11, lr}}
            ldm r0, {{r0-r12, lr}}
            push {{r0-r12, lr}}
            sub sp, #32
            ldr r1, [sp, #84]
        2:  ldrd r2, r3, [sp, #40]
            str r2, [sp, #92]
            ldr r0, [sp, #32]
            movs r4, #0
            movs r5, #0
            movs r6, #0
            movs r7, #0
            ldr r2, [sp, #80]
            ldr r3, [sp, #88]
            subs r2, r2, r1
            cmp r2, r3
            beq 20f
            // Two panels: sums in r4 to r11, the second panel's weights at r2.
            add r2, r1, r3
            mov r8, #0
            mov r9, #0
            mov r10, #0
            mov r11, #0
        3:  ldr r3, [sp, #36]
            add r3, r3, r0
            str r3, [sp, #84]
            ldr r3, [sp, #44]
            tbh [pc, r3, lsl #1]
        4: .irp block, 0, 1, 2, 3, 4, 5, 6, 7
            .hword ((6f - 4b) + \\block * (9f - 6f) / 8) / 2
            .endr
            .hword (7f - 4b) / 2
            .hword 0
        6:  .rept 8
            ",
            $next,
            "
            ldrsb r12, [r1], #1
            ldrsb lr, [r1], #1
            mla r4, r12, r3, r4
            mla r5, lr, r3, r5
            ldrsb r12, [r1], #1
            ldrsb lr, [r1], #1
            mla r6, r12, r3, r6
            mla r7, lr, r3, r7
            ldrsb r12, [r2], #1
            ldrsb lr, [r2], #1
            mla r8, r12, r3, r8
            mla r9, lr, r3, r9
            ldrsb r12, [r2], #1
            ldrsb lr, [r2], #1
            mla r10, r12, r3, r10
            mla r11, lr, r3, r11
            .endr
        9:  ldr r3, [sp, #84]
            cmp r0, r3
            bne 6b
        7:  ldr r3, [sp, #92]
            subs r3, r3, #1
            beq 8f
            str r3, [sp, #92]
            ldr r3, [sp, #48]
            add r0, r0, r3
            b 3b
        8:  mov r1, r2
            mov lr, #2
            b 30f
            // One panel: sums in r4 to r7.
        20: ldr r2, [sp, #36]
            add r2, r2, r0
            ldr r3, [sp, #44]
            tbh [pc, r3, lsl #1]
        21: .irp block, 0, 1, 2, 3, 4, 5, 6, 7
            .hword ((22f - 21b) + \\block * (25f - 22f) / 8) / 2
            .endr
            .hword (23f - 21b) / 2
            .hword 0
        22: .rept 8
            ",
            $next,
            "
            ldrsb r8, [r1], #1
            ldrsb r9, [r1], #1
            ldrsb r10, [r1], #1
            ldrsb r11, [r1], #1
            mla r4, r8, r3, r4
            mla r5, r9, r3, r5
            mla r6, r10, r3, r6
            mla r7, r11, r3, r7
            .endr
        25: cmp r0, r2
            bne 22b
        23: ldr r3, [sp, #92]
            subs r3, r3, #1
            beq 24f
            str r3, [sp, #92]
            ldr r3, [sp, #48]
            add r0, r0, r3
            b 20b
        24: mov lr, #1
            // Outputs of lr panels.
        30: stm sp, {{r4-r11}}
            mov r10, sp
            ldrd r0, r11, [sp, #72]
            ldr r5, [sp, #52]
            ldrd r6, r7, [sp, #56]
            ldrd r8, r9, [sp, #64]
            cmp r9, #2
            bhi 33f
            beq 32f
        31: ",
            output!(),
            "strb r3, [r11], #1
            ",
            output!(),
            "strb r3, [r11], #1
            ",
            output!(),
            "strb r3, [r11], #1
            ",
            output!(),
            "strb r3, [r11], #1
            subs lr, lr, #1
            bne 31b
        34: strd r0, r11, [sp, #72]
            ldr r2, [sp, #80]
            cmp r1, r2
            bne 2b
            add sp, #96
            pop {{r4-r11, pc}}
        32: lsl lr, lr, #2
        35: ",
            output!(),
            "strh r3, [r11], #2
            subs lr, lr, #1
            bne 35b
            b 34b
        33: lsl lr, lr, #2
        36: ldr r2, [r10], #4
            ldr r3, [r0], #8
            add r2, r2, r3
            str r2, [r11], #4
            subs lr, lr, #1
            bne 36b
            b 34b",
        )
    };
}

/// Computes the outputs of all of the job's panels at one position from bytes.
///
/// # Safety
///
/// As [`Job`] says, for bytes, weights in [`Form::Plain`](crate::kernels::integer::Form::Plain) and
/// [`BLOCKS`].
#[unsafe(naked)]
pub unsafe extern "C" fn panels(job: &Job) {
    panels!("ldrsb r3, [r0], #1")
}

/// Computes the outputs of all of the job's panels at one position from 16-bit values.
///
/// # Safety
///
/// As [`Job`] says, for values of 16 bits, weights in [`Form::Plain`](crate::kernels::integer::Form::Plain) and
/// [`WIDE_BLOCKS`].
#[unsafe(naked)]
pub unsafe extern "C" fn wide_panels(job: &Job) {
    panels!("ldrsh r3, [r0], #2")
}

/// A function that computes the outputs of all of the job's panels at two positions, a panel at a time, and writes
/// them to the job's `y`; one of size 4 is the sum with its bias. `$next` loads the next inputs of both positions into
/// r3 and r12.
///
/// The frame is that of `panels`, and behind it 96 and 132: bytes of x and y to the second position. The first word
/// at 92 becomes the y of the second position when all runs are done.
macro_rules! pairs {
    ($next:literal) => {
        naked_asm!(
            "ldr r1, [r0, #56]
            ldrd r3, r12, [r0, #60]
            push {{r1-r12, lr}}
            ldm r0, {{r0-r12, lr}}
            push {{r0-r12, lr}}
            sub sp, #32
            ldr r1, [sp, #84]
        2:  ldrd r2, r3, [sp, #40]
            str r2, [sp, #92]
            ldr r0, [sp, #32]
            ldr r2, [sp, #96]
            add r2, r2, r0
            movs r4, #0
            movs r5, #0
            movs r6, #0
            movs r7, #0
            mov r8, #0
            mov r9, #0
            mov r10, #0
            mov r11, #0
            // Sums of the first position in r4 to r7, of the second in r8 to r11.
        3:  ldr r3, [sp, #36]
            add r3, r3, r0
            str r3, [sp, #84]
            ldr r3, [sp, #44]
            tbh [pc, r3, lsl #1]
        4: .irp block, 0, 1, 2, 3, 4, 5, 6, 7
            .hword ((6f - 4b) + \\block * (9f - 6f) / 8) / 2
            .endr
            .hword (7f - 4b) / 2
            .hword 0
        6:  .rept 8
            ",
            $next,
            "
            ldrsb lr, [r1], #1
            mla r4, lr, r3, r4
            mla r8, lr, r12, r8
            ldrsb lr, [r1], #1
            mla r5, lr, r3, r5
            mla r9, lr, r12, r9
            ldrsb lr, [r1], #1
            mla r6, lr, r3, r6
            mla r10, lr, r12, r10
            ldrsb lr, [r1], #1
            mla r7, lr, r3, r7
            mla r11, lr, r12, r11
            .endr
        9:  ldr r3, [sp, #84]
            cmp r0, r3
            bne 6b
        7:  ldr r3, [sp, #92]
            subs r3, r3, #1
            beq 8f
            str r3, [sp, #92]
            ldr r3, [sp, #48]
            add r0, r0, r3
            add r2, r2, r3
            b 3b
        8:  stm sp, {{r4-r11}}
            mov r10, sp
            ldrd r0, r11, [sp, #72]
            ldr r2, [sp, #132]
            add r2, r2, r11
            str r2, [sp, #92]
            ldr r5, [sp, #52]
            ldrd r6, r7, [sp, #56]
            ldrd r8, r9, [sp, #64]
            add lr, r10, #16
            cmp r9, #2
            bhi 33f
            beq 32f
        31: ",
            output!(),
            "strb r3, [r11], #1
            ",
            output!(),
            "strb r3, [r11], #1
            ",
            output!(),
            "strb r3, [r11], #1
            ",
            output!(),
            "strb r3, [r11], #1
            cmp r10, lr
            bne 34f
            str r11, [sp, #76]
            ldr r11, [sp, #92]
            sub r0, r0, #32
            b 31b
        34: str r0, [sp, #72]
            ldr r2, [sp, #80]
            cmp r1, r2
            bne 2b
            add sp, #100
            pop {{r4-r12, pc}}
        32: ",
            output!(),
            "strh r3, [r11], #2
            ",
            output!(),
            "strh r3, [r11], #2
            ",
            output!(),
            "strh r3, [r11], #2
            ",
            output!(),
            "strh r3, [r11], #2
            cmp r10, lr
            bne 34b
            str r11, [sp, #76]
            ldr r11, [sp, #92]
            sub r0, r0, #32
            b 32b
        33: .rept 4
            ldr r2, [r10], #4
            ldr r3, [r0], #8
            add r2, r2, r3
            str r2, [r11], #4
            .endr
            cmp r10, lr
            bne 34b
            str r11, [sp, #76]
            ldr r11, [sp, #92]
            sub r0, r0, #32
            b 33b",
        )
    };
}

/// Computes the outputs of all of the job's panels at two positions from bytes.
///
/// # Safety
///
/// As [`panels`], for both positions.
#[unsafe(naked)]
pub unsafe extern "C" fn pairs(job: &Job) {
    pairs!(
        "ldrsb r3, [r0], #1
            ldrsb r12, [r2], #1"
    )
}

/// Computes the outputs of all of the job's panels at two positions from 16-bit values.
///
/// # Safety
///
/// As [`wide_panels`], for both positions.
#[unsafe(naked)]
pub unsafe extern "C" fn wide_pairs(job: &Job) {
    pairs!(
        "ldrsh r3, [r0], #2
            ldrsh r12, [r2], #2"
    )
}
