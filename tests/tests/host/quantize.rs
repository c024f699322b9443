//! The numerics of integer models against what is written out in f64.
//!
//! All cases come from one printed seed.

mod curves;
mod layers;
mod weights;

const SEED: u64 = 41;
