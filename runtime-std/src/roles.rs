//! `elbow init`: proposes a manifest from what a graph shows, and says why.
//!
//! Two things count as evidence of a head: the way the graph samples from it, and a name that says
//! what it is. Where neither decides, nothing is proposed: a wrong head is a silent factor in the
//! exponent.

mod decoder;
mod evidence;
mod flow;
mod inputs;
mod measured;
mod plain;
mod states;
mod window;

use crate::error::{Error, Result};
use crate::identifier::identifier;
use crate::import::{self, FrozenNoise};
use crate::ir::Graph;
use crate::lower::prune;
use crate::manifest::{InputRole, Manifest};
use crate::model::{Loaded, Source, inner};
use evidence::Heads;
use flow::FlowRoles;
use inputs::{KnownInputs, NameWithReason};
pub use measured::{ProposalFiles, propose_measured};
use serde::Serialize;
use std::path::{Component, Path, PathBuf};

/// A manifest that loads, and the reason for each of its roles.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The manifest.
    pub text: String,
    /// One per key that was decided.
    pub reasons: Vec<Reason>,
}

/// Why a key has its value.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    /// Key of the manifest.
    pub key: String,
    /// Its value, as TOML.
    pub value: String,
    /// The evidence.
    pub reason: String,
}

/// A question that only the user can answer, as the text of an input error: the candidates, and what to
/// write.
struct Decision(String);

/// The manifest proposed for `encoder` and, where given, `decoder`, with file names relative to `folder`,
/// where it will lie. `options` become keys of it. Nothing is written.
///
/// # Errors
///
/// An input error lists the candidates where the graph does not say which is which.
pub fn propose(
    encoder: &Path,
    decoder: Option<&Path>,
    folder: &Path,
    options: &import::Options,
) -> Result<Proposal> {
    propose_as(encoder, decoder, folder, options, None)
}

/// [`propose`] with these heads as the encoder's, where they are given; without, by the evidence of the
/// graph. `heads` do not apply to a flow. Errors as those of [`propose`].
fn propose_as(
    encoder: &Path,
    decoder: Option<&Path>,
    folder: &Path,
    options: &import::Options,
    heads: Option<Heads>,
) -> Result<Proposal> {
    let files: Vec<&Path> = [encoder].into_iter().chain(decoder).collect();
    let per_file = options.per_file(&files)?;
    let source = Source::read(encoder, &per_file[0])?;
    let fault = |what: String| Error::input(what).context(encoder.display());
    let mut reasons = vec![name(encoder)];
    if options.frozen_noise == FrozenNoise::Accept {
        let why = "--accept-frozen-noise was given";
        reasons.push(Reason::new("frozen_noise", quoted("accept"), why));
    }
    let dims = options.dims.iter().map(|(name, length)| {
        Reason::new(&format!("dims.{}", quoted(name)), length.to_string(), "--dim was given")
    });
    reasons.extend(dims);
    let file = quoted(&relative(encoder, folder));
    let decided = match flow::flow(&source.graph).filter(|_| decoder.is_none()) {
        Some(flow) => flow.map(|flow| flow_reasons(flow, file)),
        None => encoder_reasons(&source.graph, file, heads),
    };
    let Decided { reasons: own, inputs, latents, observed } =
        decided.map_err(|Decision(what)| fault(what))?;
    reasons.extend(own);
    let mut conditions = inputs;
    if let Some(path) = decoder {
        let source = Source::read(path, &per_file[1])?;
        let fault = |Decision(what)| Error::input(what).context(path.display());
        let decoder = decoder::decoder(&source.graph, &latents, observed).map_err(fault)?;
        reasons.extend(decoder_reasons(&decoder, quoted(&relative(path, folder))));
        for (name, why) in decoder.conditions {
            if conditions.iter().all(|((other, _), _)| *other != name) {
                conditions.push(((name, why), InputRole::Condition));
            }
        }
    }
    reasons.extend(input_reasons(&conditions));
    let text = text(&reasons);
    let manifest = Manifest::parse(&text)
        .map_err(|what| fault(format!("the proposal does not parse: {what}")))?;
    let text = text + &window::statement(&source.graph, &manifest);
    Loaded::of_manifest(manifest, folder)?;
    Ok(Proposal { text, reasons })
}

