//! A counter of 32 bits that begins a tick when it is told to, so that equal work takes equal ticks.
//!
//! SysTick has 24 bits only, and QEMU's DWT cycle counter stands still.

#[cfg_attr(not(machine = "an547"), path = "timer/cmsdk.rs")]
#[cfg_attr(machine = "an547", path = "timer/system.rs")]
mod counter;

/// The machine's counter.
#[derive(Debug)]
pub struct Timer(());

impl Timer {
    /// Takes the counter and sets it up; it counts from the first [`restart`](Self::restart) on. Whoever
    /// holds the peripherals holds the only one.
    pub fn new(_: &cortex_m::Peripherals) -> Self {
        counter::start();
        Self(())
    }

    /// Counts from zero; a tick begins now.
    pub fn restart(&mut self) {
        counter::restart();
    }

    /// Ticks since the restart, which wrap after 2^32.
    pub fn ticks(&self) -> u32 {
        counter::ticks()
    }

    /// A function that reads the ticks since the last restart.
    pub fn clock(&self) -> fn() -> u32 {
        counter::ticks
    }

    /// Ticks in a million instructions, rounded, by a loop of four million; restarts the counter.
    ///
    /// A function of its own, so that who logs what the board executes can leave it out.
    // SAFETY: no other function of an image has this name; the host finds it by that.
    #[inline(never)]
    #[unsafe(export_name = "elbow.calibration")]
    pub fn ticks_per_million(&mut self) -> u32 {
        const ROUNDS: u32 = 2_000_000;
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
        (self.ticks() + 2) / 4
    }
}
