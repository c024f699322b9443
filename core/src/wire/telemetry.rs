//! What a board with a sensor tells by itself: frames that nobody asked for.

use super::{Floats, Refusal};
use crate::detect::Verdict;
use serde::{Deserialize, Serialize};

/// What the board senses with, how it fares, and what went wrong since its start; told at the start and about
/// every second, also while no window is complete, so that who listens later knows everything too.
///
/// Counters begin at 0 with the start and stay at `u32::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Status<'a> {
    /// [`PROTOCOL`](super::PROTOCOL) of the device.
    pub protocol: u16,
    /// Name of the model.
    pub model: &'a str,
    /// Fingerprint of its plans.
    pub fingerprint: u64,
    /// Name of the sensor.
    pub sensor: &'a str,
    /// Values of a reading.
    pub channels: u32,
    /// Readings from one window to the next.
    pub hop: u32,
    /// Readings of a second that are asked of the sensor.
    pub rate: f32,
    /// Why the program began.
    pub reset: ResetReason,
    /// Microseconds since the start.
    pub t_us: u64,
    /// Microseconds of these in which inference was busy: with `t_us` the duty.
    pub busy_us: u64,
    /// What has come in, and what has not.
    pub counts: Counts,
}

/// Why a program began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ResetReason {
    /// The board does not know.
    #[default]
    Unknown,
    /// Power came, or came back.
    Power,
    /// The reset pin, or a debug probe.
    Pin,
    /// The watchdog: a task made no progress.
    Watchdog,
    /// The program asked for it.
    Software,
    /// The core was locked up by a fault in a fault handler.
    Lockup,
}

/// What a board with a sensor has counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counts {
    /// Readings that came.
    pub readings: u32,
    /// Readings that were due and did not come, of failures of the sensor too.
    pub missed: u32,
    /// Readings that came and had no place in the queue.
    pub lost: u32,
    /// Windows that were told.
    pub windows: u32,
    /// Windows whose inference was not done before the next one was due.
    pub late: u32,
    /// Frames that had no place in the queue to the host.
    pub untold: u32,
    /// Failures of the sensor.
    pub faults: SensorFaults,
}

/// Failures of a sensor, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SensorFaults {
    /// It did not acknowledge.
    pub silent: u32,
    /// The bus did not become free, or a transfer did not end in time.
    pub stuck: u32,
    /// It is not the sensor that is expected: a wrong `WHO_AM_I`.
    pub wrong_identity: u32,
    /// Values that the sensor cannot have measured.
    pub implausible: u32,
    /// Any other failure of a transfer.
    pub other: u32,
    /// Readings came again after it had been set up anew.
    pub recovered: u32,
}

/// What a board found in one window, or why nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sensed<'a> {
    /// Number of the message since the start, from 0: what is missing in a row was lost on the way.
    pub number: u32,
    /// Number of the window's last reading, from 0; readings that did not come are counted.
    pub reading: u32,
    /// When that reading came, in microseconds since the start.
    pub t_us: u64,
    /// Microseconds from then to the result.
    pub delay_us: u32,
    /// Microseconds that inference took of these.
    pub busy_us: u32,
    /// Mean of `q(z | x)`; empty where the window was not encoded, and of a model without a posterior.
    #[serde(borrow)]
    pub mean: Floats<'a>,
    /// Its log-variance, as long as the mean.
    #[serde(borrow)]
    pub log_var: Floats<'a>,
    /// What is said of the window.
    pub judgement: Judgement,
}

/// What is said of a window, as far as the model allows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Judgement {
    /// The model has no score.
    Encoded,
    /// The model has a score, and is not calibrated.
    Scored {
        /// In nats; more is more normal.
        score: f32,
        /// Whether the score is below the threshold of the manifest; `None` without one.
        is_anomalous: Option<bool>,
    },
    /// The model has a detector. The verdict is never [`Verdict::Pending`]; it has score and p.
    Verdict {
        /// The verdict.
        verdict: Verdict,
        /// Sum of the alarm after it, in nats.
        g: f32,
        /// Statistic of the drift after it.
        statistic: f32,
    },
    /// The window could not be encoded or scored.
    Refused(Refusal),
}
