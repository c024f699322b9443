// `tiny`, compiled by elbow 0.1.0: 4 values to 2 latents.
//
// Not to be edited: `elbow compile` writes this file, and `weights.bin` with it.

#[rustfmt::skip]
use elbow_core::{
    compiled,
    distributions::{DiagNormal, Family, Likelihood, Parameter, Spread},
    infer::{DecodeError, ElboTerms, EncodeError, FLOATS_PER_LATENT, FloatRows, Gradient, Guarded, InferError, LogLikelihood, Pairs, Refiner, Stein, first_non_finite, to_posterior},
    kernels::{self, Unary},
    pack::Pack,
    window::{Layout, Normalization, Window, WindowError},
};

/// Name of the model.
pub const NAME: &str = "tiny";
/// Values of an observation.
pub const OBSERVED: usize = 4;
/// Latents.
pub const LATENT: usize = 2;
/// Of the plans that read the weights.
pub const FINGERPRINT: u64 = 0x2fdb_0713_5297_c5a1;
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
pub const ARENA: usize = 10;

/// Scratch memory; a static of it serves every call.
pub struct Workspace {
    /// Intermediate values.
    pub arena: [f32; ARENA],
    /// Log-variances that the last `encode` clamped.
    pub clamp_hits: u32,
}

#[rustfmt::skip]
impl Workspace {
    /// Zeros.
    pub const fn new() -> Self {
        Self {
            arena: [0.0; ARENA],
            clamp_hits: 0,
        }
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

#[rustfmt::skip]
impl compiled::Workspace for Workspace {
    const NEW: Self = Self::new();

    fn arena(&mut self) -> &mut [f32] {
        &mut self.arena
    }

    fn clamp_hits(&self) -> u32 {
        self.clamp_hits
    }
}

/// From raw readings to the units and order of an observation, for `elbow_core::window::Window`.
#[rustfmt::skip]
pub const NORMALIZATION: Normalization<CHANNELS> = Normalization {
    mean: [0.5, -1.0],
    std: [2.0, 0.25],
    layout: Layout::ChannelsFirst,
};

/// The posterior of `x`, in `q`.
///
/// # Errors
///
/// The weights are not this model's, `x` is not finite, or the posterior is not; `q` must then not be used.
#[rustfmt::skip]
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

/// What the decoder answers to `z`, in `x_mean`: the mean of the likelihood.
///
/// # Errors
///
/// The weights are not this model's, or `z` is not finite; `x_mean` is then left as it was.
#[rustfmt::skip]
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

/// `ln p(x | z)` in nats, of the `z` that was decoded last.
#[rustfmt::skip]
#[inline(never)]
fn density(
    pack: &Pack,
    x: &[f32; OBSERVED],
    x_mean: &[f32; OBSERVED],
) -> f32 {
    let family = Family::Gaussian;
    let parameters: [&[f32]; 2] = [pack.f32(74, 1), &[]];
    let likelihood = Likelihood { family, parameters };
    likelihood.log_prob(x, x_mean)
}

/// `ln p(x | z)` of the `z` that was decoded last, and `KL(q || N(0, I))`, in nats.
#[rustfmt::skip]
#[inline(never)]
fn terms(
    pack: &Pack,
    x: &[f32; OBSERVED],
    x_mean: &[f32; OBSERVED],
    q: &DiagNormal<LATENT>,
) -> ElboTerms {
    let log_likelihood = density(pack, x, x_mean);
    let kl = q.kl_to_standard();
    ElboTerms { log_likelihood, kl }
}

/// `ln p(x | z)` in nats; `x_mean` becomes what `z` decodes to.
///
/// A non-finite `x`, which `encode` refuses, makes it NaN or infinite.
///
/// # Errors
///
/// As for `decode`.
#[rustfmt::skip]
pub fn log_likelihood(
    pack: &Pack,
    ws: &mut Workspace,
    x: &[f32; OBSERVED],
    z: &[f32; LATENT],
    x_mean: &mut [f32; OBSERVED],
) -> Result<f32, DecodeError> {
    decode(pack, ws, z, x_mean)?;
    Ok(density(pack, x, x_mean))
}

/// `ln p(x | z = q.loc)` and `KL(q || N(0, I))`, in nats; `x_mean` becomes what `q.loc` decodes to.
///
/// A non-finite `x`, which `encode` refuses, makes the likelihood NaN or infinite.
///
/// # Errors
///
/// As for `decode`, of `q.loc`.
#[rustfmt::skip]
pub fn score(
    pack: &Pack,
    ws: &mut Workspace,
    x: &[f32; OBSERVED],
    q: &DiagNormal<LATENT>,
    x_mean: &mut [f32; OBSERVED],
) -> Result<ElboTerms, DecodeError> {
    decode(pack, ws, &q.loc, x_mean)?;
    Ok(terms(pack, x, x_mean, q))
}

/// Generates: `z` becomes the draw of `q` by the noise `eps`, and `x_mean` what it decodes to.
///
/// With `DiagNormal::standard()` it is a draw of the prior, with the posterior of `encode` one of
/// what that predicts; the likelihood says how observations scatter around `x_mean`.
///
/// # Errors
///
/// As for `decode`, of `z`.
#[rustfmt::skip]
pub fn generate(
    pack: &Pack,
    ws: &mut Workspace,
    q: &DiagNormal<LATENT>,
    eps: &[f32; LATENT],
    z: &mut [f32; LATENT],
    x_mean: &mut [f32; OBSERVED],
) -> Result<(), DecodeError> {
    q.rsample(eps, z);
    decode(pack, ws, z, x_mean)
}

/// An observation: `ln p(x | z)` as a function of the latent, for `elbow_core::infer`.
pub struct Observation<'a> {
    /// The weights.
    pub pack: &'a Pack<'a>,
    /// Scratch memory.
    pub ws: &'a mut Workspace,
    /// What was observed.
    pub x: &'a [f32; OBSERVED],
    /// What the latent of the last call decodes to.
    pub x_mean: &'a mut [f32; OBSERVED],
}

#[rustfmt::skip]
impl LogLikelihood for Observation<'_> {
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
        let (expected, found) = (LATENT, z.len());
        let wrong = InferError::WrongLength { expected, found };
        let z = z.try_into().map_err(|_| wrong)?;
        Ok(log_likelihood(self.pack, self.ws, self.x, z, self.x_mean)?)
    }
}

