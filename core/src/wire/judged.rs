//! The verdict of a detector on one reading.

use super::{Cost, Refusal};
use crate::detect::Verdict;
use crate::error::Error;
use crate::window::WindowError;
use serde::{Deserialize, Serialize};

/// What a detector says at one reading.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Sum of the alarm after it, in nats.
    pub g: f32,
    /// Statistic of the drift after it.
    pub statistic: f32,
    /// What it cost, from the reading to the verdict; the arena is not painted.
    pub cost: Cost,
}

impl From<Error> for Refusal {
    /// The refusal of the operation's own error; a reading that is refused counts as an input, by its channel.
    fn from(error: Error) -> Self {
        match error {
            Error::NotBooted => Self::NothingSelected,
            Error::Pack(_) | Error::Packing(_) => Self::DamagedPack,
            Error::Window(
                WindowError::NotFinite { channel } | WindowError::Missing { channel },
            ) => Self::NonFiniteInput { index: channel as u32 },
            Error::Window(_) => Self::Malformed,
            Error::Encode(error) => error.into(),
            Error::Decode(error) => error.into(),
            Error::Run(error) => error.into(),
            Error::Infer(error) => error.into(),
            Error::Noise(_) => Self::NoNoise,
        }
    }
}
