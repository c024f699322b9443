//! What the fuzz targets share: the way from a file to a result.

use elbow::ir::Graph;
use elbow::stages::{import_bytes, import_onnx, lower};
use elbow::twin::Twin;

/// Plans beyond these are imported and lowered, and not run: fuzzing wants many small runs.
const MOST_MACS: usize = 1 << 20;
const MOST_FLOATS: usize = 1 << 20;

/// Imports a file, lowers what it holds and runs it; nothing here may panic, whatever the bytes.
pub fn run(bytes: &[u8]) {
    let Ok(graph) = import_bytes(bytes) else { return };
    run_graph(&graph);
}

/// The same of a file on disk, whose weights may lie in files beside it.
pub fn run_file(bytes: &[u8]) {
    let path = std::env::temp_dir().join(format!("elbow-fuzz-{}.onnx", std::process::id()));
    std::fs::write(&path, bytes).expect("the temporary folder can be written");
    let Ok(graph) = import_onnx(&path) else { return };
    run_graph(&graph);
}

fn run_graph(graph: &Graph) {
    let outputs: Vec<usize> = (0..graph.outputs.len()).collect();
    let Ok(plan) = lower(graph, &outputs) else { return };
    let ports = plan.inputs.iter().chain(&plan.outputs);
    let floats = ports.fold(plan.arena, |sum, port| sum.saturating_add(port.len()));
    if plan.macs() > MOST_MACS || floats > MOST_FLOATS {
        return;
    }
    let inputs: Vec<Vec<f32>> = plan.inputs.iter().map(|port| vec![0.5; port.len()]).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    // A refusal is an answer, too.
    let _ = Twin::new(&plan).run(&inputs);
}
