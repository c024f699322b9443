//! The bus of a sensor.

use crate::SensorFault;
use embedded_hal_async::i2c::{Error, ErrorKind, I2c};

/// A bus that can be had anew: a transfer that was given up half way leaves a controller in any state.
#[expect(async_fn_in_trait, reason = "tasks of one core: none is sent to another")]
pub trait Reborn {
    /// The controller.
    type Bus<'a>: I2c
    where
        Self: 'a;

    /// The controller as after a reset.
    fn open(&mut self) -> Self::Bus<'_>;

    /// Clocks the bus until a device that holds it lets go.
    async fn free(&mut self);
}

/// The fault that is behind an error of the bus.
pub(crate) fn fault_of(error: &impl Error) -> SensorFault {
    match error.kind() {
        ErrorKind::NoAcknowledge(_) => SensorFault::Silent,
        ErrorKind::Bus | ErrorKind::ArbitrationLoss => SensorFault::Stuck,
        _ => SensorFault::Other,
    }
}
