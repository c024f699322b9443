//! The child's side of a reference: its limit of memory, and who answers.

use super::{onnxruntime, tract};
use crate::error::{Error, Result};
use std::path::Path;

/// Address space of a child, in bytes.
const MEMORY_LIMIT: u64 = 4 << 30;

/// Answers the request in `folder`: by onnxruntime in the given `python`, else by tract. The answers are
/// files in `folder`.
///
/// It takes over the process: the address space is limited to 4 GiB for good, and with `python` the process
/// becomes that Python, so that this returns only where it fails.
///
/// # Errors
///
/// Whatever the runtime says, and an environment error where the limit cannot be set or Python not be
/// started.
pub fn answer(folder: &Path, python: Option<&Path>) -> Result<()> {
    let fault = |error: std::io::Error| {
        Error::environment(format!(
            "the reference process cannot limit itself ({error}); allow it by `ulimit -v unlimited`"
        ))
    };
    let (_, allowed) = rlimit::Resource::AS.get().map_err(fault)?;
    let limit = MEMORY_LIMIT.min(allowed);
    rlimit::Resource::AS.set(limit, limit).map_err(fault)?;
    match python {
        Some(python) => Err(onnxruntime::become_python(python, folder)),
        None => tract::answer(folder),
    }
}
