//! The error of plans that do not fit together.

use crate::Error;

/// An input error with this message and the advice to check the roles.
pub(super) fn mismatch(message: String) -> Error {
    Error::input(format!("{message}; check the roles in the manifest"))
}
