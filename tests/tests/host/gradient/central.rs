//! Whole graphs as exporters write them, against central differences in f64.

use super::exact::run;
use elbow::ir::Graph;
use elbow::lower::Plan;
use elbow::stages::{gradient, import_onnx, lower};
use elbow::twin::Twin;
use elbow_tests::fixtures::{cases, zoo};
use elbow_tests::tolerance::GRADIENT;
use std::path::PathBuf;

/// How many graphs there have to be.
const GRAPHS: usize = 60;
/// Values of each input that are moved.
const MOVED: usize = 6;
/// Half the distance of two points; f64 leaves 1e-10 of a difference.
const STEP: f64 = 1e-6;

/// Decoders of the trained models, and what the zoo has.
pub fn graphs() -> Vec<(String, PathBuf)> {
    let trained = cases().into_iter().filter(|case| case.name.contains("/decoder"));
    let all = trained.chain(zoo()).map(|case| (case.name, case.onnx));
    all.collect()
}

/// The graph's pass back from all outputs to all inputs.
pub fn pass(graph: &Graph) -> elbow::Result<Plan> {
    let outputs: Vec<usize> = (0..graph.outputs.len()).collect();
    let wrt: Vec<usize> = (0..graph.inputs.len()).collect();
    let both = gradient(graph, &outputs, &wrt)?;
    lower(&both, &Vec::from_iter(0..both.outputs.len()))
}

/// Numbers between -1 and 1, the same for a name every time.
fn numbers(name: &str, len: usize) -> Vec<f32> {
    let seed = name.bytes().fold(1u32, |seed, byte| seed.wrapping_mul(31) + u32::from(byte));
    let next = |i: usize| (seed.wrapping_add(i as u32)).wrapping_mul(2_654_435_761) >> 8;
    (0..len).map(|i| next(i) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// The largest error of the moved values, relative to `max(1, |value|)`; `None` where the graph has an
/// operation without f64 formula.
pub fn error_of(graph: &Graph, plan: &Plan) -> Option<f64> {
    let given: Vec<(String, Vec<f32>)> = plan
        .inputs
        .iter()
        .map(|port| (port.name.clone(), numbers(&port.name, port.len())))
        .collect();
    let inputs: Vec<&[f32]> = given.iter().map(|(_, values)| &values[..]).collect();
    let found = Twin::new(plan).run(&inputs).expect("the plan runs");
    let named = |name: &str, len: usize| {
        let own = given.iter().find(|(other, _)| other == name);
        own.map_or_else(|| numbers(name, len), |(_, values)| values.clone())
    };
    let x: Vec<Vec<f64>> = graph
        .inputs
        .iter()
        .map(|&input| (&graph.values[input].name, graph.values[input].len()))
        .map(|(name, len)| named(name, len).iter().map(|&value| f64::from(value)).collect())
        .collect();
    let weighted = |x: &[Vec<f64>]| -> Option<f64> {
        let outputs = run(graph, x)?;
        let names = graph.outputs.iter().map(|(name, _)| name);
        let terms = names.zip(&outputs).map(|(name, output)| {
            let cotangent = named(&format!("cotangent of {name}"), output.len());
            output.iter().zip(cotangent).map(|(y, g)| y * f64::from(g)).sum::<f64>()
        });
        Some(terms.sum())
    };
    let mut worst = 0.0f64;
    for (input, gradient) in found[graph.outputs.len()..].iter().enumerate() {
        let every = gradient.len().div_ceil(MOVED);
        for at in (0..gradient.len()).step_by(every) {
            let moved = |by: f64| {
                let mut x = x.clone();
                x[input][at] += by;
                weighted(&x)
            };
            let truth = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
            let error = (f64::from(gradient[at]) - truth).abs() / truth.abs().max(1.0);
            assert!(!error.is_nan(), "{}: {} for {truth}", graph.name, gradient[at]);
            worst = worst.max(error);
        }
    }
    Some(worst)
}

#[test]
fn gradients_are_central_differences() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for (name, onnx) in graphs() {
        let Ok(graph) = import_onnx(&onnx) else { continue }; // the zoo's test says why
        let plan = match pass(&graph) {
            Ok(plan) => plan,
            Err(error) => {
                let error = error.to_string();
                let is_refused = ["has no gradient here", "it picks from computed values"]
                    .iter()
                    .any(|words| error.contains(words));
                println!("{name:40} {}", error.lines().next().unwrap_or_default());
                if !is_refused {
                    wrong.push(format!("{name}: {error}"));
                }
                continue;
            }
        };
        match error_of(&graph, &plan) {
            None => println!("{name:40} no formula in f64"),
            Some(error) => {
                compared += 1;
                println!("{name:40} {error:.1e}");
                if error > GRADIENT {
                    wrong.push(format!("{name}: error {error:e}"));
                }
            }
        }
    }
    println!("{compared} graphs");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= GRAPHS);
}
