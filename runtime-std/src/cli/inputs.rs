//! `--input` and `--expect`: `.npy` files for tensors of a graph.

use elbow::held::Held;
use elbow::ir::NoiseKind;
use elbow::model::{Loaded, Role, Source};
use elbow::rows::{Batch, Rows};
use elbow::{Error, Result, npy};
use std::path::Path;

/// What a command reads for every row.
pub struct Inputs {
    /// Every input.
    pub batch: Batch,
    /// Names of the noise inputs that were drawn, since no file was given.
    pub drawn: Vec<String>,
}

/// An input of one or more graphs, which share it by its name.
struct Wanted<'s> {
    name: &'s str,
    shape: &'s [usize],
    /// Where it holds noise: what it is drawn from.
    noise: Option<NoiseKind>,
    held: Held,
}

/// The rows of `--input [NAME=]FILE.npy ...` for the inputs of `sources` that are `needed`; noise that
/// is not given is drawn from the stream of `seed`.
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
    let wanted = wanted(sources)?;
    let mut rows: Vec<Rows> = Vec::new();
    for text in given {
        let (Wanted { name, shape, held, .. }, file) = split(sources, &wanted, &needed, text)?;
        if rows.iter().any(|input| input.name == *name) {
            return Err(Error::input(format!(
                "--input {text}: input {name:?} is given twice; keep one"
            )));
        }
        let values = npy::read_rows_for(Path::new(file), shape, held)?.values;
        rows.push(Rows { name: name.to_string(), shape: shape.to_vec(), values });
    }
    let is_missing =
        |input: &&Wanted| needed(input.name) && rows.iter().all(|other| other.name != input.name);
    let missing = wanted.iter().filter(is_missing).filter(|input| input.noise.is_none());
    let missing: Vec<&str> = missing.map(|input| input.name).collect();
    if !missing.is_empty() {
        return Err(Error::input(format!(
            "{}: inputs {missing:?} are missing; give each by --input NAME=FILE.npy",
            files(sources)
        )));
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

/// The rows of `--input` for all graphs of a model but the decoder's latents.
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
    let encoder = [&loaded.encoder].into_iter().chain(&loaded.flow);
    let own: Vec<&str> =
        encoder.flat_map(|source| source.given().map(|input| source.input_name(input))).collect();
    let needed = |name: &str| own.contains(&name) || !latents.contains(&name);
    read(&sources, needed, given, seed)
}

/// The number of rows that `--rows` leaves of `found`.
///
/// # Errors
///
/// It asks for more.
pub fn limited(asked: Option<u64>, found: usize) -> Result<usize> {
    match asked.map(usize::try_from) {
        Some(Ok(rows)) if rows <= found => Ok(rows),
        Some(_) => Err(Error::input(format!(
            "--rows asks for more rows than the input has ({found}); lower it"
        ))),
        None => Ok(found),
    }
}

/// One row of zeros for every input of a model.
///
/// # Errors
///
/// Where graphs disagree on an input.
pub fn zeros(loaded: &Loaded) -> Result<Batch> {
    let sources: Vec<&Source> = loaded.sources().collect();
    let row = |input: Wanted<'_>| Rows {
        name: input.name.to_string(),
        shape: input.shape.to_vec(),
        values: vec![0.0; input.shape.iter().product()],
    };
    Ok(Batch { inputs: wanted(&sources)?.into_iter().map(row).collect(), len: 1 })
}

/// Every input that a user may give, each name once.
fn wanted<'s>(sources: &[&'s Source]) -> Result<Vec<Wanted<'s>>> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for source in sources {
        for at in source.given() {
            let (name, shape) = (source.input_name(at), source.input_shape(at));
            let noise = (source.input_roles[at] == Some(Role::Eps)).then(|| source.noise_kind(at));
            let held = source.held(at);
            match wanted.iter_mut().find(|other| other.name == name) {
                None => wanted.push(Wanted { name, shape, noise, held }),
                Some(other) if other.shape == shape => {
                    other.held = std::mem::take(&mut other.held).and(&held);
                }
                Some(other) => {
                    return Err(Error::input(format!(
                        "{}: input {name:?} has the shapes {:?} and {shape:?} in different graphs, which would be given the same values; rename one of them",
                        files(sources),
                        other.shape
                    )));
                }
            }
        }
    }
    Ok(wanted)
}

fn files(sources: &[&Source]) -> String {
    sources.iter().map(|source| source.path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Which input `[NAME=]FILE` is for, and the file.
fn split<'w, 's, 'a>(
    sources: &[&Source],
    wanted: &'w [Wanted<'s>],
    needed: &impl Fn(&str) -> bool,
    text: &'a str,
) -> Result<(&'w Wanted<'s>, &'a str)> {
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