/// `ln p(x | z)` in nats, and its gradient by `z` in `grad`; `x_mean` becomes what `z` decodes to.
///
/// A non-finite `x`, which `encode` refuses, makes them NaN or infinite.
///
/// # Errors
///
/// As for `decode`; `grad` is then left as it was.
#[rustfmt::skip]
pub fn gradient(
    pack: &Pack,
    ws: &mut Workspace,
    x: &[f32; OBSERVED],
    z: &[f32; LATENT],
    x_mean: &mut [f32; OBSERVED],
    grad: &mut [f32; LATENT],
) -> Result<f32, DecodeError> {
    if pack.fingerprint() != FINGERPRINT || pack.floats().len() != WEIGHTS {
        return Err(DecodeError::WrongPack);
    }
    if let Some(index) = first_non_finite(z) {
        return Err(DecodeError::NonFiniteInput { index });
    }
    // Gemm_0: Gemm [1, 3]
    let target = kernels::part_mut(&mut ws.arena, 4..7);
    let (weights, bias) = (pack.f32(47, 8), pack.f32(55, 3));
    kernels::dense(z, weights, bias, target);
    // LeakyRelu_1: LeakyRelu [1, 3]
    let target = kernels::part_mut(&mut ws.arena, 4..7);
    kernels::unary(target, Unary::LeakyRelu(0.01));
    // Gemm_2: Gemm [1, 4]
    let source = kernels::part(&ws.arena, 4..7);
    let (weights, bias) = (pack.f32(58, 12), pack.f32(70, 4));
    kernels::dense(source, weights, bias, x_mean);
    //  backward: Score [1, 4]
    let target = kernels::part_mut(&mut ws.arena, 0..4);
    let family = Family::Gaussian;
    let parameters: [&[f32]; 2] = [pack.f32(74, 1), &[]];
    let likelihood = Likelihood { family, parameters };
    likelihood.score(x, &x_mean[..], Parameter::Mean, target);
    // Gemm_2 backward: Gemm [1, 3]
    let [source, target] = kernels::disjoint(&mut ws.arena, [0..4, 7..10]);
    let weights = pack.f32(58, 12);
    kernels::dense_transposed(source, weights, target, 1);
    // LeakyRelu_1 backward: LeakyRelu(0.01) [1, 3]
    let [source, target] = kernels::disjoint(&mut ws.arena, [4..7, 7..10]);
    kernels::slope(target, source, Unary::LeakyRelu(0.01));
    // Gemm_0 backward: Gemm [1, 2]
    let source = kernels::part(&ws.arena, 7..10);
    let weights = pack.f32(47, 8);
    kernels::dense_transposed(source, weights, grad, 1);
    let family = Family::Gaussian;
    let parameters: [&[f32]; 2] = [pack.f32(74, 1), &[]];
    let likelihood = Likelihood { family, parameters };
    Ok(likelihood.log_prob(x, x_mean))
}

#[rustfmt::skip]
impl Gradient for Observation<'_> {
    fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> Result<f32, InferError> {
        let expected = LATENT;
        let wrong = |found| InferError::WrongLength { expected, found };
        let z = z.try_into().map_err(|_| wrong(z.len()))?;
        let found = grad.len();
        let grad = grad.try_into().map_err(|_| wrong(found))?;
        Ok(gradient(self.pack, self.ws, self.x, z, self.x_mean, grad)?)
    }
}

