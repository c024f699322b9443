//! What a detector answers to a reading.

use super::FaultKind;

/// What one reading has brought to light.
///
/// Where several apply, the first of this order is told: [`Gap`](Self::Gap), [`SensorFault`](Self::SensorFault),
/// [`WrongRate`](Self::WrongRate), [`Alarm`](Self::Alarm), [`Anomaly`](Self::Anomaly), [`Drift`](Self::Drift),
/// [`Scored`](Self::Scored); without a due window [`Stale`](Self::Stale), then [`Pending`](Self::Pending).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))] // a variant's place is its number
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Verdict {
    /// No window is due with this reading.
    Pending,
    /// A window that is nothing special.
    Scored {
        /// In nats; more is more normal.
        score: f32,
        /// Share of normal windows that score no better, rounded up.
        p: f32,
        /// Whether it came from values beyond the calibrated range of integers, and so has the lowest rank.
        outside: bool,
    },
    /// `p <= alpha`: few normal windows score so low.
    Anomaly {
        /// In nats.
        score: f32,
        /// As in [`Scored`](Self::Scored).
        p: f32,
        /// The channel whose log-likelihood lies furthest below its median; `None` where the score has no such
        /// parts.
        channel: Option<usize>,
        /// As in [`Scored`](Self::Scored).
        outside: bool,
    },
    /// The window has a fault: it was not scored and is not counted.
    SensorFault {
        /// The first broken channel.
        channel: usize,
        /// What is wrong with it.
        kind: FaultKind,
    },
    /// Too many unusual windows: at this one, or before it and not acknowledged.
    Alarm {
        /// In nats, of this window.
        score: f32,
        /// As in [`Scored`](Self::Scored), of this window.
        p: f32,
        /// As in [`Anomaly`](Self::Anomaly); `None` too where this window is none.
        channel: Option<usize>,
        /// As in [`Scored`](Self::Scored).
        outside: bool,
        /// Whether the alarm began with this window.
        is_new: bool,
    },
    /// The latents have moved away from those of the training data.
    Drift {
        /// In nats, of this window.
        score: f32,
        /// As in [`Scored`](Self::Scored).
        p: f32,
        /// That of [`DriftDesign::step`](super::DriftDesign::step), above its threshold.
        statistic: f32,
        /// As in [`Scored`](Self::Scored).
        outside: bool,
    },
    /// Readings are lost: the window was emptied and begins with this reading.
    Gap,
    /// No window was complete for too long.
    Stale,
    /// Readings come at another rate than the model was trained at: the window was not scored.
    WrongRate,
}
