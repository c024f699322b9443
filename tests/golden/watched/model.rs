// `watched`, compiled by elbow 0.1.0: 4 values to 2 latents.
//
// Not to be edited: `elbow compile` writes this file, and `weights.bin` with it.

#[rustfmt::skip]
use elbow_core::{
    Error,
    compiled,
    detect,
    distributions::{DiagNormal, Family, Likelihood, Spread},
    infer::{DecodeError, ElboTerms, EncodeError, InferError, LogLikelihood, Posterior, first_non_finite, to_posterior},
    kernels::{self, Unary},
    pack::Pack,
    window::{Layout, Normalization, Window, WindowError, WindowShape},
};

/// Name of the model.
pub const NAME: &str = "watched";
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

/// The model as a type, for code that is generic over compiled models.
#[derive(Clone, Copy, Debug)]
pub struct Model;

#[rustfmt::skip]
impl compiled::Compiled for Model {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u64 = FINGERPRINT;
    type Kind = compiled::kind::ScoredModel;
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

/// Limits of the fault gate, per channel, in raw units.
#[rustfmt::skip]
pub static LIMITS: [detect::Limits; CHANNELS] = [
    detect::Limits { lo: -50.0, hi: 50.0, most_at_rails: 0, longest_run: 3, least_variance: 1e-6, largest_step: 60.0 },
    detect::Limits { lo: -50.0, hi: 50.0, most_at_rails: 0, longest_run: 3, least_variance: 1e-6, largest_step: f32::INFINITY },
];

/// Scores of normal windows with `-ln p` of what lies below.
#[rustfmt::skip]
pub static RANKS: [detect::RankEntry; 32] = [
    detect::RankEntry { score: -40.0, surprise: 4.6051702 },
    detect::RankEntry { score: -39.59694, surprise: 3.912023 },
    detect::RankEntry { score: -39.19388, surprise: 3.506558 },
    detect::RankEntry { score: -38.790817, surprise: 3.218876 },
    detect::RankEntry { score: -38.387756, surprise: 2.9957323 },
    detect::RankEntry { score: -37.984695, surprise: 2.8134108 },
    detect::RankEntry { score: -37.581635, surprise: 2.65926 },
    detect::RankEntry { score: -37.17857, surprise: 2.5257287 },
    detect::RankEntry { score: -36.77551, surprise: 2.4079456 },
    detect::RankEntry { score: -36.372448, surprise: f32::from_bits(0x40135d8e) },
    detect::RankEntry { score: -35.969387, surprise: 2.207275 },
    detect::RankEntry { score: -35.566326, surprise: 2.1202636 },
    detect::RankEntry { score: -35.163265, surprise: 2.0402207 },
    detect::RankEntry { score: -34.760204, surprise: 1.9661129 },
    detect::RankEntry { score: -34.357143, surprise: 1.89712 },
    detect::RankEntry { score: -33.954082, surprise: 1.8325815 },
    detect::RankEntry { score: -33.14796, surprise: 1.7147985 },
    detect::RankEntry { score: -32.341835, surprise: 1.609438 },
    detect::RankEntry { score: -31.535713, surprise: 1.5141277 },
    detect::RankEntry { score: -30.729591, surprise: 1.4271164 },
    detect::RankEntry { score: -29.520409, surprise: 1.3093333 },
    detect::RankEntry { score: -28.311226, surprise: 1.2039728 },
    detect::RankEntry { score: -27.102041, surprise: 1.1086626 },
    detect::RankEntry { score: -25.489796, surprise: 0.99425226 },
    detect::RankEntry { score: -23.87755, surprise: 0.8915981 },
    detect::RankEntry { score: -21.862246, surprise: 0.7765288 },
    detect::RankEntry { score: -19.84694, surprise: 0.67334455 },
    detect::RankEntry { score: -17.428572, surprise: 0.56211895 },
    detect::RankEntry { score: -14.607143, surprise: 0.4462871 },
    detect::RankEntry { score: -11.382652, surprise: 0.32850406 },
    detect::RankEntry { score: -7.7551003, surprise: 0.21072103 },
    detect::RankEntry { score: -3.7244911, surprise: 0.09431068 },
];

/// Scores of normal windows with `-ln p` of what lies below. Of the negative scores.
#[rustfmt::skip]
pub static HIGH_RANKS: [detect::RankEntry; 32] = [
    detect::RankEntry { score: 0.5, surprise: 4.6051702 },
    detect::RankEntry { score: 0.9030609, surprise: 3.912023 },
    detect::RankEntry { score: 1.3061218, surprise: 3.506558 },
    detect::RankEntry { score: 1.7091827, surprise: 3.218876 },
    detect::RankEntry { score: 2.1122437, surprise: 2.9957323 },
    detect::RankEntry { score: 2.5153046, surprise: 2.8134108 },
    detect::RankEntry { score: 2.9183655, surprise: 2.65926 },
    detect::RankEntry { score: f32::from_bits(0x40549250), surprise: 2.5257287 },
    detect::RankEntry { score: 3.7244911, surprise: 2.4079456 },
    detect::RankEntry { score: 4.127552, surprise: f32::from_bits(0x40135d8e) },
    detect::RankEntry { score: 4.530613, surprise: 2.207275 },
    detect::RankEntry { score: 4.933674, surprise: 2.1202636 },
    detect::RankEntry { score: 5.336735, surprise: 2.0402207 },
    detect::RankEntry { score: 5.7397957, surprise: 1.9661129 },
    detect::RankEntry { score: 6.1428566, surprise: 1.89712 },
    detect::RankEntry { score: 6.5459175, surprise: 1.8325815 },
    detect::RankEntry { score: 7.3520393, surprise: 1.7147985 },
    detect::RankEntry { score: 8.158163, surprise: 1.609438 },
    detect::RankEntry { score: 8.964285, surprise: 1.5141277 },
    detect::RankEntry { score: 9.770409, surprise: 1.4271164 },
    detect::RankEntry { score: 10.979591, surprise: 1.3093333 },
    detect::RankEntry { score: 12.188776, surprise: 1.2039728 },
    detect::RankEntry { score: 13.397959, surprise: 1.1086626 },
    detect::RankEntry { score: 15.010204, surprise: 0.99425226 },
    detect::RankEntry { score: 16.62245, surprise: 0.8915981 },
    detect::RankEntry { score: 18.637754, surprise: 0.7765288 },
    detect::RankEntry { score: 20.65306, surprise: 0.67334455 },
    detect::RankEntry { score: 23.071428, surprise: 0.56211895 },
    detect::RankEntry { score: 25.892857, surprise: 0.4462871 },
    detect::RankEntry { score: 29.117348, surprise: 0.32850406 },
    detect::RankEntry { score: 32.744896, surprise: 0.21072103 },
    detect::RankEntry { score: 36.77551, surprise: 0.09431068 },
];

/// The same of mode 1.
#[rustfmt::skip]
pub static RANKS_1: [detect::RankEntry; 32] = [
    detect::RankEntry { score: -90.0, surprise: 4.6051702 },
    detect::RankEntry { score: -89.28571, surprise: 3.912023 },
    detect::RankEntry { score: -88.57143, surprise: 3.506558 },
    detect::RankEntry { score: -87.85714, surprise: 3.218876 },
    detect::RankEntry { score: -87.14286, surprise: 2.9957323 },
    detect::RankEntry { score: -86.42857, surprise: 2.8134108 },
    detect::RankEntry { score: -85.71429, surprise: 2.65926 },
    detect::RankEntry { score: -85.0, surprise: 2.5257287 },
    detect::RankEntry { score: -84.28571, surprise: 2.4079456 },
    detect::RankEntry { score: -83.57143, surprise: f32::from_bits(0x40135d8e) },
    detect::RankEntry { score: -82.85714, surprise: 2.207275 },
    detect::RankEntry { score: -82.14286, surprise: 2.1202636 },
    detect::RankEntry { score: -81.42857, surprise: 2.0402207 },
    detect::RankEntry { score: -80.71429, surprise: 1.9661129 },
    detect::RankEntry { score: -80.0, surprise: 1.89712 },
    detect::RankEntry { score: -79.28571, surprise: 1.8325815 },
    detect::RankEntry { score: -77.85714, surprise: 1.7147985 },
    detect::RankEntry { score: -76.42857, surprise: 1.609438 },
    detect::RankEntry { score: -75.0, surprise: 1.5141277 },
    detect::RankEntry { score: -73.57143, surprise: 1.4271164 },
    detect::RankEntry { score: -71.42857, surprise: 1.3093333 },
    detect::RankEntry { score: -69.28571, surprise: 1.2039728 },
    detect::RankEntry { score: -67.14285, surprise: 1.1086626 },
    detect::RankEntry { score: -64.28571, surprise: 0.99425226 },
    detect::RankEntry { score: -61.428574, surprise: 0.8915981 },
    detect::RankEntry { score: -57.857143, surprise: 0.7765288 },
    detect::RankEntry { score: -54.285713, surprise: 0.67334455 },
    detect::RankEntry { score: -50.0, surprise: 0.56211895 },
    detect::RankEntry { score: -45.0, surprise: 0.4462871 },
    detect::RankEntry { score: -39.285713, surprise: 0.32850406 },
    detect::RankEntry { score: -32.857143, surprise: 0.21072103 },
    detect::RankEntry { score: -25.714287, surprise: 0.09431068 },
];

/// Tables of the operating modes.
#[rustfmt::skip]
pub static MODES: [Option<detect::Ranks<'static>>; 2] = [
    None,
    Some(detect::Ranks::Low(detect::RankTable { entries: &RANKS_1, calibrated: 99 })),
];

/// Moments of the latents of normal windows: the first and the second of each.
#[rustfmt::skip]
pub static MOMENTS: [detect::Moment; 2 * LATENT] = [
    detect::Moment { mean: 0.1, weight: 130.0 },
    detect::Moment { mean: 1.2, weight: 97.5 },
    detect::Moment { mean: -0.2, weight: 156.0 },
    detect::Moment { mean: 1.1, weight: 78.0 },
];

/// Median log-likelihood of each channel of normal windows, in nats.
#[rustfmt::skip]
pub static CHANNEL_LOG_LIKELIHOOD: [f32; CHANNELS] = [
    -9.5,
    -7.25,
];

/// The calibration of the detector.
#[rustfmt::skip]
pub const DESIGN: detect::MonitorDesign<'static> = detect::MonitorDesign {
    shape: WindowShape { channels: CHANNELS, length: LENGTH, hop: HOP },
    limits: &LIMITS,
    most_missing: 0,
    clock: Some(detect::Clock { period_ns: 10000000, max_gap_us: 25000, clears: true, stale_us: 200000 }),
    tables: detect::Tables { pooled: detect::Ranks::Both { low: detect::RankTable { entries: &RANKS, calibrated: 99 }, high: detect::RankTable { entries: &HIGH_RANKS, calibrated: 99 } }, modes: &MODES },
    alpha_ppm: 100000,
    every: 2,
    alarm: Some(detect::AlarmDesign { k: 1.7, h: 3.5, votes: Some(detect::Votes { needed: 3, of: 4 }) }),
    drift: Some(detect::DriftDesign { lambda: 0.05, threshold: 40.0, moments: &MOMENTS }),
};

