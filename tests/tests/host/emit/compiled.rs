//! Generated modules, compiled without a warning, against the twin, bit by bit.

use elbow::emit::emit;
use elbow::identifier::identifier;
use elbow::infer::{TwinGradient, TwinLikelihood, refine, score};
use elbow::lower::{Plan, Port};
use elbow::model::{Decoder, Density, Flow, Graphs, Model, Refine};
use elbow::posterior::Posteriors;
use elbow::rows::{Batch, Rows, StreamKey, run_twin_counted};
use elbow::twin::Twin;
use elbow_core::distributions::{rsample, standard_log_prob};
use elbow_core::infer::psis::Tail;
use elbow_core::infer::{Gradient, Iwae, Posterior, Scratch, log_weights};
use elbow_core::noise::Independent;
use elbow_tests::fixtures::{path, rows};
use elbow_tests::models;
use elbow_tests::models::{given, split};
use elbow_tests::random::Random;
use std::path::Path;
use std::process::Command;

/// Rows that each model runs.
const ROWS: usize = 8;
const SEED: u64 = 7;
/// Steps of a refinement, and its key and datapoint.
const STEPS: u32 = 3;
const STREAM: (u64, u64) = (11, 5);
/// Draws that are weighed, and the largest weights that are kept of them.
const WEIGHTS: u32 = 100;
const WEIGHTS_KEPT: usize = 21;

/// Inputs of all rows, one after the other.
fn inputs(model: &Model, case: u64) -> Vec<f32> {
    let len: usize = given(model).iter().map(Port::len).sum();
    let trained = model.name.trim_start_matches("refined ").split('.').next().unwrap_or_default();
    let file = path(&format!("models/{trained}/test.npy"));
    match file.exists() {
        true => rows(&file).values[..ROWS * len].to_vec(),
        // Without a negative number, since these may be counts.
        false if model.name == "counts" => {
            Random::new(SEED, case).values(ROWS * len).into_iter().map(f32::abs).collect()
        }
        false => Random::new(SEED, case).values(ROWS * len),
    }
}

/// What the twin answers to each row: all results in one line. The rows are two sequences of calls; those of
/// a flow beside an encoder come behind.
fn by_twin(model: &Model, inputs: &[f32]) -> Vec<String> {
    let half = inputs.len() / 2;
    let own = [sequence(model, &inputs[..half]), sequence(model, &inputs[half..])].concat();
    let flow = flow_beside(model).map(|flow| {
        let alone = Model { graphs: Graphs::Flow(flow.clone()), ..model.clone() };
        by_twin(&alone, &of_flow(model, flow, inputs))
    });
    [own, flow.unwrap_or_default()].concat()
}

fn sequence(model: &Model, inputs: &[f32]) -> Vec<String> {
    let count = ROWS / 2;
    let inputs = split(&given(model), inputs, count);
    let run = |plan: &Plan, states: &[(usize, usize)]| {
        run_twin_counted(plan, states, &inputs).expect("it fits").0
    };
    // Indices that a row took as the nearest of their table.
    let outside = |plan: &Plan, states: &[(usize, usize)], row: usize| {
        let until =
            |rows: usize| run_twin_counted(plan, states, &inputs.first(rows)).expect("it fits").1;
        until(row + 1) - until(row)
    };
    let line = |row: usize| -> Vec<f32> {
        let of = |all: &[f32]| all[row * all.len() / count..(row + 1) * all.len() / count].to_vec();
        match &model.graphs {
            Graphs::Amortized { encoder, decoder, .. } => {
                let heads = run(&encoder.plan, &encoder.state_pairs());
                let (mut results, mut hits) =
                    (Vec::new(), outside(&encoder.plan, &encoder.state_pairs(), row));
                let mut means = Vec::new();
                for (latent, pair) in encoder.latents.iter().zip(heads.chunks_exact(2)) {
                    let q = Posteriors::of_heads(latent, of(&pair[0]), of(&pair[1]));
                    let q = q.expect("finite");
                    results.extend([&q.loc[..], &q.log_var].concat());
                    hits += q.clamp_hits;
                    means.push(q);
                }
                results.push(hits as f32);
                if let Some(decoder) = decoder {
                    let own = decoder.conditions();
                    let conditions =
                        own.map(|port| inputs.given(&port.name).expect("it is given").row(row));
                    let conditions: Vec<&[f32]> = conditions.collect();
                    if let [q] = &means[..] {
                        let x = inputs
                            .given(&encoder.plan.inputs[0].name)
                            .expect("it is given")
                            .row(row);
                        let scored = score(decoder, x, &conditions, &q.loc, &q.log_var);
                        let (x_mean, terms) = scored.expect("it fits");
                        results.extend(x_mean);
                        results.extend([terms.log_likelihood, terms.kl]);
                        results.extend(generated(decoder, &conditions, q));
                        results.extend(refined(decoder, &inputs, row, q));
                    } else {
                        let latents = means.iter().map(|q| &q.loc[..]);
                        let inputs: Vec<&[f32]> = latents.chain(conditions).collect();
                        results.extend(
                            Twin::new(&decoder.plan).run(&inputs).expect("it fits").concat(),
                        );
                    }
                }
                results
            }
            Graphs::Flow(flow) => flow_results(flow, run(&flow.plan, &[]), &of),
            Graphs::Bare(plan) => {
                let outputs = run(plan, &[]);
                let hits = outside(plan, &[], row) as f32;
                outputs.iter().flat_map(|output| of(output)).chain([hits]).collect()
            }
        }
    };
    let text = |values: Vec<f32>| -> String {
        values.iter().map(|value| format!("{:08x}", value.to_bits())).collect()
    };
    (0..count).map(|row| text(line(row))).collect()
}

