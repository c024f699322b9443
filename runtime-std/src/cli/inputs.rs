//! `--input` and `--expect`: `.npy` files for tensors of a graph.

use super::output;
use elbow::detect::Recording;
use elbow::model::{Loaded, Offered, Source, offered};
use elbow::rows::{Batch, Rows, missing};
use elbow::{Context, Error, Result, npy};
use std::path::{Path, PathBuf};

/// The labels, read from the file, where there is one per row of `--input`; an input error of another number.
pub fn one_per_row(path: &Path, labels: Vec<bool>, rows: usize) -> Result<Vec<bool>> {
    if labels.len() != rows {
        return Err(Error::input(format!(
            "{}: found {} labels for {rows} rows; give one label per row of --input, 0 normal or 1 anomalous",
            path.display(),
            labels.len()
        )));
    }
    Ok(labels)
}

/// Where the rows of a command come from.
#[derive(Debug, clap::Args)]
pub struct RowOptions {
    /// Rows for an input, the batch in front; NAME= may be left out for a single input
    #[arg(long, required_unless_present = "readings", num_args = 1.., value_name = "NAME=X.npy")]
    pub input: Vec<String>,
    /// A recording in raw units, [time, channels], whose windows are the rows of the observation
    #[arg(long, value_name = "RAW.npy")]
    pub readings: Option<PathBuf>,
}

impl RowOptions {
    /// The windows of `--readings` as rows of the observation, made as a device makes them; those that hold a value
    /// that is not finite are left out, which is told. `None` without `--readings`.
    ///
    /// # Errors
    ///
    /// An input error: the model has no window, the file is wrong, or no window is left.
    pub fn windows(&self, loaded: &Loaded) -> Result<Option<Rows>> {
        let Some(path) = &self.readings else { return Ok(None) };
        let x = loaded.model.graphs.main().plan.inputs.first();
        let Some((window, x)) = loaded.model.window.as_ref().zip(x) else {
            return Err(Error::input(
                "--readings needs a [window] in the elbow.toml, which says how readings become an observation; add it, or give observations by --input",
            ));
        };
        let (values, unfit) = Recording::read(path, window)?.observations(window);
        if values.is_empty() {
            return Err(Error::input(format!(
                "{}: each of its {unfit} windows holds a value that is not finite; give another recording",
                path.display()
            )));
        }
        if unfit > 0 {
            output::note(&format!(
                "{}: {unfit} windows hold a value that is not finite and are left out",
                path.display()
            ));
        }
        Ok(Some(Rows { name: x.name.clone(), shape: x.shape.clone(), values }))
    }
}

/// What a command reads for every row.
pub struct Inputs {
    /// Every input.
    pub batch: Batch,
    /// Names of the noise inputs that were drawn, since no file was given.
    pub drawn: Vec<String>,
}

/// The rows of `given`, the texts `[NAME=]FILE` of `--input`, for the inputs of `sources`. Of every input for
/// which `needed` holds rows must be given, except of noise: that is drawn from the stream of `seed` where it
/// is not given. With nothing given there is one row, of noise alone.
///
/// # Errors
///
/// An input error: unknown or missing names, unequal numbers of rows, and whatever is wrong with a file.
pub fn read(
    sources: &[&Source],
    needed: impl Fn(&str) -> bool,
    given: &[String],
    seed: u64,
) -> Result<Inputs> {
    read_with(sources, needed, None, given, seed)
}

/// [`read`], where the rows of one input are `windows`, if there are any.
///
/// # Errors
///
/// As [`read`], also where a file is given for that input.
pub fn read_with(
    sources: &[&Source],
    needed: impl Fn(&str) -> bool,
    windows: Option<Rows>,
    given: &[String],
    seed: u64,
) -> Result<Inputs> {
    let wanted = offered(sources).context(files(sources))?;
    let mut rows: Vec<Rows> = windows.into_iter().collect();
    for text in given {
        let (Offered { name, shape, held, .. }, file) = split(sources, &wanted, &needed, text)?;
        if rows.iter().any(|input| input.name == *name) {
            return Err(Error::input(format!(
                "--input {text}: input {name:?} is given twice; keep one"
            )));
        }
        let values = npy::read_rows_for(Path::new(file), shape, held)?.values;
        rows.push(Rows { name: name.to_string(), shape: shape.to_vec(), values });
    }
    let is_missing =
        |input: &&Offered| needed(input.name) && rows.iter().all(|other| other.name != input.name);
    let absent = wanted.iter().filter(is_missing).filter(|input| input.noise.is_none());
    let absent: Vec<&str> = absent.map(|input| input.name).collect();
    if !absent.is_empty() {
        return Err(missing(&absent).context(files(sources)));
    }
    let counts: Vec<usize> = rows.iter().map(Rows::count).collect();
    let count = counts.first().copied().unwrap_or(1);
    if counts.iter().any(|other| *other != count) {
        return Err(Error::input(format!(
            "the inputs have {counts:?} rows, expected equal numbers: give files with the same batch"
        )));
    }
    let noise = wanted.iter().filter_map(|input| Some((input, input.noise?)));
    let mut drawn = Vec::new();
    for (number, (input, kind)) in (0..).zip(noise) {
        if needed(input.name) && rows.iter().all(|other| other.name != input.name) {
            rows.push(Rows::noise(input.name, input.shape, kind, count, seed, number)?);
            drawn.push(input.name.to_string());
        }
    }
    Ok(Inputs { batch: Batch { inputs: rows, len: count }, drawn })
}

