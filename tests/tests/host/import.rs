//! Stage 1: which files become graphs, and what is said of the others.

mod accepted;
mod branches;
pub mod build;
mod bytes;
mod calculated;
mod files;
mod frozen;
mod functions;
mod kinds;
mod known;
mod masked;
mod operators;
mod opsets;
mod quantizers;
mod refused;
mod settings;
mod widths;
