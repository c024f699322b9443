//! M4, M7 and M33: the DSP extension's dual 16-bit multiplications.
//!
//! Each function computes all full panels of four rows (or groups of four channels) at one position.
//! It takes a [`Job`], which it copies to its stack frame: the inner loops use every register.
//!
//! | File | Machine code of |
//! |---|---|
//! | `linear` | dense layers and convolutions |
//! | `depthwise` | depthwise convolutions |
//! | `padded_copy` | copies that widen |
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

/// The start of a function: copies the job into the frame; r1 is the address of the weights from here on.
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

/// The end of a loop over panels: from the sums with biases in r0, r8, r10, r12 and the multipliers in r3,
/// r9, r11, lr of four rows to their outputs, which it stores; then back to label 2, or at the end of the
/// weights returns.
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

#[cfg(not(elbow_helium))]
mod depthwise;
mod linear;
#[cfg(not(elbow_helium))]
mod padded_copy;

#[cfg(not(elbow_helium))]
pub use depthwise::depthwise;
pub use linear::{linear_paired, linear_wide};
#[cfg(not(elbow_helium))]
pub use padded_copy::padded_copy;
