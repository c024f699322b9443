//! What a graph's structure and names say about its tensors.

use super::listed;
use crate::import::{Graph, Node, Op, ValueId};
use crate::manifest::Head;
use crate::model::contradiction;
use elbow_core::kernels::{BinaryOp, Unary};

/// A name, and the reason for its role.
type Named = (String, String);

/// Roles of an encoder.
pub(super) struct Heads {
    pub input: Named,
    pub mean: Named,
    pub spread: Named,
    pub head: &'static str,
}

/// Roles of a decoder.
pub(super) struct Roles {
    pub latent: Named,
    pub mean: Named,
    pub likelihood: (&'static str, &'static str),
}

/// The heads of an encoder, or the candidates among which nothing decides.
pub(super) fn heads(graph: &Graph) -> Result<Heads, String> {
    let sampled = sample(graph);
    let noise = sampled.as_ref().map(|sample| sample.noise);
    let input = lone_input(graph, noise)?;
    let found = sampled.and_then(|sample| by_sample(graph, &sample)).or_else(|| by_names(graph));
    let Some((mean, spread, head)) = found else {
        return Err(format!(
            "nothing tells which output is the mean and what the spread is; the candidates are {}. \
             Write the manifest by hand, or export with output_names=[\"mu\", \"logvar\"]",
            listed(graph)
        ));
    };
    let id = |name: &str| graph.outputs.iter().find(|(other, _)| other == name).map(|(_, id)| *id);
    if let (Some(loc), Some(scale)) = (id(&mean.0), id(&spread.0)) {
        if graph.values[loc].shape != graph.values[scale].shape {
            return Err(format!(
                "{:?} and {:?} are named like heads but have unequal shapes; the candidates are {}. Write the manifest by hand",
                mean.0,
                spread.0,
                listed(graph)
            ));
        }
        let declared = Head::from_name(head).map(Into::into);
        if let Some(why) = declared.and_then(|head| contradiction(graph, scale, head)) {
            return Err(format!(
                "output {:?} is named like {head}, but {why}. Write the manifest by hand",
                spread.0
            ));
        }
    }
    Ok(Heads { input, mean, spread, head })
}

/// The roles of a decoder.
pub(super) fn decoder(graph: &Graph) -> Result<Roles, String> {
    let latent = lone_input(graph, None)?;
    let [(name, id)] = &graph.outputs[..] else {
        return Err(format!(
            "expected one output, the observation's mean; the candidates are {}. Write the manifest by hand",
            listed(graph)
        ));
    };
    let sigmoid = producer(graph, *id).is_some_and(|node| node.op == Op::Unary(Unary::Sigmoid));
    let likelihood = if words(name).iter().any(|word| word.starts_with("logit")) {
        ("{ family = \"bernoulli\", mean_is = \"logit\" }", "the output's name says logit")
    } else if sigmoid {
        (
            "{ family = \"bernoulli\", mean_is = \"probability\" }",
            "the graph ends in Sigmoid, so its values are probabilities",
        )
    } else {
        (
            "{ family = \"gaussian\", log_sigma = 0.0 }",
            "the output is unbounded; its noise is not in the graph: REPLACE log_sigma by the trained value",
        )
    };
    Ok(Roles { latent, mean: (name.clone(), "the only output".into()), likelihood })
}

fn lone_input(graph: &Graph, noise: Option<ValueId>) -> Result<Named, String> {
    let inputs: Vec<&str> = graph.inputs.iter().map(|id| graph.values[*id].name.as_str()).collect();
    let others: Vec<ValueId> =
        graph.inputs.iter().copied().filter(|id| Some(*id) != noise).collect();
    match (&others[..], noise) {
        ([id], None) => Ok((graph.values[*id].name.clone(), "the only input".into())),
        ([id], Some(noise)) => Ok((
            graph.values[*id].name.clone(),
            format!("the other input, {:?}, is the noise of the sample", graph.values[noise].name),
        )),
        _ => Err(format!(
            "expected one input beside the noise, found {inputs:?}; write the manifest by hand"
        )),
    }
}

/// `z = mean + noise * scale`, as the graph computes it.
struct Sample {
    z: String,
    noise: ValueId,
    mean: ValueId,
    scale: ValueId,
}

