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
    /// These options for each of several files that belong together, in their order: each gets the lengths of
    /// its own axes only. Without lengths the files are not read.
    ///
    /// # Errors
    ///
    /// Where a length is that of no file's axis, and where a file cannot be read or is no ONNX model.
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

/// The graph of an ONNX file; weights in other files are read from the file's folder. `evaluate` calculates
/// nodes whose operands are all constants.
///
/// # Errors
///
/// Input errors name the file. A model with unsupported parts gives one error that lists all of them, each
/// with node, operator, reason and advice.
pub fn import_onnx(path: &Path, options: &Options, evaluate: Evaluate) -> Result<Graph> {
    graph_of(survey_bytes(&read(path)?, path.parent(), options, evaluate)).context(path.display())
}

/// The graph of an ONNX model in memory with all its weights inside, by default options; see [`import_onnx`].
///
/// # Errors
///
/// As [`import_onnx`], without the file's name.
pub fn import_bytes(bytes: &[u8], evaluate: Evaluate) -> Result<Graph> {
    graph_of(survey_bytes(bytes, None, &Options::default(), evaluate))
}

/// The graph of a survey; an error that lists all problems where there are any.
fn graph_of(survey: Result<Survey>) -> Result<Graph> {
    let survey = survey?;
    survey.graph.ok_or_else(|| problem::error_of(&survey.problems))
}

/// What is in an ONNX file, read as far as possible: inputs, outputs, all problems, and the graph if there
/// are none.
///
/// # Errors
///
/// Only where the file cannot be read, is no ONNX model of a version that is understood, or where the options
/// do not fit it.
pub fn survey(path: &Path, options: &Options, evaluate: Evaluate) -> Result<Survey> {
    survey_bytes(&read(path)?, path.parent(), options, evaluate).context(path.display())
}

/// The survey of a model from memory, whose weights in other files (external data) lie in `folder`; without a
/// folder each such tensor is a problem. An error where the bytes are no ONNX model of a version that is
/// understood, or where the options do not fit.
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

/// The files that hold weights of an ONNX file (external data), relative to its folder and sorted; those
/// outside of the folder are left out.
///
/// # Errors
///
/// Where the file cannot be read, or is no ONNX model of a version that is understood.
pub fn data_files(path: &Path) -> Result<Vec<PathBuf>> {
    let (graph, _) = inline::decoded(&read(path)?).context(path.display())?;
    Ok(instrument::data(graph))
}

/// The bytes of a file; an error, which names it, where it cannot be read.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        Error::input(format!("cannot be read ({error}); give the path of an .onnx file"))
            .context(path.display())
    })
}
