//! What keeps a model from being imported: where, why, and what to do about it.

use crate::error::Error;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;

/// One thing about a model that import cannot take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unsupported {
    /// The node's name (operator and position where it has none), or the tensor's.
    pub node: String,
    /// The node's operator, or `input`, `output`, `initializer`, `graph`.
    pub op: String,
    /// The module that the node comes from, where the exporter says.
    pub module: Option<String>,
    /// What was found, and what was expected.
    pub reason: String,
    /// What to do.
    pub advice: String,
}

impl Unsupported {
    /// The node's name in backticks, with its module where that is known.
    fn place(&self) -> String {
        match &self.module {
            Some(module) => format!("`{}` (in the module `{module}`)", self.node),
            None => format!("`{}`", self.node),
        }
    }
}

/// Nodes of one operator that import cannot take for one reason.
#[derive(Clone, Debug)]
pub struct Group<'p>(Vec<&'p Unsupported>);

impl<'p> Group<'p> {
    /// How many nodes a message names.
    const NAMED: usize = 3;

    /// The problems by operator, reason and advice, in the order in which each comes up first.
    pub fn all(problems: impl IntoIterator<Item = &'p Unsupported>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut known = HashMap::new();
        for problem in problems {
            let key = (&problem.op, &problem.reason, &problem.advice);
            let at = *known.entry(key).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(group) => group.0.push(problem),
                None => groups.push(Self(vec![problem])),
            }
        }
        groups
    }

    /// Operator, the first three nodes by name, the number of the others, and the reason; empty for a group
    /// without problems.
    pub fn what(&self) -> String {
        let Some(Unsupported { op, reason, .. }) = self.0.first() else { return String::new() };
        let places: Vec<String> = self.0.iter().take(Self::NAMED).map(|one| one.place()).collect();
        let places = places.join(", ");
        match self.0.len().checked_sub(Self::NAMED) {
            Some(more @ 1..) => format!("{op} {places} and {more} more: {reason}"),
            _ => format!("{op} {places}: {reason}"),
        }
    }

    /// What to do about the group's problems; empty for a group without problems.
    pub fn advice(&self) -> &str {
        self.0.first().map_or("", |problem| &problem.advice)
    }
}

/// What is wrong, a semicolon, and what to do about it.
impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what(), self.advice())
    }
}

/// One input error that lists every problem, those of one operator, reason and advice in one line; unless
/// there is only one, their number stands in front.
#[cold]
pub(super) fn error_of(problems: &[Unsupported]) -> Error {
    let groups = Group::all(problems);
    match (&groups[..], problems) {
        ([group], [_]) => Error::input(group.to_string()),
        _ => {
            let lines: Vec<String> = groups.iter().map(|group| format!("\n  {group}")).collect();
            Error::input(format!("{} problems:{}", problems.len(), lines.concat()))
        }
    }
}

/// Why an operator's reader refuses a node; the caller knows which node.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// What was found, and what was expected.
    pub reason: String,
    /// What to do.
    pub advice: String,
}

/// A reader's result.
pub(super) type Read<T> = Result<T, Refusal>;

impl Refusal {
    /// A refusal: what was found and expected, and what to do.
    #[cold]
    pub fn new(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { reason: reason.into(), advice: advice.into() }
    }
}

/// The refusal of a node as a result, which is always an error.
#[cold]
pub(super) fn refuse<T>(reason: impl Into<String>, advice: impl Into<String>) -> Read<T> {
    Err(Refusal::new(reason, advice))
}

/// The refusal of a node that contradicts itself or the format; always an error.
#[cold]
pub(super) fn invalid<T>(reason: impl Into<String>) -> Read<T> {
    refuse(reason, CHECK)
}

const CHECK: &str =
    "the file is not valid ONNX: check it by `onnx.checker.check_model(model, full_check=True)`";

/// A name from the file as messages show it: cleaned as by [`clean`], and cut to 96 characters.
pub(super) fn shown(name: &str) -> String {
    cut(clean(name), 96)
}

/// The first `longest` characters of a text, with `...` behind them if there are more.
pub(super) fn cut(mut text: String, longest: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// A name from the file with `_` for each control character and each mark that breaks lines or reverses text,
/// which would spoil reports and generated comments.
pub(super) fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || is_hidden(c) { '_' } else { c }).collect()
}

/// Whether a character is a separator of lines or paragraphs, or a mark that sets the direction of text.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}
