//! Copies, which may widen.

use crate::kernels::integer::convert::each_line;
use crate::kernels::integer::{PaddedCopy, Value, portable};
use core::arch::naked_asm;

/// `y[to(i)] = x[from(i)]` for every index `i` of the box, without the padding, as [`portable::padded_copy`]
/// defines it, also where slices are too short: by machine code where lines are gapless and not narrowed to
/// i8.
#[inline(never)]
pub fn padded_copy<X: Value, Y: Value>(x: &[X], y: &mut [Y], s: &PaddedCopy) {
    let copy: Copy = match (size_of::<X>(), size_of::<Y>()) {
        (1, 1) => copy_bytes,
        (1, 2) => widen,
        (2, 2) => copy_halves,
        _ => return portable::padded_copy(x, y, s),
    };
    if s.from[2] != 1 || s.to[2] != 1 {
        return portable::padded_copy(x, y, s);
    }
    each_line(x, y, s, |x, y| {
        let len = s.dims[2].min(x.len()).min(y.len());
        // SAFETY: both slices hold `len` values of the types that `copy` was chosen for.
        unsafe { copy(x.as_ptr().cast(), y.as_mut_ptr().cast(), len) };
    });
}

/// Machine code that copies as many values as the third argument says, and may widen them, from the first
/// place to the second.
type Copy = unsafe extern "C" fn(*const u8, *mut u8, usize);

/// A function `$name` that copies values by the loop `$loop`, whose predicates leave out what lies behind the
/// last.
macro_rules! copy {
    ($name:ident, $loop:literal, $load:literal, $store:literal) => {
        /// Copies `len` values from `x` to `y`, widening them where the name says so.
        ///
        /// # Safety
        ///
        /// `x` is readable and `y` writable for `len` values of their types.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(x: *const u8, y: *mut u8, len: usize) {
            naked_asm!(
                ".cpu cortex-m55",
                "push {{r7, lr}}",
                concat!($loop, " lr, r2, 3f"),
                "2:",
                $load,
                $store,
                "letp lr, 2b",
                "3:",
                "pop {{r7, pc}}",
            )
        }
    };
}

copy!(copy_bytes, "wlstp.8", "vldrb.u8 q0, [r0], #16", "vstrb.8 q0, [r1], #16");
copy!(copy_halves, "wlstp.16", "vldrh.u16 q0, [r0], #16", "vstrh.16 q0, [r1], #16");
copy!(widen, "wlstp.16", "vldrb.s16 q0, [r0], #8", "vstrh.16 q0, [r1], #16");
