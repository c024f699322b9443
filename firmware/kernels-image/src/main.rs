//! Runs random kernel shapes and compares machine code with its definition.
//!
//! With the feature `proof` it computes the same, prints nothing, and links only if no panic is
//! reachable.
#![no_std]
#![no_main]

#[cfg(not(feature = "proof"))]
mod compared;
#[cfg(feature = "proof")]
mod proof;