/// The rows of `--input` for all inputs of a model but the latents that its decoder alone reads; noise that
/// is not given is drawn with `seed`.
///
/// # Errors
///
/// As [`read`].
pub fn of_model(loaded: &Loaded, given: &[String], seed: u64) -> Result<Inputs> {
    of_model_with(loaded, None, given, seed)
}

/// [`of_model`] with the rows of `--input` and `--readings`.
///
/// # Errors
///
/// As [`of_model`] and [`RowOptions::windows`].
pub fn of_rows(loaded: &Loaded, options: &RowOptions, seed: u64) -> Result<Inputs> {
    of_model_with(loaded, options.windows(loaded)?, &options.input, seed)
}

/// [`of_model`], where the rows of the observation are `windows`, if there are any. Errors as those of [`read_with`].
fn of_model_with(
    loaded: &Loaded,
    windows: Option<Rows>,
    given: &[String],
    seed: u64,
) -> Result<Inputs> {
    let sources: Vec<&Source> = loaded.sources().collect();
    let latents = loaded.decoder.iter().flat_map(|source| {
        source.latents().map(|input| source.input_name(input)).collect::<Vec<_>>()
    });
    let latents: Vec<&str> = latents.collect();
    let encoder = [&loaded.main].into_iter().chain(&loaded.flow);
    let own: Vec<&str> =
        encoder.flat_map(|source| source.given().map(|input| source.input_name(input))).collect();
    let needed = |name: &str| own.contains(&name) || !latents.contains(&name);
    read_with(&sources, needed, windows, given, seed)
}

/// The times of `count` readings in microseconds, from a file of seconds.
///
/// # Errors
///
/// An input error: the file is wrong, has another number of times, or holds one that is negative or not finite.
pub fn times(path: &Path, count: usize) -> Result<Vec<u64>> {
    let array = npy::read(path)?;
    let fault = |what: String| Error::input(format!("{}: {what}", path.display()));
    if array.shape != [count] {
        return Err(fault(format!(
            "found shape {:?}, expected [{count}]: one time for each reading, in seconds",
            array.shape
        )));
    }
    let us = |(at, seconds): (usize, &f32)| match seconds.is_finite() && *seconds >= 0.0 {
        true => Ok((f64::from(*seconds) * 1e6).round() as u64),
        false => Err(fault(format!("found {seconds} at reading {at}, expected seconds from 0 on"))),
    };
    array.values.iter().enumerate().map(us).collect()
}

/// The number of rows to use: `asked`, the value of `--rows`, or all `found` without it.
///
/// # Errors
///
/// An input error where it asks for more than `found`.
pub fn limited(asked: Option<u64>, found: usize) -> Result<usize> {
    match asked.map(usize::try_from) {
        Some(Ok(rows)) if rows <= found => Ok(rows),
        Some(_) => Err(Error::input(format!(
            "--rows asks for more rows than the input has ({found}); lower it"
        ))),
        None => Ok(found),
    }
}

/// One row of zeros for every input of a model, noise and latents too.
///
/// # Errors
///
/// An input error where two graphs have an input of one name in different shapes.
pub fn zeros(loaded: &Loaded) -> Result<Batch> {
    let sources: Vec<&Source> = loaded.sources().collect();
    let row = |input: Offered<'_>| Rows {
        name: input.name.to_string(),
        shape: input.shape.to_vec(),
        values: vec![0.0; input.shape.iter().product()],
    };
    let offered = offered(&sources).context(files(&sources))?;
    Ok(Batch { inputs: offered.into_iter().map(row).collect(), len: 1 })
}

/// Paths of the files, separated by commas, for a message.
fn files(sources: &[&Source]) -> String {
    sources.iter().map(|source| source.path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The input that `[NAME=]FILE` is for, and the file; without a name it is the only needed input that is not
/// noise. An input error that lists the inputs where the name is none of `wanted`, or several are needed.
fn split<'w, 's, 'a>(
    sources: &[&Source],
    wanted: &'w [Offered<'s>],
    needed: &impl Fn(&str) -> bool,
    text: &'a str,
) -> Result<(&'w Offered<'s>, &'a str)> {
    let named = wanted
        .iter()
        .find_map(|input| Some((input, text.strip_prefix(input.name)?.strip_prefix('=')?)));
    let is_file = !text.contains('=') || Path::new(text).exists();
    let mut data = wanted.iter().filter(|input| input.noise.is_none() && needed(input.name));
    match (named, data.next(), data.next()) {
        (Some(found), _, _) => Ok(found),
        (None, Some(only), None) if is_file => Ok((only, text)),
        _ => {
            let names: Vec<&str> = wanted.iter().map(|input| input.name).collect();
            Err(Error::input(format!(
                "--input {text}: expected NAME=FILE.npy with one of the inputs {names:?} of {}",
                files(sources)
            )))
        }
    }
}
