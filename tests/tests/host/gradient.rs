//! Backward passes: against PyTorch, against central differences in f64, and what they cost.

mod central;
mod exact;
mod golden;
mod operators;
mod plans;
mod refused;
mod score;
mod slopes;
