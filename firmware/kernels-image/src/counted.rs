//! The image that counts and compares.

use cortex_m::peripheral::{SYST, syst::SystClkSource};
use cortex_m_semihosting::{debug, hprintln};
use elbow_kernels::cases::{self, Memory};
use elbow_kernels::workloads::{W1, W2, W2Wide, W3, W4};
use elbow_kernels::{channels, floats};

/// A workload of this type, counted and checked.
macro_rules! count {
    ($name:literal, $work:ty, $clock:expr, $buffers:expr) => {{
        static mut WORK: $work = <$work>::new();
        // SAFETY: this line runs once, and nothing else names the variable.
        let work = unsafe { &mut *&raw mut WORK };
        let prepared = work.prepare().is_some();
        let count = $clock.instructions(|| work.run());
        let expected = work.expected($buffers).unwrap_or(&[]);
        let same = work.output().iter().map(|y| i16::from(*y)).eq(expected.iter().copied());
        hprintln!("{} {}", $name, count);
        if !prepared || expected.is_empty() || !same {
            hprintln!("FAIL {} differs from plain loops", $name);
            fail()
        }
    }};
}

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut BUFFERS: [[i16; 8192]; 2] = [[0; 8192]; 2];
    static mut MEMORY: Memory = Memory::new();
    static mut CHANNELS: channels::Memory = channels::Memory::new();
    static mut FLOATS: [f32; floats::MEMORY] = [0.0; floats::MEMORY];
    let Some(peripherals) = cortex_m::Peripherals::take() else { fail() };
    let mut clock = Clock::new(peripherals.SYST);
    count!("W1-128", W1<128, 16_384, 4096>, clock, BUFFERS);
    count!("W1-640", W1<640, 81_920, 20_480>, clock, BUFFERS);
    count!("W2", W2, clock, BUFFERS);
    count!("W2-int8x16", W2Wide, clock, BUFFERS);
    count!("W3", W3, clock, BUFFERS);
    count!("W4", W4, clock, BUFFERS);
    run_cases(MEMORY);
    run_channels(CHANNELS);
    run_floats(FLOATS);
    debug::exit(debug::EXIT_SUCCESS);
    fail()
}

fn run_cases(memory: &mut Memory) {
    let mut digest = 0;
    for seed in 1..=cases::COUNT {
        match cases::run(seed, memory, digest) {
            Ok(sum) => digest = sum,
            Err(failure) => {
                hprintln!("FAIL seed {}: {:?}", seed, failure);
                fail()
            }
        }
    }
    if digest != cases::DIGEST {
        hprintln!("FAIL digest {:#010x}, on the host {:#010x}", digest, cases::DIGEST);
        fail()
    }
    hprintln!("PASS {0} of {0} cases, digest {1:#010x}", cases::COUNT, digest);
}

fn run_channels(memory: &mut channels::Memory) {
    for seed in 1..=channels::COUNT {
        if channels::run(seed, memory) != Some(true) {
            hprintln!("FAIL depthwise of many channels, seed {}", seed);
            fail()
        }
    }
    hprintln!("PASS {} cases of many channels", channels::COUNT);
}

/// Without a floating-point unit there is no machine code for floats, and a case takes long.
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

/// Instructions by SysTick.
struct Clock {
    timer: SYST,
    per_thousand_ticks: u64,
}

impl Clock {
    fn new(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(0x00ff_ffff);
        timer.clear_current();
        timer.enable_counter();
        let mut clock = Self { timer, per_thousand_ticks: 0 };
        let ticks = clock.ticks(|| turn(1_000_000));
        let more = clock.ticks(|| turn(3_000_000)) - ticks;
        clock.per_thousand_ticks = 4_000_000_000 / u64::from(more);
        clock
    }

    fn ticks(&mut self, work: impl FnOnce()) -> u32 {
        self.timer.clear_current();
        let start = SYST::get_current();
        work();
        start.wrapping_sub(SYST::get_current()) & 0x00ff_ffff
    }

    /// Of one turn.
    fn instructions(&mut self, mut work: impl FnMut()) -> u64 {
        const TURNS: u32 = 20;
        let few = self.ticks(|| (0..TURNS).for_each(|_| work()));
        let many = self.ticks(|| (0..3 * TURNS).for_each(|_| work()));
        u64::from(many - few) * self.per_thousand_ticks / 1000 / u64::from(2 * TURNS)
    }
}

/// Takes twice as many instructions.
#[inline(never)]
fn turn(times: u32) {
    // SAFETY: two instructions that count a register of their own down to zero.
    unsafe {
        core::arch::asm!(
            "2: subs {left}, #1",
            "bne 2b",
            left = inout(reg) times => _,
            options(nomem, nostack),
        );
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
