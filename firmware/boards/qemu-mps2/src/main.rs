//! Serves the models of the image over the first UART until the host says goodbye.
#![no_std]
#![no_main]

use cortex_m_semihosting::debug;
use elbow_models::{Image, Task};
use qemu_mps2::Mps2;

/// Serves requests, then ends the emulator with success; with a failure where the peripherals were taken
/// before.
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut IMAGE: Image = Image::new();
    static mut TASK: Task = Task::new();
    if let Some(peripherals) = cortex_m::Peripherals::take() {
        TASK.serve(&mut Mps2::new(peripherals), IMAGE);
        debug::exit(debug::EXIT_SUCCESS);
    }
    fail()
}

/// Ends the emulator with a failure.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    fail()
}

/// Ends the emulator with a failure.
#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    fail()
}

/// Ends the emulator with a failure; does not return.
fn fail() -> ! {
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}
