//! Stack use by painting: what lies below the stack pointer gets a pattern, what has lost it was used.

#[cfg(debug_assertions)]
compile_error!(
    "an unoptimized build has calls in the loops that paint, which would paint over their own frames: \
     add `--release`"
);

const PAINT: u32 = 0xe1b0_57ac;
/// How far down is painted, in words: 64 KiB, far below any inference and far above static memory.
const DEPTH: usize = 16 * 1024;

/// Paint below a stack pointer.
#[derive(Debug)]
pub struct Paint {
    top: *mut u32,
}

/// Overwrites the 64 KiB below the caller's stack pointer with a pattern, and notes where they begin.
/// Inlined, so that nothing of the caller lies there.
#[inline(always)]
pub fn paint() -> Paint {
    let top = stack_pointer();
    for depth in 1..=DEPTH {
        // SAFETY: the stack grows down from the end of RAM, and below its pointer nothing lives
        // (Thumb has no red zone, no interrupt is enabled, and an optimized loop calls nothing);
        // memory.x leaves more than `DEPTH`.
        unsafe { top.sub(depth).write_volatile(PAINT) };
    }
    Paint { top }
}

impl Paint {
    /// Bytes from the painter's stack pointer down to the lowest word that lost its paint, 0 where none did;
    /// `None` where the lowest painted word did, so that more may have been used.
    #[inline(always)]
    pub fn used(&self) -> Option<u32> {
        // SAFETY: the words that `paint` wrote.
        let changed = |depth: &usize| unsafe { self.top.sub(*depth).read_volatile() } != PAINT;
        let deepest = (1..=DEPTH).rev().find(changed).unwrap_or(0);
        (deepest < DEPTH).then_some((deepest * size_of::<u32>()) as u32)
    }
}

/// The stack pointer of the function that this is inlined into.
#[inline(always)]
fn stack_pointer() -> *mut u32 {
    let pointer;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack)) };
    pointer
}
