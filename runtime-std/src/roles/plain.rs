//! Graphs that are neither encoder nor flow: autoencoders, scores, densities alone.

use super::{Decision, listed, quoted};
use crate::ir::{Graph, ValueId};
use crate::model::inner::reached;
use crate::model::names::{HeadName, Says, is_generative, says};

const RUNS: &str =
    "the file runs as it is: `elbow run`, `compile` and `parity` take the .onnx itself";
const POSTERIOR: &str = "For a posterior export the mean and the logarithm of the variance as outputs, output_names=[\"mu\", \"logvar\"], or name values inside the graph as encoder.mean and encoder.spread in a manifest written by hand";

/// The refusal for a graph that draws nothing and has no heads: a single number is a density or score, an
/// output of an input's shape (the only one, of less than four outputs) the reconstruction of an autoencoder.
/// `None` where an output is named like a head, or where the graph is neither.
pub(super) fn without_heads(graph: &Graph) -> Option<Decision> {
    if has_named_heads(graph) {
        return None;
    }
    let what = match &graph.outputs[..] {
        [(name, id)] if graph.values[*id].len() == 1 => format!(
            "the only output {name:?} is one number, a density or a score: there is nothing that a manifest could declare, and {RUNS}. A [flow] needs the latent and the density as two outputs: export with output_names=[\"z\", \"log_det\"]. {POSTERIOR}"
        ),
        outputs => {
            let mut like = outputs.iter().filter(|(_, id)| is_like_input(graph, *id));
            let (name, _) = like.next().filter(|_| like.next().is_none() && outputs.len() < 4)?;
            let score = match score(graph, name) {
                Some(score) => format!(" and {score:?}, one number, a score of it"),
                None => String::new(),
            };
            format!(
                "output {name:?} has the shape of the input, as the reconstruction of an autoencoder{score}, and nothing tells a mean and a spread; the outputs are {}. Without a posterior no manifest is needed: {RUNS}. {POSTERIOR}",
                listed(graph)
            )
        }
    };
    Some(Decision(what))
}

/// The refusal for a graph with the output `z` and the number `log` that is not a flow but an autoencoder:
/// `z` has the shape of an input, and `log` scores it. `None` otherwise.
pub(super) fn with_score(graph: &Graph, z: &str, log: &str) -> Option<Decision> {
    let is_score = score(graph, z).is_some_and(|name| name == log);
    let is_reconstructed =
        graph.outputs.iter().any(|(name, id)| name == z && is_like_input(graph, *id));
    (is_score && is_reconstructed).then(|| {
        Decision(format!(
            "{z:?} has the shape of the input, as the reconstruction of an autoencoder, and {log:?} is one number, a score of it; nothing tells a mean and a spread. Without a posterior no manifest is needed: {RUNS}. {POSTERIOR}. If it is a flow nevertheless, write a [flow] with onnx, input, z = {} and log_det = {}",
            quoted(z),
            quoted(log)
        ))
    })
}

/// Name of the first output that is one number and scores `output`: it is computed from `output`, is named as
/// a score, or `output` is named as a reconstruction. `None` without one.
fn score<'g>(graph: &'g Graph, output: &str) -> Option<&'g str> {
    const NAMES: [&str; 10] =
        ["score", "error", "err", "loss", "mse", "mae", "anomaly", "rmse", "distance", "residual"];
    let (_, id) = graph.outputs.iter().find(|(name, _)| name == output)?;
    let after = reached(graph, *id);
    let is_score = |(name, other): &&(String, ValueId)| {
        graph.values[*other].len() == 1
            && other != id
            && (after[*other] || says(name, &NAMES) || is_generative(output))
    };
    graph.outputs.iter().find(is_score).map(|(name, _)| name.as_str())
}

/// Whether the name of any output says a mean or a spread, if only unclearly.
fn has_named_heads(graph: &Graph) -> bool {
    graph.outputs.iter().any(|(name, _)| HeadName::of(name, &[]).says != Says::Nothing)
}

/// Whether a value has the shape of an input on which it depends; noise of random nodes does not count as
/// one.
fn is_like_input(graph: &Graph, id: ValueId) -> bool {
    let is_like = |input: &ValueId| {
        graph.noise.iter().all(|noise| noise.value != *input)
            && graph.values[*input].shape == graph.values[id].shape
            && reached(graph, *input)[id]
    };
    graph.inputs.iter().any(is_like)
}
