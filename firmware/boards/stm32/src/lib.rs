//! Boards with an STM32L475 or STM32L476, at 80 MHz: what both programs share.
//!
//! | Board | UART to the host, 115,200 baud | Sensor, I2C at 400 kHz |
//! |---|---|---|
//! | Nucleo-L476RG | USART2: PA2 sends, PA3 receives: the ST-Link's | I2C1, LIS3DH to be wired: PB9 (D14) data, PB8 (D15) clock |
//! | B-L475E-IOT01A | USART1: PB6 sends, PB7 receives: the ST-Link's | I2C2, LSM6DSL on board: PB11 data, PB10 clock |
#![no_std]

#[cfg(feature = "sensor")]
mod bus;
#[cfg(feature = "sensor")]
mod watchdog;

#[cfg(feature = "sensor")]
pub use bus::I2cBus as Bus;
#[cfg(feature = "sensor")]
pub use watchdog::{StmWatchdog as Dog, reset_reason};

use defmt_rtt as _;
use embassy_stm32::bind_interrupts;
#[cfg(feature = "b-l475e-iot01a")]
use embassy_stm32::peripherals::USART1 as Uart;
#[cfg(feature = "nucleo-l476rg")]
use embassy_stm32::peripherals::USART2 as Uart;
use embassy_stm32::rcc::{Pll, PllMul, PllPreDiv, PllRDiv, PllSource, Sysclk};
use embassy_stm32::usart::{
    BufferedInterruptHandler, BufferedUart, BufferedUartRx, BufferedUartTx, Config,
};
use embassy_stm32::{Peripherals, usart};
use panic_probe as _;

#[cfg(feature = "nucleo-l476rg")]
bind_interrupts!(
    /// The UART's interrupt.
    struct LinkInterrupt {
        USART2 => BufferedInterruptHandler<Uart>;
    }
);
#[cfg(feature = "b-l475e-iot01a")]
bind_interrupts!(
    /// The UART's interrupt.
    struct LinkInterrupt {
        USART1 => BufferedInterruptHandler<Uart>;
    }
);

/// Cycles of the core in a second.
const HERTZ: u32 = 80_000_000;

/// Sets the clocks: 16 MHz of the internal oscillator, by 10 and by one half.
pub fn init() -> Peripherals {
    let mut config = embassy_stm32::Config::default();
    config.rcc.hsi = true;
    config.rcc.pll = Some(Pll {
        source: PllSource::HSI,
        prediv: PllPreDiv::DIV1,
        mul: PllMul::MUL10,
        divp: None,
        divq: None,
        divr: Some(PllRDiv::DIV2),
    });
    config.rcc.sys = Sysclk::PLL1_R;
    embassy_stm32::init(config)
}

/// The pins of the link: that which receives, and that which sends.
#[cfg(feature = "nucleo-l476rg")]
macro_rules! link {
    ($p:ident) => {
        ($p.USART2, $p.PA3, $p.PA2)
    };
}
/// The pins of the link: that which receives, and that which sends.
#[cfg(feature = "b-l475e-iot01a")]
macro_rules! link {
    ($p:ident) => {
        ($p.USART1, $p.PB7, $p.PB6)
    };
}

/// What the parity image uses of the board: the two halves of the link to the host, with buffers for sent and for
/// received bytes.
///
/// # Errors
///
/// Where the clocks do not give the rate, which those of [`init`] do.
pub fn link(
    p: Peripherals,
    buffers: [&'static mut [u8]; 2],
) -> Result<(BufferedUartTx<'static>, BufferedUartRx<'static>), usart::ConfigError> {
    let (uart, receive, send) = link!(p);
    let [sent, received] = buffers;
    let config = Config::default();
    let link = BufferedUart::new(uart, receive, send, sent, received, LinkInterrupt, config)?;
    Ok(link.split())
}

/// What the sensor image uses of the board: the link to the host, with buffers for sent and for received bytes, the
/// sensor's bus, and the watchdog, started.
///
/// # Errors
///
/// As [`link`].
#[cfg(feature = "sensor")]
pub fn parts(
    p: Peripherals,
    buffers: [&'static mut [u8]; 2],
) -> Result<(BufferedUartTx<'static>, Bus, Dog), usart::ConfigError> {
    let (uart, receive, send) = link!(p);
    let [sent, received] = buffers;
    let config = Config::default();
    let link = BufferedUart::new(uart, receive, send, sent, received, LinkInterrupt, config)?;
    #[cfg(feature = "nucleo-l476rg")]
    let bus = Bus::new(p.I2C1, (p.PB9, p.PB8), (p.DMA1_CH6, p.DMA1_CH7));
    #[cfg(feature = "b-l475e-iot01a")]
    let bus = Bus::new(p.I2C2, (p.PB11, p.PB10), (p.DMA1_CH4, p.DMA1_CH5));
    Ok((link.split().0, bus, Dog::start(p.IWDG)))
}

/// The core's counter of cycles.
#[derive(Debug)]
pub struct Cycles;

impl elbow_serial::Counter for Cycles {
    const TICKS_PER_SECOND: u32 = HERTZ;
    const CORE_HERTZ: u32 = HERTZ;

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