/// The keys of the table `[decoder]`: file, latent, mean and likelihood.
fn decoder_reasons(decoder: &decoder::Roles, file: String) -> Vec<Reason> {
    let latent = match &decoder.latents[..] {
        [only] => quoted(only),
        several => {
            format!("[{}]", several.iter().map(|z| quoted(z)).collect::<Vec<_>>().join(", "))
        }
    };
    let (likelihood, why) = &decoder.likelihood;
    vec![
        Reason::new("decoder.onnx", file, "the file"),
        Reason::new("decoder.latent", latent, &decoder.latent_why),
        Reason::new("decoder.mean", quoted(&decoder.mean.0), &decoder.mean.1),
        Reason::new("decoder.likelihood", likelihood.clone(), why),
    ]
}

/// Two keys, name and role, for each table `[[input]]`.
fn input_reasons(inputs: &[(NameWithReason, InputRole)]) -> Vec<Reason> {
    let reasons = |(at, ((name, why), role)): (usize, &(NameWithReason, InputRole))| {
        let role = match role {
            InputRole::X => "x",
            InputRole::Eps => "eps",
            InputRole::Condition => "condition",
        };
        [
            Reason::new(&format!("input[{at}].name"), quoted(name), why),
            Reason::new(&format!("input[{at}].role"), quoted(role), "its role"),
        ]
    };
    inputs.iter().enumerate().flat_map(reasons).collect()
}

/// What was decided of the first graph, an encoder or a flow.
struct Decided {
    /// The keys of its table, each with its reason.
    reasons: Vec<Reason>,
    /// Its conditions and noise inputs, which become `[[input]]` tables.
    inputs: Vec<(NameWithReason, InputRole)>,
    /// Number of values of each latent.
    latents: Vec<usize>,
    /// Number of values of the observation.
    observed: usize,
}

/// What is decided of an encoder's graph in `file` (quoted): its posteriors (`heads` where given), input,
/// states, and further inputs as far as the heads depend on them. The error is a question where the graph
/// does not decide.
fn encoder_reasons(
    graph: &Graph,
    file: String,
    heads: Option<Heads>,
) -> std::result::Result<Decided, Decision> {
    let posteriors = evidence::posteriors(graph, heads)?;
    let heads: Vec<&str> =
        posteriors.iter().flat_map(|heads| [heads.mean.as_str(), heads.spread.as_str()]).collect();
    let known = KnownInputs { x: None, noise: evidence::noise(graph, &posteriors) };
    let inputs = inputs::inputs(graph, &heads, known)?;
    let states = inputs.states.iter().map(|(_, output)| output.as_str());
    let taken: Vec<&str> = heads.iter().copied().chain(states).collect();
    let names = graph.outputs.iter().map(|(name, _)| name.as_str());
    let unused: Vec<&str> = names.filter(|name| !taken.contains(name)).collect();
    let file_why = match &unused[..] {
        [] => "the file".to_string(),
        unused => format!("the file; no role for its outputs {unused:?}"),
    };
    let mut reasons = vec![
        Reason::new("encoder.onnx", file, &file_why),
        Reason::new("encoder.input", quoted(&inputs.x.0), &inputs.x.1),
    ];
    for (at, heads) in posteriors.iter().enumerate() {
        let table = match posteriors.len() {
            1 => "encoder".to_string(),
            _ => format!("latent[{at}]"),
        };
        let mean = quoted(&heads.mean);
        reasons.push(Reason::new(&format!("{table}.mean"), mean, &heads.mean_why));
        let spread = heads.spread_table();
        reasons.push(Reason::new(&format!("{table}.spread"), spread, &heads.spread_why));
    }
    if !inputs.states.is_empty() {
        let pair = |((input, _), output): &(NameWithReason, String)| {
            format!("{{ input = {}, output = {} }}", quoted(input), quoted(output))
        };
        let pairs: Vec<String> = inputs.states.iter().map(pair).collect();
        let why: Vec<String> =
            inputs.states.iter().map(|((input, why), _)| format!("{input}: {why}")).collect();
        let pairs = format!("[{}]", pairs.join(", "));
        reasons.push(Reason::new("state.pairs", pairs, &why.join("; ")));
    }
    let len = |name: &str| inner::named(graph, name).map_or(0, |id| graph.values[id].len());
    let latents = posteriors.iter().map(|heads| len(&heads.mean)).collect();
    let observed = graph.inputs.iter().find(|id| graph.values[**id].name == inputs.x.0);
    let observed = observed.map_or(0, |id| graph.values[*id].len());
    // Noise that no head needs is no input of the encoder that is compiled.
    let needed = needed(graph, &heads);
    let further = inputs.further.into_iter().filter(|((name, _), _)| needed.contains(name));
    Ok(Decided { reasons, inputs: further.collect(), latents, observed })
}

