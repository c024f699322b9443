//! `elbow run --refine-steps`: what it writes, and that it is worth more.

use crate::common::{Outcome, elbow_line, repository};
use elbow::import::Options;
use elbow::infer::TwinLikelihood;
use elbow::model::Loaded;
use elbow::npy;
use elbow::rows::{Batch, Rows};
use elbow_core::infer::{Posterior, Scratch, elbo};
use elbow_core::noise::Independent;
use std::fs;
use std::path::Path;

/// Rows of the digits that are refined.
const ROWS: usize = 24;

/// The digits model with this at the end of its manifest, and some rows.
fn digits(more: &str) -> tempfile::TempDir {
    let (folder, model) = (tempfile::tempdir().unwrap(), repository("models/digits"));
    for file in ["encoder.onnx", "decoder.onnx"] {
        fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let manifest = fs::read_to_string(model.join("elbow.toml")).unwrap() + more;
    fs::write(folder.path().join("elbow.toml"), manifest).unwrap();
    let x = npy::read(&model.join("test.npy")).unwrap();
    let bytes = npy::encode(&[ROWS, 64], &x.values[..ROWS * 64]);
    fs::write(folder.path().join("x.npy"), bytes).unwrap();
    folder
}

fn run(folder: &Path, out: &str, more: &str) -> Outcome {
    let line = format!("run {{}} --input {{}} --out-dir {{}} --seed 3 --json {more}");
    elbow_line(&line, &[folder, &folder.join("x.npy"), &folder.join(out)]).done()
}

/// Mean and log-variance as written.
fn posterior(folder: &Path, out: &str) -> [Vec<f32>; 2] {
    ["posterior_mean", "posterior_log_var"].map(|name| {
        let file = npy::read(&folder.join(out).join(format!("{name}.npy"))).unwrap();
        assert_eq!(file.shape, [ROWS, 2]);
        file.values
    })
}

/// The bound of every row by noise that no refinement has seen.
fn bounds(folder: &Path, [mean, log_var]: &[Vec<f32>; 2]) -> Vec<f32> {
    let loaded = Loaded::read(folder, None, &Options::default()).unwrap();
    let decoder = loaded.amortized().unwrap().1.unwrap();
    let values = npy::read(&folder.join("x.npy")).unwrap().values;
    let x = Rows { name: "x".into(), shape: vec![1, 64], values };
    let none = Batch::default();
    let mut likelihood = TwinLikelihood::new(decoder, &x, &none).unwrap();
    let bound = |row: usize| {
        likelihood.at(row);
        let own = 2 * row..2 * row + 2;
        let q = Posterior { loc: &mean[own.clone()], log_var: &log_var[own] };
        let mut noise = Independent { key: 77, datapoint: row as u64 };
        let scratch = Scratch { eps: &mut [0.0; 2], z: &mut [0.0; 2] };
        elbo(&mut likelihood, q, &mut noise, 0..200, scratch).unwrap().elbo()
    };
    (0..ROWS).map(bound).collect()
}

#[test]
fn refined_posteriors_are_written_and_are_worth_more() {
    let folder = digits("");
    let folder = folder.path();
    let plain = run(folder, "plain", "--samples 1").json();
    assert!(plain.get("refined").is_none(), "{plain}");
    let none = run(folder, "none", "--samples 1 --refine-steps 0").json();
    assert!(none.get("refined").is_none(), "{none}");
    let five = run(folder, "five", "--samples 1 --refine-steps 5").json();
    assert_eq!(five["refined"]["steps"], 5, "{five}");
    let kept = five["refined"]["kept"].as_u64().unwrap();
    for file in ["posterior_mean.npy", "posterior_log_var.npy", "z.npy", "mu.npy", "index.json"] {
        let read = |out: &str| fs::read(folder.join(out).join(file)).unwrap();
        assert_eq!(read("plain"), read("none"), "{file}");
        let moves = file.starts_with("posterior") || file == "z.npy";
        assert_eq!(read("plain") != read("five"), moves, "{file}: outputs of the graph stay");
    }
    let (before, after) = (posterior(folder, "plain"), posterior(folder, "five"));
    let same = before[0].chunks(2).zip(after[0].chunks(2)).filter(|(a, b)| a == b).count();
    assert_eq!(same as u64, kept, "rows that the guard sent back");
    let gains = bounds(folder, &after).into_iter().zip(bounds(folder, &before));
    let gain = gains.map(|(after, before)| after - before).sum::<f32>() / ROWS as f32;
    println!("gain {gain} nats in the mean, {kept} rows kept");
    assert!(gain > 0.05, "{gain} nats in the mean");
}

#[test]
fn the_manifest_says_how() {
    let by = |more: &str| {
        let folder = digits(more);
        run(folder.path(), "out", "--refine-steps 3");
        posterior(folder.path(), "out")
    };
    let default = by("");
    assert_eq!(default, by("[refine]\n"), "defaults are the same with and without the table");
    assert_eq!(default, by("[refine]\nrule = \"stein\"\nrate = 0.6\nsteps = 99\n"));
    // Four draws of the guard are two pairs: too few to tell a gain from chance on every row.
    let others =
        ["rate = 0.3", "samples = 16", "rule = \"adam\"\nrate = 0.05", "guard_samples = 4"];
    for other in others {
        let found = by(&format!("[refine]\n{other}\n"));
        assert!(found != default, "{other} changes nothing");
    }
}
