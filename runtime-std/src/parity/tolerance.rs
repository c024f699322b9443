//! Every limit that parity is judged by, with its reason.

use super::judge::Judge;
use super::report::OutputError;
use crate::Precision;
use serde::Serialize;

/// KL(reference || target) of the worst row, f32, in nats.
///
/// Reason: two f32 evaluations of one network differ by about 1e-6 of each latent, which enters the
/// divergence squared: about 1e-12 nats. A wrong head, a swapped output or a missing clamp costs
/// whole nats. 1e-6 is far from both.
pub const KL_NATS_MAX: f64 = 1e-6;

/// KL(float || integer), mean over the rows, of an integer posterior, in nats.
///
/// Reason: 0.01 nats bound the total variation by 0.071 (Pinsker 1964), a shift of a twentieth of a
/// standard deviation per latent at eight latents: below what amortization costs.
pub const INTEGER_KL_MEAN: f64 = 0.01;

/// The same, 99th percentile.
///
/// Reason: the posteriors that integers hold worst are the narrow ones; 0.05 nats are 0.16 of total
/// variation.
pub const INTEGER_KL_P99: f64 = 0.05;

/// [`INTEGER_KL_MEAN`] of grade B.
///
/// Reason: total variation of at most 0.16: seen in samples, not in decisions.
pub const INTEGER_KL_MEAN_B: f64 = 0.05;

/// [`INTEGER_KL_P99`] of grade B.
///
/// Reason: in the proportion of grade A's; total variation of at most 0.36.
pub const INTEGER_KL_P99_B: f64 = 0.25;

/// ELBO(float) - ELBO(integer), mean over the rows, where there is a decoder, in nats. Like the divergence's,
/// this limit is one for the rows that were run. It is exceeded where the mean is above it by more than
/// [`ELBO_DROP_ERRORS`] standard errors of the draws: chance does not fail a model.
///
/// Reason: two percent of a usual amortization gap of one nat.
pub const ELBO_DROP: f64 = 0.02;

/// [`ELBO_DROP`] of grade B.
///
/// Reason: ten percent of a usual amortization gap of one nat.
pub const ELBO_DROP_B: f64 = 0.1;

/// See [`ELBO_DROP`].
///
/// Reason: of models at the limit, one of forty fails by its draws.
pub const ELBO_DROP_ERRORS: f64 = 2.0;

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
/// Reason: both round the same sums, at last in floats here and in integers there: values that lie between two
/// steps may fall to either side, and where an inner value does, some of what reads it does as well.
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
    /// See [`ELBO_DROP`]; of integers with a decoder.
    pub elbo_drop: Option<f64>,
    /// See [`STEPS_WITHIN_ONE`]; of outputs that are judged in steps.
    pub steps_within_one: Option<f64>,
    /// See [`STEPS_MAX`].
    pub steps_max: Option<f64>,
    /// See [`OUTPUT_RELATIVE`]; of what is computed in f32.
    pub output_relative: f64,
}

impl Limits {
    /// Those that there is something to hold against: nats of a posterior, steps of outputs judged so.
    #[must_use]
    pub(super) fn held(self, posterior: bool, outputs: &[OutputError]) -> Self {
        let in_steps = outputs.iter().any(|output| output.judged_by == Some(Judge::Steps));
        Self {
            kl_nats_mean: self.kl_nats_mean.filter(|_| posterior),
            kl_nats_p99: self.kl_nats_p99.filter(|_| posterior),
            steps_within_one: in_steps.then_some(STEPS_WITHIN_ONE),
            steps_max: in_steps.then_some(STEPS_MAX),
            ..self
        }
    }

    /// Those of a precision, but for the bound's, which only integers with a decoder have.
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
