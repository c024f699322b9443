//! What the emulated devices infer with their decoders against the twin: every bit, the memory, and
//! what a step of refinement costs.

use elbow::device::{Device, Spent, Target};
use elbow::infer::TwinInference;
use elbow::model::{Decoder, Encoder, Graphs, Model};
use elbow::posterior::Posteriors;
use elbow::rows::{Batch, StreamKey, run_twin};
use elbow_core::wire::Inference;
use elbow_tests::fixtures::{path, rows};
use elbow_tests::images::{compiled, or_cure};
use elbow_tests::models::{given, refined, split};
use elbow_tests::random::Random;

/// Rows that each model infers from.
const ROWS: usize = 2;
const SEED: u64 = 0x0123_4567_89ab_cdef;

/// What is asked of every row: the bounds of 16 draws, ten steps with their guard from the encoder's
/// posterior, ten from the prior.
const TASKS: [(Inference, u32); 4] = [
    (Inference::Elbo, 16),
    (Inference::Iwae, 16),
    (Inference::Refine, 10),
    (Inference::RefinePrior, 10),
];

/// A gradient takes at most so many decoder passes.
const PASSES: f64 = 3.0;
/// Bytes of code of a decoder of dense layers with the likelihood of events; the other twelve families take 13,000
/// more.
const ONE_FAMILY: u32 = 6_000;

#[test]
fn a_cortex_m4_with_hard_float_infers_what_the_twin_does() {
    infers_what_the_twin_does("qemu-m4");
}

#[test]
fn a_cortex_m3_with_soft_float_infers_what_the_twin_does() {
    infers_what_the_twin_does("qemu-m3");
}

fn infers_what_the_twin_does(target: &str) {
    let target = Target::named(target).expect("a target of the table");
    let models = refined();
    let (_folder, compiled) = compiled(&models);
    let mut device = or_cure(Device::start(&target, &compiled, &path("firmware")));
    for (index, model) in models.iter().enumerate() {
        let workspace = or_cure(device.select(index)).workspace_bytes;
        let Graphs::Amortized { encoder, decoder: Some(decoder), .. } = &model.graphs else {
            panic!("it decodes");
        };
        let inputs = split(&given(model), &inputs(model, index as u64), ROWS);
        let spent = tasks_are_equal(&mut device, model, encoder, decoder, &inputs);
        let bound = or_cure(device.footprint(index)).explain.expect("it explains").stack_bytes;
        let painted = spent.iter().filter_map(|spent| spent.stack_bytes).max();
        let (bound, painted) = (bound.expect("a closed bound"), painted.expect("it is painted"));
        assert!(painted <= bound, "{}: {painted} bytes of stack, {bound} promised", model.name);
        let arena = spent.iter().map(|spent| spent.arena_bytes).max().expect("some work");
        assert!(arena <= workspace, "{}: {arena} bytes of {workspace}", model.name);
        let [decode, gradient] = costs(&mut device, &inputs.row(0));
        let passes = gradient / decode;
        println!(
            "{} on {}: {decode:.0} instructions to decode, {gradient:.0} a gradient, {passes:.2} passes; {painted} bytes of stack",
            model.name, target.name
        );
        // Models of a dozen products spend their time around the decoder.
        let counts = model.name.contains("digits");
        assert!(!counts || passes <= PASSES, "{}: {passes:.2} passes", model.name);
    }
    or_cure(device.finish());
}

#[test]
fn an_image_links_the_likelihood_of_its_model_alone() {
    let target = Target::named("qemu-m4").expect("a target of the table");
    let model = refined().into_iter().find(|model| model.name == "refined digits");
    let (_folder, compiled) = compiled(&[model.expect("it is one of them")]);
    let device = or_cure(Device::start(&target, &compiled, &path("firmware")));
    let footprint = or_cure(device.footprint(0));
    or_cure(device.finish());
    let bytes = footprint.score.expect("it is scored").code_bytes;
    println!("decoding, scoring and their functions: {bytes} bytes of code");
    assert!(bytes <= ONE_FAMILY, "{bytes} bytes of code: are there other families in it?");
}

/// Asks every row for everything on both sides; returns what the device took.
fn tasks_are_equal(
    device: &mut Device,
    model: &Model,
    encoder: &Encoder,
    decoder: &Decoder,
    inputs: &Batch,
) -> Vec<Spent> {
    let heads = run_twin(&encoder.plan, inputs).expect("it fits");
    let [mean, spread] = heads.try_into().expect("two heads");
    let twin = Posteriors::of_heads(&encoder.latents[0], mean, spread).expect("finite");
    let mut inference = TwinInference::new(decoder, inputs.get("x").expect("it is given"), inputs)
        .expect("it decodes");
    let mut spent = Vec::new();
    for row in 0..ROWS {
        inference.at(row);
        for (task, count) in TASKS {
            let (mut loc, mut log_var) = (twin.row(row).0.to_vec(), twin.row(row).1.to_vec());
            let stream = StreamKey { seed: SEED, row: row as u64 };
            let expected = inference.infer(task, count, stream, &mut loc, &mut log_var);
            let expected = expected.expect("finite");
            let found = or_cure(device.infer(stream, task, count, &inputs.row(row)));
            let name = format!("{} row {row} {task:?} {count}", model.name);
            assert_eq!(bits(&found.found.values), bits(&expected.values), "{name}");
            assert!(found.found.values.iter().all(|value| value.is_finite()), "{name}");
            assert_eq!(found.found.kept_start, expected.kept_start, "{name}");
            assert_eq!(bits(&found.loc), bits(&loc), "{name}");
            assert_eq!(bits(&found.log_var), bits(&log_var), "{name}");
            spent.push(found.spent);
        }
    }
    spent
}

/// Instructions of a decoding with its likelihood and draw, and of a gradient with its share of a step.
fn costs(device: &mut Device, x: &[f32]) -> [f64; 2] {
    let stream = StreamKey { seed: SEED, row: 0 };
    let mut instructions =
        |task, count| or_cure(device.infer(stream, task, count, x)).spent.instructions as f64;
    let (draws, steps, samples) = (64, 8, 8);
    let elbo = instructions(Inference::Elbo, draws) - instructions(Inference::Elbo, 0);
    let refine = instructions(Inference::Refine, steps) - instructions(Inference::Refine, 0);
    [elbo / f64::from(draws), refine / f64::from(steps * samples)]
}

fn inputs(model: &Model, case: u64) -> Vec<f32> {
    let len: usize = given(model).iter().map(elbow::lower::Port::len).sum();
    match model.name.strip_prefix("refined ") {
        Some(name @ ("digits" | "digits_conv")) => {
            rows(&path(&format!("models/{name}/test.npy"))).values[..ROWS * len].to_vec()
        }
        _ => Random::new(SEED, case).values(ROWS * len),
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
