//! What keeps a model from being imported: where, why, and what to do about it.

use crate::error::Error;
use std::fmt;

/// One thing about a model that import cannot take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The node's name (operator and position where it has none), or the tensor's.
    pub node: String,
    /// The node's operator, or `input`, `output`, `initializer`, `graph`.
    pub op: String,
    /// What was found, and what was expected.
    pub reason: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, op, reason, advice } = self;
        write!(f, "{op} `{node}`: {reason}; {advice}")
    }
}

/// One error that lists every problem.
#[cold]
pub(super) fn error_of(problems: &[Unsupported]) -> Error {
    if let [only] = problems {
        return Error::input(only.to_string());
    }
    let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    Error::input(format!("{} problems:{}", problems.len(), lines.concat()))
}

/// Why an operator's reader refuses a node; the caller knows which node.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub reason: String,
    pub advice: String,
}

/// A reader's result.
pub(super) type Read<T> = Result<T, Refusal>;

impl Refusal {
    /// What was found and expected, and what to do.
    #[cold]
    pub fn new(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { reason: reason.into(), advice: advice.into() }
    }
}

/// Refuses a node.
#[cold]
pub(super) fn refuse<T>(reason: impl Into<String>, advice: impl Into<String>) -> Read<T> {
    Err(Refusal::new(reason, advice))
}

/// Refuses a node that contradicts itself or the format.
#[cold]
pub(super) fn invalid<T>(reason: impl Into<String>) -> Read<T> {
    refuse(reason, CHECK)
}

const CHECK: &str =
    "the file is not valid ONNX: check it by `onnx.checker.check_model(model, full_check=True)`";

/// A name from the file as messages show it: without control characters, and cut.
pub(super) fn shown(name: &str) -> String {
    cut(clean(name), 96)
}

/// A text of at most `longest` characters, and dots where it went on.
pub(super) fn cut(mut text: String, longest: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// A name from the file without control characters, which would break lines of reports and of
/// generated comments.
pub(super) fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || is_hidden(c) { '_' } else { c }).collect()
}

/// Separators of lines and paragraphs, and marks that reverse the direction of text.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}
