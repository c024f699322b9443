//! Kernels on random shapes, and the workloads whose instructions are counted.
//!
//! [`floats`] compares float kernels with plain sums. [`cases`] gives every core and the host the same
//! layers from the same seeds, and compares machine code with its definition; [`corners`] compares with
//! plain sums where arithmetic is at its ends; [`detection`] gives the verdicts on a stream of readings;
//! [`workloads`] are whole inferences, checked against plain loops.
#![cfg_attr(not(test), no_std)]

pub mod cases;
pub mod channels;
pub mod corners;
pub mod detection;
pub mod floats;
pub mod random;
pub mod workloads;
