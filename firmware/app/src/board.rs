//! What a board does for the program.

use elbow_core::wire::{Kind, Refusal};

/// A link to the host, a clock and a stack.
pub trait Board {
    /// The next byte from the host; waits for it without a limit.
    fn read(&mut self) -> u8;

    /// Sends bytes to the host, in order; waits until all are on their way.
    fn write(&mut self, bytes: &[u8]);

    /// How often [`Measured::ticks`] ticks in a million instructions (or cycles).
    fn ticks_per_million(&self) -> u32;

    /// How often [`Measured::ticks`] ticks in a second of a person's clock; `None` where that is not known.
    fn ticks_per_second(&self) -> Option<u32> {
        None
    }

    /// A function that reads the counter of [`measure`](Self::measure): the ticks since it began; always zero
    /// for a board that does not implement it.
    fn clock(&self) -> fn() -> u32 {
        || 0
    }

    /// Runs `work` once; gives its result and what it took. The counter begins at zero for it.
    fn measure<R>(&mut self, work: impl FnOnce() -> R) -> (R, Measured);

    /// Notes what happened, for people who watch; may do nothing.
    fn log(&mut self, event: Event);
}

/// What a piece of work took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Measured {
    /// Ticks of the board's counter.
    pub ticks: u32,
    /// Deepest stack use below the caller of the work, in bytes; `None` where it is not known.
    pub stack_bytes: Option<u32>,
}

/// What is worth a line in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// The program waits for requests.
    Ready {
        /// Models in the image.
        models: u32,
    },
    /// A model was selected.
    Selected {
        /// Its number.
        model: u32,
        /// What it computes.
        kind: Kind,
    },
    /// A request was refused.
    Refused(Refusal),
    /// Frames arrived damaged; the number since start.
    BadFrames(u32),
    /// The host said goodbye.
    Bye,
}
