//! Every fixture and every trained model, run by the twin, against onnxruntime.

use elbow::ir::Graph;
use elbow::lower::{fold, place, prune, schedule};
use elbow::stages::{import_onnx, lower};
use elbow::twin::evaluate;
use elbow_tests::fixtures::{Case, cases};
use elbow_tests::tolerance::ONNXRUNTIME;

/// Rows of each case that are run.
const ROWS: usize = 16;

fn import(case: &Case) -> Graph {
    import_onnx(&case.onnx).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_plan_agrees_with_onnxruntime() {
    let cases = cases();
    for case in &cases {
        let graph = import(case);
        let all: Vec<usize> = (0..graph.outputs.len()).collect();
        let plan = lower(&graph, &all).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let error = case.error_of(&plan, ROWS);
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
        fold(&mut graph, evaluate);
        let draft = schedule(&graph, None).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let error = case.error_of(&place(draft), ROWS);
        assert!(error <= ONNXRUNTIME, "{}: {error:e}", case.name);
    }
}
