//! A board over any serial link: what the boards of real chips share.
//!
//! A HAL gives the two halves of a link, by the traits of [`embedded_io_async`], and a counter; [`Serial`] makes a
//! [`Board`] of them, which `elbow_app::Task::serve` takes. Waiting is [`block_on`], which needs no executor: the
//! parity image does nothing else meanwhile.
#![no_std]

use elbow_app::{Board, Event, Measured};
use embassy_futures::block_on;
use embedded_io_async::{Read, Write};

/// A counter of the chip.
pub trait Counter {
    /// How often it ticks in a second.
    const TICKS_PER_SECOND: u32;
    /// How often the core's clock ticks in a second.
    const CORE_HERTZ: u32;

    /// Its value, which wraps.
    fn now() -> u32;
}

/// A board that talks over a serial link.
#[derive(Debug)]
pub struct Serial<R, W, C> {
    receive: R,
    send: W,
    counter: core::marker::PhantomData<C>,
}

impl<R: Read, W: Write, C: Counter> Serial<R, W, C> {
    /// The board with these two halves of the link.
    pub const fn new(receive: R, send: W) -> Self {
        Self { receive, send, counter: core::marker::PhantomData }
    }
}

impl<R: Read, W: Write, C: Counter> Board for Serial<R, W, C> {
    /// The next byte of the link. Bytes that the link lost or damaged are passed over, as is an end: their frame is
    /// found damaged.
    fn read(&mut self) -> u8 {
        let mut byte = [0];
        loop {
            if let Ok(1) = block_on(self.receive.read(&mut byte)) {
                return byte[0];
            }
        }
    }

    /// Sends the bytes and waits until they have left. What the link cannot send is lost; the host's wait then ends
    /// with its time limit.
    fn write(&mut self, bytes: &[u8]) {
        let _ = block_on(self.send.write_all(bytes));
        let _ = block_on(self.send.flush());
    }

    /// From the frequencies of counter and core.
    fn ticks_per_million(&self) -> u32 {
        let ticks = u64::from(C::TICKS_PER_SECOND) * 1_000_000;
        ticks.div_ceil(u64::from(C::CORE_HERTZ)) as u32
    }

    /// The counter's frequency.
    fn ticks_per_second(&self) -> Option<u32> {
        Some(C::TICKS_PER_SECOND)
    }

    /// Reads the counter, whose zero is at no particular time.
    fn clock(&self) -> fn() -> u32 {
        C::now
    }

    /// Runs `work` between two looks at the counter; the stack is not measured.
    fn measure<T>(&mut self, work: impl FnOnce() -> T) -> (T, Measured) {
        let start = C::now();
        let result = work();
        (result, Measured { ticks: C::now().wrapping_sub(start), stack_bytes: None })
    }

    /// Sends the event to the log.
    #[cfg(feature = "defmt")]
    fn log(&mut self, event: Event) {
        defmt::info!("{}", event);
    }

    /// Does nothing without the feature `defmt`.
    #[cfg(not(feature = "defmt"))]
    fn log(&mut self, _: Event) {}
}
