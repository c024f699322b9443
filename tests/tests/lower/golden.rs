//! Every fixture and every trained model, run by the twin, against onnxruntime.

use elbow::import::{Graph, import_onnx};
use elbow::lower::{Plan, fold, lower, place, prune, schedule};
use elbow::twin::Twin;
use elbow_tests::fixtures::{Case, Rows, cases, rows};
use elbow_tests::tolerance::ONNXRUNTIME;

/// Rows of each case that are run.
const ROWS: usize = 16;

fn import(case: &Case) -> Graph {
    import_onnx(&case.onnx).unwrap_or_else(|error| panic!("{error}"))
}

/// The largest error of a plan over all rows and outputs, relative to `max(1, |value|)`.
fn error_of(plan: &Plan, case: &Case) -> f64 {
    let file = |name: &str| name.replace(['/', ':'], "_");
    let inputs: Vec<Rows> = plan
        .inputs
        .iter()
        .map(|port| {
            let named = case.inputs.iter().find(|(name, _)| *name == file(&port.name));
            rows(&named.unwrap_or_else(|| panic!("{}: no input {}", case.name, port.name)).1)
        })
        .collect();
    let goldens: Vec<Rows> = case.outputs.iter().map(|path| rows(path)).collect();
    assert_eq!(plan.outputs.len(), goldens.len(), "{}", case.name);
    let mut twin = Twin::new(plan);
    let mut worst = 0.0f64;
    for row in 0..goldens[0].count.min(ROWS) {
        let x: Vec<&[f32]> = inputs.iter().map(|input| input.row(row)).collect();
        let outputs = twin.run(&x).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        for (output, golden) in outputs.iter().zip(&goldens) {
            assert_eq!(output.len(), golden.row(row).len(), "{}", case.name);
            for (&value, &truth) in output.iter().zip(golden.row(row)) {
                let error = f64::from(value - truth).abs() / f64::from(truth.abs()).max(1.0);
                assert!(!error.is_nan(), "{}: {value} for {truth}", case.name);
                worst = worst.max(error);
            }
        }
    }
    worst
}

#[test]
fn every_plan_agrees_with_onnxruntime() {
    let cases = cases();
    for case in &cases {
        let graph = import(case);
        let all: Vec<usize> = (0..graph.outputs.len()).collect();
        let plan = lower(&graph, &all).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let error = error_of(&plan, case);
        assert!(error <= ONNXRUNTIME, "{}: {error:e}\n{plan}", case.name);
        assert!(plan.arena >= plan.arena_lower_bound, "{}\n{plan}", case.name);
        println!(
            "{:40} error {error:.1e} arena {} (at least {})",
            case.name, plan.arena, plan.arena_lower_bound
        );
    }
    assert!(cases.len() > 100, "{} cases", cases.len());
}

#[test]
fn every_plan_agrees_with_onnxruntime_without_fusion() {
    for case in cases() {
        let graph = import(&case);
        let all: Vec<usize> = (0..graph.outputs.len()).collect();
        let mut graph = prune(&graph, &all).expect("all outputs exist");
        fold(&mut graph);
        let draft = schedule(&graph).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let error = error_of(&place(draft), &case);
        assert!(error <= ONNXRUNTIME, "{}: {error:e}", case.name);
    }
}
