//! One error for the host side: what failed, where, and what to do about it.

use std::fmt;

/// The only error type of this crate; prints as `context: context: cause`.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    context: Vec<String>,
}

/// A result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorKind {
    Check,
    Input,
    Environment,
}

impl Error {
    /// A check failed: parity, budget. Exit code 1.
    #[cold]
    pub fn check(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Check, message)
    }

    /// The user's input cannot be used: file, model, option. Exit code 2.
    ///
    /// The message says what was found, what was expected and what to do.
    #[cold]
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// The machine or the target failed: toolchain, emulator, file system. Exit code 3.
    #[cold]
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Environment, message)
    }

    /// An error of this kind, without context.
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: Vec::new() }
    }

    /// Adds what was being done, usually a file, in front of the message.
    #[cold]
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.context.push(context.to_string());
        self
    }

    /// The process's exit code for this error, by the command-line contract.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Check => 1,
            ErrorKind::Input => 2,
            ErrorKind::Environment => 3,
        }
    }

    /// Whether the user's input is to blame.
    pub fn is_input(&self) -> bool {
        self.kind == ErrorKind::Input
    }
}

impl fmt::Display for Error {
    /// Writes the contexts, the last added first, and the message, joined by `: `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.context.iter().rev() {
            write!(f, "{context}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Adds context to a result's error.
pub trait Context<T> {
    /// See [`Error::context`].
    fn context(self, context: impl fmt::Display) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    /// The same result; an error has the context in front.
    fn context(self, context: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.context(context))
    }
}
