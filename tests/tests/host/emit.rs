//! Stage 3: generated modules, their text, and what they compute.

mod compiled;
mod detector;
mod generic;
mod golden;
mod signature;
