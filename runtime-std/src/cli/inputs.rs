//! `--input` and `--expect`: `.npy` files for tensors of a graph.

use elbow::model::Source;
use elbow::rows::Rows;
use elbow::{Error, Result, npy};
use std::path::Path;

/// The rows of `--input [NAME=]FILE.npy ...`, and how many.
///
/// # Errors
///
/// An input error: unknown or missing names, unequal numbers of rows, and whatever is wrong with a file.
pub fn read(source: &Source, needed: &[&str], given: &[String]) -> Result<(Vec<Rows>, usize)> {
    let mut inputs: Vec<Rows> = Vec::new();
    for text in given {
        let (at, file) = split(source, text)?;
        let value = &source.graph.values[source.graph.inputs[at]];
        if inputs.iter().any(|input| input.name == value.name) {
            return Err(Error::input(format!(
                "--input {text}: input {:?} is given twice; keep one",
                value.name
            )));
        }
        let values = npy::read_rows(Path::new(file), &value.shape)?.values;
        inputs.push(Rows { name: value.name.clone(), shape: value.shape.clone(), values });
    }
    let missing: Vec<&&str> =
        needed.iter().filter(|name| inputs.iter().all(|input| input.name != **name)).collect();
    if !missing.is_empty() {
        return Err(Error::input(format!(
            "{}: inputs {missing:?} are missing; give each by --input NAME=FILE.npy",
            source.path.display()
        )));
    }
    let counts: Vec<usize> = inputs.iter().map(count).collect();
    let rows = counts.first().copied().unwrap_or(1);
    if counts.iter().any(|count| *count != rows) {
        return Err(Error::input(format!(
            "the inputs have {counts:?} rows, expected equal numbers: give files with the same batch"
        )));
    }
    Ok((inputs, rows))
}

fn count(input: &Rows) -> usize {
    input.values.len() / input.shape.iter().product::<usize>().max(1)
}

/// Which input `[NAME=]FILE` is for, and the file.
fn split<'a>(source: &Source, text: &'a str) -> Result<(usize, &'a str)> {
    let names = source.graph.inputs.iter().map(|id| source.graph.values[*id].name.as_str());
    let names: Vec<&str> = names.collect();
    let named = names
        .iter()
        .enumerate()
        .find_map(|(at, name)| Some((at, text.strip_prefix(name)?.strip_prefix('=')?)));
    let lone_file = names.len() == 1 && (!text.contains('=') || Path::new(text).exists());
    match named {
        Some(found) => Ok(found),
        None if lone_file => Ok((0, text)),
        None => Err(Error::input(format!(
            "--input {text}: expected NAME=FILE.npy with one of the inputs {names:?} of {}",
            source.path.display()
        ))),
    }
}
