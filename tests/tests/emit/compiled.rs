//! Generated modules, compiled without a warning, against the twin, bit by bit.

use crate::models;
use elbow::emit::{emit, identifier};
use elbow::model::{Graphs, Model};
use elbow::posterior::Posteriors;
use elbow::twin::{Twin, score};
use elbow_tests::fixtures::{path, rows};
use elbow_tests::random::Random;
use std::path::Path;
use std::process::Command;

/// Rows that each model runs.
const ROWS: usize = 8;
const SEED: u64 = 7;

/// Inputs of all rows, one after the other.
fn inputs(model: &Model, case: u64) -> Vec<f32> {
    let Graphs::Amortized { encoder, .. } = &model.graphs else {
        let Graphs::Bare(plan) = &model.graphs else { return Vec::new() };
        let len = plan.inputs.iter().map(|port| port.len()).sum::<usize>();
        return Random::new(SEED, case).values(ROWS * len);
    };
    let len = encoder.plan.inputs[0].len();
    let trained = model.name.split('.').next().filter(|name| ["imu", "digits"].contains(name));
    match trained {
        Some(name) => rows(&path(&format!("models/{name}/test.npy"))).values[..ROWS * len].to_vec(),
        None => Random::new(SEED, case).values(ROWS * len),
    }
}

/// What the twin answers to each row: all results in one line.
fn by_twin(model: &Model, inputs: &[f32]) -> Vec<String> {
    let line = |values: &[f32]| -> String {
        values.iter().map(|value| format!("{:08x}", value.to_bits())).collect()
    };
    let results = |row: &[f32]| match &model.graphs {
        Graphs::Amortized { encoder, decoder } => {
            let mut heads = Twin::new(&encoder.plan).run(&[row]).expect("it fits").into_iter();
            let mut head = || heads.next().expect("two heads");
            let q = Posteriors::of_heads(encoder, head(), head()).expect("finite");
            let mut results = [&q.mean[..], &q.log_var, &[q.clamp_hits as f32]].concat();
            if let Some(decoder) = decoder {
                let (x_mean, terms) = score(decoder, row, &q.mean, &q.log_var).expect("it fits");
                results.extend(x_mean);
                results.extend([terms.log_likelihood, terms.kl]);
            }
            line(&results)
        }
        Graphs::Bare(plan) => {
            let mut rest = row;
            let inputs = plan.inputs.iter().map(|port| {
                let (input, others) = rest.split_at(port.len());
                rest = others;
                input
            });
            let inputs: Vec<&[f32]> = inputs.collect();
            line(&Twin::new(plan).run(&inputs).expect("it fits").concat())
        }
    };
    inputs.chunks_exact(inputs.len() / ROWS).map(results).collect()
}

/// A function that prints the same for a compiled module.
fn caller(model: &Model) -> String {
    let name = identifier(&model.name);
    let calls = match &model.graphs {
        Graphs::Amortized { decoder, .. } => {
            let score = "
        let terms = score(&pack, &mut ws, x, &q, &mut x_mean).expect(\"finite\");
        print(&[&x_mean, &[terms.log_likelihood, terms.kl]]);";
            format!(
                "
    let mut q = elbow_core::distributions::DiagNormal::standard();
    let mut x_mean = [0.0; OBSERVED];
    for row in rows.chunks_exact(OBSERVED) {{
        let x = row.first_chunk::<OBSERVED>().expect(\"a row\");
        encode(&pack, &mut ws, x, &mut q).expect(\"finite\");
        print(&[&q.loc, &q.log_var, &[ws.clamp_hits as f32]]);{}
        x_mean[0] = 0.0;
        println!();
    }}",
                if decoder.is_some() { score } else { "" }
            )
        }
        Graphs::Bare(plan) => {
            let mut body = String::new();
            let (mut start, mut arguments) = (String::from("0"), String::new());
            for index in 0..plan.inputs.len() {
                body +=
                    &format!("let x{index} = row[{start}..].first_chunk().expect(\"a row\");\n");
                start += &format!(" + INPUTS[{index}]");
                arguments += &format!(", x{index}");
            }
            for index in 0..plan.outputs.len() {
                body += &format!("let mut y{index} = [0.0; OUTPUTS[{index}]];\n");
                arguments += &format!(", &mut y{index}");
            }
            body += &format!("run(&pack, &mut ws{arguments}).expect(\"finite\");\n");
            for index in 0..plan.outputs.len() {
                body += &format!("print(&[&y{index}]);\n");
            }
            format!("for row in rows.chunks_exact(INPUTS.iter().sum()) {{\n{body}println!();\n}}")
        }
    };
    format!(
        "fn {name}() {{
    use generated::{name}::*;
    static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!(\"{name}.bin\"));
    let pack = Pack::new_checked(&WEIGHTS.0).expect(\"a pack\");
    let rows = floats(include_bytes!(\"{name}.in\"));
    let mut ws = Workspace::new();
    {calls}
}}
"
    )
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
        library += &format!("pub mod {name};\n");
        program += &caller(model);
        main += &format!("    {name}();\n");
    }
    save("src/lib.rs", library.as_bytes());
    save("src/main.rs", format!("{program}fn main() {{\n{main}}}\n").as_bytes());
}

#[test]
fn compiled_modules_equal_the_twin_in_every_bit() {
    let models = models::all();
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), &models);
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
fn modules_are_formatted_with_either_width_heuristic() {
    let models = models::all();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for model in &models {
        let file = folder.path().join(format!("{}.rs", identifier(&model.name)));
        std::fs::write(&file, emit(model).expect("it can be emitted").source).expect("written");
        for heuristics in ["Default", "Max"] {
            let rustfmt = Command::new("rustfmt")
                .args(["--check", "--edition", "2024", "--config"])
                .arg(format!("use_small_heuristics={heuristics}"))
                .arg(&file)
                .output()
                .expect("rustfmt runs");
            let diff = String::from_utf8_lossy(&rustfmt.stdout).into_owned();
            assert!(rustfmt.status.success(), "{heuristics}:\n{diff}");
        }
    }
}
