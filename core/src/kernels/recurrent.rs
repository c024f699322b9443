//! Recurrent layers as state machines.

use super::Unary;

/// The recurrence of a layer, as ONNX defines it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Cell {
    /// `h = f(W x + R h + b)`
    Rnn {
        /// Activation.
        f: Unary,
    },
    /// Gated recurrent unit (Cho et al., 2014); gates in the order update, reset, candidate.
    Gru {
        /// Activation of update and reset.
        f: Unary,
        /// Activation of the candidate.
        g: Unary,
        /// The reset applies behind the candidate's matrix product, not in front of it.
        linear_before_reset: bool,
    },
    /// Long short-term memory (Hochreiter and Schmidhuber, 1997); gates in the order input, output,
    /// forget, candidate.
    Lstm {
        /// Activation of the gates.
        f: Unary,
        /// Activation of the candidate.
        g: Unary,
        /// Activation of the cell on its way out.
        h: Unary,
        /// The forget gate is one minus the input gate.
        coupled: bool,
    },
}

impl Cell {
    /// Matrices of `hidden` rows that are stacked in the weights.
    pub const fn gates(self) -> usize {
        match self {
            Self::Rnn { .. } => 1,
            Self::Gru { .. } => 3,
            Self::Lstm { .. } => 4,
        }
    }
}

/// Shapes of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecurrentShape {
    /// Steps of the sequence.
    pub steps: usize,
    /// Sequences that run side by side.
    pub rows: usize,
    /// Values of one step.
    pub inputs: usize,
    /// Values of the state.
    pub hidden: usize,
    /// From the last step to the first.
    pub reverse: bool,
}
