//! What a graph's structure and names say about its outputs.
//!
//! | Evidence | Where |
//! |---|---|
//! | the graph samples from them | `draws` |
//! | names | `named` |
//! | one is made as spreads are | `structure` |

mod draws;
mod named;
mod question;
mod structure;

use super::plain;
use super::{Decision, listed, quoted};
use crate::ir::{Graph, ValueId};
use crate::model::otherwise::sampled_otherwise;
use crate::model::sampling::{Draw, Makers};
use crate::model::{contradiction, family, inner};
use elbow_core::distributions::Spread;
use elbow_core::kernels::Unary;

/// The two heads of a posterior, and why they are these.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    /// An output, or a value inside the graph.
    pub mean: String,
    pub mean_why: String,
    /// As the mean.
    pub spread: String,
    pub spread_why: String,
    pub head: Spread,
    pub eps: f32,
    pub clamp: Option<[f32; 2]>,
}

impl Heads {
    /// What a manifest says of the spread.
    pub(super) fn spread_table(&self) -> String {
        let mut table =
            format!("{{ output = {}, head = \"{}\"", quoted(&self.spread), self.head.name());
        if self.eps != 0.0 {
            table += &format!(", eps = {:?}", self.eps);
        }
        if let Some([low, high]) = self.clamp {
            table += &format!(", clamp = [{low:?}, {high:?}]");
        }
        table + " }"
    }

    /// What a manifest says of both.
    fn line(&self) -> String {
        format!("mean = {}, spread = {}", quoted(&self.mean), self.spread_table())
    }
}

/// The posteriors of an encoder, first to last; the one that is `known`, where it is.
pub(super) fn posteriors(graph: &Graph, known: Option<Heads>) -> Result<Vec<Heads>, Decision> {
    let mut found = known.map_or_else(|| candidates(graph), |heads| Ok(vec![heads]))?;
    let names: Vec<[&str; 2]> =
        found.iter().map(|heads| [heads.mean.as_str(), heads.spread.as_str()]).collect();
    diagonal(graph, &names)?;
    if found.is_empty() {
        let plain = if samples(graph) { None } else { plain::without_heads(graph) };
        return Err(plain.unwrap_or_else(|| question::undecided(graph)));
    }
    for heads in &mut found {
        check(graph, heads)?;
        bounds(graph, heads);
        let sample = sampled_otherwise(graph, [&heads.mean, &heads.spread], heads.head);
        if let Some(sample) = sample {
            return Err(question::other_sample(heads, &sample));
        }
    }
    Ok(found)
}

/// A refusal where these means and spreads are not those of a diagonal normal.
fn diagonal(graph: &Graph, heads: &[[&str; 2]]) -> Result<(), Decision> {
    match family::other_than_diagonal(graph, heads) {
        Some((what, cure)) => {
            Err(Decision(format!("{what}; the candidates are {}. {cure}", listed(graph))))
        }
        None => Ok(()),
    }
}

/// What the strongest evidence says: the sample's own arithmetic, then names, then structure.
fn candidates(graph: &Graph) -> Result<Vec<Heads>, Decision> {
    let drawn = draws::of_outputs(graph);
    if !drawn.is_empty() {
        let undrawn = draws::undrawn(graph, &drawn)?;
        return Ok([drawn, undrawn].concat());
    }
    let (named, inside) = (named::by_names(graph, |_| true), draws::inside(graph));
    match (named.is_empty(), inside.is_empty()) {
        (false, true) => Ok(named),
        (true, false) => Ok(inside),
        (false, false) => draws::or_named(graph, inside, named),
        (true, true) => {
            let found = structure::by_structure(graph)?;
            Ok(found.or_else(|| named::beside(graph)).into_iter().collect())
        }
    }
}

/// Names and shapes agree, and the graph does not contradict the head.
fn check(graph: &Graph, heads: &Heads) -> Result<(), Decision> {
    let (Some(loc), Some(scale)) =
        (inner::named(graph, &heads.mean), inner::named(graph, &heads.spread))
    else {
        return Ok(());
    };
    if graph.values[loc].shape != graph.values[scale].shape {
        return Err(Decision(format!(
            "{:?} and {:?} are named like heads but have unequal shapes; the candidates are {}. Write the manifest by hand",
            heads.mean,
            heads.spread,
            listed(graph)
        )));
    }
    let as_sigma = structure::made_as_sigma(graph, scale).filter(|_| heads.head == Spread::Var);
    if let Some(why) = as_sigma {
        return Err(Decision(format!(
            "output {:?} is named like var, but {why}, as a standard deviation; decide, and write one of\n  {}\n  {}",
            heads.spread,
            lines(&heads.mean, &heads.spread, Spread::Sigma),
            lines(&heads.mean, &heads.spread, Spread::Var)
        )));
    }
    match contradiction(graph, scale, heads.head) {
        Some(why) => Err(Decision(format!(
            "output {:?} is named like {}, but {why}. Write the manifest by hand",
            heads.spread,
            heads.head.name()
        ))),
        None => Ok(()),
    }
}

/// A clip that makes the spread output, as bounds of the log-variance.
fn bounds(graph: &Graph, heads: &mut Heads) {
    let Some(scale) = inner::named(graph, &heads.spread) else { return };
    let factor = match heads.head {
        Spread::LogVar => 1.0,
        Spread::LogSigma => 2.0,
        _ => return,
    };
    let makers = Makers::of(graph);
    if let Some((Unary::Clip(low, high), _)) = makers.unary(makers.source(scale))
        && heads.clamp.is_none()
        && low.is_finite()
        && high.is_finite()
    {
        heads.clamp = Some([factor * low, factor * high]);
        heads.spread_why += &format!("; the graph clips it to [{low}, {high}]");
    }
}

/// Whether the graph draws from something that may be a posterior.
pub(super) fn samples(graph: &Graph) -> bool {
    draws::certain(graph).next().is_some()
}

/// Inputs that the graph scales for samples of these posteriors.
pub(super) fn noise(graph: &Graph, posteriors: &[Heads]) -> Vec<ValueId> {
    let makers = Makers::of(graph);
    let is_own = |draw: &Draw| {
        let mut means = posteriors.iter().filter_map(|heads| inner::named(graph, &heads.mean));
        means.any(|mean| makers.source(mean) == makers.source(draw.mean))
    };
    draws::draws(graph).into_iter().filter(is_own).map(|draw| draw.noise).collect()
}

/// What a manifest says of these heads.
pub(super) fn lines(mean: &str, spread: &str, head: Spread) -> String {
    format!(
        "mean = {}, spread = {{ output = {}, head = \"{}\" }}",
        quoted(mean),
        quoted(spread),
        head.name()
    )
}
