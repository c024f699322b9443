//! The program of every board: requests come in, posteriors go out.
//!
//! | Part | Knows | Supplied by |
//! |---|---|---|
//! | [`Board`] | bytes, ticks, stack | a crate in `boards/` |
//! | [`Model`], [`Models`] | weights, workspace, arithmetic | `elbow-models`, generated |
//! | [`Task`] | requests and replies ([`elbow_core::wire`]) | here |
//!
//! Nothing here names a chip or computes a number of its own, and all of it runs on the host.
#![no_std]

mod board;
mod infer;
mod model;
mod task;

pub use board::{Board, Event, Measured};
pub use infer::{bound, guarded};
pub use model::{Model, Models};
pub use task::Task;
