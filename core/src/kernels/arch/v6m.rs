//! M0 and M0+: 16-bit instructions, eight registers that they reach, and products of 32 bits only.
//!
//! Sums lie in the upper registers, which `add` reaches; the lower ones hold pointers, the two factors,
//! and the numbers 0 to 3, since a byte is loaded with its sign at the sum of two registers. Four
//! inputs and rows, 16 products, take 59 instructions.

use super::job::{self, Job};
use core::arch::naked_asm;

/// Bytes of the `[inputs in whole blocks of four, inputs that are left]` of a run of bytes.
pub const BLOCKS: job::Cut = |run| [run & !3, run & 3];

/// [`BLOCKS`] of a run of 16-bit values.
pub const WIDE_BLOCKS: job::Cut = |run| BLOCKS(run).map(|inputs| 2 * inputs);

/// The input that `load` finds at r0 and the register `offset` against four rows at r1: 14 instructions.
macro_rules! input {
    ($load:literal, $offset:literal) => {
        concat!(
            $load,
            " r2, [r0, ",
            $offset,
            "]
        ldrsb r3, [r1, r4]
        muls r3, r2, r3
        add r8, r3
        ldrsb r3, [r1, r5]
        muls r3, r2, r3
        add r9, r3
        ldrsb r3, [r1, r6]
        muls r3, r2, r3
        add r10, r3
        ldrsb r3, [r1, r7]
        muls r3, r2, r3
        add r11, r3
        adds r1, #4
        "
        )
    };
}

/// The output of the sum at r0 with the parameters at r1, into r3.
///
/// The high word of the product of 32 bits each, by products of their halves: with `acc = a 2^16 + b`
/// and `M = m 2^16 + n`, it is `a m` and what the halves of `a n`, `b m` and `b n` carry. r9 is the 1/2
/// that rounds, r10 the zero point and -r11 the largest output, both from the least one, r12 the largest
/// output. The clamps are masks of signs.
macro_rules! output {
    () => {
        "ldm r0!, {{r2}}
        ldm r1!, {{r3, r4}}
        adds r2, r2, r3
        ldr r3, [sp, #48]
        lsls r2, r3
        asrs r3, r2, #16
        uxth r2, r2
        lsrs r5, r4, #16
        uxth r4, r4
        movs r6, r2
        muls r6, r4, r6
        muls r4, r3, r4
        muls r2, r5, r2
        muls r3, r5, r3
        lsrs r6, r6, #16
        uxth r5, r4
        adds r6, r6, r5
        uxth r5, r2
        adds r6, r6, r5
        add r6, r9
        lsrs r6, r6, #16
        asrs r4, r4, #16
        lsrs r2, r2, #16
        adds r3, r3, r4
        adds r3, r3, r2
        adds r3, r3, r6
        add r3, r10
        asrs r2, r3, #31
        bics r3, r2
        add r3, r11
        asrs r2, r3, #31
        ands r3, r2
        add r3, r12
        "
    };
}

/// A function that computes the outputs of all of the job's panels at one position, and writes them to the job's
/// `y`; one of size 4 is the sum with its bias. `$four` are the next four inputs against four rows, before 4 is
/// added to r0, and `$one` is the next input with its step.
///
/// Frame: 0 sums of four rows, 16 x, 20 bytes of inputs in blocks, 24 runs, 28 bytes of inputs that are left, 32 gap,
/// 36 zero point, 40 low, 44 high, 48 shift, 52 size, 56 outputs, 60 y, 64 end of the weights,
/// 68 weights, 72 step, 76 runs that are left.
macro_rules! panels {
    ($four:expr, $one:expr) => {
        naked_asm!(
            "push {{r4-r7, lr}}
            mov r4, r8
            mov r5, r9
            mov r6, r10
            mov r7, r11
            push {{r4-r7}}
            sub sp, #80
            add r1, sp, #16
            ldm r0!, {{r2-r7}}
            stm r1!, {{r2-r7}}
            ldm r0!, {{r2-r7}}
            stm r1!, {{r2-r7}}
            ldm r0!, {{r2-r4}}
            stm r1!, {{r2-r4}}
            mov r1, r3
        2:  ldr r2, [sp, #24]
            str r2, [sp, #76]
            ldr r0, [sp, #16]
            movs r4, #0
            movs r5, #1
            movs r6, #2
            movs r7, #3
            mov r8, r4
            mov r9, r4
            mov r10, r4
            mov r11, r4
        3:  ldr r2, [sp, #20]
            cmp r2, #0
            beq 5f
            adds r2, r2, r0
            mov r12, r2
        4:  ",
            $four,
            "adds r0, #4
            cmp r0, r12
            bne 4b
        5:  ldr r2, [sp, #28]
            cmp r2, #0
            beq 7f
            adds r2, r2, r0
            mov r12, r2
        6:  ",
            $one,
            "
            cmp r0, r12
            bne 6b
        7:  ldr r2, [sp, #76]
            subs r2, #1
            beq 8f
            str r2, [sp, #76]
            ldr r2, [sp, #32]
            adds r0, r0, r2
            b 3b
        8:  str r1, [sp, #68]
            mov r0, r8
            mov r1, r9
            mov r2, r10
            mov r3, r11
            mov r7, sp
            stm r7!, {{r0-r3}}
            mov lr, r7
            mov r0, sp
            ldr r1, [sp, #56]
            ldr r7, [sp, #60]
            movs r2, #128
            lsls r2, r2, #8
            mov r9, r2
            ldr r2, [sp, #36]
            mov r10, r2
            ldr r2, [sp, #40]
            rsbs r2, r2, #0
            mov r11, r2
            ldr r2, [sp, #44]
            mov r12, r2
            ldr r2, [sp, #52]
            cmp r2, #2
            beq 21f
            bhi 22f
        20: ",
            output!(),
            "strb r3, [r7]
            adds r7, #1
            cmp r0, lr
            bne 20b
            b 23f
        21: ",
            output!(),
            "strh r3, [r7]
            adds r7, #2
            cmp r0, lr
            bne 21b
            b 23f
        22: ldm r0!, {{r2}}
            ldm r1!, {{r3, r4}}
            adds r2, r2, r3
            stm r7!, {{r2}}
            cmp r0, lr
            bne 22b
        23: str r1, [sp, #56]
            str r7, [sp, #60]
            ldr r1, [sp, #68]
            ldr r2, [sp, #64]
            cmp r1, r2
            beq 24f
            b 2b
        24: add sp, #80
            pop {{r4-r7}}
            mov r8, r4
            mov r9, r5
            mov r10, r6
            mov r11, r7
            pop {{r4-r7, pc}}",
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
    panels!(
        concat!(
            input!("ldrsb", "r4"),
            input!("ldrsb", "r5"),
            input!("ldrsb", "r6"),
            input!("ldrsb", "r7")
        ),
        concat!(input!("ldrsb", "r4"), "adds r0, #1")
    )
}

/// Computes the outputs of all of the job's panels at one position from 16-bit values.
///
/// # Safety
///
/// As [`Job`] says, for values of 16 bits, weights in [`Form::Plain`](crate::kernels::integer::Form::Plain) and
/// [`WIDE_BLOCKS`].
#[unsafe(naked)]
pub unsafe extern "C" fn wide_panels(job: &Job) {
    panels!(
        concat!(
            input!("ldrsh", "r4"),
            input!("ldrsh", "r6"),
            "adds r0, #4
        ",
            input!("ldrsh", "r4"),
            input!("ldrsh", "r6")
        ),
        concat!(input!("ldrsh", "r4"), "adds r0, #2")
    )
}
