//! `elbow init` on graphs whose structure shows, or does not show, what their tensors are.

mod contradictions;
mod decoders;
mod factors;
mod flows;
mod frozen;
mod inputs;
mod inside;
mod layout;
mod names;
pub mod onnx;
mod samples;
mod structure;
