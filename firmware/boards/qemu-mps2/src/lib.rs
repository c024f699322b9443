//! QEMU's MPS2 boards: `mps2-an385` (Cortex-M3) and `mps2-an386` (Cortex-M4F).
//!
//! The link is the first CMSDK UART, time the first CMSDK timer. Run with `-icount shift=0`: virtual
//! time then advances a nanosecond per instruction, the timer runs at 25 MHz, and a tick is 40
//! instructions. The board measures that at start, so that a run without it is noticed.
#![no_std]

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
    instructions_per_tick: u32,
}

impl Mps2 {
    /// Starts link and timer, and measures the latter.
    pub fn new(peripherals: cortex_m::Peripherals) -> Self {
        let (uart, mut timer) = (Uart::new(&peripherals), Timer::new(&peripherals));
        let instructions_per_tick = timer.instructions_per_tick();
        Self { uart, timer, instructions_per_tick }
    }
}

impl Board for Mps2 {
    fn read(&mut self) -> u8 {
        self.uart.read()
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.uart.write(*byte));
    }

    fn instructions_per_tick(&self) -> u32 {
        self.instructions_per_tick
    }

    fn measure<R>(&mut self, work: impl FnOnce() -> R) -> (R, Measured) {
        let paint = stack::paint();
        self.timer.restart();
        let result = work();
        let ticks = self.timer.ticks();
        (result, Measured { ticks, stack_bytes: paint.used() })
    }

    #[cfg(feature = "defmt")]
    fn log(&mut self, event: Event) {
        defmt::info!("{}", event);
    }

    #[cfg(not(feature = "defmt"))]
    fn log(&mut self, _: Event) {}
}
