//! What is wrong with plans that do not fit together.

use crate::Error;

/// An error about plans that do not fit together.
pub(super) fn mismatch(message: String) -> Error {
    Error::input(format!("{message}; check the roles in the manifest"))
}
