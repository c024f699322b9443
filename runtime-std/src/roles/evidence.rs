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
    /// Name of the mean: an output, or a value inside the graph.
    pub mean: String,
    /// Why it is the mean.
    pub mean_why: String,
    /// Name of the spread: an output, or a value inside the graph.
    pub spread: String,
    /// Why it is the spread.
    pub spread_why: String,
    /// Parameterization of the spread.
    pub head: Spread,
    /// Added as the formula of the head says; 0 for nothing.
    pub eps: f32,
    /// Bounds of the log-variance.
    pub clamp: Option<[f32; 2]>,
}

impl Heads {
    /// The inline table of the spread in a manifest: `{ output = .., head = .. }`, with `eps` and `clamp`
    /// where they are set.
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

    /// The keys `mean` and `spread` of a manifest, on one line.
    fn line(&self) -> String {
        format!("mean = {}, spread = {}", quoted(&self.mean), self.spread_table())
    }
}

/// The posteriors of an encoder, first to last: the `known` one where it is given, else those of the
/// strongest evidence. A bounding clip in the graph becomes their `clamp`. The error is a question: there is
/// none, or the graph contradicts them or samples otherwise.
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

/// `Ok` where no other output shows the posterior with these means and spreads (names, mean first) to be no
/// diagonal normal; the error is a refusal with what shows it.
fn diagonal(graph: &Graph, heads: &[[&str; 2]]) -> Result<(), Decision> {
    match family::other_than_diagonal(graph, heads) {
        Some((what, cure)) => {
            Err(Decision(format!("{what}; the candidates are {}. {cure}", listed(graph))))
        }
        None => Ok(()),
    }
}

/// The heads by the strongest evidence that there is: sampling of outputs, then names or sampling of inner
/// values, then structure; empty without any. The error is a question where kinds of evidence contradict each
/// other.
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

/// `Ok` where the graph can make these heads, also where it does not have their names. The error is a
/// question: the two have unequal shapes, a `var` is computed as a standard deviation, or the graph
/// contradicts the head.
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

/// Where the spread is a logarithm and the graph clips it to finite bounds, sets `heads.clamp` to those of
/// the log-variance (doubled for `log_sigma`) and adds it to the reason; no change where `clamp` is set
/// already.
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

/// Whether the graph draws `mean + scale * noise` with noise of a random node or of an input named as noise.
pub(super) fn samples(graph: &Graph) -> bool {
    draws::certain(graph).next().is_some()
}

/// The noise inputs of the draws around the means of these posteriors.
pub(super) fn noise(graph: &Graph, posteriors: &[Heads]) -> Vec<ValueId> {
    let makers = Makers::of(graph);
    let is_own = |draw: &Draw| {
        let mut means = posteriors.iter().filter_map(|heads| inner::named(graph, &heads.mean));
        means.any(|mean| makers.source(mean) == makers.source(draw.mean))
    };
    draws::draws(graph).into_iter().filter(is_own).map(|draw| draw.noise).collect()
}

/// The keys `mean` and `spread` of a manifest for these names, without `eps` and `clamp`, on one line,
/// without a newline.
pub(super) fn lines(mean: &str, spread: &str, head: Spread) -> String {
    format!(
        "mean = {}, spread = {{ output = {}, head = \"{}\" }}",
        quoted(mean),
        quoted(spread),
        head.name()
    )
}
