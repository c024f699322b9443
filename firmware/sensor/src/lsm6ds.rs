//! An accelerometer of the LSM6DS family: LSM6DSL and LSM6DS3TR-C, which have the same registers.

use crate::{Reborn, Sensor, SensorFault, fault_of};
use embedded_hal_async::i2c::I2c;

/// The sensor at one of its two addresses: 16 bits of ±4 g, 0.122 mg each.
pub struct Lsm6ds<B> {
    bus: B,
    address: u8,
}

const WHO_AM_I: u8 = 0x0f;
const IDENTITY: u8 = 0x6a;
const CTRL1_XL: u8 = 0x10;
/// 104 Hz, ±4 g.
const RATE_AND_RANGE: u8 = 0x48;
const CTRL3_C: u8 = 0x12;
/// Both bytes of a value belong together, and addresses count up.
const TOGETHER: u8 = 0x44;
const OUTX_L_XL: u8 = 0x28;
/// Thousandths of g of one step at ±4 g.
const STEP: f32 = 0.122;

impl<B: Reborn> Lsm6ds<B> {
    /// The sensor with its pin SA0 at `is_high`: address 0x6b, or 0x6a. Nothing is sent yet.
    pub const fn new(bus: B, is_high: bool) -> Self {
        Self { bus, address: 0x6a + is_high as u8 }
    }
}

impl<B: Reborn> Sensor for Lsm6ds<B> {
    type Reading = [f32; 3];
    const NAME: &'static str = "LSM6DS";
    const UNIT: &'static str = "mg";
    /// Its lowest and highest code.
    const RANGE: [f32; 2] = [-32_768.0 * STEP, 32_767.0 * STEP];
    /// Two readings of its own.
    const SETTLING_US: u64 = 20_000;

    /// Frees the bus, asks for `WHO_AM_I`, and sets 104 Hz and ±4 g.
    async fn start(&mut self) -> Result<(), SensorFault> {
        self.bus.free().await;
        let mut bus = self.bus.open();
        let mut identity = [0];
        let asked = bus.write_read(self.address, &[WHO_AM_I], &mut identity).await;
        asked.map_err(|error| fault_of(&error))?;
        if identity != [IDENTITY] {
            return Err(SensorFault::WrongIdentity);
        }
        for pair in [[CTRL3_C, TOGETHER], [CTRL1_XL, RATE_AND_RANGE]] {
            bus.write(self.address, &pair).await.map_err(|error| fault_of(&error))?;
        }
        Ok(())
    }

    /// The latest values, in thousandths of g.
    async fn read(&mut self) -> Result<[f32; 3], SensorFault> {
        let mut bytes = [0; 6];
        let read = self.bus.open().write_read(self.address, &[OUTX_L_XL], &mut bytes).await;
        read.map_err(|error| fault_of(&error))?;
        let [x0, x1, y0, y1, z0, z1] = bytes;
        let raw = [[x0, x1], [y0, y1], [z0, z1]].map(i16::from_le_bytes);
        Ok(raw.map(|value| f32::from(value) * STEP))
    }
}
