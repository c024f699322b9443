//! Limits in nats, each with its reason.

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

/// |integer score - float score|, mean over the rows, as a fraction of the standard deviation of the float score.
///
/// Reason: at a threshold of 1 % a normal score that is shifted by 0.03 deviations has a rate of 1.08 %, and a
/// table of 1,000 calibration rows itself gives 0.54 to 1.57 % (90 % of the tables). Measured with weights of
/// eight bits: 0.004 to 0.007 (imu), 0.02 (digits).
pub const SCORE_MEAN: f64 = 0.03;

/// The same, 99th percentile.
///
/// Reason: 0.1 deviations move one row in a hundred from the 1 % to the 1.3 % quantile.
pub const SCORE_P99: f64 = 0.1;

/// [`SCORE_MEAN`] of grade B.
///
/// Reason: the rate of a 1 % threshold may be 1.3 %.
pub const SCORE_MEAN_B: f64 = 0.1;

/// [`SCORE_P99`] of grade B.
///
/// Reason: in the proportion of grade A's.
pub const SCORE_P99_B: f64 = 0.33;
