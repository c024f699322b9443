//! Stage 2: what plans compute, against onnxruntime and against sums written out, and how they use
//! memory.

#[path = "lower/deep.rs"]
mod deep;
#[path = "lower/edges.rs"]
mod edges;
#[path = "lower/fusion.rs"]
mod fusion;
#[path = "lower/golden.rs"]
mod golden;
#[path = "lower/linear.rs"]
mod linear;
#[path = "lower/memory.rs"]
mod memory;
#[path = "lower/recurrent.rs"]
mod recurrent;
#[path = "lower/refused.rs"]
mod refused;
