//! What a manifest leaves open: keys that are missing, and values that are still a question mark.

use super::likelihood::Family;
use serde::Deserialize;
use toml::{Table, Value};

/// Stands for a value that somebody has to decide.
const OPEN: &str = "?";

/// Keys that every table of a kind has; `latent.spread` is the table `spread` of any `[[latent]]`.
const REQUIRED: &[(&str, &[&str])] = &[
    ("", &["name"]),
    ("encoder", &["onnx"]),
    ("encoder.spread", &["output", "head"]),
    ("decoder", &["onnx", "latent", "mean", "likelihood"]),
    ("decoder.likelihood", &["family"]),
    ("input", &["name"]),
    ("latent", &["mean", "spread"]),
    ("latent.spread", &["output", "head"]),
    ("flow", &["onnx", "input", "z"]),
    ("state", &["pairs"]),
    ("state.pairs", &["input", "output"]),
    ("window", &["channels", "length", "hop", "mean", "std"]),
    ("score", &["kind"]),
    ("score.calibrated", &["model", "precision", "rows", "rate", "basis"]),
    ("score.mode", &["index", "calibration"]),
    ("score.alarm", &["kappa", "arl", "every", "threshold"]),
    ("drift", &["reference", "threshold"]),
    ("data.train", ROWS),
    ("data.scales", ROWS),
    ("data.integers", ROWS),
    ("data.score", ROWS),
];

/// Keys of a set of rows.
const ROWS: &[&str] = &["files", "rows", "hashes"];

/// Everything that the text leaves open, one sentence each: missing keys, tables needed because of others,
/// and values that are `?`. Empty where the text is not TOML.
pub(super) fn open(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(root) = read(text) {
        of_tables(&root, &mut found);
        walk("", "", &Value::Table(root), &mut found);
    }
    found
}

/// Whether `error`, of parsing the same text, is about something that [`open`] lists: a missing field, or a
/// span with a question mark in it.
pub(super) fn is_told(text: &str, error: &toml::de::Error) -> bool {
    let part = error.span().and_then(|part| text.get(part));
    error.message().starts_with("missing field") || part.is_some_and(|part| part.contains(OPEN))
}

/// The text as TOML, where a bare `?` is read like `"?"`; `None` where it is no TOML otherwise.
fn read(text: &str) -> Option<Table> {
    let mut text = text.to_string();
    for _ in 0..=text.matches(OPEN).count() {
        let at = match toml::from_str(&text) {
            Ok(table) => return Some(table),
            Err(error) => error.span()?.start,
        };
        text.get(at..)?.starts_with(OPEN).then(|| text.replace_range(at..=at, "\"?\""))?;
    }
    None
}

/// Adds to `found` what is missing because of other keys: encoder or flow, the encoder's input and heads, and
/// the parameters of the likelihood's family.
fn of_tables(root: &Table, found: &mut Vec<String>) {
    let has = |table: &Table, key: &str| table.contains_key(key);
    match root.get("encoder").and_then(Value::as_table) {
        None if !has(root, "encoder") && !has(root, "flow") => found
            .push("missing field `encoder`: a model has an [encoder] or a [flow]; add one".into()),
        None => {}
        Some(encoder) => {
            if !has(encoder, "input") && !is_observed(root) {
                found.push("missing field `input` in [encoder]: name the observation".into());
            }
            for key in ["mean", "spread"].iter().filter(|key| !has(encoder, key)) {
                if !has(root, "latent") {
                    found.push(format!(
                        "missing field `{key}` in [encoder]: name the output that holds it, or list several posteriors as [[latent]]"
                    ));
                }
            }
        }
    }
    let likelihood = root.get("decoder").and_then(|decoder| decoder.get("likelihood"));
    if let Some(likelihood) = likelihood.and_then(Value::as_table) {
        let family = likelihood.get("family").cloned().map(Family::deserialize);
        let Some(Ok(family)) = family else { return };
        for key in family.keys().iter().filter(|key| !has(likelihood, key)) {
            found.push(format!(
                "decoder.likelihood.{key}: {} needs it: a number, a list with one per channel, or the name of a decoder output",
                family.name()
            ));
        }
    }
}

/// Whether an `[[input]]` has the role `x`.
fn is_observed(root: &Table) -> bool {
    let inputs = root.get("input").and_then(Value::as_array);
    inputs.into_iter().flatten().any(|input| input.get("role").and_then(Value::as_str) == Some("x"))
}

/// Adds to `found` the required keys that tables in `value` lack and the values that are `?`, through all
/// tables and lists in it. `path` is where it lies, as `latent[0].spread`; `kind` is the same without
/// numbers; both are empty for the whole text.
fn walk(path: &str, kind: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text == OPEN => {
            found.push(format!("{path} is {OPEN:?}: decide it, and write its value"));
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                walk(&format!("{path}[{at}]"), kind, value, found);
            }
        }
        Value::Table(table) => {
            let required =
                REQUIRED.iter().find(|(own, _)| *own == kind).map_or(&[][..], |own| own.1);
            let missing = required.iter().filter(|key| !table.contains_key(**key));
            found.extend(missing.map(|key| match path {
                "" => format!("missing field `{key}`"),
                _ => format!("missing field `{key}` in [{path}]"),
            }));
            for (key, value) in table {
                let below = |table: &str| match table {
                    "" => key.clone(),
                    _ => format!("{table}.{key}"),
                };
                walk(&below(path), &below(kind), value, found);
            }
        }
        _ => {}
    }
}
