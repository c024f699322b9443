//! Boards with an nRF52833 or nRF52840: what both programs share.
//!
//! | Board | UART to the host, 115,200 baud | Sensor, I2C at 400 kHz |
//! |---|---|---|
//! | micro:bit v2 | P0.06 sends, P1.08 receives: the USB port's | LSM303AGR on board: P0.16 data, P0.08 clock |
//! | nRF52840-DK | P0.06 sends, P0.08 receives: the J-Link's | LIS3DH to be wired: P0.26 data, P0.27 clock |
//! | XIAO nRF52840 Sense | P1.11 (D6) sends, P1.12 (D7) receives | LSM6DS3TR-C on board: P0.07 data, P0.27 clock, P1.08 its power |
#![no_std]

#[cfg(feature = "sensor")]
mod bus;
mod link;
#[cfg(feature = "sensor")]
mod watchdog;

#[cfg(feature = "sensor")]
pub use bus::TwimBus as Bus;
pub use link::Receiver;
#[cfg(feature = "sensor")]
pub use watchdog::{NrfWatchdog as Dog, reset_reason};

use defmt_rtt as _;
use embassy_nrf::Peripherals;
use embassy_nrf::bind_interrupts;
use embassy_nrf::peripherals::UARTE0;
use embassy_nrf::uarte::{Config, InterruptHandler, Uarte, UarteTx};
use panic_probe as _;

bind_interrupts!(
    /// The UART's interrupt.
    struct LinkInterrupt {
        UARTE0 => InterruptHandler<UARTE0>;
    }
);

/// The pins of the link: that which receives, and that which sends.
#[cfg(feature = "microbit-v2")]
macro_rules! pins {
    ($p:ident) => {
        ($p.P1_08, $p.P0_06)
    };
}
/// The pins of the link: that which receives, and that which sends.
#[cfg(feature = "nrf52840-dk")]
macro_rules! pins {
    ($p:ident) => {
        ($p.P0_08, $p.P0_06)
    };
}
/// The pins of the link: that which receives, and that which sends.
#[cfg(feature = "xiao-sense")]
macro_rules! pins {
    ($p:ident) => {
        ($p.P1_12, $p.P1_11)
    };
}

/// What the parity image uses of the board: the two halves of the link to the host.
pub fn link(p: Peripherals) -> (UarteTx<'static>, Receiver) {
    let (receive, send) = pins!(p);
    let uart = Uarte::new(p.UARTE0, receive, send, LinkInterrupt, Config::default());
    let (send, receive) = uart.split();
    (send, Receiver::new(receive))
}

/// What the sensor image uses of the board: the link to the host, the sensor's bus, and the watchdog, started.
#[cfg(feature = "sensor")]
pub fn parts(p: Peripherals) -> (UarteTx<'static>, Bus, Dog) {
    let (receive, send) = pins!(p);
    let uart = Uarte::new(p.UARTE0, receive, send, LinkInterrupt, Config::default());
    #[cfg(feature = "microbit-v2")]
    let bus = Bus::new(p.TWISPI0, p.P0_16.into(), p.P0_08.into(), None);
    #[cfg(feature = "nrf52840-dk")]
    let bus = Bus::new(p.TWISPI0, p.P0_26.into(), p.P0_27.into(), None);
    #[cfg(feature = "xiao-sense")]
    let bus = Bus::new(p.TWISPI0, p.P0_07.into(), p.P0_27.into(), Some(p.P1_08.into()));
    (uart.split().0, bus, Dog::start(p.WDT))
}

/// The core's counter of cycles.
#[derive(Debug)]
pub struct Cycles;

impl elbow_serial::Counter for Cycles {
    const TICKS_PER_SECOND: u32 = 64_000_000;
    const CORE_HERTZ: u32 = 64_000_000;

    fn now() -> u32 {
        cortex_m::peripheral::DWT::cycle_count()
    }
}

/// Lets the core count its cycles; does nothing where the core's peripherals were taken.
pub fn count_cycles() {
    if let Some(mut core) = cortex_m::Peripherals::take() {
        core.DCB.enable_trace();
        core.DWT.enable_cycle_counter();
    }
}
