//! Compiles amortized posteriors from ONNX to microcontrollers, runs them, and proves parity.
//!
//! | To | Function |
//! |---|---|
//! | load a model and look into it | [`Loaded::read`](model::Loaded::read) |
//! | quantize it | [`Loaded::quantized`](model::Loaded::quantized) |
//! | compile it | [`emit`](emit::emit); in a build script [`build::compile`] |
//! | run rows of data through it here, by the device's own kernels | [`twin_posteriors`](posterior::twin_posteriors), [`sample`](posterior::sample) |
//! | hold it against the ONNX file | [`by_runtime`](parity::reference::by_runtime), then [`compare`](parity::compare()) |
//! | know what amortization costs | [`measure`](gap::measure()) |
//!
//! [`manifest`] gives a file its roles; [`npy`] and [`rows`] bring tensors in. The device links `elbow_core`, whose
//! kernels run here as well.
//!
//! | Feature | Gives |
//! |---|---|
//! | `cli` | the command `elbow` |
//! | `device` | images for emulated boards, and parity with them: the module `device` |
//! | `reference` | tract, in the program that calls [`reference::answer`] |
//!
//! All are on by default. The library draws and prints nothing, which is its caller's: [`watch`] tells how far a run is.
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
#[cfg(feature = "device")]
pub mod device;
pub mod emit;
pub mod error;
pub mod gap;
pub mod heads;
pub mod manifest;
pub mod model;
pub mod npy;
pub mod parity;
pub mod posterior;
mod precision;
pub mod reference;
pub mod rows;
pub mod watch;

// What follows is the command's and the tests': the stages one by one, which may change with any version.
#[doc(hidden)]
pub mod calibrate;
#[doc(hidden)]
pub mod detect;
#[doc(hidden)]
pub mod divergence;
#[doc(hidden)]
pub mod held;
#[doc(hidden)]
pub mod identifier;
#[doc(hidden)]
pub mod import;
#[doc(hidden)]
pub mod infer;
#[doc(hidden)]
pub mod integer_search;
#[doc(hidden)]
pub mod ir;
#[doc(hidden)]
pub mod lower;
#[doc(hidden)]
pub mod roles;
#[doc(hidden)]
pub mod scoring;
#[doc(hidden)]
pub mod stages;
#[doc(hidden)]
pub mod twin;

pub use error::{Context, Error, Result};
pub use import::{FrozenNoise, Options};
pub use lower::Core;
pub use precision::Precision;
