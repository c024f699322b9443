//! tract, which is linked into the program that answers.

#[cfg(feature = "reference")]
mod linked;

use super::Engine;
use super::child::{self, End};
use crate::error::{Error, Result};
use std::path::Path;

/// The version of tract that has answered the request in `folder`, in a process of its own, of `program`,
/// which writes the answers there.
///
/// # Errors
///
/// An input error where tract cannot run the model, an environment error where the program cannot answer, is
/// another one, or takes too long.
pub(super) fn run(program: &Path, folder: &Path) -> Result<String> {
    match child::run(program, folder, &[])? {
        End::Answered(version) => Ok(version),
        End::Failed(why) => Err(Engine::Tract.refusal(&why)),
        End::NotReady(why) => Err(Error::environment(why).context(program.display())),
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

/// Fails: a program without tract cannot answer.
///
/// # Errors
///
/// Always.
#[cfg(not(feature = "reference"))]
pub(super) fn answer(_folder: &Path) -> Result<()> {
    Err(Error::environment(
        "it was built without the feature `reference`, which brings tract; build it with that feature, or name another program",
    ))
}
