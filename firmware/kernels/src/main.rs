//! Prints for each family how many cases and values are right, and the first that is not.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use cortex_m_semihosting::{debug, hprintln};
    use kernels::{FAMILIES, Family, MEMORY};
    use qemu_mps2 as _; // its memory.x

    /// Cases of each family.
    const CASES: u64 = 2000;

    #[cortex_m_rt::entry]
    fn main() -> ! {
        static mut FLOATS: [f32; MEMORY] = [0.0; MEMORY];
        hprintln!("seed {}", kernels::SEED);
        let right = FAMILIES.iter().filter(|family| all_right(family, FLOATS)).count();
        hprintln!("{} of {} families right", right, FAMILIES.len());
        loop {
            debug::exit(debug::EXIT_SUCCESS);
        }
    }

    fn all_right(family: &Family, memory: &mut [f32]) -> bool {
        let mut values = 0;
        for case in 0..CASES {
            match family.check(case, memory) {
                Ok(compared) => values += compared,
                Err(_) => {
                    hprintln!("{}: case {} differs", family.name, case);
                    return false;
                }
            }
        }
        hprintln!("{}: {} cases, {} values", family.name, CASES, values);
        true
    }

    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
        hprintln!("{}", info);
        loop {
            debug::exit(debug::EXIT_FAILURE);
        }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {}