/// A draw of the posterior, by its own mean as noise, and what it decodes to.
fn generated(decoder: &Decoder, conditions: &[&[f32]], q: &Posteriors) -> Vec<f32> {
    let mut z = vec![0.0; q.latent];
    rsample(&q.loc, &q.log_var, &q.loc, &mut z);
    let inputs: Vec<&[f32]> = [&z[..]].into_iter().chain(conditions.iter().copied()).collect();
    let [x_mean, ..] = &Twin::new(&decoder.plan).run(&inputs).expect("it fits")[..] else {
        panic!("it decodes")
    };
    [&z, &x_mean[..]].concat()
}

/// Likelihood and gradient at the posterior's mean, then the refined posterior and its gain, and how far it
/// may be trusted, of a model that is refined.
fn refined(decoder: &Decoder, inputs: &Batch, row: usize, q: &Posteriors) -> Vec<f32> {
    let Some(Refine { gradient, settings }) = &decoder.refine else { return Vec::new() };
    let x = inputs.given("x").expect("it is given");
    let mut forward = TwinLikelihood::new(decoder, x, inputs).expect("it fits");
    forward.at(row);
    let mut twin = TwinGradient::new(forward, gradient);
    let (mut loc, mut log_var) = (q.loc.clone(), q.log_var.clone());
    let mut grad = vec![0.0; loc.len()];
    let log_likelihood = twin.gradient(&loc, &mut grad).expect("finite");
    let stream = StreamKey { seed: STREAM.0, row: STREAM.1 };
    let guarded = refine(&mut twin, settings, STEPS, stream, &mut loc, &mut log_var);
    let guarded = guarded.expect("finite");
    let (mut iwae, mut tail) = (Iwae::new(), Tail::<WEIGHTS_KEPT>::new());
    let scratch = Scratch { eps: &mut vec![0.0; loc.len()], z: &mut vec![0.0; loc.len()] };
    let mut noise = Independent { key: STREAM.0, datapoint: STREAM.1 };
    let better = Posterior { loc: &loc, log_var: &log_var };
    log_weights(&mut twin, better, &mut noise, 0..WEIGHTS, scratch, |log_w| {
        iwae.push(log_w);
        tail.push(log_w);
    })
    .expect("finite");
    let trust = vec![iwae.bound(), iwae.ess(), tail.k_hat().expect("a tail")];
    [vec![log_likelihood], grad, loc, log_var, vec![guarded.gain, guarded.se], trust].concat()
}

fn flow_results(flow: &Flow, outputs: Vec<Vec<f32>>, of: &dyn Fn(&[f32]) -> Vec<f32>) -> Vec<f32> {
    let (z, log) = (of(&outputs[0]), of(&outputs[1])[0]);
    let log_prob = match flow.density {
        Density::LogDet { standard_normal: true } => vec![standard_log_prob(&z) + log],
        _ => Vec::new(),
    };
    [z, vec![log], log_prob].concat()
}

const MANIFEST: &str = "
[package]
name = \"generated\"
edition = \"2024\"

[workspace]

