//! Rows that have been seen must not calibrate.

use super::CalibrateOptions;
use super::normal::NormalData;
use crate::cli::inputs;
use elbow::detect::RowHashes;
use elbow::manifest::{DataTable, RowSet};
use elbow::model::Loaded;
use elbow::rows::Rows;
use elbow::{Context, Error, Result};
use std::path::Path;

/// Sets of rows, by their key in `[data]`.
pub struct Sets(Vec<Named>);

/// A set of rows with its names.
struct Named {
    /// The key in `[data]`.
    key: &'static str,
    /// The option that gives it.
    option: &'static str,
    /// Names of the files.
    files: Vec<String>,
    rows: RowHashes,
    /// A run of readings of each row; `None` where they are not known.
    readings: Option<RowHashes>,
    /// Whether it comes from the manifest, and need not be written.
    is_known: bool,
}

impl Sets {
    /// The files of hashes that have to be written.
    pub fn files(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let new = self.0.iter().filter(|set| !set.is_known);
        new.flat_map(|set| {
            let runs = set.readings.as_ref().map(|runs| (readings(set.key), runs.to_bytes()));
            std::iter::once((hashes(set.key), set.rows.to_bytes())).chain(runs)
        })
    }

    /// Keys in `[data]` of the sets that the rows were held against.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|set| set.key).filter(|key| *key != "score")
    }

    /// The tables that have to be written, by their key in `[data]`.
    pub fn tables(&self) -> impl Iterator<Item = (&'static str, RowSet)> {
        let new = self.0.iter().filter(|set| !set.is_known);
        new.map(|set| {
            let (files, rows) = (set.files.clone(), set.rows.count());
            let readings = set.readings.as_ref().map(|_| readings(set.key).into());
            (set.key, RowSet { files, rows, hashes: hashes(set.key).into(), readings })
        })
    }
}

/// Name of the file with the hashes of a set.
fn hashes(key: &str) -> String {
    format!("{key}.hashes")
}

/// Name of the file with the runs of readings of a set.
fn readings(key: &str) -> String {
    format!("{key}.readings")
}

/// The sets of rows of the options and the manifest, of which none shares a row with those that calibrate, nor, as far
/// as one run of readings in each row tells, readings.
///
/// # Errors
///
/// An input error with the number of rows that have been seen, or what is wrong with a file.
pub fn check(options: &CalibrateOptions, loaded: &Loaded, normal: &NormalData) -> Result<Sets> {
    let none = DataTable::default();
    let data = loaded.manifest.as_ref().and_then(|manifest| manifest.data.as_ref());
    let data = data.unwrap_or(&none);
    let window = loaded.model.window.as_ref();
    let sources = [
        ("train", "--trained-on", &options.trained_on, &data.train),
        ("scales", "--scaled-on", &options.scaled_on, &data.scales),
        ("integers", "--calibration", &options.precision.calibration, &data.integers),
    ];
    let mut sets = Vec::new();
    for (key, option, files, stored) in sources {
        let (rows, readings) = match (&files[..], stored) {
            ([], None) => continue,
            ([], Some(stored)) => {
                let read = |file: &Path| RowHashes::read(&loaded.folder.join(file));
                (read(&stored.hashes)?, stored.readings.as_deref().map(read).transpose()?)
            }
            (files, _) => {
                let rows = rows_of(option, files, loaded)?;
                let all = || (0..rows.count()).map(|row| rows.row(row));
                (all().collect(), RowHashes::of_readings(all(), window))
            }
        };
        let (is_known, files) = (files.is_empty(), names(files));
        sets.push(Named { key, option, files, rows, readings, is_known });
    }
    let score = || normal.sets().flat_map(|set| (0..set.x.count()).map(|row| set.x.row(row)));
    let rows: RowHashes = score().collect();
    let runs = RowHashes::of_readings(score(), window);
    sets.iter().try_for_each(|set| set.is_apart(&rows, runs.as_ref()))?;
    let files = normal.sets().flat_map(|set| set.files.clone()).collect();
    sets.push(Named {
        key: "score",
        option: "--input",
        files,
        rows,
        readings: None,
        is_known: false,
    });
    Ok(Sets(sets))
}

impl Named {
    /// `Ok` where the set shares no row with `rows`, those that calibrate, and no run of readings with their `runs`.
    ///
    /// # Errors
    ///
    /// An input error with the number of rows that have been seen.
    fn is_apart(&self, rows: &RowHashes, runs: Option<&RowHashes>) -> Result<()> {
        let (key, count) = (self.key, self.rows.count());
        let origin = if self.is_known { "[data] of the manifest" } else { self.option };
        let shared = rows.shared(&self.rows);
        if shared > 0 {
            return Err(Error::input(format!(
                "{shared} of the {} normal rows are among the {count} rows of {origin} ({key}), on which scores look better than they are; leave them out, and calibrate on rows that the model has not seen",
                rows.count(),
            )));
        }
        let shared = runs.zip(self.readings.as_ref()).map_or(0, |(own, other)| own.shared(other));
        if shared > 0 {
            return Err(Error::input(format!(
                "the normal rows and the {count} rows of {origin} ({key}) are windows of one recording, which begin at other readings but share them (found {shared} times): scores look better on those than they are; calibrate on another part of the recording, or on another one",
            )));
        }
        Ok(())
    }
}

/// Names of the files of `[NAME=]PATH`, without folders.
fn names(files: &[String]) -> Vec<String> {
    let name = |file: &String| {
        let name = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| file.clone())
    };
    files.iter().map(name).collect()
}

/// The observations in the files of an option.
///
/// # Errors
///
/// Whatever is wrong with a file.
pub fn rows_of(option: &str, files: &[String], loaded: &Loaded) -> Result<Rows> {
    let x = observation(loaded)?;
    let mut all: Option<Rows> = None;
    for file in files {
        let batch = inputs::read(&[&loaded.main], |name| name == x, std::slice::from_ref(file), 0);
        let batch = batch.context(option)?.batch;
        // A file for another input, of a model with several, holds no observations.
        let Some(rows) = batch.get(x) else { continue };
        match &mut all {
            Some(all) => all.values.extend(&rows.values),
            None => all = Some(rows.clone()),
        }
    }
    all.ok_or_else(|| Error::input(format!("{option}: no file holds observations {x:?}; give one")))
}

/// Name of the input that holds the observation.
///
/// # Errors
///
/// An input error for a graph whose roles nobody declared.
pub fn observation(loaded: &Loaded) -> Result<&str> {
    loaded.model.observation().map(|x| x.name.as_str()).ok_or_else(|| {
        Error::input("the model reads no observation; declare its input in the elbow.toml")
    })
}
