//! The emulated devices against the twin: all models in one image per target, every bit compared.

use elbow::device::{Device, DeviceRow, Firmware, Image, Spent, Target, build_image};
use elbow::emit::emit;
use elbow::infer;
use elbow::lower::{Core, Kernel, Plan, Port, Step};
use elbow::model::{Decoder, Encoder, Flow, Graphs, Model};
use elbow::posterior::Posteriors;
use elbow::rows::{Batch, run_twin_counted};
use elbow::twin::Twin;
use elbow_core::distributions::rsample;
use elbow_core::noise::{Stream, fill_standard_normal};
use elbow_tests::fixtures::{path, rows};
use elbow_tests::images::{compiled, on_every_core, or_cure};
use elbow_tests::random::Random;
use models::{bare, given, split, tiny};
use std::collections::BTreeSet;
use std::path::Path;

use elbow_tests::{integers, models};

/// Rows that each model encodes, and draws from each posterior.
const ROWS: usize = 8;
const SAMPLES: u32 = 3;
const SEED: u64 = 0x0123_4567_89ab_cdef;

#[test]
fn every_core_equals_the_twin_in_every_bit() {
    on_every_core(|core| equals_the_twin(core.target));
}

/// What of `kernels` lends memory or orders weights, and computes nothing; and `conv_phases` by a shape that no compiler
/// knows.
const HELPERS: [&str; 5] = ["conv_transpose", "disjoint", "pack_transposed", "part", "part_mut"];

/// The functions of a module that kernels of plans call.
fn called(module: &str) -> BTreeSet<String> {
    let name = |function: &&str| Some(function.strip_prefix(module)?.strip_prefix("::")?.into());
    Kernel::FUNCTIONS.iter().filter_map(name).collect()
}

/// The public functions of `kernels`.
fn functions() -> BTreeSet<String> {
    let names = public(&path("core/src/kernels"));
    names.into_iter().filter(|name| !HELPERS.contains(&name.as_str())).collect()
}

/// Files of `kernels::integer` that compute nothing, and the name of a kernel's definition.
const NO_KERNELS: [&str; 3] = ["native.rs", "packing.rs", "views.rs"];
const DEFINITION: &str = "portable";

/// The public functions of `kernels::integer` that compute.
fn integer_functions() -> BTreeSet<String> {
    let mut names = public(&path("core/src/kernels/integer"));
    names.remove(DEFINITION);
    names
}

/// The public functions of a folder's files.
fn public(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let files = files
        .map(|file| file.expect("an entry").path())
        .filter(|file| file.is_file() && !NO_KERNELS.iter().any(|other| file.ends_with(other)));
    let texts = files.map(|file| std::fs::read_to_string(file).expect("a file"));
    let names = |text: String| {
        let declared = text.lines().filter_map(|line| line.strip_prefix("pub fn "));
        let name = |rest: &str| rest.split(['(', '<']).next().unwrap_or_default().to_string();
        declared.map(name).collect::<Vec<_>>()
    };
    texts.flat_map(names).collect()
}

/// Steps of these models call every kernel of a module, and their code the kernels of its steps.
fn use_all(module: &str, models: &[Model]) {
    let mut missing = called(module);
    for model in models {
        let source = emit(model).expect("it can be emitted").source;
        let plans = model.graphs.parts().plans();
        for step in plans.flat_map(|(_, plan)| &plan.steps) {
            let function = step.kernel.function();
            let Some((of, name)) = function.split_once("::") else { panic!("{function}") };
            if of == module {
                assert!(source.contains(&format!("{function}(")), "{}: {function}", model.name);
                missing.remove(name);
            }
        }
    }
    assert!(missing.is_empty(), "no model uses {missing:?}");
}

#[test]
fn the_models_on_the_devices_use_every_kernel() {
    assert_eq!(called("kernels"), functions(), "plans call all functions, and no others");
    use_all("kernels", &models::all());
}

#[test]
fn the_integer_models_on_the_devices_use_every_integer_kernel() {
    assert_eq!(called("integer"), integer_functions(), "plans call all functions, and no others");
    let models = [Core::Plain, Core::Dsp, Core::Helium].map(integers::models);
    assert!(models[0].len() >= 12, "{} models", models[0].len());
    use_all("integer", &models.concat());
}

