//! The sensor's bus.

use elbow_sensor::Reborn;
use embassy_stm32::gpio::{Flex, Pull, Speed};
use embassy_stm32::i2c::{Config, ErrorInterruptHandler, EventInterruptHandler, I2c, Master};
use embassy_stm32::mode::Async;
use embassy_stm32::time::Hertz;
use embassy_stm32::{Peri, bind_interrupts, dma};
use embassy_time::{Duration, Timer};

#[cfg(feature = "b-l475e-iot01a")]
use embassy_stm32::peripherals::{
    DMA1_CH4 as Sends, DMA1_CH5 as Receives, I2C2 as Controller, PB10 as Clock, PB11 as Data,
};
#[cfg(feature = "nucleo-l476rg")]
use embassy_stm32::peripherals::{
    DMA1_CH6 as Sends, DMA1_CH7 as Receives, I2C1 as Controller, PB8 as Clock, PB9 as Data,
};

#[cfg(feature = "nucleo-l476rg")]
bind_interrupts!(
    /// The interrupts of controller and DMA.
    struct BusInterrupts {
        I2C1_EV => EventInterruptHandler<Controller>;
        I2C1_ER => ErrorInterruptHandler<Controller>;
        DMA1_CHANNEL6 => dma::InterruptHandler<Sends>;
        DMA1_CHANNEL7 => dma::InterruptHandler<Receives>;
    }
);
#[cfg(feature = "b-l475e-iot01a")]
bind_interrupts!(
    /// The interrupts of controller and DMA.
    struct BusInterrupts {
        I2C2_EV => EventInterruptHandler<Controller>;
        I2C2_ER => ErrorInterruptHandler<Controller>;
        DMA1_CHANNEL4 => dma::InterruptHandler<Sends>;
        DMA1_CHANNEL5 => dma::InterruptHandler<Receives>;
    }
);

/// The controller at the board's pins.
pub struct I2cBus {
    controller: Peri<'static, Controller>,
    data: Peri<'static, Data>,
    clock: Peri<'static, Clock>,
    sends: Peri<'static, Sends>,
    receives: Peri<'static, Receives>,
}

impl I2cBus {
    /// The bus with these pins, data and clock, and channels of DMA, for sending and receiving; nothing is set up yet.
    pub const fn new(
        controller: Peri<'static, Controller>,
        pins: (Peri<'static, Data>, Peri<'static, Clock>),
        channels: (Peri<'static, Sends>, Peri<'static, Receives>),
    ) -> Self {
        let ((data, clock), (sends, receives)) = (pins, channels);
        Self { controller, data, clock, sends, receives }
    }
}

impl Reborn for I2cBus {
    type Bus<'a> = I2c<'a, Async, Master>;

    fn open(&mut self) -> Self::Bus<'_> {
        let mut config = Config::default();
        config.frequency = Hertz(400_000);
        I2c::new(
            self.controller.reborrow(),
            self.clock.reborrow(),
            self.data.reborrow(),
            self.sends.reborrow(),
            self.receives.reborrow(),
            BusInterrupts,
            config,
        )
    }

    /// Nine clocks at most, until the data line is high: a device in the middle of a byte has sent it then.
    async fn free(&mut self) {
        let mut data = Flex::new(self.data.reborrow());
        data.set_as_input(Pull::Up);
        let mut clock = Flex::new(self.clock.reborrow());
        clock.set_high();
        clock.set_as_input_output(Speed::Low);
        for _ in 0..9 {
            Timer::after(Duration::from_micros(5)).await;
            if data.is_high() {
                break;
            }
            clock.set_low();
            Timer::after(Duration::from_micros(5)).await;
            clock.set_high();
        }
    }
}
