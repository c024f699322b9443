//! The numerics of integer models against what is written out in f64.
//!
//! All cases come from one printed seed.

#[path = "quantize/curves.rs"]
mod curves;
#[path = "quantize/layers.rs"]
mod layers;
#[path = "quantize/weights.rs"]
mod weights;

const SEED: u64 = 41;
