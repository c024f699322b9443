//! Heads from which a graph samples itself.

use super::super::Decision;
use super::Heads;
use super::named::by_names;
use super::question::{named_otherwise, two_readings};
use crate::ir::{Graph, NoiseKind, ValueId};
use crate::model::inner;
use crate::model::inner::reached;
use crate::model::names::{HeadName, is_state, says};
use crate::model::otherwise::is_surely_noise;
use crate::model::sampling::{self, Draw, Makers, Reading, readings};
use elbow_core::distributions::Spread;

/// Heads among the outputs from which the graph draws itself, one per mean; draws whose mean or spread is no
/// output are left out.
pub(super) fn of_outputs(graph: &Graph) -> Vec<Heads> {
    let makers = Makers::of(graph);
    let heads = |draw: Draw| {
        let mean = output(graph, &makers, draw.mean)?;
        readings(&makers, draw.scale).into_iter().filter(Reading::can_be_declared).find_map(
            |reading| {
                let spread = output(graph, &makers, reading.value)?;
                Some(of_draw(graph, &makers, &draw, mean.clone(), spread, reading))
            },
        )
    };
    distinct(draws(graph).into_iter().filter_map(heads))
}

/// Heads from which the graph surely draws, one per mean, where each is an output or a named value inside the
/// graph. Of the values from which the scale is computed an output is preferred, else the one farthest from
/// the sample, as it comes from its layer.
pub(super) fn inside(graph: &Graph) -> Vec<Heads> {
    let makers = Makers::of(graph);
    let own_name = |id: ValueId| {
        let name = &graph.values[id].name;
        (inner::named(graph, name) == Some(id)).then(|| name.clone())
    };
    let name = |id: ValueId| output(graph, &makers, id).or_else(|| own_name(id));
    let drawn: Vec<Draw> = certain(graph).collect();
    let heads = |draw: &Draw| {
        let mean = name(draw.mean)?;
        let shape = &graph.values[draw.mean].shape;
        let fits = |reading: &Reading| {
            graph.values[reading.value].shape == *shape && reading.can_be_declared()
        };
        let readings: Vec<Reading> =
            readings(&makers, draw.scale).into_iter().filter(fits).collect();
        let of_output =
            readings.iter().find(|reading| output(graph, &makers, reading.value).is_some());
        let reading =
            of_output.or_else(|| readings.iter().rev().find(|r| name(r.value).is_some()))?;
        let spread = name(reading.value)?;
        Some(of_draw(graph, &makers, draw, mean, spread, reading.clone()))
    };
    let of_latents = drawn.iter().filter(|draw| !is_decoded(graph, &drawn, draw));
    distinct(of_latents.filter_map(heads))
}

/// The graph's draws `mean + scale * noise`, without those whose noise is uniform.
pub(super) fn draws(graph: &Graph) -> Vec<Draw> {
    let is_uniform = |id: ValueId| {
        graph.noise.iter().any(|noise| noise.value == id && noise.kind == NoiseKind::Uniform)
    };
    sampling::draws(graph).into_iter().filter(|draw| !is_uniform(draw.noise)).collect()
}

/// The [`draws`] whose noise is a random node's or an input named as noise.
pub(super) fn certain(graph: &Graph) -> impl Iterator<Item = Draw> {
    draws(graph).into_iter().filter(|draw| is_surely_noise(graph, draw.noise))
}

/// Whether a draw is one of the observation by a decoder: its mean has the shape of an input and depends on
/// the sample of another draw in `all`.
fn is_decoded(graph: &Graph, all: &[Draw], draw: &Draw) -> bool {
    let shape = |id: ValueId| &graph.values[id].shape;
    let of_sample = |other: &Draw| other.z != draw.z && reached(graph, other.z)[draw.mean];
    is_observed(graph, shape(draw.mean)) && all.iter().any(of_sample)
}

/// Whether an input that is not a random node's noise has this shape.
fn is_observed(graph: &Graph, shape: &[usize]) -> bool {
    let noise = |id: &&ValueId| graph.noise.iter().any(|noise| noise.value == **id);
    graph.inputs.iter().filter(|id| !noise(id)).any(|input| graph.values[*input].shape == shape)
}

/// `named`, heads among the outputs by their names, where all have other shapes than the sampled heads
/// `inside` and do not depend on their samples; else the error is the question which of the two are the
/// heads.
pub(super) fn or_named(
    graph: &Graph,
    inside: Vec<Heads>,
    named: Vec<Heads>,
) -> Result<Vec<Heads>, Decision> {
    let shape = |name: &str| inner::named(graph, name).map(|id| &graph.values[id].shape);
    let after = sampled(graph, &inside);
    let concerns = |heads: &Heads| {
        let value = inner::named(graph, &heads.mean);
        let same_shape = inside.iter().any(|other| shape(&other.mean) == shape(&heads.mean));
        same_shape || value.is_some_and(|id| after[id])
    };
    match named.iter().find(|heads| concerns(heads)) {
        Some(heads) => Err(match inside.iter().find(|other| other.mean == heads.mean) {
            Some(sampled) => named_otherwise(sampled, heads),
            None => two_readings(&inside, &heads.mean, &heads.spread, heads.head),
        }),
        None => Ok(named),
    }
}

/// The first heads of each mean.
fn distinct(all: impl Iterator<Item = Heads>) -> Vec<Heads> {
    let mut found: Vec<Heads> = Vec::new();
    for heads in all {
        if found.iter().all(|other| other.mean != heads.mean) {
            found.push(heads);
        }
    }
    found
}