[dependencies]
elbow-core = { path = \"CORE\" }
";

/// The program, without its settings and its list of models.
const CALLER: &str = include_str!("caller.rs");

/// What both sides do.
fn settings() -> String {
    format!(
        "const ROWS: usize = {ROWS};
const STEPS: u32 = {STEPS};
const STREAM: (u64, u64) = {STREAM:?};
const WEIGHTS: u32 = {WEIGHTS};
const WEIGHTS_KEPT: usize = {WEIGHTS_KEPT};
"
    )
}

/// A call of the program for a type of a module.
fn called(module: &str, kind: &str) -> String {
    format!(
        "    static {}: &Aligned<[u8]> = &Aligned(*include_bytes!(\"{module}.bin\"));
    call::<generated::{module}::{kind}>(&{0}.0, include_bytes!(\"{module}.{kind}.in\"));
",
        format!("{module}_{kind}").to_uppercase()
    )
}

/// The inputs of a flow beside an encoder: of each row what the flow reads.
fn of_flow(model: &Model, flow: &Flow, inputs: &[f32]) -> Vec<f32> {
    let inputs = split(&given(model), inputs, ROWS);
    let own: Vec<&Rows> = flow
        .plan
        .inputs
        .iter()
        .map(|port| inputs.given(&port.name).expect("it is given"))
        .collect();
    (0..ROWS).flat_map(|row| own.iter().flat_map(move |rows| rows.row(row).to_vec())).collect()
}

/// The flow beside an encoder.
fn flow_beside(model: &Model) -> Option<&Flow> {
    match &model.graphs {
        Graphs::Amortized { flow, .. } => flow.as_ref(),
        _ => None,
    }
}

/// Writes a crate: a library with a module per model, and a program that prints their results.
fn write(folder: &Path, models: &[Model]) {
    let save = |name: &str, content: &[u8]| {
        std::fs::write(folder.join(name), content).expect("the folder can be written");
    };
    std::fs::create_dir_all(folder.join("src")).expect("the folder can be written");
    let core = path("core").canonicalize().expect("the core is there");
    save("Cargo.toml", MANIFEST.replace("CORE", &core.to_string_lossy()).as_bytes());
    save("Cargo.lock", &std::fs::read(path("Cargo.lock")).expect("the lock file is there"));
    let mut library = "//! Generated.\n#![no_std]\n#![deny(warnings, missing_docs)]\n".to_string();
    let mut main = String::new();
    for (case, model) in models.iter().enumerate() {
        let artifact = emit(model).expect("it can be emitted");
        let name = identifier(&model.name);
        let bytes = |values: Vec<f32>| -> Vec<u8> {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        let inputs = inputs(model, case as u64);
        save(&format!("src/{name}.rs"), artifact.source.as_bytes());
        save(&format!("src/{name}.bin"), &artifact.pack);
        main += &called(&name, "Model");
        // Every field has four bytes, here as on a core.
        main += &format!(
            "    assert_eq!(size_of::<generated::{name}::Workspace>(), {}, \"{name}\");\n",
            artifact.budget.ram_bytes.workspace
        );
        if let Some(flow) = flow_beside(model) {
            let own = bytes(of_flow(model, flow, &inputs));
            save(&format!("src/{name}.FlowModel.in"), &own);
            main += &called(&name, "FlowModel");
        }
        save(&format!("src/{name}.Model.in"), &bytes(inputs));
        // As a file, and as a build script's output is read.
        library += &match case % 2 {
            0 => format!("/// Generated.\npub mod {name};\n"),
            _ => format!("/// Generated.\npub mod {name} {{\n    include!(\"{name}.rs\");\n}}\n"),
        };
    }
    save("src/lib.rs", library.as_bytes());
    save("src/settings.rs", settings().as_bytes());
    save("src/main.rs", format!("{CALLER}\nfn main() {{\n{main}}}\n").as_bytes());
}

#[test]
fn compiled_modules_equal_the_twin_in_every_bit() {
    let softmax = vec![models::refined_softmax()];
    let models = [models::all(), models::refined(), softmax, models::all_watched()].concat();
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), &models);
    let rustfmt = Command::new("rustfmt")
        .args(["--check", "--edition", "2024"])
        .args(
            models
                .iter()
                .map(|model| folder.path().join(format!("src/{}.rs", identifier(&model.name)))),
        )
        .output()
        .expect("rustfmt runs");
    let diff = String::from_utf8_lossy(&rustfmt.stdout).into_owned();
    assert!(rustfmt.status.success(), "rustfmt would change what was generated:\n{diff}");
    let cargo = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline"])
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", path("target/generated"))
        .output()
        .expect("cargo runs");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&cargo.stdout), String::from_utf8_lossy(&cargo.stderr));
    assert!(cargo.status.success() && stderr.is_empty(), "{stderr}");
    let mut lines = stdout.lines();
    for (case, model) in models.iter().enumerate() {
        for (row, expected) in by_twin(model, &inputs(model, case as u64)).iter().enumerate() {
            assert_eq!(lines.next(), Some(expected.as_str()), "{} row {row}", model.name);
        }
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn the_bound_of_refinement_is_what_the_backward_pass_holds() {
    let source = |model: Model| emit(&model).expect("it can be emitted").source;
    let softmax = source(models::refined_softmax());
    assert!(softmax.contains("let floats = STORED + 3 * LARGEST + 8 * LATENT;"), "{softmax}");
    assert!(softmax.contains("// More than twice the largest layer"), "{softmax}");
    for model in models::refined() {
        let (name, source) = (model.name.clone(), source(model));
        assert!(source.contains("let floats = STORED + 2 * LARGEST + "), "{name}");
        assert!(!source.contains("// More than twice"), "{name}");
    }
}
