//! Stage 2: what plans compute, against onnxruntime and against sums written out, and how they use
//! memory.

mod deep;
mod edges;
mod fusion;
mod golden;
mod linear;
mod memory;
mod recurrent;
mod refused;
