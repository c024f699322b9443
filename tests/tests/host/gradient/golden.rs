//! Decoders of one operator each, against PyTorch's gradients in f64.

use elbow::stages::{gradient, import_onnx, lower};
use elbow::twin::Twin;
use elbow_tests::fixtures::path;
use elbow_tests::tolerance::GRADIENT;

/// How many there have to be.
const CASES: usize = 110;

/// Names of the graphs in `tests/gradients`.
pub fn names() -> Vec<String> {
    let files = std::fs::read_dir(path("tests/gradients")).expect("the folder is there");
    let name = |file: std::io::Result<std::fs::DirEntry>| {
        let name = file.ok()?.file_name().into_string().ok()?;
        Some(name.strip_suffix(".onnx")?.to_string())
    };
    let mut names: Vec<String> = files.filter_map(name).collect();
    names.sort();
    names
}

/// The largest error of a gradient relative to `max(1, |value|)`, and whether outputs are the forward
/// plan's to the bit.
fn error_of(name: &str) -> (f64, bool) {
    let folder = path("tests/gradients");
    let graph = import_onnx(&folder.join(format!("{name}.onnx"))).expect("it imports");
    let bytes = std::fs::read(folder.join(format!("{name}.npy"))).expect("the rows are there");
    let file = npyz::NpyFile::new(&bytes[..]).expect("an .npy file");
    let len = file.shape()[1] as usize;
    let values: Vec<f64> = file.into_vec().expect("float64");
    let forward = lower(&graph, &[0]).expect("it lowers");
    let both = gradient(&graph, &[0], &[0]).expect("it has a gradient");
    let plan = lower(&both, &[0, 1]).expect("its gradient lowers");
    let [latents, outputs] = [forward.inputs[0].len(), forward.outputs[0].len()];
    assert_eq!(len, 2 * latents + outputs, "{name}");
    let (mut worst, mut same) = (0.0f64, true);
    for row in values.chunks_exact(len) {
        let given: Vec<f32> = row.iter().map(|&value| value as f32).collect();
        let (z, cotangent) = given[..latents + outputs].split_at(latents);
        let expected = Twin::new(&forward).run(&[z]).expect("it runs");
        let inputs: Vec<&[f32]> =
            plan.inputs.iter().map(|port| if port.name == "z" { z } else { cotangent }).collect();
        let found = Twin::new(&plan).run(&inputs).expect("its gradient runs");
        same &= found[0].iter().zip(&expected[0]).all(|(a, b)| a.to_bits() == b.to_bits());
        for (&found, truth) in found[1].iter().zip(&row[latents + outputs..]) {
            let error = (f64::from(found) - truth).abs() / truth.abs().max(1.0);
            assert!(!error.is_nan(), "{name}: {found} for {truth}");
            worst = worst.max(error);
        }
    }
    (worst, same)
}

#[test]
fn every_operator_has_pytorchs_gradient_and_its_own_forward_bits() {
    let names = names();
    let mut wrong = Vec::new();
    for name in &names {
        let (error, same) = error_of(name);
        println!("{name:30} {error:.1e}");
        if error > GRADIENT || !same {
            wrong.push(format!("{name}: error {error:e}, forward bits the same: {same}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(names.len() >= CASES, "{} cases", names.len());
}
