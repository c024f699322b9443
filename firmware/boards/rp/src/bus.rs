//! The sensor's bus.

use elbow_sensor::Reborn;
use embassy_rp::Peri;
use embassy_rp::gpio::{Flex, Pull};
use embassy_rp::i2c::{Async, Config, I2c, InterruptHandler};
use embassy_rp::peripherals::{I2C0, PIN_4, PIN_5};
use embassy_time::{Duration, Timer};

embassy_rp::bind_interrupts!(
    /// The controller's interrupt.
    struct BusInterrupt {
        I2C0_IRQ => InterruptHandler<I2C0>;
    }
);

/// I2C0 at GP4 and GP5.
pub struct I2c0Bus {
    controller: Peri<'static, I2C0>,
    data: Peri<'static, PIN_4>,
    clock: Peri<'static, PIN_5>,
}

impl I2c0Bus {
    /// The bus; nothing is set up yet.
    pub const fn new(
        controller: Peri<'static, I2C0>,
        data: Peri<'static, PIN_4>,
        clock: Peri<'static, PIN_5>,
    ) -> Self {
        Self { controller, data, clock }
    }
}

impl Reborn for I2c0Bus {
    type Bus<'a> = I2c<'a, I2C0, Async>;

    fn open(&mut self) -> Self::Bus<'_> {
        let mut config = Config::default();
        config.frequency = 400_000;
        let (data, clock) = (self.data.reborrow(), self.clock.reborrow());
        I2c::new_async(self.controller.reborrow(), clock, data, BusInterrupt, config)
    }

    /// Nine clocks at most, until the data line is high: a device in the middle of a byte has sent it then.
    async fn free(&mut self) {
        let mut data = Flex::new(self.data.reborrow());
        data.set_as_input();
        data.set_pull(Pull::Up);
        let mut clock = Flex::new(self.clock.reborrow());
        clock.set_pull(Pull::Up);
        clock.set_low();
        for _ in 0..9 {
            Timer::after(Duration::from_micros(5)).await;
            if data.is_high() {
                break;
            }
            clock.set_as_output();
            Timer::after(Duration::from_micros(5)).await;
            clock.set_as_input();
        }
    }
}
