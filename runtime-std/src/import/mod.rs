//! Stage 1, import: an ONNX file becomes a [`Graph`].
//!
//! The file's bytes are decoded (`proto`), its nodes put in order (`order`), and each node read
//! by its row of the table of operators ([`ops`]) into the growing graph (`scope`). Integers are
//! calculated on the way, so that shape arithmetic leaves nothing behind. Nothing is trusted:
//! whatever the bytes are, the result is a graph or an error that lists every problem.

mod dims;
mod draw;
mod external;
mod frozen;
mod gate;
mod half;
mod importer;
mod inline;
mod instrument;
mod kind;
mod masked;
pub mod ops;
mod order;
mod problem;
mod proto;
mod scope;
mod survey;
mod tensor;

pub use draw::{Draw, draws};
pub use frozen::FrozenNoise;
pub use instrument::{Instrumented, instrumented};
pub use problem::{Group, Unsupported};
pub use proto::{NEWEST_OPSET, OLDEST_OPSET};
pub use survey::{Boundary, Survey};

use crate::error::{Context, Error, Result};
use crate::ir::{Evaluate, Graph};
use std::path::{Path, PathBuf};

/// What the user has decided about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// About a constant that looks like noise.
    pub frozen_noise: FrozenNoise,
    /// Lengths of dynamic axes, by symbol; an axis without one is named `INPUT.AXIS`.
    pub dims: Vec<(String, usize)>,
}

impl Options {
    /// The options of several files that belong together: each has the lengths of its own axes.
    ///
    /// # Errors
    ///
    /// Where a length is that of no file's axis, and where a file cannot be read.
    pub fn per_file(&self, files: &[&Path]) -> Result<Vec<Self>> {
        if self.dims.is_empty() {
            return Ok(vec![self.clone(); files.len()]);
        }
        let known = files.iter().map(|file| {
            let names = inline::decoded(&read(file)?).map(|(graph, _)| dims::names(&graph));
            names.context(file.display())
        });
        let known = known.collect::<Result<Vec<_>>>()?;
        let all: Vec<String> = known.concat();
        if let Some((name, length)) = self.dims.iter().find(|(name, _)| !all.contains(name)) {
            let what = dims::unknown(&all);
            return Err(Error::input(format!("dim {}={length}: {what}", problem::shown(name))));
        }
        let own = known.iter().map(|known| {
            let dims = self.dims.iter().filter(|(name, _)| known.contains(name)).cloned();
            Self { frozen_noise: self.frozen_noise, dims: dims.collect() }
        });
        Ok(own.collect())
    }
}

/// Reads an ONNX file into a graph.
///
/// # Errors
///
/// Input errors name the file. A model with unsupported parts gives one error that lists all of
/// them, each with node, operator, reason and advice.
pub fn import_onnx(path: &Path, options: &Options, evaluate: Evaluate) -> Result<Graph> {
    graph_of(survey_bytes(&read(path)?, path.parent(), options, evaluate)).context(path.display())
}

/// Reads an ONNX model from memory, with all its weights inside; see [`import_onnx`].
///
/// # Errors
///
/// As [`import_onnx`], without the file's name.
pub fn import_bytes(bytes: &[u8], evaluate: Evaluate) -> Result<Graph> {
    graph_of(survey_bytes(bytes, None, &Options::default(), evaluate))
}

fn graph_of(survey: Result<Survey>) -> Result<Graph> {
    let survey = survey?;
    survey.graph.ok_or_else(|| problem::error_of(&survey.problems))
}

/// Reads an ONNX file as far as possible, and lists its problems.
///
/// # Errors
///
/// Only where the file cannot be read, is no ONNX model of a version that is understood, or where the
/// options do not fit it.
pub fn survey(path: &Path, options: &Options, evaluate: Evaluate) -> Result<Survey> {
    survey_bytes(&read(path)?, path.parent(), options, evaluate).context(path.display())
}

/// Surveys a model from memory, whose external data lie in `folder`.
fn survey_bytes(
    bytes: &[u8],
    folder: Option<&Path>,
    options: &Options,
    evaluate: Evaluate,
) -> Result<Survey> {
    let (mut graph, opset) = inline::decoded(bytes)?;
    dims::pin(&mut graph, &options.dims)?;
    let outside = external::read(&mut graph, folder);
    let halves = half::widen(&mut graph, opset);
    Ok(importer::survey(&graph, opset, options.frozen_noise, &outside, &halves, evaluate))
}

/// The files that hold weights of an ONNX file, relative to its folder.
///
/// # Errors
///
/// Where the file cannot be read, or is no ONNX model of a version that is understood.
pub fn data_files(path: &Path) -> Result<Vec<PathBuf>> {
    let (graph, _) = inline::decoded(&read(path)?).context(path.display())?;
    Ok(instrument::data(graph))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        Error::input(format!("cannot be read ({error}); give the path of an .onnx file"))
            .context(path.display())
    })
}
