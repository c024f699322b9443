//! The program of the board without its log: receive, encode, sample, score, answer; and what a
//! device may call besides.
//!
//! The panic handler calls a function that does not exist, so that the image links only if the
//! optimizer has removed every call of it. Nothing proves more cheaply that nothing panics.
#![no_std]
#![no_main]

mod detector;

use core::hint::black_box;
use elbow_core::detect::Detector;
use elbow_core::distributions::{
    DiagNormal, Family, FullNormal, Likelihood, LowRankNormal, Mixture, Parameter, Prior, Spread,
    full_normal, low_rank_normal,
};
use elbow_core::infer::psis::Tail;
use elbow_core::infer::{
    Adam, DecodeError, FloatRows, Gradient, GradientEstimator, GradientScratch, InferError, Iwae,
    LogLikelihood, Objective, Pairs, Refiner, Rule, Scratch, Sgd, Stein, elbo, elbo_gradient,
    elbo_monte_carlo, log_weights,
};
use elbow_core::noise::{Antithetic, Independent};
use elbow_core::window::{Layout, Normalization, Window};
use elbow_models::{Image, Task};
use qemu_mps2::Mps2;

/// Serves requests as the board does, then calls what a device may call besides, with numbers that the
/// optimizer cannot know; does not return.
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut IMAGE: Image = Image::new();
    static mut TASK: Task = Task::new();
    static mut DETECTOR: Detector<'static, detector::Unknown> = Detector::new();
    if let Some(peripherals) = cortex_m::Peripherals::take() {
        TASK.serve(&mut Mps2::new(peripherals), IMAGE);
    }
    black_box(detector::watch(DETECTOR, black_box(&[]))).ok();
    black_box(observe());
    black_box(diverge());
    black_box(explain());
    black_box(draw());
    black_box(bound()).ok();
    black_box(refine(Stein::DEFAULT)).ok();
    black_box(refine(black_box(Sgd { rate: 0.03, clip: 5.0 }))).ok();
    black_box(refine(black_box(Adam { rate: 0.05, moments: FloatRows([[0.0; LATENT]; 4]) }))).ok();
    #[cfg(feature = "plant-panic")]
    planted(&[1, 2, 3]);
    loop {
        cortex_m::asm::wfi();
    }
}

/// The last observation of a sliding window over readings that the compiler cannot know.
fn observe() -> [f32; 12] {
    let mut window = Window::<3, 4, 2>::new();
    let mut x = [0.0; 12];
    let (mean, std) = black_box(([0.0; 3], [1.0; 3]));
    let normalization = Normalization { mean, std, layout: black_box(Layout::TimeFirst) };
    for _ in 0..black_box(5) {
        if window.push(black_box([1.0; 3])) == Ok(true) {
            black_box(window.observation(&normalization, &mut x)).ok();
        }
    }
    x
}

/// The sum of divergences, densities and entropies of posteriors that the compiler cannot know.
fn diverge() -> f32 {
    let q = black_box(DiagNormal { loc: [0.5; 3], log_var: [-1.0; 3] });
    let (p, z) = (black_box(DiagNormal::standard()), black_box([0.0; 3]));
    let diagonal = q.kl_divergence(&p) + q.kl_to_standard() + q.log_prob(&z) + q.entropy();
    let full = black_box(FullNormal::from(&q));
    let own = full.kl_to_standard() + full.kl_to_diagonal(&p) + full.log_prob(&z) + full.entropy();
    let full = own + full.kl_divergence(&black_box(FullNormal::from(&p)));
    let q = black_box(LowRankNormal { loc: [0.5; 3], log_var: [-1.0; 3], factor: [[0.5; 2]; 3] });
    let low_rank = q.kl_to_standard() + q.kl_to_diagonal(&p) + q.log_prob(&z) + q.entropy();
    diagonal + full + low_rank + full_normal::entropy(values(), black_box(3))
}

/// Six numbers, of which the compiler knows neither how many nor which.
fn values() -> &'static [f32] {
    black_box(&[0.5; 6])
}

/// The sum of densities and a divergence, of a family of likelihoods and a prior that the compiler cannot
/// know, so that it links all; their scores are computed too.
fn explain() -> f32 {
    let likelihood =
        Likelihood { family: black_box(Family::StudentT), parameters: [values(), values()] };
    let mut grad = [0.0; 6];
    likelihood.score(values(), values(), black_box(Parameter::Mean), black_box(&mut grad));
    let prior = black_box(Prior::Diagonal { loc: values(), log_var: values() });
    prior.score(values(), black_box(&mut grad));
    let kl = prior.kl_of(values(), values()).unwrap_or(0.0);
    likelihood.log_prob(values(), values()) + prior.log_prob(values()) + kl
}