fn sample(graph: &Graph) -> Option<Sample> {
    let is_input = |id: &ValueId| graph.inputs.contains(id);
    graph.outputs.iter().find_map(|(name, id)| {
        let (a, b) = operands(graph, *id, BinaryOp::Add)?;
        [(a, b), (b, a)].into_iter().find_map(|(mean, product)| {
            let (c, d) = operands(graph, product, BinaryOp::Mul)?;
            let (noise, scale) = if is_input(&c) { (c, d) } else { (d, c) };
            is_input(&noise).then(|| Sample { z: name.clone(), noise, mean, scale })
        })
    })
}

fn by_sample(graph: &Graph, sample: &Sample) -> Option<(Named, Named, &'static str)> {
    let output = |id: ValueId| {
        graph.outputs.iter().find(|(_, other)| *other == id).map(|(name, _)| name.clone())
    };
    let mean = output(sample.mean)?;
    let exponent = producer(graph, sample.scale)
        .filter(|node| node.op == Op::Unary(Unary::Exp))
        .map(|node| node.inputs[0]);
    let halved = exponent.and_then(|id| half_of(graph, id));
    let candidates = [
        (halved, "logvar", "exp(0.5 * "),
        (exponent, "log_sigma", "exp("),
        (Some(sample.scale), "sigma", "("),
    ];
    let z = &sample.z;
    candidates.into_iter().find_map(|(id, head, form)| {
        let spread = output(id?)?;
        let why = format!("the graph samples {z} = {mean} + noise * {form}{spread})");
        Some(((mean.clone(), why.clone()), (spread, why), head))
    })
}

/// `h` of `0.5 * h` or `h / 2`.
fn half_of(graph: &Graph, id: ValueId) -> Option<ValueId> {
    let constant = |id: ValueId, value: f32| {
        graph.values[id].constant.as_ref().is_some_and(|values| values.iter().all(|v| *v == value))
    };
    let node = producer(graph, id)?;
    let [a, b] = node.inputs[..] else { return None };
    match node.op {
        Op::Binary(BinaryOp::Mul) if constant(b, 0.5) => Some(a),
        Op::Binary(BinaryOp::Mul) if constant(a, 0.5) => Some(b),
        Op::Binary(BinaryOp::Div) if constant(b, 2.0) => Some(a),
        _ => None,
    }
}

/// One output named like a mean and one named like a spread, and no other like them.
fn by_names(graph: &Graph) -> Option<(Named, Named, &'static str)> {
    let lone = |is: &dyn Fn(&str) -> bool| {
        let mut named = graph.outputs.iter().filter(|(name, _)| is(name));
        named.next().filter(|_| named.next().is_none()).map(|(name, _)| name.clone())
    };
    let mean = lone(&is_mean)?;
    let spread = lone(&|name| spread_of(name).is_some())?;
    let head = spread_of(&spread)?;
    let reason = format!("the output's name says {head}");
    Some(((mean, "the output's name says mean".into()), (spread, reason), head))
}

fn is_mean(name: &str) -> bool {
    spread_of(name).is_none()
        && words(name).iter().any(|word| ["mu", "mean", "loc"].contains(&&**word))
}

/// The head that a name says.
fn spread_of(name: &str) -> Option<&'static str> {
    let words = words(name);
    let has = |names: &[&str]| words.iter().any(|word| names.contains(&&**word));
    let scales = ["sigma", "std", "stddev", "scale"];
    match has(&["log", "ln"]) {
        _ if has(&["logvar", "logvariance"]) => Some("logvar"),
        _ if has(&["logsigma", "logstd", "logscale"]) => Some("log_sigma"),
        true if has(&["var", "variance"]) => Some("logvar"),
        true if has(&scales) => Some("log_sigma"),
        false if has(&["var", "variance"]) => Some("var"),
        false if has(&scales) => Some("sigma"),
        _ => None,
    }
}

/// Small letters between anything else.
fn words(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_ascii_alphabetic());
    words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect()
}

fn producer(graph: &Graph, id: ValueId) -> Option<&Node> {
    graph.nodes.iter().find(|node| node.output == id)
}

fn operands(graph: &Graph, id: ValueId, op: BinaryOp) -> Option<(ValueId, ValueId)> {
    let node = producer(graph, id).filter(|node| node.op == Op::Binary(op))?;
    Some((node.inputs[0], node.inputs[1]))
}
