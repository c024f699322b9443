//! Rows that have been seen: a score that is calibrated by what trained the model looks better than it is.

use crate::error::{Error, Result};
use crate::manifest::{Layout, Window};
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

    /// One run of readings of each row, chosen by what it holds: of all runs of a quarter of the window that with the
    /// least hash. Two windows of one recording that share `n` of their runs and have `m` in all choose the same with a
    /// probability of `n / m`, wherever each of them begins: half a window apart one in four, so that of ten rows hardly
    /// one set goes unnoticed. A run of equal readings is no sign. `None` for windows of fewer than 8 readings.
    pub fn of_readings<'r>(
        rows: impl Iterator<Item = &'r [f32]>,
        window: Option<&Window>,
    ) -> Option<Self> {
        let window = window.filter(|window| window.length >= 2 * LEAST_RUN)?;
        Some(Self(rows.filter_map(|row| least_run(row, window)).collect()))
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

/// Fewest readings of a run that tell one recording from another.
const LEAST_RUN: usize = 4;
/// What the hash of a run is multiplied by for each further reading; odd, as is what a value is multiplied by.
const NEXT: u64 = 0x9e37_79b9_7f4a_7c15;

/// The least hash of the runs of a quarter of this window that are not all one reading; `None` where all are.
fn least_run(row: &[f32], window: &Window) -> Option<[u8; BYTES]> {
    let Window { channels, length, .. } = *window;
    let run = (length / 4).max(LEAST_RUN);
    let value = |time: usize, channel: usize| {
        let index = match window.layout() {
            Layout::TimeFirst => time * channels + channel,
            Layout::ChannelsFirst => channel * length + time,
        };
        row.get(index).map_or(0, |value| u64::from(value.to_bits()))
    };
    let reading =
        |time: usize| (0..channels).fold(0, |hash, channel| mixed(hash ^ value(time, channel)));
    let readings: Vec<u64> = (0..length).map(reading).collect();
    let runs = readings.windows(run).filter(|run| run.iter().any(|reading| *reading != run[0]));
    let of_run = |run: &[u64]| {
        run.iter().fold(0, |hash: u64, reading| hash.wrapping_mul(NEXT).wrapping_add(*reading))
    };
    runs.map(|run| mixed(of_run(run))).min().map(u64::to_le_bytes)
}

/// The bits of a number, mixed (the end of MurmurHash3).
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ bits >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ bits >> 33
}

/// The hash of a row.
fn hash(row: &[f32]) -> [u8; BYTES] {
    let mut hasher = Sha256::new();
    row.iter().for_each(|value| hasher.update(value.to_le_bytes()));
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = hasher.finalize().into();
    [a, b, c, d, e, f, g, h]
}
