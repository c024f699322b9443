//! tract, which is linked into the program that answers.

#[cfg(feature = "reference")]
mod linked;

use super::Engine;
use super::child::{self, End};
use crate::error::{Error, Result};
use std::path::Path;

/// The version of tract that has answered the request in `folder`, in a process of its own.
///
/// # Errors
///
/// An input error where tract cannot run the model.
pub(super) fn run(program: &Path, folder: &Path) -> Result<String> {
    match child::run(program, folder, &[])? {
        End::Answered(version) => Ok(version),
        End::Failed(why) => Err(Engine::Tract.refusal(&why)),
        End::NotReady(why) | End::Another(why) => Err(Error::environment(format!(
            "the reference process cannot limit itself ({why}); allow it by `ulimit -v unlimited`"
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
pub(super) fn answer(folder: &Path) -> Result<()> {
    super::write(&folder.join(child::VERSION), b"none")?;
    Err(Error::environment(
        "it is not part of this program, which was built without the feature `reference`",
    ))
}
