//! A program that is a model's detector and nothing else, or its main function where it has none.
//!
//! Flash and RAM of this image are what `--max-flash` and `--max-ram` limit.
#![no_std]
#![no_main]

use elbow_models::Alone;
use qemu_mps2 as _; // memory.x

/// Runs the model for ever; does not return.
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut ALONE: Alone = Alone::NEW;
    loop {
        ALONE.run();
    }
}

/// Waits for ever: nothing here panics.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::nop();
    }
}
