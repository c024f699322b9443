//! tract, which is linked into the program that answers.

#[cfg(feature = "reference")]
mod linked;

use super::Engine;
use super::child::{self, End};
use crate::error::{Error, Result};
use std::path::Path;

/// What a program says that has no tract.
const ABSENT: &str = "was built without the feature `reference`, which brings tract";

/// The version of tract that has answered the request in `folder`, in a process of its own.
///
/// # Errors
///
/// An input error where tract cannot run the model.
pub(super) fn run(program: &Path, folder: &Path) -> Result<String> {
    match child::run(program, folder, &[])? {
        End::Answered(version) => Ok(version),
        End::Failed(why) => Err(Engine::Tract.refusal(&why)),
        End::NotReady(why) if why.contains(ABSENT) => Err(Error::environment(format!(
            "the program {} {ABSENT}; build it with that feature, or name another program",
            program.display()
        ))),
        End::NotReady(why) => Err(Error::environment(format!(
            "the reference process cannot limit itself ({why}); allow it by `ulimit -v unlimited`"
        ))),
        End::Another(said) => Err(Error::environment(format!(
            "the program {} does not run the reference ({said}); let it call `elbow::reference::answer` when its first argument is {:?}",
            program.display(),
            child::SUBCOMMAND
        ))),
        End::TooLong(seconds) => Err(Engine::Tract.too_long(seconds)),
    }
}

/// Answers the request in `folder`, in the child.
///
/// # Errors
///
/// Whatever tract says.
#[cfg(feature = "reference")]
pub(super) fn answer(folder: &Path) -> Result<()> {
    linked::answer(folder)
}

/// Writes the version `none` and fails: a program without tract cannot answer.
///
/// # Errors
///
/// Always.
#[cfg(not(feature = "reference"))]
pub(super) fn answer(_folder: &Path) -> Result<()> {
    Err(Error::environment(format!("it {ABSENT}")))
}
