//! A compiled model with its memory, whatever it computes.

use elbow_core::compiled::{Buffers, Compiled, Workspace};
use elbow_core::pack::Pack;

/// The weights, the workspace and what a model reads and writes; `X` is memory for what its decoder answers.
pub struct Memory<M: Compiled, X> {
    /// The weights, once the model was opened.
    pub pack: Option<Pack<'static>>,
    /// State and scratch memory.
    pub workspace: M::Workspace,
    /// What the model reads.
    pub inputs: M::Inputs,
    /// What it gives.
    pub outputs: M::Outputs,
    /// What its decoder answers.
    pub x_mean: X,
}

impl<M: Compiled, X: Buffers> Memory<M, X> {
    /// Not opened yet.
    pub const NEW: Self = Self {
        pack: None,
        workspace: M::Workspace::NEW,
        inputs: M::Inputs::ZEROS,
        outputs: M::Outputs::ZEROS,
        x_mean: X::ZEROS,
    };
}
