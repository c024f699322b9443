//! The sensor's bus.

use elbow_sensor::Reborn;
use embassy_nrf::Peri;
use embassy_nrf::gpio::{AnyPin, Flex, Level, Output, OutputDrive, Pull};
use embassy_nrf::peripherals::TWISPI0;
use embassy_nrf::twim::{Config, Frequency, InterruptHandler, Twim};
use embassy_time::{Duration, Timer};

embassy_nrf::bind_interrupts!(
    /// The controller's interrupt.
    struct BusInterrupt {
        TWISPI0 => InterruptHandler<TWISPI0>;
    }
);

/// TWIM0 at the board's pins, and the pin that powers the sensor, where there is one.
pub struct TwimBus {
    controller: Peri<'static, TWISPI0>,
    data: Peri<'static, AnyPin>,
    clock: Peri<'static, AnyPin>,
    /// High as long as this lives.
    _power: Option<Output<'static>>,
    /// What is sent lies in RAM.
    buffer: [u8; 16],
}

impl TwimBus {
    /// The bus, with the sensor powered; the controller is not set up yet.
    pub fn new(
        controller: Peri<'static, TWISPI0>,
        data: Peri<'static, AnyPin>,
        clock: Peri<'static, AnyPin>,
        power: Option<Peri<'static, AnyPin>>,
    ) -> Self {
        let power = power.map(|pin| Output::new(pin, Level::High, OutputDrive::HighDrive));
        Self { controller, data, clock, _power: power, buffer: [0; 16] }
    }
}

impl Reborn for TwimBus {
    type Bus<'a> = Twim<'a>;

    fn open(&mut self) -> Self::Bus<'_> {
        let mut config = Config::default();
        config.frequency = Frequency::K400;
        (config.sda_pullup, config.scl_pullup) = (true, true);
        let (data, clock) = (self.data.reborrow(), self.clock.reborrow());
        Twim::new(self.controller.reborrow(), BusInterrupt, data, clock, config, &mut self.buffer)
    }

    /// Nine clocks at most, until the data line is high: a device in the middle of a byte has sent it then.
    async fn free(&mut self) {
        let mut data = Flex::new(self.data.reborrow());
        data.set_as_input(Pull::Up);
        let mut clock = Flex::new(self.clock.reborrow());
        clock.set_high();
        clock.set_as_input_output(Pull::Up, OutputDrive::Standard0Disconnect1);
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
