//! The references: other runtimes that run the ONNX file itself, each in a process of its own.
//!
//! | Step | From -> to | Item |
//! |---|---|---|
//! | 1 | the file -> one that has noise as inputs, inner values as outputs | [`instrumented`] |
//! | 2 | rows -> a request in a temporary folder | `Request` |
//! | 3 | request -> answers, under a limit of memory and time | `child`, `answer`, `tract`, `onnxruntime` |
//!
//! They share nothing with `import` and `lower` but the bytes of the file, which is what makes parity
//! against them mean something. Fed odd models a runtime may panic, hang or ask for all memory; so a program
//! that the caller names is started for it with [`SUBCOMMAND`], as the command starts itself, and no failure
//! of a reference's reaches the user as anything but a sentence. Tensors travel as `.npy` files.

mod answer;
mod child;
mod onnxruntime;
mod tract;

pub use answer::answer;
pub use child::SUBCOMMAND;

use crate::error::{Context, Error, Result};
use crate::import::{Instrumented, instrumented};
use crate::ir::ElementType;
use crate::model::Source;
use crate::npy;
use crate::rows::Batch;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A runtime that Elbow is held against, in a process of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Who computes.
    pub engine: Engine,
    /// What is started: a program that calls [`answer`] with what follows [`SUBCOMMAND`], as `elbow` does.
    pub program: PathBuf,
}

/// Who computes a reference's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// tract, which is part of the program where that has the feature `reference`.
    Tract,
    /// onnxruntime, in a Python.
    Onnxruntime {
        /// The Python; without, the first on `PATH` that has the package.
        python: Option<PathBuf>,
    },
}

/// Values of a reference runtime for all rows.
#[derive(Clone, Debug)]
pub struct Answers {
    /// One flat vector per output of the graph.
    pub outputs: Vec<Vec<f32>>,
    /// For every list of names the first one that the file has: its place in the list, and the values.
    pub values: Vec<Option<(usize, Vec<f32>)>>,
    /// Version of the runtime.
    pub version: String,
}

impl Runtime {
    /// The values of every row, run with batch 1: the outputs of the graph, in its order, and for each list
    /// in `values` the first of its names that the file has. A process is started for it, which works in a
    /// temporary folder.
    ///
    /// Nothing but the states of `source` is kept from row to row: recurrent layers start anew.
    ///
    /// # Errors
    ///
    /// An input error where the runtime cannot run the model, an environment error where it is not there,
    /// cannot be started or runs out of time.
    pub fn run(&self, source: &Source, batch: &Batch, values: &[Vec<String>]) -> Result<Answers> {
        let graph = &source.graph;
        let outputs = graph.outputs.iter().map(|(name, _)| vec![name.clone()]);
        let names: Vec<Vec<String>> = outputs.chain(values.iter().cloned()).collect();
        let file = instrumented(&source.path, graph, &names, self.engine == Engine::Tract)?;
        if let Some(missing) = (0..graph.outputs.len()).find(|at| file.found[*at].is_none()) {
            let name = &graph.outputs[missing].0;
            let what = "name a value that a node of the file gives";
            return Err(Error::input(format!(
                "the file computes no {name:?} for the reference; {what}"
            ))
            .context(source.path.display()));
        }
        let folder = tempfile::tempdir().map_err(|error| {
            Error::environment(format!(
                "cannot make a temporary folder: {error}; set TMPDIR to one that is writable"
            ))
        })?;
        let request = Request::of(source, batch, &file)?;
        request.write(folder.path(), &file.bytes)?;
        let beside = source.path.parent().unwrap_or(Path::new(""));
        for data in &file.data {
            bring(&beside.join(data), &folder.path().join(data))?;
        }
        let version = match &self.engine {
            Engine::Tract => tract::run(&self.program, folder.path()),
            Engine::Onnxruntime { python } => {
                onnxruntime::run(&self.program, folder.path(), python.as_deref())
            }
        };
        let version = version.context(source.path.display())?;
        let answers =
            self.answers(source, batch.len, &file, &folder).context(source.path.display())?;
        Ok(Answers { version, ..answers })
    }

    /// The values that the child wrote to `folder`, those of other lists of names only as far as it wrote
    /// them; the version stays empty. An environment error where an output has not `rows` rows, an input
    /// error where a file cannot be read.
    fn answers(
        &self,
        source: &Source,
        rows: usize,
        file: &Instrumented,
        folder: &TempDir,
    ) -> Result<Answers> {
        let mut values = file.found.iter().map(|found| {
            let found =
                found.map(|(place, output)| (place, folder.path().join(output_file(output))));
            let written = found.filter(|(_, path)| path.exists());
            written.map(|(place, path)| Ok((place, npy::read(&path)?.values))).transpose()
        });
        let graph = &source.graph;
        let outputs = values.by_ref().take(graph.outputs.len()).zip(&graph.outputs);
        let outputs = outputs.map(|(values, (name, id))| {
            let values = values?.map_or(Vec::new(), |(_, values)| values);
            let expected = rows * graph.values[*id].len();
            if values.len() == expected {
                return Ok(values);
            }
            Err(Error::environment(format!(
                "the reference ({}) answered with {} values of output {name:?}, the graph has {expected}; {}",
                self.engine.name(),
                values.len(),
                self.engine.cure()
            )))
        });
        let outputs = outputs.collect::<Result<_>>()?;
        Ok(Answers { outputs, values: values.collect::<Result<_>>()?, version: String::new() })
    }
}

