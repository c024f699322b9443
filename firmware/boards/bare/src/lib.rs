//! QEMU's Cortex-M machines without devices: text goes out and arguments come in by semihosting, and
//! time is SysTick, which every core has.
//!
//! The variable `ELBOW_MACHINE` says which machine of the table in `elbow-toolchain` an image is for; it decides
//! the memory.
#![no_std]

use core::fmt::Write;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_semihosting::{debug, hio, nr, syscall1};

/// Longest command line.
const LINE: usize = 120;

/// SysTick counts down from here.
const TOP: u32 = 0x00ff_ffff;

/// The command line of the emulator.
#[derive(Clone, Copy, Debug)]
pub struct CommandLine([u8; LINE]);

impl CommandLine {
    /// Asks the host for it; empty where the host gives none, or one that does not fit into 120 bytes.
    pub fn read() -> Self {
        let mut line = [0_u8; LINE];
        let mut block = [line.as_mut_ptr() as usize, LINE];
        // SAFETY: SYS_GET_CMDLINE takes the address of two words, a buffer and its length, and
        // writes a string with a zero at its end into the buffer; both live until it returns.
        unsafe { syscall1(nr::GET_CMDLINE, block.as_mut_ptr() as usize) };
        Self(line)
    }

    /// Its words, in order; none where it is not UTF-8.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let text = self.0.split(|byte| *byte == 0).next().unwrap_or(&[]);
        core::str::from_utf8(text).unwrap_or("").split_whitespace()
    }
}

/// Ticks of the core clock; they are instructions under `-icount`.
pub struct Ticks(SYST);

impl Ticks {
    /// Takes SysTick and sets it to the core clock; [`restart`](Self::restart) starts it.
    pub fn new(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(TOP);
        Self(timer)
    }

    /// Counts from zero; a tick begins now.
    #[inline(never)]
    pub fn restart(&mut self) {
        self.0.disable_counter();
        self.0.clear_current();
        self.0.enable_counter();
    }

    /// Ticks since the restart, which wrap after 2^24; no number before the first restart.
    #[inline(never)]
    pub fn read(&self) -> u32 {
        TOP - SYST::get_current()
    }

    /// Ticks of 100,000 instructions, by a loop that restarts the counter.
    pub fn calibrate(&mut self) -> u32 {
        self.restart();
        // SAFETY: two instructions that count a register of their own down to zero.
        unsafe {
            core::arch::asm!(
                "2: subs {left}, #1",
                "bne 2b",
                left = inout(reg) 50_000_u32 => _,
                options(nomem, nostack),
            );
        }
        self.read()
    }
}

/// Executes 49,380 instructions, for checking whoever counts them.
#[inline(always)]
pub fn known_loop() {
    // SAFETY: counts a register of its own down to zero, from 24,688: 3 instructions make the
    // number, 2 * 24,688 count, and one does nothing.
    unsafe {
        core::arch::asm!(
            "movs {left}, #96",
            "lsls {left}, {left}, #8",
            "adds {left}, #112",
            "2: subs {left}, #1",
            "bne 2b",
            "nop",
            left = out(reg) _,
            options(nomem, nostack),
        );
    }
}

/// Writes text to the host; what cannot be written is lost.
pub fn print(text: core::fmt::Arguments<'_>) {
    if let Ok(mut out) = hio::hstdout() {
        let _ = out.write_fmt(text);
    }
}

/// Ends the emulator, with success or failure as its status; does not return.
pub fn exit(passed: bool) -> ! {
    loop {
        debug::exit(if passed { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    }
}
