//! Raspberry Pi Pico and Pico 2: what both programs share.
//!
//! | | Pin |
//! |---|---|
//! | UART0 to the host, 115,200 baud | GP0 sends, GP1 receives: those of the debug probe's cable |
//! | I2C0 to the sensor, 400 kHz | GP4 data, GP5 clock |
#![no_std]

#[cfg(feature = "sensor")]
mod bus;
#[cfg(feature = "sensor")]
mod watchdog;

#[cfg(feature = "sensor")]
pub use bus::I2c0Bus as Bus;
#[cfg(feature = "sensor")]
pub use watchdog::{PicoWatchdog as Dog, reset_reason};

use defmt_rtt as _;
use embassy_rp::Peri;
use embassy_rp::bind_interrupts;
use embassy_rp::peripherals::{PIN_0, PIN_1, UART0};
use embassy_rp::uart::{BufferedInterruptHandler, BufferedUart, Config};
use panic_probe as _;

bind_interrupts!(
    /// The UART's interrupt.
    pub struct UartInterrupt {
        UART0_IRQ => BufferedInterruptHandler<UART0>;
    }
);

/// The link to the host with these buffers: sent bytes, and received ones.
pub fn link(
    uart: Peri<'static, UART0>,
    pins: (Peri<'static, PIN_0>, Peri<'static, PIN_1>),
    buffers: [&'static mut [u8]; 2],
) -> BufferedUart {
    let [send, receive] = buffers;
    BufferedUart::new(uart, pins.0, pins.1, UartInterrupt, send, receive, Config::default())
}

/// The timer: microseconds.
#[derive(Debug)]
pub struct Timer;

impl elbow_serial::Counter for Timer {
    const TICKS_PER_SECOND: u32 = 1_000_000;
    #[cfg(feature = "pico")]
    const CORE_HERTZ: u32 = 125_000_000;
    #[cfg(not(feature = "pico"))]
    const CORE_HERTZ: u32 = 150_000_000;

    fn now() -> u32 {
        embassy_time::Instant::now().as_micros() as u32
    }
}
