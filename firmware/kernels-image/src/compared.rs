//! The image that compares.

use cortex_m_semihosting::{debug, hprintln};
use elbow_core::kernels::integer::native::FORM8;
use elbow_kernels::cases::{self, Memory};
use elbow_kernels::{channels, corners, detection, floats};

/// Runs all cases, corners and float kernels, with a line for each; ends the emulator with success, or with a
/// failure at the first difference.
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    static mut CORNERS: corners::Memory = corners::Memory::new();
    static mut CHANNELS: channels::Memory = channels::Memory::new();
    static mut FLOATS: [f32; floats::MEMORY] = [0.0; floats::MEMORY];
    run_cases(MEMORY);
    run_corners(CORNERS);
    run_channels(CHANNELS);
    run_floats(FLOATS);
    run_detection();
    debug::exit(debug::EXIT_SUCCESS);
    fail()
}

/// Runs the random layers of this core and prints their number and digest; ends the emulator where one
/// differs, or the digest is not the host's.
fn run_cases(memory: &mut Memory) {
    let tally = match cases::run_all(FORM8, memory) {
        Ok(tally) => tally,
        Err((seed, failure)) => {
            hprintln!("FAIL seed {}: {:?}", seed, failure);
            fail()
        }
    };
    let expected = cases::digest(FORM8);
    if tally.digest != expected {
        hprintln!("FAIL digest {:#010x}, on the host {:#010x}", tally.digest, expected);
        fail()
    }
    hprintln!("PASS {} cases, digest {:#010x}", tally.cases, tally.digest);
    if tally.by_code >= cases::COUNT {
        hprintln!("PASS at least {} cases of machine code: {}", cases::COUNT, tally.by_code);
    }
}

/// Runs the corners and prints their number; ends the emulator where one differs or some are missing.
fn run_corners(memory: &mut corners::Memory) {
    match corners::run(memory) {
        Ok(corners::COUNT) => hprintln!("PASS {} corners", corners::COUNT),
        other => {
            hprintln!("FAIL corners: {:?}", other);
            fail()
        }
    }
}

/// Runs the depthwise layers of many channels and prints their number; ends the emulator where one differs or
/// does not fit.
fn run_channels(memory: &mut channels::Memory) {
    for seed in 1..=channels::COUNT {
        if channels::run(seed, memory) != Some(true) {
            hprintln!("FAIL depthwise of many channels, seed {}", seed);
            fail()
        }
    }
    hprintln!("PASS {} cases of many channels", channels::COUNT);
}

/// Runs every family of float cases in `memory`, of [`floats::MEMORY`] floats, and prints how much was
/// compared; ends the emulator where a value differs. A fortieth of the cases without a floating-point unit,
/// where there is no machine code for floats and a case takes long.
fn run_floats(memory: &mut [f32]) {
    let cases = if cfg!(target_abi = "eabihf") { floats::CASES } else { floats::CASES / 40 };
    for family in floats::FAMILIES {
        let mut values = 0;
        for case in 0..cases {
            match family.check(case, memory) {
                Ok(compared) => values += compared,
                Err(floats::Differs) => {
                    hprintln!("FAIL {}: case {} of seed {}", family.name, case, floats::SEED);
                    fail()
                }
            }
        }
        hprintln!("PASS {}: {} cases, {} values", family.name, cases, values);
    }
    hprintln!("PASS {} float kernels", floats::FAMILIES.len());
}

/// Runs the detector over its readings; ends the emulator with a failure where verdicts differ from the host's.
fn run_detection() {
    let digest = detection::run();
    if !detection::golden() || digest != Some(detection::DIGEST) {
        hprintln!("FAIL detection: {:#010x?}", digest);
        fail()
    }
    hprintln!("PASS verdicts on {} readings", detection::COUNT);
}

/// Ends the emulator with a failure.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    fail()
}

/// Prints that it came here, and ends the emulator with a failure.
#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    hprintln!("FAIL hard fault");
    fail()
}

/// Ends the emulator with a failure; does not return.
fn fail() -> ! {
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}
