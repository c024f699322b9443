//! Rows that have been seen: a score that is calibrated by what trained the model looks better than it is.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

/// Bytes of a row's hash.
const BYTES: usize = 8;

/// A set of rows, by the first eight bytes of the SHA-256 of each row's values (float32, little-endian): two
/// different rows of a million share them with a probability of 3 in 100 million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowHashes(BTreeSet<[u8; BYTES]>);

impl RowHashes {
    /// The rows in the bytes of a file; `None` where these are not sorted hashes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (hashes, rest) = bytes.as_chunks::<BYTES>();
        (rest.is_empty() && hashes.is_sorted()).then(|| Self(hashes.iter().copied().collect()))
    }

    /// The rows in the file `path`.
    ///
    /// # Errors
    ///
    /// An input error names the file: it cannot be read, or holds no sorted hashes.
    pub fn read(path: &Path) -> Result<Self> {
        let cure = "run `elbow calibrate` again, which writes it";
        let bytes = std::fs::read(path).map_err(|error| {
            Error::input(format!("cannot read {}: {error}; {cure}", path.display()))
        })?;
        Self::from_bytes(&bytes).ok_or_else(|| {
            Error::input(format!("{}: these are no sorted hashes of rows; {cure}", path.display()))
        })
    }

    /// The bytes of a file with these rows: sorted hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flatten().copied().collect()
    }

    /// Adds a row.
    pub fn add(&mut self, row: &[f32]) {
        self.0.insert(hash(row));
    }

    /// Number of different rows.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Number of rows that the other set has as well.
    pub fn shared(&self, other: &Self) -> usize {
        self.0.intersection(&other.0).count()
    }
}

impl<'a> FromIterator<&'a [f32]> for RowHashes {
    fn from_iter<T: IntoIterator<Item = &'a [f32]>>(rows: T) -> Self {
        Self(rows.into_iter().map(hash).collect())
    }
}

/// The hash of a row.
fn hash(row: &[f32]) -> [u8; BYTES] {
    let mut hasher = Sha256::new();
    row.iter().for_each(|value| hasher.update(value.to_le_bytes()));
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = hasher.finalize().into();
    [a, b, c, d, e, f, g, h]
}
