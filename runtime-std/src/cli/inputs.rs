//! `--input` and `--expect`: `.npy` files for tensors of a graph.

use elbow::model::{Loaded, Offered, Source, offered};
use elbow::rows::{Batch, Rows, missing};
use elbow::{Context, Error, Result, npy};
use std::path::Path;

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
    let wanted = offered(sources).context(files(sources))?;
    let mut rows: Vec<Rows> = Vec::new();
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
    let sources: Vec<&Source> = loaded.sources().collect();
    let latents = loaded.decoder.iter().flat_map(|source| {
        source.latents().map(|input| source.input_name(input)).collect::<Vec<_>>()
    });
    let latents: Vec<&str> = latents.collect();
    let encoder = [&loaded.main].into_iter().chain(&loaded.flow);
    let own: Vec<&str> =
        encoder.flat_map(|source| source.given().map(|input| source.input_name(input))).collect();
    let needed = |name: &str| own.contains(&name) || !latents.contains(&name);
    read(&sources, needed, given, seed)
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
