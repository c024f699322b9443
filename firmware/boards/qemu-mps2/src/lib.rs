//! QEMU's MPS2 and MPS3 boards, one core each.
//!
//! The cores and boards are those of the table in `elbow-toolchain`; the variable `ELBOW_MACHINE` says which of its
//! machines an image is for: `mps2` (AN385, AN386, AN500), `an505` or `an547`. It decides the memory, and with
//! it where the devices are.
//!
//! The link is the first UART, time the first timer. Run with `-icount shift=0`: virtual time then
//! advances a nanosecond per instruction, so that the timer's clock in megahertz is its ticks in a
//! thousand instructions. The board measures that at start, so that a run without it is noticed.
#![no_std]

mod machine;
mod stack;
mod timer;
mod uart;

#[cfg(feature = "defmt")]
use defmt_semihosting as _;
use elbow_app::{Board, Event, Measured};
use timer::Timer;
use uart::Uart;

/// The board, taken once.
#[derive(Debug)]
pub struct Mps2 {
    uart: Uart,
    timer: Timer,
    ticks_per_million: u32,
}

impl Mps2 {
    /// Starts link and timer, and measures the latter by four million instructions. Masks all interrupts for
    /// good.
    pub fn new(peripherals: cortex_m::Peripherals) -> Self {
        let (uart, mut timer) = (Uart::new(&peripherals), Timer::new(&peripherals));
        let ticks_per_million = timer.ticks_per_million();
        Self { uart, timer, ticks_per_million }
    }
}

impl Board for Mps2 {
    /// The next byte of the UART; sleeps until there is one.
    fn read(&mut self) -> u8 {
        self.uart.read()
    }

    /// Sends the bytes by the UART; waits for room, not for the last byte's arrival.
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.uart.write(*byte));
    }

    /// What the timer was measured to do at start.
    fn ticks_per_million(&self) -> u32 {
        self.ticks_per_million
    }

    /// A function that reads the timer.
    fn clock(&self) -> fn() -> u32 {
        self.timer.clock()
    }

    /// Paints the stack, restarts the timer and runs `work`; its result, the timer's ticks, and the bytes of
    /// stack that lost their paint.
    fn measure<R>(&mut self, work: impl FnOnce() -> R) -> (R, Measured) {
        let paint = stack::paint();
        self.timer.restart();
        let result = work();
        let ticks = self.timer.ticks();
        (result, Measured { ticks, stack_bytes: paint.used() })
    }

    /// Sends the event to the host as a line of defmt.
    #[cfg(feature = "defmt")]
    fn log(&mut self, event: Event) {
        defmt::info!("{}", event);
    }

    /// Does nothing without the feature `defmt`.
    #[cfg(not(feature = "defmt"))]
    fn log(&mut self, _: Event) {}
}
