//! The program of the board without its log: receive, encode, sample, score, answer; and what a
//! device may call besides.
//!
//! The panic handler calls a function that does not exist, so that the image links only if the
//! optimizer has removed every call of it. Nothing proves more cheaply that nothing panics.
#![no_std]
#![no_main]

use core::hint::black_box;
use elbow_core::distributions::DiagNormal;
use elbow_core::window::{Normalization, Window};
use elbow_models::{Image, Task};
use qemu_mps2::Mps2;

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut IMAGE: Image = Image::new();
    static mut TASK: Task = Task::new();
    if let Some(peripherals) = cortex_m::Peripherals::take() {
        TASK.serve(&mut Mps2::new(peripherals), IMAGE);
    }
    black_box(observe());
    black_box(diverge());
    #[cfg(feature = "plant-panic")]
    planted(&[1, 2, 3]);
    loop {
        cortex_m::asm::wfi();
    }
}

/// A sliding window over readings that the compiler cannot know.
fn observe() -> [f32; 12] {
    let mut window = Window::<3, 4, 2>::new();
    let mut x = [0.0; 12];
    let normalization = Normalization { mean: black_box([0.0; 3]), std: black_box([1.0; 3]) };
    for _ in 0..black_box(5) {
        if window.push(black_box([1.0; 3])) == Ok(true) {
            black_box(window.observation(&normalization, &mut x)).ok();
        }
    }
    x
}

/// Divergence, density and entropy of posteriors that the compiler cannot know.
fn diverge() -> f32 {
    let q = black_box(DiagNormal { loc: [0.5; 3], log_var: [-1.0; 3] });
    let p = black_box(DiagNormal::standard());
    q.kl_divergence(&p) + q.kl_to_standard() + q.log_prob(&black_box([0.0; 3])) + q.entropy()
}

/// Indexes a slice with what the compiler cannot know.
#[cfg(feature = "plant-panic")]
fn planted(values: &[u32]) {
    black_box(black_box(values)[black_box(7)]);
}

unsafe extern "C" {
    safe fn a_panic_is_reachable_in_this_image() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    a_panic_is_reachable_in_this_image()
}
