//! Stage 3: generated modules, their text, and what they compute.

#[path = "emit/compiled.rs"]
mod compiled;
#[path = "emit/generic.rs"]
mod generic;
#[path = "emit/golden.rs"]
mod golden;
#[path = "emit/signature.rs"]
mod signature;
