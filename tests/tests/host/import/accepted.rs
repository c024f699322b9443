//! Fixtures and trained models: all of them import, to the shapes that onnxruntime gave.

use super::files::{folder, npy_shape};
use elbow::ir::Graph;
use elbow::stages::import_onnx;
use std::path::Path;

fn import(path: &Path) -> Graph {
    import_onnx(path).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_fixture_imports_to_the_shapes_of_its_goldens() {
    let mut cases = 0;
    for entry in std::fs::read_dir(folder("tests/fixtures")).expect("the fixtures are there") {
        let case = entry.expect("the folder can be read").path();
        if !case.join("model.onnx").exists() {
            continue;
        }
        let graph = import(&case.join("model.onnx"));
        for (index, (name, value)) in graph.outputs.iter().enumerate() {
            let golden = npy_shape(&case.join(format!("out.{index}.npy")));
            let shape: Vec<u64> =
                graph.values[*value].shape.iter().map(|&size| size as u64).collect();
            assert_eq!(shape[0], 1, "{} `{name}`", case.display());
            assert_eq!(shape[1..], golden[1..], "{} `{name}`", case.display());
        }
        check_form(&graph, &case);
        cases += 1;
    }
    assert!(cases > 90, "{cases} fixtures");
}

/// What later stages rely on.
fn check_form(graph: &Graph, case: &Path) {
    let mut known: Vec<bool> = graph.values.iter().map(|value| value.constant.is_some()).collect();
    for &input in &graph.inputs {
        known[input] = true;
    }
    for node in &graph.nodes {
        let order = format!("{}: {}", case.display(), node.name);
        assert!(node.inputs.iter().all(|&input| known[input]), "{order} reads what comes later");
        assert!(!std::mem::replace(&mut known[node.output], true), "{order} writes what is there");
    }
    for value in &graph.values {
        assert!(
            value.constant.as_ref().is_none_or(|data| data.len() == value.len()),
            "{}",
            value.name
        );
    }
}

#[test]
fn both_trained_models_import_from_both_exporters() {
    let shapes = [("digits", 64, vec![2]), ("imu", 576, vec![6])];
    for (model, observed, latent) in shapes {
        for exporter in ["", ".torchscript"] {
            let path =
                |graph: &str| folder("models").join(model).join(format!("{graph}{exporter}.onnx"));
            let encoder = import(&path("encoder"));
            assert_eq!(encoder.values[encoder.inputs[0]].len(), observed);
            let names: Vec<&str> = encoder.outputs.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["mu", "logvar"]);
            for (_, value) in &encoder.outputs {
                assert_eq!(encoder.values[*value].shape[1..], latent);
            }
            let decoder = import(&path("decoder"));
            assert_eq!(decoder.values[decoder.inputs[0]].shape[1..], latent);
            assert_eq!(decoder.values[decoder.outputs[0].1].len(), observed);
        }
    }
}
