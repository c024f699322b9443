//! Compiles amortized posteriors from ONNX to microcontrollers, runs them, and proves parity.
//!
//! | Stage | From -> to | Function | Module |
//! |---|---|---|---|
//! | import | `.onnx` -> `Graph` | [`import_onnx`](stages::import_onnx) | [`import`] |
//! | lower | `Graph` -> `Plan` | [`lower`](stages::lower) | [`lower`] |
//! | emit | `Model` -> `Artifact` | [`emit`](emit::emit) | [`emit`] |
//! | encode | observation -> heads | [`Twin::run`](twin::Twin::run) | [`twin`] |
//! | infer | heads -> posterior, samples | [`Posteriors`](posterior::Posteriors) | [`posterior`] |
//! | report | target and reference -> `ParityReport` | [`compare`](parity::compare()) | [`device`], [`mod@reference`], [`parity`] |
//!
//! [`integer_search`] chooses a model with integer weights by what it loses in nats ([`divergence`]).
//! [`manifest`] and [`model`] give graphs their roles, [`roles`] proposes them; [`npy`] and [`rows`]
//! bring tensors in and out. The device links `elbow_core`, whose kernels [`twin`] runs as well.
//!
//! ```no_run
//! # fn main() -> elbow::Result<()> {
//! let loaded = elbow::model::Loaded::read("models/imu".as_ref(), None, &Default::default())?;
//! let artifact = elbow::emit::emit(&loaded.model)?;
//! assert!(artifact.pack.len() < 100_000, "the weights fit into the flash");
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

pub mod build;
pub mod calibrate;
#[cfg(feature = "device")]
pub mod device;
pub mod divergence;
pub mod emit;
pub mod error;
pub mod gap;
pub mod heads;
pub mod held;
pub mod identifier;
pub mod import;
pub mod infer;
pub mod integer_search;
pub mod ir;
pub mod lower;
pub mod manifest;
pub mod model;
pub mod npy;
pub mod parity;
pub mod posterior;
mod precision;
pub mod reference;
pub mod roles;
pub mod rows;
pub mod stages;
pub mod twin;
pub mod watch;

pub use error::{Context, Error, Result};
pub use precision::Precision;
