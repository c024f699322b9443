//! Backward passes: against PyTorch, against central differences in f64, and what they cost.

#[path = "gradient/central.rs"]
mod central;
#[path = "gradient/exact.rs"]
mod exact;
#[path = "gradient/golden.rs"]
mod golden;
#[path = "gradient/plans.rs"]
mod plans;
#[path = "gradient/refused.rs"]
mod refused;
#[path = "gradient/score.rs"]
mod score;
#[path = "gradient/slopes.rs"]
mod slopes;
