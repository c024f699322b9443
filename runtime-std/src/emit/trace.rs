//! What an image tells of its steps.

/// What the workspace keeps of every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    /// Nothing.
    Off,
    /// Checksums of what they wrote.
    Checksums,
    /// When they ended.
    Ticks,
}

impl Trace {
    /// Whether it keeps anything.
    pub(super) fn is_on(self) -> bool {
        self != Self::Off
    }
}
