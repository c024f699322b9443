//! `[data]`: which rows the model, its integers and its scores have seen.

use serde::Deserialize;
use std::path::PathBuf;

/// `[data]`: sets of rows that have to be disjoint.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataTable {
    /// Rows that the model was trained on.
    pub train: Option<RowSet>,
    /// Rows by which the window's mean and standard deviation were computed.
    pub scales: Option<RowSet>,
    /// Rows by which the ranges of integers were chosen.
    pub integers: Option<RowSet>,
    /// Rows that calibrated the score.
    pub score: Option<RowSet>,
}

/// A set of rows, by hashes that tell whether another set has some of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSet {
    /// Names of the files that the rows came from.
    pub files: Vec<String>,
    /// Number of rows.
    pub rows: usize,
    /// File of the sorted first eight bytes of each row's SHA-256.
    pub hashes: PathBuf,
    /// File of the sorted hashes of one run of readings in each row, which tell rows that share readings; none for
    /// rows that are no windows, or of few readings.
    #[serde(default)]
    pub readings: Option<PathBuf>,
}
