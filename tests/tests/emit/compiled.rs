//! Generated modules, compiled without a warning, against the twin, bit by bit.

use elbow::emit::{emit, identifier};
use elbow::lower::{Plan, Port};
use elbow::model::{Decoder, Density, Flow, Graphs, Model, Refine, Role};
use elbow::posterior::Posteriors;
use elbow::rows::{Rows, run_twin_counted, run_twin_in_sequence};
use elbow::twin::{Twin, TwinGradient, TwinLikelihood, refine, score};
use elbow_core::distributions::{rsample, standard_log_prob};
use elbow_core::infer::psis::Tail;
use elbow_core::infer::{Gradient, Iwae, Posterior, Scratch, log_weights};
use elbow_core::noise::Independent;
use elbow_tests::fixtures::{path, rows};
use elbow_tests::models;
use elbow_tests::models::{by_name, given, split};
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

/// What the twin answers to each row: all results in one line. The rows are two sequences of calls.
fn by_twin(model: &Model, inputs: &[f32]) -> Vec<String> {
    let half = inputs.len() / 2;
    [sequence(model, &inputs[..half]), sequence(model, &inputs[half..])].concat()
}

fn sequence(model: &Model, inputs: &[f32]) -> Vec<String> {
    let count = ROWS / 2;
    let inputs = split(&given(model), inputs, count);
    let run = |plan: &Plan, states: &[(usize, usize)]| {
        run_twin_in_sequence(plan, states, &inputs, count).expect("it fits")
    };
    let line = |row: usize| -> Vec<f32> {
        let of = |all: &[f32]| all[row * all.len() / count..(row + 1) * all.len() / count].to_vec();
        match &model.graphs {
            Graphs::Amortized { encoder, decoder, flow } => {
                let heads = run(&encoder.plan, &encoder.state_pairs());
                let indices = |rows: usize| {
                    let states = encoder.state_pairs();
                    run_twin_counted(&encoder.plan, &states, &inputs, rows).expect("it fits").1
                };
                let (mut results, mut hits) = (Vec::new(), indices(row + 1) - indices(row));
                let mut means = Vec::new();
                for (latent, pair) in encoder.latents.iter().zip(heads.chunks_exact(2)) {
                    let q = Posteriors::of_heads(latent, of(&pair[0]), of(&pair[1]));
                    let q = q.expect("finite");
                    results.extend([&q.mean[..], &q.log_var].concat());
                    hits += q.clamp_hits;
                    means.push(q);
                }
                results.push(hits as f32);
                if let Some(decoder) = decoder {
                    let own = decoder.given().filter(|(_, role)| *role == Role::Condition);
                    let conditions = own.map(|(port, _)| by_name(&inputs, &port.name).row(row));
                    let conditions: Vec<&[f32]> = conditions.collect();
                    if let [q] = &means[..] {
                        let x = by_name(&inputs, &encoder.plan.inputs[0].name).row(row);
                        let scored = score(decoder, x, &conditions, &q.mean, &q.log_var);
                        let (x_mean, terms) = scored.expect("it fits");
                        results.extend(x_mean);
                        results.extend([terms.log_likelihood, terms.kl]);
                        results.extend(generated(decoder, &conditions, q));
                        results.extend(refined(decoder, &inputs, row, q));
                    } else {
                        let latents = means.iter().map(|q| &q.mean[..]);
                        let inputs: Vec<&[f32]> = latents.chain(conditions).collect();
                        results.extend(
                            Twin::new(&decoder.plan).run(&inputs).expect("it fits").concat(),
                        );
                    }
                }
                if let Some(flow) = flow {
                    results.extend(flow_results(flow, run(&flow.plan, &[]), &of));
                }
                results
            }
            Graphs::Flow(flow) => flow_results(flow, run(&flow.plan, &[]), &of),
            Graphs::Bare(plan) => run(plan, &[]).iter().flat_map(|output| of(output)).collect(),
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
    rsample(&q.mean, &q.log_var, &q.mean, &mut z);
    let inputs: Vec<&[f32]> = [&z[..]].into_iter().chain(conditions.iter().copied()).collect();
    let [x_mean, ..] = &Twin::new(&decoder.plan).run(&inputs).expect("it fits")[..] else {
        panic!("it decodes")
    };
    [&z, &x_mean[..]].concat()
}

/// Likelihood and gradient at the posterior's mean, then the refined posterior and its gain, and how far it
/// may be trusted, of a model that is refined.
fn refined(decoder: &Decoder, inputs: &[Rows], row: usize, q: &Posteriors) -> Vec<f32> {
    let Some(Refine { gradient, settings }) = &decoder.refine else { return Vec::new() };
    let x = by_name(inputs, "x");
    let mut forward = TwinLikelihood::new(decoder, x, inputs).expect("it fits");
    forward.at(row);
    let mut twin = TwinGradient::new(forward, gradient);
    let (mut loc, mut log_var) = (q.mean.clone(), q.log_var.clone());
    let mut grad = vec![0.0; loc.len()];
    let log_likelihood = twin.gradient(&loc, &mut grad).expect("finite");
    let guarded = refine(&mut twin, settings, STEPS, STREAM, &mut loc, &mut log_var);
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

/// A function that prints the same for a compiled module.
fn caller(model: &Model) -> String {
    let name = identifier(&model.name);
    let ports = given(model);
    let conditions = ports_of(model, Role::Condition);
    let noise = ports_of(model, Role::Eps);
    let argument = |port: &Port, role: Role| match role {
        Role::Condition => number("c", &conditions, port),
        Role::Eps => number("eps", &noise, port),
        _ => "x".to_string(),
    };
    let (mut body, mut before) = (String::new(), String::new());
    let mut start = 0;
    for (index, port) in ports.iter().enumerate() {
        let name = match &model.graphs {
            Graphs::Bare(_) => format!("x{index}"),
            _ if index == 0 => "x".into(),
            _ if conditions.contains(&port.name) => number("c", &conditions, port),
            _ => number("eps", &noise, port),
        };
        body += &format!("let {name} = row[{start}..].first_chunk().expect(\"a row\");\n");
        start += port.len();
    }
    let flow_calls = |flow: &Flow, prefix: &str| {
        let arguments: String = flow
            .plan
            .inputs
            .iter()
            .zip(&flow.inputs)
            .map(|(port, role)| format!("{}, ", argument(port, *role)))
            .collect();
        let mut calls = format!(
            "let mut u = [0.0; {prefix}LATENT];\nlet log = flow(&pack, &mut ws, {arguments}&mut u).expect(\"finite\");\nprint(&[&u, &[log]]);\n"
        );
        if flow.density == (Density::LogDet { standard_normal: true }) {
            calls += &format!(
                "print(&[&[log_prob(&pack, &mut ws, {arguments}&mut u).expect(\"finite\")]]);\n"
            );
        }
        calls
    };
    match &model.graphs {
        Graphs::Amortized { encoder, decoder, flow } => {
            let count = encoder.latents.len();
            let q: Vec<String> = match count {
                1 => vec!["q".into()],
                _ => (0..count).map(|at| format!("q{at}")).collect(),
            };
            let given: String =
                encoder.given().map(|(port, role)| format!("{}, ", argument(port, role))).collect();
            let posteriors: Vec<String> = q.iter().map(|q| format!("&mut {q}")).collect();
            let printed: String = q.iter().map(|q| format!("&{q}.loc, &{q}.log_var, ")).collect();
            body += &format!(
                "encode(&pack, &mut ws, {given}{}).expect(\"finite\");\nprint(&[{printed}&[ws.clamp_hits as f32]]);\n",
                posteriors.join(", ")
            );
            if let Some(decoder) = decoder {
                let own = decoder.given().filter(|(_, role)| *role == Role::Condition);
                let own: String =
                    own.map(|(port, role)| format!("{}, ", argument(port, role))).collect();
                body += &match count {
                    1 => format!(
                        "let terms = score(&pack, &mut ws, x, {own}&q, &mut x_mean).expect(\"finite\");\nprint(&[&x_mean, &[terms.log_likelihood, terms.kl]]);\nlet mut z = [0.0; LATENT];\ngenerate(&pack, &mut ws, {own}&q, &q.loc, &mut z, &mut x_mean).expect(\"finite\");\nprint(&[&z, &x_mean]);\n"
                    ),
                    _ => format!(
                        "decode(&pack, &mut ws, {}, {own}&mut x_mean).expect(\"finite\");\nprint(&[&x_mean]);\n",
                        q.iter().map(|q| format!("&{q}.loc")).collect::<Vec<_>>().join(", ")
                    ),
                };
                if decoder.refine.is_some() {
                    body += &format!(
                        "let mut grad = [0.0; LATENT];
let value = gradient(&pack, &mut ws, x, {own}&q.loc, &mut x_mean, &mut grad).expect(\"finite\");
let mut better = q.clone();
let mut x_of = Observation {{ pack: &pack, ws: &mut ws, x, {own}x_mean: &mut x_mean }};
let guarded = refine(&mut x_of, &mut better, {STEPS}, {STREAM:?}).expect(\"finite\");
print(&[&[value], &grad, &better.loc, &better.log_var, &[guarded.gain, guarded.se]]);
let (mut iwae, mut tail) = (Iwae::new(), Tail::<{WEIGHTS_KEPT}>::new());
let scratch = Scratch {{ eps: &mut [0.0; LATENT], z: &mut [0.0; LATENT] }};
let (key, datapoint) = {STREAM:?};
let mut noise = Independent {{ key, datapoint }};
log_weights(&mut x_of, (&better).into(), &mut noise, 0..{WEIGHTS}, scratch, |log_w| {{
    iwae.push(log_w);
    tail.push(log_w);
}}).expect(\"finite\");
print(&[&[iwae.bound(), iwae.ess(), tail.k_hat().expect(\"a tail\")]]);
"
                    );
                }
                before += "let mut x_mean = [0.0; OBSERVED];\n";
                body += "x_mean[0] = 0.0;\n";
            }
            for q in &q {
                let kind = "elbow_core::distributions::DiagNormal";
                before += &format!("let mut {q} = {kind}::standard();\n");
            }
            if let Some(flow) = flow {
                body += &flow_calls(flow, "FLOW_");
            }
            if encoder.states > 0 {
                body += &format!("if row_number + 1 == {ROWS} / 2 {{ ws.reset(); }}\n");
            }
        }
        Graphs::Flow(flow) => body += &flow_calls(flow, ""),
        Graphs::Bare(plan) => {
            let mut arguments: String =
                (0..ports.len()).map(|index| format!(", x{index}")).collect();
            for index in 0..plan.outputs.len() {
                body += &format!("let mut y{index} = [0.0; OUTPUTS[{index}]];\n");
                arguments += &format!(", &mut y{index}");
            }
            body += &format!("run(&pack, &mut ws{arguments}).expect(\"finite\");\n");
            for index in 0..plan.outputs.len() {
                body += &format!("print(&[&y{index}]);\n");
            }
        }
    }
    format!(
        "fn {name}() {{
    use generated::{name}::*;
    static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!(\"{name}.bin\"));
    let pack = Pack::new_checked(&WEIGHTS.0).expect(\"a pack\");
    let rows = floats(include_bytes!(\"{name}.in\"));
    let mut ws = Workspace::new();
    {before}
    for (row_number, row) in rows.chunks_exact({start}).enumerate() {{
        let _ = row_number;
        {body}
        println!();
    }}
}}
"
    )
}

fn number(letter: &str, names: &[String], port: &Port) -> String {
    let at = names.iter().position(|name| *name == port.name).expect("it is listed");
    format!("{letter}{at}")
}

/// Names of the inputs of a role, in the order of their numbers in generated code.
fn ports_of(model: &Model, wanted: Role) -> Vec<String> {
    let is = |port: &Port| {
        let plans: Vec<(&Plan, &[Role])> = match &model.graphs {
            Graphs::Amortized { encoder, decoder, flow } => {
                let decoder = decoder.iter().map(|d| (&d.plan, &d.inputs[..]));
                let flow = flow.iter().map(|f| (&f.plan, &f.inputs[..]));
                [(&encoder.plan, &encoder.inputs[..])]
                    .into_iter()
                    .chain(decoder)
                    .chain(flow)
                    .collect()
            }
            Graphs::Flow(flow) => vec![(&flow.plan, &flow.inputs[..])],
            Graphs::Bare(_) => Vec::new(),
        };
        plans.iter().any(|(plan, roles)| {
            plan.inputs.iter().zip(*roles).any(|(p, role)| p.name == port.name && *role == wanted)
        })
    };
    given(model).into_iter().filter(is).map(|port| port.name).collect()
}

const MANIFEST: &str = "
[package]
name = \"generated\"
edition = \"2024\"

[workspace]

[dependencies]
elbow-core = { path = \"CORE\" }
";

const MAIN: &str = "
use elbow_core::infer::{Iwae, Scratch, log_weights, psis::Tail};
use elbow_core::noise::Independent;
use elbow_core::pack::{Aligned, Pack};
fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
fn print(values: &[&[f32]]) {
    values.concat().iter().for_each(|value| print!(\"{:08x}\", value.to_bits()));
}
";

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
    let (mut program, mut main) = (MAIN.to_string(), String::new());
    for (case, model) in models.iter().enumerate() {
        let artifact = emit(model).expect("it can be emitted");
        let name = identifier(&model.name);
        let bytes: Vec<u8> =
            inputs(model, case as u64).iter().flat_map(|value| value.to_le_bytes()).collect();
        save(&format!("src/{name}.rs"), artifact.source.as_bytes());
        save(&format!("src/{name}.bin"), &artifact.pack);
        save(&format!("src/{name}.in"), &bytes);
        // As a file, and as a build script's output is read.
        library += &match case % 2 {
            0 => format!("/// Generated.\npub mod {name};\n"),
            _ => format!("/// Generated.\npub mod {name} {{\n    include!(\"{name}.rs\");\n}}\n"),
        };
        program += &caller(model);
        main += &format!("    {name}();\n");
    }
    save("src/lib.rs", library.as_bytes());
    save("src/main.rs", format!("{program}fn main() {{\n{main}}}\n").as_bytes());
}

#[test]
fn compiled_modules_equal_the_twin_in_every_bit() {
    let softmax = vec![models::refined_softmax()];
    let models = [models::all(), models::refined(), softmax].concat();
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
