//! Integer kernels on random shapes, and the workloads whose instructions are counted.
//!
//! [`cases`] gives every core and the host the same layers from the same seeds, and compares machine
//! code with its definition; [`workloads`] are whole inferences, checked against plain loops.
#![cfg_attr(not(test), no_std)]

pub mod cases;
pub mod random;
pub mod workloads;
