//! Runs random kernel shapes and says whether machine code and definitions agree.
//!
//! The emulator's arguments choose what is done: the first seed and the number of cases.
#![no_std]
#![no_main]

use cortex_m_semihosting::{debug, hprintln};
use elbow_kernels::cases::{self, Memory};

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    let mut digest = 0;
    for seed in 1..=cases::COUNT {
        match cases::run(seed, MEMORY, digest) {
            Ok(sum) => digest = sum,
            Err(failure) => {
                hprintln!("FAIL seed {}: {:?}", seed, failure);
                fail()
            }
        }
    }
    hprintln!("PASS {0} of {0} cases, digest {1:#010x}", cases::COUNT, digest);
    if digest != cases::DIGEST {
        hprintln!("FAIL the host's digest is {:#010x}", cases::DIGEST);
        fail()
    }
    debug::exit(debug::EXIT_SUCCESS);
    fail()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    fail()
}

#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    hprintln!("FAIL hard fault");
    fail()
}

/// Ends the emulator with a failure.
fn fail() -> ! {
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}
