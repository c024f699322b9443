//! Models with `[refine]`.

use super::{
    conditional, conditional_decoder, decoder, eighths, gaussian, heteroscedastic, tiny,
    tiny_decoder,
};
use crate::fixtures::path;
use crate::graphs::Builder;
use elbow::ir::{Graph, Op};
use elbow::manifest::{Manifest, RefineTable, RuleName};
use elbow::model::{Graphs, Loaded, Model, ParameterSource, Refine};
use elbow::stages::{log_likelihood_gradient, lower};

/// With each rule, conditions and parameters from the decoder, and two trained ones.
pub fn refined() -> Vec<Model> {
    let with = |rule, rate| RefineTable { rule, rate: Some(rate), ..RefineTable::default() };
    let (adam, sgd) = (with(RuleName::Adam, 0.05), with(RuleName::Sgd, 0.01));
    vec![
        refined_tiny(),
        by("refined conditional", conditional(), &conditional_decoder(), adam),
        by("refined scales", heteroscedastic(), &decoder(&[4]), sgd),
        trained("digits"),
        trained("digits_conv"),
    ]
}

/// [`tiny`] with a decoder and the rule that needs no tuning.
pub fn refined_tiny() -> Model {
    let model = tiny(Some(gaussian(&[-0.5])));
    by("refined tiny", model, &tiny_decoder(), RefineTable::default())
}

/// [`tiny`] whose decoder ends in a softmax of short rows, sums of which its backward pass holds besides.
pub fn refined_softmax() -> Model {
    let mut graph = Builder::new("decoder");
    let z = graph.input("z", &[1, 2]);
    let logits = graph.linear(z, &eighths(8, 6), &eighths(4, 7));
    let rows = graph.node("Reshape", Op::Reshape, &[logits], &[1, 2, 2]);
    let x = graph.node("Softmax", Op::Softmax { axis: 2, log: false }, &[rows], &[1, 2, 2]);
    graph.output("x_mean", x);
    let mut model = tiny(Some(gaussian(&[-0.5])));
    if let Graphs::Amortized { decoder: Some(decoder), .. } = &mut model.graphs {
        decoder.plan = lower(&graph.graph, &[0]).expect("a decoder");
    }
    by("refined softmax", model, &graph.graph, RefineTable::default())
}

/// The model under another name, refined; its decoder comes from `graph`.
fn by(name: &str, mut model: Model, graph: &Graph, settings: RefineTable) -> Model {
    let Graphs::Amortized { decoder: Some(decoder), .. } = &mut model.graphs else {
        panic!("it decodes")
    };
    let outputs: Vec<usize> = (0..decoder.plan.outputs.len()).collect();
    let given = decoder.likelihood.parameters.iter().map(|parameter| match parameter {
        ParameterSource::Fixed(values) => Some(&values[..]),
        ParameterSource::Output(_) => None,
    });
    let gradient = log_likelihood_gradient(
        graph,
        &outputs,
        &[0],
        decoder.likelihood.family,
        &given.collect::<Vec<_>>(),
    );
    let gradient = gradient.unwrap_or_else(|error| panic!("{error}"));
    decoder.refine = Some(Refine { gradient, settings });
    Model { name: name.into(), ..model }
}

/// A trained model, whose manifest gets the table.
pub fn trained(name: &str) -> Model {
    let folder = path("models").join(name);
    let text = std::fs::read_to_string(folder.join("elbow.toml")).expect("a manifest");
    let manifest = Manifest::parse(&(text + "\n[refine]\n")).unwrap_or_else(|e| panic!("{e}"));
    let loaded = Loaded::of_manifest(manifest, &folder).unwrap_or_else(|error| panic!("{error}"));
    Model { name: format!("refined {name}"), ..loaded.model }
}