fn equals_the_twin(target: &str) {
    let target = Target::named(target).expect("a target of the table");
    let models = [models::all(), integers::models(target.core)].concat();
    let (_folder, compiled) = compiled(&models);
    let mut device = or_cure(Device::start(&target, &compiled, &path("firmware")));
    for (index, model) in models.iter().enumerate() {
        let workspace = or_cure(device.select(index)).workspace_bytes;
        let budget = emit(model).expect("it can be emitted").budget;
        assert_eq!(budget.ram_bytes.workspace, workspace as usize, "{}", model.name);
        let inputs = inputs(model, index as u64);
        let spent: Vec<Spent> = match &model.graphs {
            Graphs::Amortized { encoder, decoder, .. } => {
                let decoder = decoder.as_ref().filter(|_| encoder.latents.len() == 1);
                let (first, second) = inputs.split_at(ROWS / 2);
                let mut sequence = |rows: &[Vec<f32>]| {
                    or_cure(device.reset());
                    let rows = split(&given(model), &rows.concat(), rows.len());
                    encodes(&mut device, encoder, decoder, &rows)
                };
                [sequence(first), sequence(second)].concat()
            }
            Graphs::Flow(Flow { plan, .. }) | Graphs::Bare(plan) => {
                (0u64..).zip(&inputs).map(|(row, x)| runs(&mut device, plan, row, x)).collect()
            }
        };
        within_bounds(&device, index, workspace, &spent, model);
    }
    or_cure(device.finish());
}

/// Inputs of each row, all inputs of the graph one after another.
fn inputs(model: &Model, case: u64) -> Vec<Vec<f32>> {
    let len: usize = given(model).iter().map(Port::len).sum();
    let trained = model.name.split('.').next().unwrap_or_default();
    let file = path(&format!("models/{trained}/test.npy"));
    let values = match file.exists() {
        true => rows(&file).values,
        false => Random::new(SEED, case).values(ROWS * len),
    };
    values.chunks_exact(len).take(ROWS).map(<[f32]>::to_vec).collect()
}

/// Encodes a sequence of rows on both sides; returns what encoder and decoder took.
fn encodes(
    device: &mut Device,
    encoder: &Encoder,
    decoder: Option<&Decoder>,
    rows: &Batch,
) -> Vec<Spent> {
    let heads = run_twin_counted(&encoder.plan, &encoder.state_pairs(), rows);
    let (heads, indices) = heads.expect("it fits");
    let mut heads = heads.into_iter();
    let mut head = || heads.next().expect("two heads");
    let posteriors = encoder.latents.iter().map(|latent| {
        Posteriors::of_heads(latent, head(), head()).expect("finite") // of all rows
    });
    let posteriors: Vec<Posteriors> = posteriors.collect();
    let (mut spent, mut hits) = (Vec::new(), 0);
    for row in 0..rows.len {
        let inputs = rows.row(row);
        let found = or_cure(device.encode(row as u64, SEED, SAMPLES, &inputs));
        let (loc, log_var): (Vec<_>, Vec<_>) = posteriors.iter().map(|q| q.row(row)).unzip();
        assert_eq!(bits(&found.loc), bits(&loc.concat()));
        assert_eq!(bits(&found.log_var), bits(&log_var.concat()));
        hits += u64::from(found.clamp_hits);
        samples_are_equal(&found, row as u64);
        let terms = decoder.map(|decoder| {
            let own = decoder.conditions();
            let own: Vec<&[f32]> =
                own.map(|port| rows.given(&port.name).expect("it is given").row(row)).collect();
            let x = rows.inputs[0].row(row);
            infer::score(decoder, x, &own, loc[0], log_var[0]).expect("it fits").1
        });
        let bits_of = |terms: elbow_core::infer::ElboTerms| bits(&[terms.log_likelihood, terms.kl]);
        assert_eq!(found.score.map(|(terms, _)| bits_of(terms)), terms.map(bits_of));
        if encoder.states == 0 {
            let again = or_cure(device.encode(row as u64, SEED, 0, &inputs));
            assert_eq!(again.spent, found.spent, "equal work takes equal instructions");
        }
        spent.push(found.spent);
        spent.extend(found.score.map(|(_, spent)| spent));
    }
    assert_eq!(hits, indices + posteriors.iter().map(|q| q.clamp_hits).sum::<u64>());
    spent
}

fn samples_are_equal(found: &DeviceRow, row: u64) {
    assert_eq!(found.samples.len(), SAMPLES as usize);
    for (number, sample) in (0u32..).zip(&found.samples) {
        let mut stream = Stream::new(SEED, row, number);
        assert_eq!(sample.words, stream.clone().next_block());
        let (mut eps, mut z) = (vec![0.0; found.loc.len()], vec![0.0; found.loc.len()]);
        fill_standard_normal(&mut stream, &mut eps).expect("the stream does not fail");
        rsample(&found.loc, &found.log_var, &eps, &mut z);
        assert_eq!((bits(&sample.eps), bits(&sample.z)), (bits(&eps), bits(&z)));
    }
}

