//! Copies that widen.

use crate::kernels::integer::convert::each_line;
use crate::kernels::integer::{PaddedCopy, Value, portable};
use core::arch::naked_asm;

/// `y[to(i)] = x[from(i)]` for every index `i` of the box, without the padding, as [`portable::padded_copy`]
/// defines it; by machine code where gapless lines are widened from i8 to i16.
#[inline(always)]
pub fn padded_copy<X: Value, Y: Value>(x: &[X], y: &mut [Y], s: &PaddedCopy) {
    if size_of::<X>() == 1 && size_of::<Y>() == 2 && [s.from[2], s.to[2]] == [1, 1] {
        widen_lines(x, y, s);
    } else {
        portable::padded_copy(x, y, s);
    }
}

/// Writes every line of the box to `y`, widened from i8 to i16. `X` must be i8 and `Y` i16, and the lines
/// gapless in both; a line that `x` or `y` ends within is cut there.
#[inline(never)]
fn widen_lines<X: Value, Y: Value>(x: &[X], y: &mut [Y], s: &PaddedCopy) {
    each_line(x, y, s, |x, y| {
        let len = s.dims[2].min(x.len()).min(y.len());
        // SAFETY: `x` has so many bytes and `y` so many values of two bytes.
        unsafe { widen(x.as_ptr().cast(), y.as_mut_ptr().cast(), len) };
    });
}

/// Writes `len` values of `x` to `y`, widened from i8 to i16.
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
