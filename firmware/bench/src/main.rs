//! The bench's workloads on Elbow's kernels: `fw WORK N` runs a workload N times between two markers.
//!
//! | File | Does |
//! |---|---|
//! | `decoder` | a small decoder, with its gradient and in plain f64 |
//! | `decode_int8` | latents to means by a whole decoder on bytes |
//! | `detector` | gate, rank table, alarm and drift of four windows |
//! | `draws` | standard normal draws with their generator |
//! | `flow` | the density of a small RealNVP |
//! | `full_rank` | a draw from a normal of full covariance, with its density |
//! | `harness` | markers, ticks, checksum, the lines that the host reads |
//! | `infer` | bounds and a step of refinement with that decoder |
//! | `int8` | the integer workloads of `firmware/kernels` |
//! | `likelihoods` | densities of 64 values under every kind of likelihood |
//! | `plain` | them in plain Rust, for comparison |
//! | `w2_f32`, `w3_f32`, `transposed_f32` | the float workloads |
//!
//! A new workload is a type with the trait `Work`, a line in `main` below, and its name in the
//! list of `bench/src/elbow.rs`.
#![no_std]
#![no_main]

mod decode_int8;
mod decoder;
mod detector;
mod draws;
mod flow;
mod full_rank;
mod harness;
mod infer;
mod int8;
mod likelihoods;
mod plain;
mod transposed_f32;
mod w2_f32;
mod w3_f32;

use bare::{CommandLine, exit};
use decode_int8::IntegerDecoder;
use detector::Detector;
use draws::Draws;
use elbow_kernels::workloads::{
    Transposed, W1, W2, W2Wide, W3, W3Wide, W4, W4Depthwise, W4Pointwise,
};
use flow::Flow;
use full_rank::FullRank;
use harness::{Empty, Harness, Loop, Work};
use infer::{Decode, Elbo, Infer, Iwae, Step};
use int8::Integer;
use likelihoods::{
    Bernoulli, Categorical, Gaussian, Laplace, LogProb, NegativeBinomial, Poisson, StudentT,
    ZeroInflated,
};
use plain::Plain;

/// Runs the workload that the second word of the command line names, as often as the third says, and ends the
/// emulator: with success where the output is right, with a failure where it is not, a word is missing or no
/// number, or no workload has that name.
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut W1_128: Integer<W1<128, 16_384, 4096>> = Integer::new(W1::new());
    static mut W1_640: Integer<W1<640, 81_920, 20_480>> = Integer::new(W1::new());
    static mut W2: Integer<W2> = Integer::new(W2::new());
    static mut W2_WIDE: Integer<W2Wide> = Integer::new(W2Wide::new());
    static mut W3: Integer<W3> = Integer::new(W3::new());
    static mut W3_WIDE: Integer<W3Wide> = Integer::new(W3Wide::new());
    static mut W4: Integer<W4> = Integer::new(W4::new());
    static mut DEPTHWISE: Integer<W4Depthwise> = Integer::new(W4Depthwise::new());
    static mut POINTWISE: Integer<W4Pointwise> = Integer::new(W4Pointwise::new());
    static mut TRANSPOSED: Integer<Transposed> = Integer::new(Transposed::new());
    static mut DECODER: IntegerDecoder = IntegerDecoder::new();
    static mut W2_F32: w2_f32::W2 = w2_f32::W2::new();
    static mut W3_F32: w3_f32::W3 = w3_f32::W3::new();
    static mut TRANSPOSED_F32: transposed_f32::Transposed = transposed_f32::Transposed::new();
    static mut DRAWS: Draws = Draws::new();
    static mut DECODE: Infer<Decode> = Infer::new();
    static mut ELBO: Infer<Elbo> = Infer::new();
    static mut IWAE: Infer<Iwae> = Infer::new();
    static mut STEP: Infer<Step> = Infer::new();
    static mut GAUSSIAN: LogProb<Gaussian> = LogProb::new();
    static mut BERNOULLI: LogProb<Bernoulli> = LogProb::new();
    static mut LAPLACE: LogProb<Laplace> = LogProb::new();
    static mut STUDENT_T: LogProb<StudentT> = LogProb::new();
    static mut CATEGORICAL: LogProb<Categorical> = LogProb::new();
    static mut POISSON: LogProb<Poisson> = LogProb::new();
    static mut NEGATIVE_BINOMIAL: LogProb<NegativeBinomial> = LogProb::new();
    static mut ZERO_INFLATED: LogProb<ZeroInflated> = LogProb::new();
    static mut FULL_RANK: FullRank = FullRank::new();
    static mut FLOW: Flow = Flow::new();
    static mut DETECTOR: Detector<false> = Detector::new();
    static mut MONITOR: Detector<true> = Detector::new();
    static mut PLAIN: Plain = Plain::new();
    let line = CommandLine::read();
    let mut words = line.words().skip(1);
    let (name, turns) = (words.next(), words.next().and_then(|word| word.parse().ok()));
    let (Some(mut harness), Some(turns)) = (Harness::new(), turns) else { exit(false) };
    let work: &mut dyn Work = match name {
        Some("empty") => &mut Empty,
        Some("loop") => &mut Loop,
        Some("W1-128") => W1_128,
        Some("W1-640") => W1_640,
        Some("W2") => W2,
        Some("W2-int8x16") => W2_WIDE,
        Some("W3") => W3,
        Some("W3-int8x16") => W3_WIDE,
        Some("W4") => W4,
        Some("W4-depthwise") => DEPTHWISE,
        Some("W4-pointwise") => POINTWISE,
        Some("transposed") => TRANSPOSED,
        Some("decode-int8") => DECODER,
        Some("W2-f32") => W2_F32,
        Some("W3-f32") => W3_F32,
        Some("transposed-f32") => TRANSPOSED_F32,
        Some("draws") => DRAWS,
        Some("decode") => DECODE,
        Some("elbo-16") => ELBO,
        Some("iwae-16") => IWAE,
        Some("refine-step") => STEP,
        Some("gaussian") => GAUSSIAN,
        Some("bernoulli") => BERNOULLI,
        Some("laplace") => LAPLACE,
        Some("student-t") => STUDENT_T,
        Some("categorical") => CATEGORICAL,
        Some("poisson") => POISSON,
        Some("negative-binomial") => NEGATIVE_BINOMIAL,
        Some("zero-inflated") => ZERO_INFLATED,
        Some("full-rank") => FULL_RANK,
        Some("flow") => FLOW,
        Some("detector") => DETECTOR,
        Some("monitor") => MONITOR,
        Some(name) => PLAIN.of(name.trim_start_matches("plain/")),
        None => exit(false),
    };
    exit(harness.run(work, turns))
}

/// Ends the emulator with a failure.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(false)
}