/// Runs a graph on both sides.
fn runs(device: &mut Device, plan: &Plan, row: u64, x: &[f32]) -> Spent {
    let (found, spent) = or_cure(device.run(row, x));
    let mut rest = x;
    let inputs: Vec<&[f32]> = plan
        .inputs
        .iter()
        .map(|port| {
            let (input, others) = rest.split_at(port.len());
            rest = others;
            input
        })
        .collect();
    let expected = Twin::new(plan).run(&inputs).expect("it fits");
    let all_bits = |outputs: &[Vec<f32>]| -> Vec<_> { outputs.iter().map(|o| bits(o)).collect() };
    assert_eq!(all_bits(&found), all_bits(&expected));
    spent
}

/// Painted stack is at most the static bound; the workspace is at most 1.25 times what was written.
fn within_bounds(device: &Device, index: usize, workspace: u32, spent: &[Spent], model: &Model) {
    let name = &model.name;
    let footprint = or_cure(device.footprint(index));
    let bounds = [Some(footprint.infer), footprint.score].into_iter().flatten();
    let bound = bounds.map(|f| f.stack_bytes.expect("a closed bound")).max().expect("one");
    let painted = spent.iter().map(|s| s.stack_bytes.expect("64 KiB suffice")).max();
    let painted = painted.expect("at least one row");
    assert!(painted <= bound, "{name}: {painted} bytes of stack used, {bound} promised");
    let kept = match &model.graphs {
        Graphs::Amortized { encoder, decoder, .. } => {
            let states = encoder.state_pairs().into_iter();
            let states = states.map(|(input, _)| 2 * encoder.plan.inputs[input].len());
            let outputs = decoder.iter().flat_map(|decoder| &decoder.plan.outputs[1..]);
            let floats = states.chain(outputs.map(Port::len)).sum::<usize>();
            size_of::<u32>() + size_of::<f32>() * floats // clamp hits, states, the likelihood's parameters
        }
        Graphs::Flow(Flow { plan, .. }) | Graphs::Bare(plan) => {
            let looks_up =
                |step: &Step| matches!(step.kernel, Kernel::TakeBy(_) | Kernel::TakeAlong { .. });
            if plan.steps.iter().any(looks_up) { size_of::<u32>() } else { 0 }
        }
    };
    let used = kept as u32 + spent.iter().map(|s| s.arena_bytes).max().expect("at least one row");
    assert!(used <= workspace, "{name}: {used} bytes of workspace used, {workspace} promised");
    if matches!(&model.graphs, Graphs::Amortized { flow: Some(_), .. }) {
        return; // the device runs the encoder alone, the workspace serves the flow as well
    }
    assert!(workspace * 4 <= used * 5, "{name}: {workspace} bytes of workspace, {used} used");
}

#[test]
fn what_cannot_be_encoded_is_refused_and_the_device_lives_on() {
    let target = Target::named("qemu-m4").expect("a target of the table");
    let (_folder, compiled) = compiled(&[tiny(None), bare("clip", "tests/fixtures/clip")]);
    let mut device = or_cure(Device::start(&target, &compiled, &path("firmware")));
    let x = [0.5, -1.0, 2.0, 0.0];
    let refused = |result: elbow::Result<DeviceRow>, reason: &str| {
        let error = result.expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}");
    };
    refused(device.encode(0, SEED, 0, &x), "no model is selected");
    or_cure(device.select(0));
    refused(device.encode(0, SEED, 0, &x[..3]), "reads 4 floats, 12 bytes came");
    refused(device.encode(0, SEED, 0, &[0.0, f32::NAN, 0.0, 0.0]), "input[1] is not finite");
    refused(device.encode(0, SEED, 0, &[0.0, 0.0, 0.0, f32::INFINITY]), "input[3]");
    refused(device.run(0, &x).map(|_| unreachable!()), "does not do this");
    or_cure(device.select(1));
    refused(device.encode(0, SEED, 0, &x), "does not do this");
    or_cure(device.select(0));
    or_cure(device.encode(0, SEED, 1, &x));
    or_cure(device.finish());
}

#[test]
fn an_image_has_no_allocator() {
    let target = Target::named("qemu-m4").expect("a target of the table");
    let (_folder, compiled) = compiled(&[tiny(None)]);
    let file = or_cure(build_image(Firmware::Parity, &target, &compiled, &path("firmware")));
    let image = Image::parse(&std::fs::read(file).expect("an image")).expect("an ELF file");
    assert!(image.symbols().iter().any(|name| name == "main"), "the image has symbols");
    for name in image.symbols() {
        let allocates =
            ["__rust_alloc", "__rust_dealloc", "__rust_realloc", "__rg_", "malloc", "_sbrk"];
        assert!(!allocates.iter().any(|part| name.contains(part)), "{name}");
    }
}

/// The bits of values; all NaN are one, since processors differ in which they produce.
fn bits(values: &[f32]) -> Vec<u32> {
    let one_nan = |value: &f32| if value.is_nan() { f32::NAN } else { *value };
    values.iter().map(|value| one_nan(value).to_bits()).collect()
}