/// A draw from each kind of distribution, of which the last one is left.
fn draw() -> [f32; 3] {
    let (mut z, mut factor) = ([0.0; 3], [0.0; 9]);
    let eps = black_box([1.0; 3]);
    full_normal::to_factor(values(), Spread::Sigma, 0.0, black_box(3), black_box(&mut factor));
    full_normal::rsample(values(), &factor, &eps, black_box(&mut z));
    low_rank_normal::rsample(values(), values(), values(), &eps, values(), black_box(&mut z));
    let p = black_box(Mixture { logits: [0.5; 2], loc: [[0.5; 3]; 2], log_var: [[0.5; 3]; 2] });
    p.rsample(black_box(0.5), &eps, &mut z);
    black_box(Prior::Standard).rsample(black_box(0.5), &eps, &mut z);
    z
}

const LATENT: usize = 6;

/// A decoder that the compiler cannot know, and that may fail.
struct Unknown;

impl LogLikelihood for Unknown {
    /// -1, which the compiler has to take for any number or error.
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
        black_box(z);
        black_box(Ok(-1.0))
    }
}

impl Gradient for Unknown {
    /// An error, which the compiler has to take for any number or error; `grad` stays as it is.
    fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> Result<f32, InferError> {
        black_box((z, grad));
        black_box(Err(DecodeError::WrongPack.into()))
    }
}

/// The sum of bounds and their trust signals, with the gradient computed too; `Err` where the decoder or the
/// noise fails.
fn bound() -> Result<f32, InferError> {
    let q = black_box(DiagNormal { loc: [0.5; LATENT], log_var: [-1.0; LATENT] });
    let [mut eps, mut z, mut loc, mut log_var, mut grad] = black_box([[0.0; LATENT]; 5]);
    let mut noise = black_box(Antithetic(Pairs::DEFAULT.noise(1, 2)));
    let samples = black_box(0..16);
    let scratch = Scratch { eps: &mut eps, z: &mut z };
    let closed = elbo(&mut Unknown, (&q).into(), &mut noise, samples.clone(), scratch)?;
    let scratch = Scratch { eps: &mut eps, z: &mut z };
    let sampled =
        elbo_monte_carlo(&mut Unknown, (&q).into(), &mut noise, samples.clone(), scratch)?;
    let (mut iwae, mut tail) = (Iwae::new(), Tail::<137>::new());
    let mut independent = black_box(Independent { key: 1, datapoint: 2 });
    let scratch = Scratch { eps: &mut eps, z: &mut z };
    let each = |log_weight| {
        iwae.push(log_weight);
        tail.push(log_weight);
    };
    log_weights(&mut Unknown, (&q).into(), &mut independent, samples.clone(), scratch, each)?;
    let scratch = GradientScratch {
        loc: &mut loc,
        log_var: &mut log_var,
        eps: &mut eps,
        z: &mut z,
        grad: &mut grad,
    };
    let aim = black_box((Objective::ELBO, GradientEstimator::StickingTheLanding));
    elbo_gradient(&mut Unknown, (&q).into(), aim, &mut noise, samples, scratch)?;
    black_box((&loc, &log_var));
    let weighted = aim.0.value(&closed, (&q).into()) + sampled.elbo();
    Ok(weighted + iwae.bound() + iwae.ess() + tail.k_hat().unwrap_or(0.0))
}

/// The gain of a refinement by `rule`, in a number of steps of refinement that the compiler cannot know;
/// `Err` where the decoder fails.
fn refine(rule: impl Rule) -> Result<f32, InferError> {
    let mut q = black_box(DiagNormal::<LATENT>::standard());
    let mut noise = black_box(Pairs::DEFAULT.noise(1, 2));
    let mut refiner = Refiner::new(&q, rule, black_box(Pairs::DEFAULT));
    for _ in 0..black_box(10) {
        refiner.step(&mut Unknown, &mut noise)?;
    }
    let guarded = refiner.finish(&mut Unknown, &mut noise, &mut q)?;
    black_box(&q);
    Ok(guarded.gain)
}

/// Indexes a slice with what the compiler cannot know: a panic that the proof has to find.
#[cfg(feature = "plant-panic")]
fn planted(values: &[u32]) {
    black_box(black_box(values)[black_box(7)]);
}

unsafe extern "C" {
    safe fn a_panic_is_reachable_in_this_image() -> !;
}

/// Calls what does not exist, so that an image with a panic does not link.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    a_panic_is_reachable_in_this_image()
}
