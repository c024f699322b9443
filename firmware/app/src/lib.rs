//! The program of every board: requests come in, posteriors go out.
//!
//! | Part | Knows | Supplied by |
//! |---|---|---|
//! | [`Board`] | bytes, ticks, stack | a crate in `boards/` |
//! | [`Model`], [`Calls`], [`Models`] | weights, workspace, arithmetic | `elbow-models`, for any generated module |
//! | [`Watches`] | the detector of a calibrated model | here, by [`elbow_core::detect`] |
//! | [`Memory`], [`Serves`] | what a model of each kind does | here, by the traits of [`elbow_core::compiled`] |
//! | [`Task`] | requests and replies ([`elbow_core::wire`]) | here |
//!
//! Nothing here names a chip or computes a number of its own, and all of it runs on the host.
#![no_std]

mod board;
mod infer;
mod kinds;
mod memory;
mod model;
mod single;
mod task;
mod watches;

pub use board::{Board, Event, Measured};
pub use infer::{bound, guarded};
pub use kinds::{Serves, largest};
pub use memory::Memory;
pub use model::{Calls, Model, Models};
pub use single::Only;
pub use task::Task;
pub use watches::{Unwatched, Watched, Watches};
