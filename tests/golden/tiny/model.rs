//! `tiny`, compiled by elbow 0.1.0: 4 values to 2 latents.
//!
//! Not to be edited: `elbow compile` writes this file, and `weights.bin` with it.

use elbow_core::distributions::{DiagNormal, Family, Likelihood, Spread};
use elbow_core::infer::encoder::{DecodeError, EncodeError, first_non_finite, to_posterior};
use elbow_core::infer::{ElboTerms, elbo_at_mean};
use elbow_core::kernels::{self, Unary};
use elbow_core::pack::Pack;
use elbow_core::window::Normalization;

/// Name of the model.
pub const NAME: &str = "tiny";
/// Values of an observation.
pub const OBSERVED: usize = 4;
/// Latents.
pub const LATENT: usize = 2;
/// Of the plans that read the weights.
pub const FINGERPRINT: u64 = 0xe45a_5480_5720_5d47;
/// Floats of the weights.
pub const WEIGHTS: usize = 75;
/// Channels of a reading.
pub const CHANNELS: usize = 2;
/// Readings of a window.
pub const LENGTH: usize = 2;
/// Readings between two observations.
pub const HOP: usize = 1;
/// Observations with a score below it are anomalous.
pub const THRESHOLD: f32 = -12.5;
/// Floats of the arena.
pub const ARENA: usize = 3;

/// Scratch memory; a static of it serves every call.
pub struct Workspace {
    /// Intermediate values.
    pub arena: [f32; ARENA],
    /// Log-variances that the last `encode` clamped.
    pub clamp_hits: u32,
}

impl Workspace {
    /// Zeros.
    pub const fn new() -> Self {
        let (arena, clamp_hits) = ([0.0; ARENA], 0);
        Self { arena, clamp_hits }
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

/// From raw readings to the units of an observation, for `elbow_core::window::Window`.
#[rustfmt::skip]
pub const NORMALIZATION: Normalization<CHANNELS> = Normalization {
    mean: [0.5, -1.0],
    std: [2.0, 0.25],
};

/// The posterior of `x`, in `q`.
///
/// # Errors
///
/// The weights are not this model's, `x` is not finite, or the posterior is not; `q` must then not
/// be used.
pub fn encode(
    pack: &Pack,
    ws: &mut Workspace,
    x: &[f32; OBSERVED],
    q: &mut DiagNormal<LATENT>,
) -> Result<(), EncodeError> {
    if pack.fingerprint() != FINGERPRINT || pack.floats().len() != WEIGHTS {
        return Err(EncodeError::WrongPack);
    }
    if let Some(index) = first_non_finite(x) {
        return Err(EncodeError::NonFiniteInput { index });
    }
    // Gemm_0: Gemm [1, 3]
    let target = kernels::part_mut(&mut ws.arena, 0..3);
    let (weights, bias) = (pack.f32(0, 16), pack.f32(16, 3));
    kernels::dense(x, weights, bias, target);
    // Tanh_1: Tanh [1, 3]
    let target = kernels::part_mut(&mut ws.arena, 0..3);
    kernels::unary(target, Unary::Tanh);
    // Gemm_2: Gemm [1, 2]
    let source = kernels::part(&ws.arena, 0..3);
    let (weights, bias) = (pack.f32(19, 12), pack.f32(31, 2));
    kernels::dense(source, weights, bias, &mut q.loc);
    // Gemm_3: Gemm [1, 2]
    let source = kernels::part(&ws.arena, 0..3);
    let (weights, bias) = (pack.f32(33, 12), pack.f32(45, 2));
    kernels::dense(source, weights, bias, &mut q.log_var);
    let (head, eps, bounds) = (Spread::LogVar, 0.0, Some((-2.5, 6.0)));
    ws.clamp_hits = to_posterior(&q.loc, &mut q.log_var, head, eps, bounds)?;
    Ok(())
}

/// What the decoder answers to `z`, in `x_mean`: the mean of the likelihood, or its logits.
///
/// # Errors
///
/// The weights are not this model's, or `z` is not finite; `x_mean` is then left as it was.
pub fn decode(
    pack: &Pack,
    ws: &mut Workspace,
    z: &[f32; LATENT],
    x_mean: &mut [f32; OBSERVED],
) -> Result<(), DecodeError> {
    if pack.fingerprint() != FINGERPRINT || pack.floats().len() != WEIGHTS {
        return Err(DecodeError::WrongPack);
    }
    if let Some(index) = first_non_finite(z) {
        return Err(DecodeError::NonFiniteInput { index });
    }
    // Gemm_0: Gemm [1, 3]
    let target = kernels::part_mut(&mut ws.arena, 0..3);
    let (weights, bias) = (pack.f32(47, 8), pack.f32(55, 3));
    kernels::dense(z, weights, bias, target);
    // LeakyRelu_1: LeakyRelu [1, 3]
    let target = kernels::part_mut(&mut ws.arena, 0..3);
    kernels::unary(target, Unary::LeakyRelu(0.01));
    // Gemm_2: Gemm [1, 4]
    let source = kernels::part(&ws.arena, 0..3);
    let (weights, bias) = (pack.f32(58, 12), pack.f32(70, 4));
    kernels::dense(source, weights, bias, x_mean);
    Ok(())
}

/// `ln p(x | z = q.loc)` and `KL(q || N(0, I))`, in nats; `x_mean` becomes what `q.loc` decodes to.
///
/// A non-finite `x`, which `encode` refuses, makes the likelihood NaN or infinite.
///
/// # Errors
///
/// As for `decode`, of `q.loc`.
pub fn score(
    pack: &Pack,
    ws: &mut Workspace,
    x: &[f32; OBSERVED],
    q: &DiagNormal<LATENT>,
    x_mean: &mut [f32; OBSERVED],
) -> Result<ElboTerms, DecodeError> {
    decode(pack, ws, &q.loc, x_mean)?;
    let family = Family::Gaussian;
    let parameters: [&[f32]; 2] = [pack.f32(74, 1), &[]];
    let likelihood = Likelihood { family, parameters };
    Ok(elbo_at_mean(&likelihood, x, x_mean, q))
}
