//! A program that is a detector and nothing else: it boots the small model `watched` and hands it readings for ever.
//!
//! `--max-flash` and `--max-ram` say what such a program takes; a test holds the sections of this image against them.
#![no_std]
#![no_main]

use core::hint::black_box;
use elbow_models::Linked;
use elbow_models::watched::model::{Detector, Model};
use qemu_mps2 as _; // memory.x

/// Hands readings to the detector, none of which the compiler knows; does not return.
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut DETECTOR: Detector<'static> = Detector::new();
    loop {
        if DETECTOR.boot(Model::weights()).is_err() {
            continue;
        }
        while let Ok(verdict) = DETECTOR.push_at(black_box(0), &black_box([0.0; 2])) {
            black_box(verdict);
        }
    }
}

/// Waits for ever: nothing here panics.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::nop();
    }
}