/// Names of the graph's inputs on which the values `names` depend; names that it does not have are passed
/// over. Empty where the graph cannot be pruned to them.
fn needed(graph: &Graph, names: &[&str]) -> Vec<String> {
    let values =
        names.iter().filter_map(|name| Some((name.to_string(), inner::named(graph, name)?)));
    let graph = Graph { outputs: values.collect(), ..graph.clone() };
    let wanted: Vec<usize> = (0..graph.outputs.len()).collect();
    let pruned = prune(&graph, &wanted).map(|graph| {
        graph.inputs.iter().map(|id| graph.values[*id].name.clone()).collect::<Vec<_>>()
    });
    pruned.unwrap_or_default()
}

/// What is decided of a flow's graph in `file` (quoted). The first noise input of a flow with `log_q` becomes
/// `flow.eps`; the other further inputs stay `[[input]]` tables.
fn flow_reasons(flow: FlowRoles, file: String) -> Decided {
    let FlowRoles { inputs, z, density, log } = flow;
    let mut reasons = vec![
        Reason::new("flow.onnx", file, "the file"),
        Reason::new("flow.input", quoted(&inputs.x.0), &inputs.x.1),
        Reason::new("flow.z", quoted(&z.0), &z.1),
        Reason::new(&format!("flow.{density}"), quoted(&log.0), &log.1),
    ];
    let mut further = inputs.further;
    if density == "log_q" {
        let eps = further.iter().position(|(_, role)| *role == InputRole::Eps);
        if let Some(((name, why), _)) = eps.map(|at| further.remove(at)) {
            reasons.push(Reason::new("flow.eps", quoted(&name), &why));
        }
    }
    Decided { reasons, inputs: further, latents: Vec::new(), observed: 0 }
}

impl Reason {
    /// The reason `reason` why `key` has this value (TOML).
    fn new(key: &str, value: String, reason: &str) -> Self {
        Self { key: key.into(), value, reason: reason.into() }
    }
}

/// The key `name`: the file's stem as an identifier, or the folder's name where the stem is `encoder` or
/// `model`.
fn name(encoder: &Path) -> Reason {
    let stem = encoder.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let full = std::path::absolute(encoder).unwrap_or_else(|_| encoder.to_path_buf());
    let folder =
        full.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let (name, reason) = match folder {
        Some(folder) if ["encoder", "model"].contains(&stem.as_str()) => {
            (folder, "the folder's name")
        }
        _ => (stem, "the file's name"),
    };
    Reason::new("name", quoted(&identifier(&name)), reason)
}

/// The manifest's text: each key below its reason as a comment, in the order of `reasons`; a table header
/// before each key of another table than the one before. Keys have the form `key`, `table.key` or
/// `list[0].key`.
fn text(reasons: &[Reason]) -> String {
    let mut text =
        String::from("# Proposed by `elbow init`: check each reason before you rely on it.\n");
    let mut table = "";
    for Reason { key, value, reason } in reasons {
        let (own, key) = key.split_once('.').unwrap_or(("", key));
        if own != table {
            match own.split_once('[') {
                Some((list, _)) => text.push_str(&format!("\n[[{list}]]\n")),
                None => text.push_str(&format!("\n[{own}]\n")),
            }
            table = own;
        }
        text.push_str(&format!("# {reason}\n{key} = {value}\n"));
    }
    text
}

/// `text` as a TOML string, with quotes and escapes.
fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

/// The path of `file` as seen from `folder`, with `..` where needed and `/` between its parts; by canonical
/// paths where both exist.
fn relative(file: &Path, folder: &Path) -> String {
    let full = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (file, folder) = (full(file), full(folder));
    let shared = file.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(file.components().skip(shared)).collect();
    path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

/// Name, shape and maker of each output of a graph, for a message.
fn listed(graph: &Graph) -> String {
    let outputs = graph.outputs.iter().map(|(name, id)| {
        let maker = graph.nodes.iter().find(|node| node.output == *id);
        let op = maker.map_or("no node", |node| &node.op_type);
        format!("{name:?} {:?} made by {op}", graph.values[*id].shape)
    });
    outputs.collect::<Vec<_>>().join(", ")
}