impl Engine {
    /// The name that reports and options have for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tract => "tract",
            Self::Onnxruntime { .. } => "onnxruntime",
        }
    }

    /// The name of the other engine of the two.
    pub fn other(&self) -> &'static str {
        match self {
            Self::Tract => "onnxruntime",
            Self::Onnxruntime { .. } => "tract",
        }
    }

    /// What to do where this engine cannot run a model, as the end of a message.
    fn cure(&self) -> String {
        let other = self.other();
        format!(
            "ask the other reference (parity --reference {other}, run --backend {other}), use --backend twin \
             with `run`, or give the reference's values with --expect with `parity`"
        )
    }

    /// The environment error that the engine ran for more than `seconds` seconds.
    fn too_long(&self, seconds: u64) -> Error {
        Error::environment(format!(
            "the reference ({}) ran for more than {seconds} s and was stopped; use fewer rows, or {}",
            self.name(),
            self.cure()
        ))
    }

    /// The input error that the engine cannot run a model, for the reason `why`.
    fn refusal(&self, why: &str) -> Error {
        let name = self.name();
        Error::input(format!(
            "the reference ({name}) cannot run this model: {why}; {}",
            self.cure()
        ))
    }
}

/// What a child is to compute; files are named by [`MODEL`], [`input_file`] and [`output_file`].
#[derive(Serialize, Deserialize)]
struct Request {
    rows: usize,
    inputs: Vec<Port>,
    /// Inputs that hold one row, and the outputs of the file that they are at the next row.
    states: Vec<(usize, usize)>,
}

/// An input of the file, with its values for all rows.
#[derive(Serialize, Deserialize)]
struct Port {
    name: String,
    shape: Vec<usize>,
    /// As the file declares it.
    element_type: ElementType,
    #[serde(skip)]
    values: Vec<f32>,
}

const REQUEST: &str = "request.json";
const MODEL: &str = "model.onnx";

/// Name of the file with all rows of input number `input`, flat.
fn input_file(input: usize) -> String {
    format!("in.{input}.npy")
}

/// Name of the file with all rows of output number `output` of the ONNX file, flat, in f32 whatever its type.
fn output_file(output: usize) -> String {
    format!("out.{output}.npy")
}

impl Request {
    /// The request for all rows of `batch`, by the file that was made for the runtime. An input error where
    /// an input is missing.
    fn of(source: &Source, batch: &Batch, file: &Instrumented) -> Result<Self> {
        let input = |at: usize| {
            Ok(Port {
                name: source.input_name(at).into(),
                shape: source.input_shape(at).to_vec(),
                element_type: source.element_type(at),
                values: values_of(source, at, batch)?.into_owned(),
            })
        };
        let states = source.states.iter().filter_map(|(input, output)| {
            let (_, output) = file.found[*output]?;
            Some((*input, output))
        });
        Ok(Self {
            rows: batch.len,
            states: states.collect(),
            inputs: (0..source.graph.inputs.len()).map(input).collect::<Result<_>>()?,
        })
    }

    /// Writes the request, the model's bytes and a file per input into `folder`; an environment error where
    /// one cannot be written.
    fn write(&self, folder: &Path, model: &[u8]) -> Result<()> {
        let json =
            serde_json::to_vec(self).map_err(|error| Error::environment(error.to_string()))?;
        write(&folder.join(REQUEST), &json)?;
        write(&folder.join(MODEL), model)?;
        self.inputs.iter().enumerate().try_for_each(|(at, input)| {
            let bytes = npy::encode(&[input.values.len()], &input.values);
            write(&folder.join(input_file(at)), &bytes)
        })
    }
}

/// All rows of the graph's input number `at`; for a state one row of zeros, for a fixed input its values
/// repeated. An input error where `batch` lacks it.
fn values_of<'r>(source: &Source, at: usize, batch: &'r Batch) -> Result<Cow<'r, [f32]>> {
    if source.states.iter().any(|(state, _)| *state == at) {
        return Ok(Cow::Owned(vec![0.0; source.input_shape(at).iter().product()]));
    }
    if let Some((_, value)) = source.fixed.iter().find(|(fixed, _)| *fixed == at) {
        return Ok(Cow::Owned(value.repeat(batch.len)));
    }
    let name = source.input_name(at);
    let given = batch.given(name).context(source.path.display())?;
    Ok(Cow::Borrowed(&given.values[..]))
}

/// Copies the file `from`, weights beside the model, to `to` in the request's folder, with the folders above
/// it. A copy and no link, so that the child cannot change the user's file. An input error where `to` is
/// taken, an environment error where it cannot be copied.
fn bring(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        return Err(Error::input(format!(
            "{}: the reference has a file of this name itself; rename it, and its `location` in the model",
            from.display()
        )));
    }
    let folder = to.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::copy(from, to)).map(drop).map_err(|error| {
        Error::environment(format!(
            "cannot copy {} for the reference: {error}; make room or set TMPDIR",
            from.display()
        ))
    })
}

/// Writes a file, in place of an older one; an environment error names it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| {
        Error::environment(format!(
            "cannot write {}: {error}; make room or set TMPDIR",
            path.display()
        ))
    })
}
