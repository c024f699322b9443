//! The generated models of an image, numbered: what `build.rs` found in `$ELBOW_MODELS`.
#![no_std]

use elbow_app::{Model, Models};
use elbow_core::wire;

/// What a workspace keeps of every step.
macro_rules! trace {
    (untraced, $workspace:expr) => {
        &[]
    };
    ($traced:ident, $workspace:expr) => {
        &$workspace.trace
    };
}

/// The clock that steps read.
macro_rules! clock {
    (timed) => {
        fn set_clock(&mut self, now: fn() -> u32) {
            self.workspace.now = now;
        }
    };
    ($untimed:ident) => {};
}

#[macro_use]
mod loaded;
#[cfg(amortized)]
#[macro_use]
mod amortized;
#[cfg(bare)]
#[macro_use]
mod bare;
#[cfg(flow)]
#[macro_use]
mod flow;
#[macro_use]
mod table;

include!(concat!(env!("OUT_DIR"), "/models.rs"));

/// The memory of the program for these models.
pub type Task = elbow_app::Task<MESSAGE, FRAME, LATENT>;

/// Bytes of the longest message.
pub const MESSAGE: usize = wire::message_len(PAYLOAD);
/// Bytes of the longest frame.
pub const FRAME: usize = wire::frame_len(PAYLOAD);

/// The largest of some sizes, in constants.
const fn largest(sizes: &[usize]) -> usize {
    match sizes {
        [] => 0,
        [size, rest @ ..] => {
            let rest = largest(rest);
            if *size > rest { *size } else { rest }
        }
    }
}
