//! The image whose panic handler calls a function that does not exist: it links only if the optimizer
//! has removed every call of it.

use core::hint::black_box;
use elbow_core::kernels::integer::native::FORM8;
use elbow_kernels::cases::{self, Memory, Tally};
use elbow_kernels::detection;
use elbow_kernels::workloads::{W2, W2Wide, W3, W4, Workload};

/// Runs four workloads, then the case of one seed for ever, with numbers that the optimizer cannot know.
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    static mut W2: W2 = W2::new();
    static mut WIDE: W2Wide = W2Wide::new();
    static mut W3: W3 = W3::new();
    static mut W4: W4 = W4::new();
    black_box(&mut *W2).run();
    black_box(&mut *WIDE).run();
    black_box(&mut *W3).run();
    black_box(&mut *W4).run();
    black_box(detection::run());
    black_box(detection::golden());
    loop {
        let mut tally = Tally::default();
        black_box(cases::run(FORM8, black_box(1), MEMORY, &mut tally)).ok();
        black_box(tally);
        #[cfg(feature = "plant-panic")]
        black_box(black_box(&[1, 2, 3][..])[black_box(7)]);
    }
}

unsafe extern "C" {
    safe fn a_panic_is_reachable_in_this_image() -> !;
}

/// Calls what does not exist, so that an image with a panic does not link.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    a_panic_is_reachable_in_this_image()
}
