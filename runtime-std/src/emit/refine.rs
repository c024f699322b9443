//! The functions of a module with `[refine]`, `gradient` and `refine`, and the bound of their memory.

use super::calls::{Calls, Hits, Names};
use super::decoder::{Decode, LikelihoodArguments, Offsets, parameters};
use super::mismatch::mismatch;
use super::pack;
use super::rust::{SKIP, float, signature};
use super::text::checks;
use super::trace::Trace;
use crate::Result;
use crate::lower::{Buffer, Kernel, Plan, Port, Step};
use crate::manifest::{RefineTable, RuleName};
use crate::model::{Decoder, Refine};
use elbow_core::infer::{Adam, FLOATS_PER_LATENT, FloatRows, Refiner, Sgd, Stein};
use std::collections::{HashMap, HashSet};

/// Arguments of the functions besides decoder and gradient.
struct Around<'a> {
    given: &'a LikelihoodArguments,
    /// Lines that bind the likelihood.
    likelihood: &'a str,
    pack: Offsets<'a>,
    /// Length of the arena without the gradient.
    arena: usize,
}

/// `Ok` where the gradient belongs to the decoder, and without refinement.
///
/// # Errors
///
/// The gradient's weights do not begin with the decoder's, bit by bit; its likelihood has other fixed
/// parameters; or it has not one input and one output more than the decoder.
pub(super) fn check(decoder: &Decoder) -> Result<()> {
    let Some(Refine { gradient, .. }) = &decoder.refine else { return Ok(()) };
    let shared = gradient.weights.get(..decoder.plan.weights.len()).unwrap_or_default();
    let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits();
    if shared.len() != decoder.plan.weights.len()
        || !shared.iter().zip(&decoder.plan.weights).all(same)
    {
        return Err(mismatch(
            "the weights of the decoder's gradient do not begin with the decoder's".into(),
        ));
    }
    if !pack::reads_own_parameters(decoder, gradient) {
        return Err(mismatch(
            "the decoder's gradient is that of a likelihood with other parameters".into(),
        ));
    }
    let outputs = decoder.plan.outputs.len() + 1;
    if gradient.outputs.len() != outputs || gradient.inputs.len() != decoder.plan.inputs.len() + 1 {
        return Err(mismatch(format!(
            "the decoder's gradient has {} outputs, expected {outputs}",
            gradient.outputs.len()
        )));
    }
    Ok(())
}

/// Items of `elbow_core::infer` that the functions of refinement name, besides those of every scored module;
/// empty for `None`.
pub(super) fn imports(refine: Option<&Refine>) -> Vec<&'static str> {
    let rule = |refine: &Refine| match refine.settings.rule {
        RuleName::Stein => "Stein",
        RuleName::Sgd => "Sgd",
        RuleName::Adam => "Adam",
    };
    let all = ["FLOATS_PER_LATENT", "FloatRows", "Gradient", "Guarded", "Pairs", "Refiner"];
    refine.map_or_else(Vec::new, |refine| all.into_iter().chain([rule(refine)]).collect())
}

/// Source of the functions that take an observation, and the kernel calls of `gradient` in it, empty without
/// refinement; `arena` is the length of the arena without the gradient.
pub(super) fn inference(
    decode: &Decode,
    decoder: &Decoder,
    pack: Offsets<'_>,
    arena: usize,
) -> (String, Calls) {
    let given = &decode.given();
    let likelihood = &decode.likelihood(&decoder.likelihood, pack.fixed);
    let around = Around { given, likelihood, pack, arena };
    let refined = decoder.refine.as_ref().map(|refine| functions(decode, refine, &around));
    let (more, calls) = refined.unwrap_or_default();
    (decode.inference(given, likelihood) + &more, calls)
}

