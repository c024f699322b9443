//! Posteriors that are no diagonal normal, known by the outputs beside mean and spread.

use super::inner;
use super::names::{HeadName, Says, is_generative, says, words};
use super::sampling::Makers;
use crate::ir::{Graph, Op, ValueId};

/// What shows the posterior to be no diagonal normal (an output beside the heads: covariance, further
/// parameter, mixture weights), and what to do; `None` where nothing does. `heads` are the names of means and
/// spreads, mean first.
pub(crate) fn other_than_diagonal(graph: &Graph, heads: &[[&str; 2]]) -> Option<(String, String)> {
    let is_head = |name: &str| heads.as_flattened().contains(&name);
    let others = graph.outputs.iter().filter(|(name, _)| !is_head(name) && !is_generative(name));
    let means = means(graph, heads);
    others.into_iter().find_map(|(name, id)| {
        let (family, cure) = means.iter().find_map(|mean| family(graph, name, *id, *mean))?;
        Some((format!("output {name:?} {:?} {family}", graph.values[*id].shape), cure))
    })
}

/// The means among the heads that the graph has; without any, the outputs named like a mean.
fn means(graph: &Graph, heads: &[[&str; 2]]) -> Vec<ValueId> {
    let own: Vec<ValueId> =
        heads.iter().filter_map(|[mean, _]| inner::named(graph, mean)).collect();
    if !own.is_empty() {
        return own;
    }
    let named = |(name, id): &(String, ValueId)| {
        (HeadName::of(name, &[]).says == Says::Mean).then_some(*id)
    };
    graph.outputs.iter().filter_map(named).collect()
}

const RUNS: &str = "The file runs as it is (`elbow run`, `compile`, `parity` on the .onnx)";

/// What the output `name` beside a mean shows of the posterior's family, and what to do; `None` where it is
/// consistent with a diagonal normal.
fn family(graph: &Graph, name: &str, id: ValueId, mean: ValueId) -> Option<(String, String)> {
    let (own, loc) = (&graph.values[id], &graph.values[mean]);
    let latent = loc.len();
    let square = latent > 1 && own.len() == latent * latent;
    if says(name, &["tril", "chol", "cholesky"]) || square && own.shape.len() > 2 {
        return Some((
            "is the triangular factor of a full covariance, or a matrix of that shape".into(),
            format!(
                "A manifest declares diagonal posteriors only, and has no form for it. {RUNS}; for a posterior, export the mean and the logarithm of the diagonal variances"
            ),
        ));
    }
    if says(name, &["cov", "covariance", "factor", "lowrank"]) && own.len() >= latent {
        return Some((
            "is named like a covariance or a factor of one, of full or low rank".into(),
            format!(
                "A manifest declares diagonal posteriors only, and has no form for it. {RUNS}; for a posterior, export the mean and the logarithm of the diagonal variances"
            ),
        ));
    }
    if says(name, &["df", "dof", "nu", "skew", "skewness"]) {
        return Some((
            "is named like a further parameter of the family, as the degrees of freedom of a Student's t"
                .into(),
            format!("A manifest declares normal posteriors only. {RUNS}"),
        ));
    }
    let components = own.len();
    let divides = components > 1 && latent.is_multiple_of(components) && graph.outputs.len() > 2;
    (divides && are_weights(graph, name, id)).then(|| {
        (
            format!("is named or made like the weights of a mixture of {components} components, with {latent} values in the mean"),
            format!("A manifest declares one normal per posterior, and has no form for a mixture. {RUNS}; if these are no weights, as the classes of a classifier beside the posterior, write the manifest by hand"),
        )
    })
}

/// Whether an output is named like the weights of a mixture, or made by Softmax.
fn are_weights(graph: &Graph, name: &str, id: ValueId) -> bool {
    const NAMES: [&str; 17] = [
        "logit",
        "logits",
        "pi",
        "pis",
        "logpi",
        "mix",
        "mixture",
        "mixing",
        "component",
        "components",
        "alpha",
        "alphas",
        "weight",
        "weights",
        "gate",
        "prob",
        "probs",
    ];
    let makers = Makers::of(graph);
    let node = makers.get(makers.source(id));
    let is_normalized = node.is_some_and(|node| matches!(node.op, Op::Softmax { .. }));
    is_normalized || words(name).iter().any(|word| NAMES.contains(&&**word))
}
