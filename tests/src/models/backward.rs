//! Graphs with their backward passes, without roles.

use super::decoder;
use crate::fixtures::path;
use elbow::lower::Plan;
use elbow::model::{Graphs, Model};
use elbow::stages::{gradient, import_onnx, log_likelihood_gradient, lower};
use elbow_core::distributions::Family;

/// Those that between them use the kernels that only backward passes have.
pub(super) fn all() -> Vec<Model> {
    let named = |name: &str, plan: Plan| Model {
        name: name.into(),
        graphs: Graphs::Bare(plan),
        window: None,
        score: None,
        missing: Vec::new(),
        calibration: None,
    };
    vec![
        named("backward digits", backward("models/digits/decoder.onnx")),
        named("backward digits_conv", backward("models/digits_conv/decoder.onnx")),
        named("backward activations", backward("tests/zoo/activations.dynamo/model.onnx")),
        named("score events", scores(&[], Family::BernoulliLogit, &[])),
        named("score student", scores(&[4], Family::StudentT, &[Some(&[3.0, 5.0]), None])),
    ]
}

/// From all outputs to all inputs.
fn backward(file: &str) -> Plan {
    let graph = import_onnx(&path(file)).unwrap_or_else(|error| panic!("{error}"));
    let all = |count: usize| (0..count).collect::<Vec<_>>();
    let both = gradient(&graph, &all(graph.outputs.len()), &all(graph.inputs.len()));
    let both = both.unwrap_or_else(|error| panic!("{error}"));
    lower(&both, &all(both.outputs.len())).unwrap_or_else(|error| panic!("{error}"))
}

/// From the likelihood to the latents, for a [`decoder`] with further outputs of these lengths.
fn scores(lens: &[usize], family: Family, parameters: &[Option<&[f32]>]) -> Plan {
    let outputs: Vec<usize> = (0..=lens.len()).collect();
    let plan = log_likelihood_gradient(&decoder(lens), &outputs, &[0], family, parameters);
    plan.unwrap_or_else(|error| panic!("{error}"))
}
