//! Calibrated detection: from readings to a verdict with a stated rate of false alarms.
//!
//! | Stage | Item | Gives | RAM |
//! |---|---|---|---|
//! | fault gate, before encoding | [`Gate`] | which channel is broken, and how | 8 bytes per channel |
//! | rank table | [`Tables`] | the conformal p-value of a score, and `-ln p` | none; 8 bytes of flash per entry |
//! | alarm | [`Cusum`] | a cumulative sum of `-ln p` above its threshold | 12 bytes |
//! | drift | [`DriftDesign`] | a slow change of the latents | 8 bytes per latent |
//! | all of them, and time | [`Monitor`] | the [`Verdict`] on a reading | some 100 bytes |
//! | with a network | [`Detector`] | the same, from weights and readings | all of a program |
//!
//! Larger scores are more normal. All states but the detector's work on slices, so that one code serves the
//! generated module and the desktop, with the same bits: sums are f32 in the written order. A score that is
//! NaN has the lowest rank and is never normal; a reading that is not finite is a fault of the sensor.
//!
//! None of this learns on the device: a table that adapted would learn a slow fault.

mod alarm;
mod channel;
mod clock;
mod detector;
mod drift;
mod gate;
mod mahalanobis;
mod monitor;
mod table;
mod verdict;

pub use alarm::{AlarmDesign, Cusum, Votes};
pub use channel::{ChannelPlace, channel_log_likelihood, worst_channel};
pub use clock::Clock;
pub use detector::{Detector, Memory, Monitored, RawUnits};
pub use drift::{Aggregate, DriftDesign, Moment};
pub use gate::{ChannelState, Fault, FaultKind, Gate, Limits};
pub use mahalanobis::mahalanobis;
pub use monitor::{Evaluated, Monitor, MonitorDesign, WindowParts};
pub use table::{RankEntry, RankTable, Ranks, Standing, Tables, ranks};
pub use verdict::Verdict;