/// Source of `gradient`, of `refine` and of their constants, and the kernel calls in it.
fn functions(decode: &Decode, refine: &Refine, around: &Around<'_>) -> (String, Calls) {
    let Refine { gradient, settings } = refine;
    let inputs = decode.parameters.inputs.iter().cloned().chain(["x".into()]).collect();
    let outputs = |mean: &str, borrow: &str, grad: &str| -> Vec<String> {
        let kept = decode.kept.iter().map(|(name, _)| format!("{borrow}ws.{name}"));
        [mean.into()].into_iter().chain(kept).chain([grad.into()]).collect()
    };
    let names = Names {
        inputs,
        read: outputs("&x_mean[..]", "&", "&grad[..]"),
        written: outputs("x_mean", "&mut ", "grad"),
        constants: "GRADIENT",
        weights: around.pack.decoder,
        trace: Trace::Off,
        hits: Hits::Workspace,
        saturates: false,
    };
    let calls = Calls::of(gradient, &names);
    let text = gradient_function(decode, &calls.body, around)
        + &gradient_of_observation(decode)
        + &constants(gradient, settings, around.arena)
        + REFINE;
    (text, calls)
}

/// Source of `gradient`, whose kernel calls are `body`.
fn gradient_function(decode: &Decode, body: &str, around: &Around<'_>) -> String {
    let LikelihoodArguments { typed, docs, .. } = around.given;
    let own = ["z: &[f32; LATENT]", "x_mean: &mut [f32; OBSERVED]", "grad: &mut [f32; LATENT]"];
    let parameters = parameters(typed, &own.map(String::from));
    format!(
        "
/// `ln p(x | z)` in nats, and its gradient by `z` in `grad`; `x_mean` becomes what `z` decodes to.
{docs}///
/// A non-finite `x`, which `encode` refuses, makes them NaN or infinite.
///
/// # Errors
///
/// As for `decode`; `grad` is then left as it was.
{}{}{body}{}    Ok(likelihood.log_prob(x, x_mean))
}}
",
        signature("gradient", &parameters, "Result<f32, DecodeError>"),
        checks("DecodeError", &decode.parameters.checked()),
        around.likelihood,
    )
}

/// Source of the implementation of `Gradient` for `Observation`.
fn gradient_of_observation(decode: &Decode) -> String {
    format!(
        "
{SKIP}impl Gradient for Observation<'_> {{
    fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> Result<f32, InferError> {{
        let expected = LATENT;
        let wrong = |found| InferError::WrongLength {{ expected, found }};
        let z = z.try_into().map_err(|_| wrong(z.len()))?;
        let found = grad.len();
        let grad = grad.try_into().map_err(|_| wrong(found))?;
{}    }}
}}
",
        decode.of_observation("gradient", &["grad"])
    )
}

/// Source of the constants of refinement, and of the assertion that its memory is within a bound; `arena` is
/// the length without the gradient. The factor of the largest layer in the bound is 2, or more where that is
/// not enough.
fn constants(gradient: &Plan, settings: &RefineTable, arena: usize) -> String {
    let rate = float(settings.rate());
    let (rule, name, more, per_latent) = match settings.rule {
        RuleName::Stein => ("Stein", "Stein", "", 8),
        RuleName::Sgd => ("Sgd", "Sgd", ", clip: f32::INFINITY", 8),
        RuleName::Adam => {
            ("Adam<FloatRows<LATENT, 4>>", "Adam", ", moments: FloatRows([[0.0; LATENT]; 4])", 12)
        }
    };
    let pairs = settings.pairs();
    let (step, guard, steps) = (pairs.step, pairs.guard, settings.steps);
    let (stored, largest) = (stored(gradient), largest(gradient));
    let needed = gradient.arena.saturating_sub(arena) + refiner(gradient, settings.rule);
    let times =
        needed.saturating_sub(stored + per_latent * latent(gradient)).div_ceil(largest.max(1));
    let (times, why) = match times {
        0..=2 => (2, ""),
        _ => (times, MORE),
    };
    format!(
        "
/// Steps that the manifest asks for.
pub const REFINE_STEPS: u32 = {steps};
/// Opposite pairs of draws, of a step and of the guard.
pub const PAIRS: Pairs = Pairs {{ step: {step}, guard: {guard} }};
/// How a step moves the posterior.
{SKIP}pub const RULE: {rule} = {name} {{ rate: {rate}{more} }};
/// A refinement under way.
pub type Refining = Refiner<FloatRows<LATENT, FLOATS_PER_LATENT>, {rule}>;
/// Floats of the decoder's activations that its backward pass reads.
pub const STORED: usize = {stored};
/// Values of the decoder's largest layer.
pub const LARGEST: usize = {largest};
/// Bytes that refinement takes besides what encoding and decoding do.
pub const REFINE_BYTES: usize = size_of::<f32>() * (ARENA - {arena}) + size_of::<Refining>();

// The bound of this memory, which nothing may exceed.
{why}{SKIP}const _: () = {{
    let floats = STORED + {times} * LARGEST + {per_latent} * LATENT;
    assert!(REFINE_BYTES <= size_of::<f32>() * floats);
}};
"
    )
}

