//! Marks of the steps of an inference, for an image that reports them.

/// The mark that the workspace keeps of every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    /// Nothing.
    Off,
    /// Checksum of everything that it wrote.
    Checksums,
    /// Time of its end.
    Ticks,
}

impl Trace {
    /// Whether marks are kept.
    pub(super) fn is_on(self) -> bool {
        self != Self::Off
    }
}
