//! Backward passes: against PyTorch, against central differences in f64, and what they cost.

#[allow(dead_code)] // shared with the tests of import
#[path = "import/build.rs"]
mod build;
#[path = "gradient/central.rs"]
mod central;
#[path = "gradient/device.rs"]
mod device;
#[path = "gradient/exact.rs"]
mod exact;
#[path = "gradient/golden.rs"]
mod golden;
#[path = "gradient/operators.rs"]
mod operators;
#[path = "gradient/plans.rs"]
mod plans;
#[path = "gradient/refused.rs"]
mod refused;
#[path = "gradient/score.rs"]
mod score;
#[path = "gradient/slopes.rs"]
mod slopes;
