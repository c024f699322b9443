//! Amortized variational inference on microcontrollers, without a heap.
//!
//! An encoder answers an observation `x` with a posterior `q(z | x)` in one forward pass. This crate
//! holds everything that a device needs after the encoder was compiled, in the order of the data:
//!
//! | Layer | From -> to |
//! |---|---|
//! | [`window`] | readings -> normalized observation |
//! | [`pack`] | bytes in flash -> checked weights |
//! | [`math`] | the functions of one float that kernels and distributions call |
//! | [`kernels`] | observation and weights -> raw heads, called by generated code |
//! | [`distributions`] | heads -> posterior, samples, divergences |
//! | [`noise`] | counters or a generator -> standard normal epsilon |
//! | [`infer`] | posterior and likelihood -> score |
//! | [`detect`] | scores of many windows -> faults, p-values, alarms, drift |
//! | [`compiled`] | all of this of one model, as traits that its generated module implements |
#![cfg_attr(
    feature = "wire",
    doc = "| [`wire`] | frames between device and host (feature `wire`) |"
)]
#![cfg_attr(
    not(feature = "wire"),
    doc = "| `wire` | frames between device and host (feature `wire`) |"
)]
//!
//! `kernels` contains no probability, `infer` reads no bytes, and randomness enters only as an
//! `eps` argument or a [`noise::NoiseSource`]. Nothing here allocates, recurses or panics.
//!
//! Float results are bit-exact between the desktop and M0, M3, M4F, M7, M33 and M55: one evaluation order,
//! no fused multiply-add, `libm` functions. The feature `fast-math` gives that up.
#![cfg_attr(not(test), no_std)]
#![warn(missing_docs)]

pub mod checksum;
pub mod compiled;
mod dear;
pub mod detect;
pub mod distributions;
mod error;
pub mod infer;
pub mod kernels;
mod listed;
pub mod math;
pub mod noise;
pub mod pack;
mod pieces;
pub mod window;
#[cfg(feature = "wire")]
pub mod wire;

pub use error::Error;

/// Holds the crate's README as its doc, so that the example there is compiled and run as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
