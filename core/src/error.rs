//! One error for all that a program calls.

use crate::infer::{DecodeError, EncodeError, InferError, RunError};
use crate::kernels::integer::PackingError;
use crate::noise::NoiseError;
use crate::pack::PackError;
use crate::window::WindowError;

/// The error of any operation of this crate, for code that calls several of them: `?` converts each.
///
/// ```
/// use elbow_core::Error;
/// use elbow_core::pack::{Pack, PackError};
/// fn first_weight(bytes: &[u8]) -> Result<Option<f32>, Error> {
///     Ok(Pack::new_checked(bytes)?.floats().first().copied())
/// }
/// assert_eq!(first_weight(&[]), Err(Error::Pack(PackError::Truncated)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A detector has no weights yet: call its `boot` first.
    NotBooted,
    /// Bytes are not a pack.
    Pack(PackError),
    /// A reading or an observation was refused.
    Window(WindowError),
    /// An observation has no posterior.
    Encode(EncodeError),
    /// A latent was not decoded.
    Decode(DecodeError),
    /// A graph or a flow was not run.
    Run(RunError),
    /// Nothing could be inferred.
    Infer(InferError),
    /// No noise could be drawn.
    Noise(NoiseError),
    /// Weights could not be packed as integers.
    Packing(PackingError),
}

/// Implements `From` of errors, each a variant's only field.
macro_rules! from {
    ($($variant:ident($error:ident)),* $(,)?) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

from! {
    Pack(PackError),
    Window(WindowError),
    Encode(EncodeError),
    Decode(DecodeError),
    Run(RunError),
    Infer(InferError),
    Noise(NoiseError),
    Packing(PackingError),
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotBooted => f.write_str("the detector has no weights yet: boot it first"),
            Self::Pack(error) => error.fmt(f),
            Self::Window(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
            Self::Infer(error) => error.fmt(f),
            Self::Noise(error) => error.fmt(f),
            Self::Packing(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}
