//! The gap meter: against closed forms where there are some, else one route against another.

mod digits;
mod formula;
mod linear;
mod onnx;
mod refinement;

use elbow::gap::Estimate;

/// Holds a measured figure against a known one: three standard errors, and what sampling does not say.
#[track_caller]
fn close(what: &str, found: Estimate, expected: f64, tolerance: f64) {
    let error = (found.mean - expected).abs();
    assert!(error <= 3.0 * found.se + tolerance, "{what}: {found:?}, expected {expected}");
}
