//! CMSDK APB timer (Arm DDI 0479): 32 bits, counting down, so that it never wraps in an inference.
//!
//! SysTick has 24 bits only, and QEMU's DWT cycle counter stands still.

/// The first timer.
#[derive(Debug)]
pub struct Timer(());

const CONTROL: *mut u32 = 0x4000_0000 as *mut u32;
const VALUE: *mut u32 = 0x4000_0004 as *mut u32;
const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;
const ENABLE: u32 = 1;

impl Timer {
    /// Takes the timer; whoever holds the peripherals holds the only one.
    pub fn new(_: &cortex_m::Peripherals) -> Self {
        store(RELOAD, u32::MAX);
        Self(())
    }

    /// Counts from zero; a tick begins now, so that equal work takes equal ticks.
    pub fn restart(&mut self) {
        store(CONTROL, 0);
        store(VALUE, u32::MAX);
        store(CONTROL, ENABLE);
    }

    /// Ticks since the restart.
    pub fn ticks(&self) -> u32 {
        !load(VALUE)
    }

    /// Instructions per tick, by a loop of known length.
    pub fn instructions_per_tick(&mut self) -> u32 {
        const ROUNDS: u32 = 1_000_000;
        self.restart();
        // SAFETY: two instructions that count a register of their own down to zero.
        unsafe {
            core::arch::asm!(
                "2: subs {left}, #1",
                "bne 2b",
                left = inout(reg) ROUNDS => _,
                options(nomem, nostack),
            );
        }
        let ticks = self.ticks().max(1);
        (2 * ROUNDS + ticks / 2) / ticks
    }
}

fn load(register: *mut u32) -> u32 {
    // SAFETY: the constants above are aligned registers of the board's first timer.
    unsafe { register.read_volatile() }
}

fn store(register: *mut u32, value: u32) {
    // SAFETY: as above; no register of the timer refers to memory.
    unsafe { register.write_volatile(value) }
}
