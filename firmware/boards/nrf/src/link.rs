//! The receiving half of the link.

use embassy_nrf::uarte::{Error, UarteRx};
use embedded_io_async::{ErrorType, Read};

/// A receiver that takes one byte at a time: the UART's own buffer of some bytes bridges the time between two.
pub struct Receiver(UarteRx<'static>);

impl Receiver {
    /// A receiver by this half of a UART.
    pub const fn new(half: UarteRx<'static>) -> Self {
        Self(half)
    }
}

impl ErrorType for Receiver {
    type Error = Error;
}

impl Read for Receiver {
    /// The next byte; 0 for no place.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let Some(place) = buffer.first_mut() else { return Ok(0) };
        // Memory that the controller can reach: `place` might lie in flash if the compiler put a constant there.
        let mut byte = [0];
        self.0.read(&mut byte).await?;
        [*place] = byte;
        Ok(1)
    }
}