#[rustfmt::skip]
impl detect::Monitored for Model {
    type Raw = [i16; CHANNELS];
    type States = [detect::ChannelState; CHANNELS];
    type Prediction = [f32; OBSERVED];
    type Averages = [f32; 2 * LATENT];

    const STATES: Self::States = [detect::ChannelState::BLANK; CHANNELS];
    const MISSING: Self::Reading = [f32::NAN; CHANNELS];
    const DESIGN: detect::MonitorDesign<'static> = DESIGN;

    fn evaluate(pack: &Pack, memory: &mut detect::Memory<Self>, _: u64) -> Result<(f32, bool), Error> {
        let detect::Memory { workspace, inputs, outputs, prediction } = memory;
        encode(pack, workspace, inputs, outputs)?;
        let score = score(pack, workspace, inputs, outputs, prediction)?.elbo();
        Ok((score, false))
    }

    fn latents(outputs: &Self::Outputs) -> Option<Posterior<'_>> {
        Some(Posterior { loc: &outputs.loc, log_var: &outputs.log_var })
    }

    fn blame(pack: &Pack, memory: &detect::Memory<Self>) -> Option<usize> {
        let detect::Memory { inputs, prediction, .. } = memory;
        let family = Family::Gaussian;
        let parameters: [&[f32]; 2] = [pack.f32(74, 1), &[]];
        let likelihood = Likelihood { family, parameters };
        detect::worst_channel(&likelihood, inputs, prediction, NORMALIZATION.layout, &CHANNEL_LOG_LIKELIHOOD)
    }
}

/// Watches a sensor by this model: readings in, verdicts out. It owns all of the RAM that this takes.
pub type Detector<'p> = detect::Detector<'p, Model>;