/// Comment where the bound needs more than twice the largest layer.
const MORE: &str = "// More than twice the largest layer: the way back through a softmax or a normalization also holds
// values of its rows, or all layers are smaller than a few words of the refiner.
";

const REFINE: &str = "
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
";

/// Number of values of the latent, which is the length of the last output; 0 without outputs.
fn latent(gradient: &Plan) -> usize {
    gradient.outputs.last().map_or(0, Port::len)
}

/// Floats of a generated `Refining`, whose rows are as long as the latent.
fn refiner(gradient: &Plan, rule: RuleName) -> usize {
    let (words, rows) = match rule {
        RuleName::Stein => {
            (size_of::<Refiner<FloatRows<0, FLOATS_PER_LATENT>, Stein>>(), FLOATS_PER_LATENT)
        }
        RuleName::Sgd => {
            (size_of::<Refiner<FloatRows<0, FLOATS_PER_LATENT>, Sgd>>(), FLOATS_PER_LATENT)
        }
        RuleName::Adam => (
            size_of::<Refiner<FloatRows<0, FLOATS_PER_LATENT>, Adam<FloatRows<0, 4>>>>(),
            FLOATS_PER_LATENT + 4,
        ),
    };
    words / size_of::<f32>() + rows * latent(gradient)
}

/// The steps of the forward pass: all before the first `Score`, or all where there is none.
fn forward(gradient: &Plan) -> &[Step] {
    let seed = |step: &Step| matches!(step.kernel, Kernel::Score { .. });
    let end = gradient.steps.iter().position(seed).unwrap_or(gradient.steps.len());
    &gradient.steps[..end]
}

/// Number of floats in the arena that the forward pass writes and the backward pass reads.
fn stored(gradient: &Plan) -> usize {
    let forward = forward(gradient).len();
    let mut writers: HashMap<usize, usize> = HashMap::new();
    let mut read = HashSet::new();
    for (at, step) in gradient.steps.iter().enumerate() {
        let arena = |buffer: &Buffer| match buffer {
            Buffer::Arena(range) => range.clone(),
            _ => 0..0,
        };
        if at >= forward {
            let cells = step.sources.iter().chain(&step.outputs).flat_map(arena);
            let kept = cells.filter_map(|cell| Some((*writers.get(&cell)?, cell)));
            read.extend(kept.filter(|(writer, _)| *writer < forward));
        }
        writers.extend(step.outputs.iter().flat_map(arena).map(|cell| (cell, at)));
    }
    read.len()
}

/// Values of the largest layer of the forward pass: the longest tensor that a step writes, or all outputs but
/// the gradient together where these are more.
fn largest(gradient: &Plan) -> usize {
    let len = |buffer: &Buffer| match buffer {
        Buffer::Arena(range) => range.len(),
        Buffer::Output(index) => gradient.outputs[*index].len(),
        Buffer::Input(_) | Buffer::Weights(_) => 0,
    };
    let latents = 1;
    let outputs = gradient.outputs.iter().rev().skip(latents).map(Port::len).sum();
    forward(gradient).iter().flat_map(|step| &step.outputs).map(len).fold(outputs, usize::max)
}
