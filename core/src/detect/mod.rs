//! Calibrated detection: from readings to a verdict with a stated rate of false alarms.
//!
//! | Stage | File | Gives | RAM |
//! |---|---|---|---|
//! | fault gate, before encoding | [`Gate`] | which channel is broken, and how | 8 bytes per channel |
//! | rank table | [`Tables`] | the conformal p-value of a score, and `-ln p` | none; 8 bytes of flash per entry |
//! | alarm | [`Cusum`] | a cumulative sum of `-ln p` above its threshold | 12 bytes |
//! | drift | [`DriftDesign`] | a slow change of the latents | 8 bytes per latent |
//!
//! Larger scores are more normal. All states work on slices, so that one code serves the detector of a
//! generated module and the desktop, with the same bits: sums are f32 in the written order. A score that is
//! NaN has the lowest rank and is never normal; a reading that is not finite is a fault of the sensor.
//!
//! None of this learns on the device: a table that adapted would learn a slow fault.

mod alarm;
mod drift;
mod gate;
mod table;
mod verdict;

pub use alarm::{AlarmDesign, Cusum, Votes};
pub use drift::{Aggregate, DriftDesign, Moment};
pub use gate::{ChannelState, Fault, FaultKind, Gate, Limits};
pub use table::{RankEntry, RankTable, Ranks, Standing, Tables, ranks};
pub use verdict::Verdict;
