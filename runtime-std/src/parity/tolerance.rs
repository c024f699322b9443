//! Limits on values, each with its reason, and those that one report is held against; the limits in nats are
//! in [`divergence::tolerance`](crate::divergence::tolerance).

use crate::Precision;
use crate::divergence::tolerance::{INTEGER_KL_MEAN, INTEGER_KL_P99, KL_NATS_MAX};
use serde::Serialize;

/// `|target - reference| / max(1, |reference|)` of outputs that are not the posterior's, f32.
///
/// Reason: sums of a few thousand f32 products in another order differ by some 1e-6; 1e-5 leaves the
/// room that transcendental functions of two libraries need.
pub const OUTPUT_RELATIVE: f64 = 1e-5;

/// Size of `ln p(x)` below which a difference of it counts in nats: [`OUTPUT_RELATIVE`] times this, 1e-3.
///
/// Reason: `ln p(x)` is what is left of sums some times its size, whose roundings stay where the sum
/// passes 0. A thousandth of a nat changes no threshold on a density.
pub const LOG_PROB_NATS: f64 = 100.0;

/// Share of a quantized file's output values that are within one output step of onnxruntime's, at least.
///
/// Reason: both round the same sums, at last in floats here and in integers there: values that lie between
/// two steps may fall to either side, and where an inner value does, some of what reads it does as well.
pub const STEPS_WITHIN_ONE: f64 = 0.999;

/// The largest distance of such a value, in steps.
///
/// Reason: an inner value on the other side, and the output's own rounding.
pub const STEPS_MAX: f64 = 2.0;

/// Room in a distance of whole steps for the rounding of the floats that they are made of, in steps.
pub const STEP_ROUNDING: f64 = 1e-3;

/// The limits that one report was held against; nothing is held against a missing one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// See [`KL_NATS_MAX`]; integers have one only where the user gives it.
    pub kl_nats_max: Option<f64>,
    /// See [`INTEGER_KL_MEAN`].
    pub kl_nats_mean: Option<f64>,
    /// See [`INTEGER_KL_P99`].
    pub kl_nats_p99: Option<f64>,
    /// See [`ELBO_DROP`](crate::divergence::tolerance::ELBO_DROP); of integers with a decoder.
    pub elbo_drop: Option<f64>,
    /// See [`STEPS_WITHIN_ONE`]; of outputs that are judged in steps.
    pub steps_within_one: Option<f64>,
    /// See [`STEPS_MAX`].
    pub steps_max: Option<f64>,
    /// See [`OUTPUT_RELATIVE`]; of what is computed in f32.
    pub output_relative: f64,
}

impl Limits {
    /// The limits of a precision without those of `elbo_drop` and of steps, which are added where they apply.
    pub fn of(precision: Precision) -> Self {
        let float = precision == Precision::F32;
        Self {
            kl_nats_max: float.then_some(KL_NATS_MAX),
            kl_nats_mean: (!float).then_some(INTEGER_KL_MEAN),
            kl_nats_p99: (!float).then_some(INTEGER_KL_P99),
            elbo_drop: None,
            steps_within_one: None,
            steps_max: None,
            output_relative: OUTPUT_RELATIVE,
        }
    }
}