/// Name of the first output that is the value `wanted`, up to reshapes; `None` where no output is.
fn output(graph: &Graph, makers: &Makers<'_>, wanted: ValueId) -> Option<String> {
    let same = |(_, id): &&(String, ValueId)| makers.source(*id) == makers.source(wanted);
    graph.outputs.iter().find(same).map(|(name, _)| name.clone())
}

/// The heads `mean` and `spread` of a draw by one reading of its scale, with the formula of the sample as the
/// reason for both.
fn of_draw(
    graph: &Graph,
    makers: &Makers<'_>,
    draw: &Draw,
    mean: String,
    spread: String,
    reading: Reading,
) -> Heads {
    let Reading { head, eps, clamp, formula, .. } = reading;
    let z = output(graph, makers, draw.z).unwrap_or_else(|| graph.values[draw.z].name.clone());
    let noise = draw.noise_term();
    let why =
        format!("the graph samples {z} = {mean} + {noise} * {}", formula.replace("{}", &spread));
    let is_output = |name: &String| graph.outputs.iter().any(|(own, _)| own == name);
    let after = reached(graph, draw.z);
    let later = graph.outputs.iter().find(|(name, id)| {
        says(name, &["z", "sample", "samples", "latent"])
            && after[*id]
            && makers.source(*id) != makers.source(draw.z)
    });
    let why = match later {
        Some((later, _)) if later != &z => {
            format!("{why}; the output {later} is computed from that sample, and is not it")
        }
        _ => why,
    };
    let why = |name: &String| match is_output(name) {
        true => why.clone(),
        false => format!("{why}; a value inside the graph, which is cut there"),
    };
    let (mean_why, spread_why) = (why(&mean), why(&spread));
    Heads { mean, mean_why, spread, spread_why, head, eps, clamp }
}

/// Posteriors beside those from which the graph draws (`drawn`), as the last of a hierarchy: outputs named
/// like heads whose names differ from those of a drawn posterior only in numbers. Empty where they are a
/// decoder's; the error is a question where an output pair may be a further posterior but its names do not
/// say so.
pub(super) fn undrawn(graph: &Graph, drawn: &[Heads]) -> Result<Vec<Heads>, Decision> {
    let rest = rest(graph, drawn);
    let is_observed = |name: &str| {
        let id = inner::named(graph, name);
        id.is_some_and(|id| is_observed(graph, &graph.values[id].shape))
    };
    let mut named = by_names(graph, |name| rest.contains(&name));
    if named.is_empty() {
        named = by_names(graph, |name| rest.contains(&name) && !is_observed(name));
    }
    for heads in &mut named {
        let stem = |name: &str| HeadName::of(name, &[]);
        let alike =
            |other: &&Heads| stem(&other.mean).unnumbered() == stem(&heads.mean).unnumbered();
        match drawn.iter().find(alike) {
            Some(other) => {
                heads.mean_why +=
                    &format!(", as that of {:?}, which the graph draws from", other.mean);
            }
            None if is_observed(&heads.mean) => return Ok(Vec::new()), // a decoder's
            None => return Err(two_readings(drawn, &heads.mean, &heads.spread, heads.head)),
        }
    }
    let sampled = sampled(graph, drawn);
    let alike = |a: &str, b: &str| match (inner::named(graph, a), inner::named(graph, b)) {
        (Some(a), Some(b)) => {
            sampled[a] && sampled[b] && graph.values[a].shape == graph.values[b].shape
        }
        _ => false,
    };
    let taken = |name: &str| {
        named.iter().any(|heads| [&heads.mean, &heads.spread].contains(&&name.to_string()))
    };
    let open: Vec<&str> =
        rest.iter().copied().filter(|name| !taken(name) && !is_observed(name)).collect();
    for (at, first) in open.iter().enumerate() {
        if let Some(second) = open[at + 1..].iter().find(|second| alike(first, second)) {
            return Err(two_readings(drawn, first, second, Spread::LogVar));
        }
    }
    Ok(named)
}

/// Names of the outputs that are no part of any draw nor heads in `drawn`, have more than one value, and are
/// not named like a state.
fn rest<'g>(graph: &'g Graph, drawn: &[Heads]) -> Vec<&'g str> {
    let makers = Makers::of(graph);
    let explained: Vec<ValueId> = draws(graph)
        .into_iter()
        .flat_map(|draw| {
            let scales = readings(&makers, draw.scale).into_iter().map(|reading| reading.value);
            scales.chain([draw.z, draw.mean, draw.noise]).collect::<Vec<_>>()
        })
        .collect();
    let is_open = |(name, id): &&(String, ValueId)| {
        let known = drawn.iter().any(|heads| [&heads.mean, &heads.spread].contains(&name));
        !known
            && !explained.contains(&makers.source(*id))
            && graph.values[*id].len() > 1
            && !is_state(name)
    };
    graph.outputs.iter().filter(is_open).map(|(name, _)| name.as_str()).collect()
}

/// For each value of the graph, by its id, whether it depends on a sample of one of these posteriors.
fn sampled(graph: &Graph, drawn: &[Heads]) -> Vec<bool> {
    let makers = Makers::of(graph);
    let mut sampled = vec![false; graph.values.len()];
    for draw in draws(graph) {
        let is_mean = |heads: &Heads| {
            inner::named(graph, &heads.mean)
                .is_some_and(|id| makers.source(id) == makers.source(draw.mean))
        };
        if drawn.iter().any(is_mean) {
            let reached = reached(graph, draw.z);
            sampled.iter_mut().zip(reached).for_each(|(all, one)| *all |= one);
        }
    }
    sampled
}