/// Steps that the manifest asks for.
pub const REFINE_STEPS: u32 = 10;
/// Opposite pairs of draws, of a step and of the guard.
pub const PAIRS: Pairs = Pairs { step: 4, guard: 16 };
/// How a step moves the posterior.
#[rustfmt::skip]
pub const RULE: Stein = Stein { rate: 0.6 };
/// A refinement under way.
pub type Refining = Refiner<FloatRows<LATENT, FLOATS_PER_LATENT>, Stein>;
/// Floats of the decoder's activations that its backward pass reads.
pub const STORED: usize = 3;
/// Values of the decoder's largest layer.
pub const LARGEST: usize = 4;
/// Bytes that refinement takes besides what encoding and decoding do.
pub const REFINE_BYTES: usize = size_of::<f32>() * (ARENA - 3) + size_of::<Refining>();

// The bound of this memory, which nothing may exceed.
#[rustfmt::skip]
const _: () = {
    let floats = STORED + 2 * LARGEST + 8 * LATENT;
    assert!(REFINE_BYTES <= size_of::<f32>() * floats);
};

/// Improves `q` for this observation by so many steps; a result that is not better by more than the noise
/// leaves it as it was. The noise is that of `key` and `datapoint`.
///
/// # Errors
///
/// What the decoder refused, or a gradient that is not finite; `q` is as it was then.
#[rustfmt::skip]
pub fn refine(
    observation: &mut Observation<'_>,
    q: &mut DiagNormal<LATENT>,
    steps: u32,
    (key, datapoint): (u64, u64),
) -> Result<Guarded, InferError> {
    let mut noise = PAIRS.noise(key, datapoint);
    let mut refining = Refining::new(q, RULE, PAIRS);
    for _ in 0..steps {
        refining.step(observation, &mut noise)?;
    }
    refining.finish(observation, &mut noise, q)
}

/// The model as a type, for code that is generic over compiled models.
#[derive(Clone, Copy, Debug)]
pub struct Model;

#[rustfmt::skip]
impl compiled::Compiled for Model {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u64 = FINGERPRINT;
    type Kind = compiled::kind::RefinedModel;
    type Workspace = Workspace;
    type Inputs = [f32; OBSERVED];
    type Outputs = DiagNormal<LATENT>;
    type Error = EncodeError;

    fn run(pack: &Pack, ws: &mut Workspace, inputs: &Self::Inputs, outputs: &mut Self::Outputs) -> Result<(), EncodeError> {
        encode(pack, ws, inputs, outputs)
    }
}

#[rustfmt::skip]
impl compiled::Encoder for Model {
    const OBSERVED: usize = OBSERVED;
    const LATENT: usize = LATENT;
}

#[rustfmt::skip]
impl compiled::Decoder for Model {
    type Latents = [f32; LATENT];
    type Mean = [f32; OBSERVED];

    fn decode(pack: &Pack, ws: &mut Workspace, _: &Self::Inputs, z: &Self::Latents, x_mean: &mut Self::Mean) -> Result<(), DecodeError> {
        decode(pack, ws, z, x_mean)
    }
}

#[rustfmt::skip]
impl compiled::Scored for Model {
    type Observation<'a> = Observation<'a>;
    const THRESHOLD: Option<f32> = Some(THRESHOLD);

    fn observation<'a>(pack: &'a Pack<'a>, ws: &'a mut Workspace, inputs: &'a Self::Inputs, x_mean: &'a mut Self::Mean) -> Observation<'a> {
        Observation { pack, ws, x: inputs, x_mean }
    }

    fn score(pack: &Pack, ws: &mut Workspace, inputs: &Self::Inputs, q: &Self::Outputs, x_mean: &mut Self::Mean) -> Result<ElboTerms, DecodeError> {
        score(pack, ws, inputs, q, x_mean)
    }

    fn generate(pack: &Pack, ws: &mut Workspace, _: &Self::Inputs, (q, eps): (&Self::Outputs, &Self::Latents), z: &mut Self::Latents, x_mean: &mut Self::Mean) -> Result<(), DecodeError> {
        generate(pack, ws, q, eps, z, x_mean)
    }
}

#[rustfmt::skip]
impl compiled::Refined for Model {
    const STEPS: u32 = REFINE_STEPS;

    fn refine(observation: &mut Observation<'_>, q: &mut Self::Outputs, steps: u32, stream: (u64, u64)) -> Result<Guarded, InferError> {
        refine(observation, q, steps, stream)
    }
}

#[rustfmt::skip]
impl compiled::Windowed for Model {
    type Window = Window<CHANNELS, LENGTH, HOP>;
    type Reading = [f32; CHANNELS];
    const WINDOW: Self::Window = Window::new();

    fn push(window: &mut Self::Window, reading: Self::Reading) -> Result<bool, WindowError> {
        window.push(reading)
    }

    fn observe(window: &Self::Window, inputs: &mut Self::Inputs) -> Result<(), WindowError> {
        window.observation(&NORMALIZATION, compiled::Buffers::first_mut(inputs))
    }
}
