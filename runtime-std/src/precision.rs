//! Arithmetic of a target.

use serde::{Deserialize, Serialize};

/// Arithmetic of a model's encoder and decoder, or of a graph without roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Floats alone.
    #[default]
    F32,
    /// Integer weights; of the two below the cheapest that is of grade A on the calibration rows, for encoder and
    /// decoder each.
    Int8,
    /// Weights and activations of eight bits.
    Int8x8,
    /// Weights of eight bits, activations of 12 to 16.
    Int8x16,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Self; 4] = [Self::F32, Self::Int8, Self::Int8x8, Self::Int8x16];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::Int8x8 => "int8x8",
            Self::Int8x16 => "int8x16",
        }
    }
}
