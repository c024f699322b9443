//! `elbow init`: proposes a manifest from what a graph shows, and says why.
//!
//! Two things count as evidence of a head: the way the graph samples from it, and a name that says
//! what it is. Where neither decides, nothing is proposed: a wrong head is a silent factor in the
//! exponent.

mod evidence;

use crate::emit::identifier;
use crate::error::{Error, Result};
use crate::import::Graph;
use crate::manifest::Manifest;
use crate::model::{Loaded, Source};
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
    pub key: &'static str,
    /// Its value, as TOML.
    pub value: String,
    /// The evidence.
    pub reason: String,
}

/// Proposes a manifest for `encoder` and, where given, `decoder`; it will lie in `folder`.
///
/// # Errors
///
/// An input error lists the candidates where the graph does not say which is which.
pub fn propose(encoder: &Path, decoder: Option<&Path>, folder: &Path) -> Result<Proposal> {
    let source = Source::read(encoder)?;
    let fault = |what: String| Error::input(what).context(encoder.display());
    let heads = evidence::heads(&source.graph).map_err(fault)?;
    let mut reasons = vec![name(encoder)];
    let mut say = |key, value: String, reason: String| reasons.push(Reason { key, value, reason });
    say("encoder.onnx", quoted(&relative(encoder, folder)), "the file".into());
    say("encoder.input", quoted(&heads.input.0), heads.input.1);
    say("encoder.mean", quoted(&heads.mean.0), heads.mean.1);
    let spread = format!("{{ output = {}, head = \"{}\" }}", quoted(&heads.spread.0), heads.head);
    say("encoder.spread", spread, heads.spread.1);
    if let Some(path) = decoder {
        let source = Source::read(path)?;
        let fault = |what: String| Error::input(what).context(path.display());
        let decoder = evidence::decoder(&source.graph).map_err(fault)?;
        say("decoder.onnx", quoted(&relative(path, folder)), "the file".into());
        say("decoder.latent", quoted(&decoder.latent.0), decoder.latent.1);
        say("decoder.mean", quoted(&decoder.mean.0), decoder.mean.1);
        say("decoder.likelihood", decoder.likelihood.0.into(), decoder.likelihood.1.into());
    }
    let text = text(&reasons);
    let manifest = Manifest::parse(&text)
        .map_err(|what| fault(format!("the proposal does not parse: {what}")))?;
    Loaded::of_manifest(manifest, folder)?;
    Ok(Proposal { text, reasons })
}

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
    Reason { key: "name", value: quoted(&identifier(&name)), reason: reason.into() }
}

/// The manifest's text: each key below its reason, each table where its first key is.
fn text(reasons: &[Reason]) -> String {
    let mut text =
        String::from("# Proposed by `elbow init`: check each reason before you rely on it.\n");
    let mut table = "";
    for Reason { key, value, reason } in reasons {
        let (own, key) = key.split_once('.').unwrap_or(("", key));
        if own != table {
            text.push_str(&format!("\n[{own}]\n"));
            table = own;
        }
        text.push_str(&format!("# {reason}\n{key} = {value}\n"));
    }
    text
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

/// `file` as seen from `folder`, with `/` between its parts.
fn relative(file: &Path, folder: &Path) -> String {
    let full = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (file, folder) = (full(file), full(folder));
    let shared = file.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(file.components().skip(shared)).collect();
    path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

/// Names and shapes of a graph's tensors, for a message.
fn listed(graph: &Graph) -> String {
    let outputs = graph.outputs.iter().map(|(name, id)| {
        let maker = graph.nodes.iter().find(|node| node.output == *id);
        let op = maker.map_or("no node", |node| &node.op_type);
        format!("{name:?} {:?} made by {op}", graph.values[*id].shape)
    });
    outputs.collect::<Vec<_>>().join(", ")
}
