//! From a sensor to telemetry, on any chip: what the sensor image of a board does.
//!
//! | Task | Priority | Does |
//! |---|---|---|
//! | [`sample`] | highest | a reading of the [`Sensor`] at the model's rate, into a queue; faults are counted and mended |
//! | [`tell`] | above inference | findings and the status as frames to the host |
//! | [`guard`] | above inference | feeds the [`Watchdog`] while all three others make progress |
//! | [`infer`] | lowest | readings to windows, windows to posteriors, scores and verdicts ([`Sensing`]) |
//!
//! They share a [`Pipeline`], which is the place where sensor and model are held against each other: a sensor of
//! another number of channels or another unit, or with a smaller range than the model's manifest names in
//! `[window]`, does not compile. No task waits for one below it: a full queue drops and counts.
//!
//! A sensor of one's own is one `impl` of [`Sensor`]. Nothing here names a chip; time is a [`Clock`].
#![no_std]

mod bus;
mod clock;
mod guard;
mod infer;
#[cfg(feature = "lis3dh")]
mod lis3dh;
mod lsm6ds;
mod pipeline;
mod sample;
mod sensing;
mod sensor;
#[cfg(feature = "embassy-time")]
mod tasks;
mod tell;

pub use bus::Reborn;
pub use clock::Clock;
#[cfg(feature = "embassy-time")]
pub use clock::Uptime;
pub use elbow_core::wire;
pub use guard::{PATIENCE_US, Watchdog, guard};
pub use infer::infer;
#[cfg(feature = "lis3dh")]
pub use lis3dh::Lis3dh;
pub use lsm6ds::Lsm6ds;
pub use pipeline::{Pipeline, Sample};
pub use sample::sample;
pub use sensing::{Graded, Judging, Scoring, Sensing};
pub use sensor::{Sensor, SensorFault};
pub use tell::{Identity, payload, tell};

pub(crate) use bus::fault_of;
