//! Runs random kernel shapes and says whether machine code and definitions agree.
//!
//! The emulator's arguments choose what is done: the first seed and the number of cases.
#![no_std]
#![no_main]

use cortex_m_semihosting::{debug, hprintln};
use elbow_kernels::cases::{self, Memory};
use elbow_kernels::floats;

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    static mut FLOATS: [f32; floats::MEMORY] = [0.0; floats::MEMORY];
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
    check_floats(FLOATS);
    debug::exit(debug::EXIT_SUCCESS);
    fail()
}

/// Ends the emulator with a failure where a float kernel is wrong.
fn check_floats(memory: &mut [f32]) {
    for family in floats::FAMILIES {
        let mut values = 0;
        for case in 0..floats::CASES {
            match family.check(case, memory) {
                Ok(compared) => values += compared,
                Err(floats::Differs) => {
                    hprintln!("FAIL {}: case {} of seed {}", family.name, case, floats::SEED);
                    fail()
                }
            }
        }
        hprintln!("PASS {}: {} cases, {} values", family.name, floats::CASES, values);
    }
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
