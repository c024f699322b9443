//! Inference: noise, bounds and refinement against closed forms.

#[path = "infer/hadamard.rs"]
mod hadamard;
