//! An accelerometer of the LIS3DH family: LIS3DH, and LIS2DH and LSM303AGR, which have its registers.

use crate::{Reborn, Sensor, SensorFault, fault_of};
use lis3dh_async::{Configuration, DataRate, Error, Mode, Range, SlaveAddr};

/// The sensor at one of its two addresses: 12 bits of ±4 g, 2 mg each.
pub struct Lis3dh<B> {
    bus: B,
    address: u8,
}

/// Thousandths of g of one step at ±4 g.
const STEP: f32 = 2.0;
/// Bits below the twelve of a value, which are zero.
const SPARE: i16 = 0xf;

impl<B: Reborn> Lis3dh<B> {
    /// The sensor with its pin SA0 at `is_high`: address 0x19, or 0x18. Nothing is sent yet.
    pub const fn new(bus: B, is_high: bool) -> Self {
        Self { bus, address: 0x18 + is_high as u8 }
    }

    /// The name of the address in the driver.
    fn address(&self) -> SlaveAddr {
        if self.address == 0x18 { SlaveAddr::Default } else { SlaveAddr::Alternate }
    }
}

impl<B: Reborn> Sensor for Lis3dh<B> {
    type Reading = [f32; 3];
    const NAME: &'static str = "LIS3DH";
    const UNIT: &'static str = "mg";
    /// Without the lowest code, which no acceleration gives.
    const RANGE: [f32; 2] = [-4094.0, 4094.0];
    /// Seven readings of its own, in high resolution.
    const SETTLING_US: u64 = 70_000;

    /// Frees the bus, asks for `WHO_AM_I`, and sets 100 Hz and ±4 g in twelve bits.
    async fn start(&mut self) -> Result<(), SensorFault> {
        self.bus.free().await;
        let address = self.address();
        let configuration = Configuration {
            mode: Mode::HighResolution,
            datarate: DataRate::Hz_100,
            ..Configuration::default()
        };
        let driver =
            lis3dh_async::Lis3dh::new_i2c_with_config(self.bus.open(), address, configuration);
        let mut driver = driver.await.map_err(|error| fault(&error))?;
        driver.set_range(Range::G4).await.map_err(|error| fault(&error))
    }

    /// The latest values, in thousandths of g.
    async fn read(&mut self) -> Result<[f32; 3], SensorFault> {
        let address = self.address();
        let driver = lis3dh_async::Lis3dh::new_i2c_without_config(self.bus.open(), address);
        let raw = driver.await.accel_raw().await.map_err(|error| fault(&error))?;
        let raw = [raw.x, raw.y, raw.z];
        if raw.iter().any(|value| value & SPARE != 0) {
            return Err(SensorFault::Implausible);
        }
        Ok(raw.map(|value| f32::from(value >> 4) * STEP))
    }
}

/// The fault that is behind an error of the driver.
fn fault<E: embedded_hal_async::i2c::Error>(error: &Error<E>) -> SensorFault {
    match error {
        Error::WrongAddress => SensorFault::WrongIdentity,
        Error::Bus(error) => fault_of(error),
        _ => SensorFault::Other,
    }
}
