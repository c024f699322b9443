//! Files to [`Loaded`].

use super::encoder::{self, Roles};
use super::{Declared, Decoder, Encoder, Graphs, Model, Role, decoder, unmistakable};
use crate::emit::identifier;
use crate::error::{Context, Error, Result};
use crate::import::{Graph, import_onnx};
use crate::lower::{Plan, lower};
use crate::manifest::{self, DecoderTable, Manifest, TensorRef};
use std::fs;
use std::path::{Path, PathBuf};

/// A model with where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is lowered and compiled.
    pub model: Model,
    /// The encoder's graph, or the bare one.
    pub encoder: Source,
    /// The decoder's graph.
    pub decoder: Option<Source>,
    /// What the user declared.
    pub manifest: Option<Manifest>,
}

/// An ONNX file, imported, with the roles of its tensors.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Its graph.
    pub graph: Graph,
    /// One per input.
    pub input_roles: Vec<Option<Role>>,
    /// One per output.
    pub output_roles: Vec<Option<Role>>,
    /// Which output is the spread head, whose role can be none of the named ones.
    pub spread: Option<usize>,
}

impl Loaded {
    /// Loads an `.onnx` file, a manifest, or the folder of one.
    ///
    /// `declared` names the heads of a bare file.
    ///
    /// # Errors
    ///
    /// An input error names the file, what was found and expected, and the cure.
    pub fn read(path: &Path, declared: Option<&Declared>) -> Result<Self> {
        let path = Self::find(path)?;
        if path.extension().is_some_and(|extension| extension == "onnx") {
            return Self::from_onnx(&path, declared);
        }
        if declared.is_some() {
            return Err(Error::input(
                "--mean and --spread are for a bare .onnx file; this manifest declares the heads, edit it instead",
            )
            .context(path.display()));
        }
        Self::from_manifest(&path)
    }

    fn from_onnx(path: &Path, declared: Option<&Declared>) -> Result<Self> {
        let source = Source::read(path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = identifier(&stem);
        let Some(heads) = declared.cloned().or_else(|| unmistakable(&source.graph)) else {
            let outputs: Vec<usize> = (0..source.graph.outputs.len()).collect();
            let plan = lower(&source.graph, &outputs).context(path.display())?;
            let model = Model { name, graphs: Graphs::Bare(plan), window: None, score: None };
            return Ok(Self { model, encoder: source, decoder: None, manifest: None });
        };
        let roles = Roles::of_declared(&heads);
        let (encoder, source) = encoder::build(source, &roles)?;
        let graphs = Graphs::Amortized { encoder, decoder: None };
        let model = Model { name, graphs, window: None, score: None };
        Ok(Self { model, encoder: source, decoder: None, manifest: None })
    }

    fn from_manifest(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::of_manifest(Manifest::read(path)?, folder).context(path.display())
    }

    /// Loads what `manifest` names; its paths are relative to `folder`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn of_manifest(manifest: Manifest, folder: &Path) -> Result<Self> {
        let source = Source::read(&folder.join(&manifest.encoder.onnx))?;
        let (encoder, source) = encoder::build(source, &Roles::of_table(&manifest.encoder))?;
        if let Some(window) = &manifest.window {
            encoder::check_window(&encoder, window)?;
        }
        let window = manifest.window.as_ref();
        let load = |table: &DecoderTable| {
            decoder::build(Source::read(&folder.join(&table.onnx))?, table, &encoder, window)
        };
        let (decoder, decoder_source) = manifest.decoder.as_ref().map(load).transpose()?.unzip();
        let graphs = Graphs::Amortized { encoder, decoder };
        let model = Model {
            name: manifest.name.clone(),
            graphs,
            window: manifest.window.clone(),
            score: manifest.score.clone(),
        };
        Ok(Self { model, encoder: source, decoder: decoder_source, manifest: Some(manifest) })
    }

    /// The `.onnx` file or manifest that the user's path leads to.
    ///
    /// # Errors
    ///
    /// An input error says what is there instead.
    pub fn find(path: &Path) -> Result<PathBuf> {
        const EXPECTED: &str = "expected an .onnx file, an elbow.toml, or a folder that holds one";
        let fault = |what: String| Err(Error::input(format!("{}: {what}", path.display())));
        if path.is_file() {
            let extension = path.extension().unwrap_or_default();
            return match extension == "onnx" || extension == "toml" {
                true => Ok(path.to_path_buf()),
                false => fault(format!("found a file of another kind, {EXPECTED}")),
            };
        }
        if !path.is_dir() {
            return fault(format!("found nothing there, {EXPECTED}; check the path"));
        }
        let manifest = path.join(manifest::FILE_NAME);
        if manifest.is_file() {
            return Ok(manifest);
        }
        let entries = fs::read_dir(path).map_err(|error| {
            Error::environment(format!(
                "cannot list {}: {error}; check its permissions",
                path.display()
            ))
        })?;
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let models: Vec<PathBuf> = files
            .filter(|file| file.extension().is_some_and(|extension| extension == "onnx"))
            .collect();
        match &models[..] {
            [only] => Ok(only.clone()),
            [] => fault(format!(
                "found a folder with neither, {EXPECTED}; `elbow init` writes an elbow.toml"
            )),
            _ => fault(format!(
                "found a folder with {} .onnx files and no elbow.toml; name one of them, or write an elbow.toml with `elbow init`",
                models.len()
            )),
        }
    }

    /// The encoder and decoder, where the roles are known.
    pub fn amortized(&self) -> Option<(&Encoder, Option<&Decoder>)> {
        match &self.model.graphs {
            Graphs::Amortized { encoder, decoder } => Some((encoder, decoder.as_ref())),
            Graphs::Bare(_) => None,
        }
    }
}

impl Source {
    /// Imports a file; no roles yet.
    ///
    /// # Errors
    ///
    /// As [`import_onnx`].
    pub fn read(path: &Path) -> Result<Self> {
        let graph = import_onnx(path)?;
        let (inputs, outputs) = (graph.inputs.len(), graph.outputs.len());
        Ok(Self {
            path: path.to_path_buf(),
            graph,
            input_roles: vec![None; inputs],
            output_roles: vec![None; outputs],
            spread: None,
        })
    }

    /// Position of the output that `tensor` means.
    pub(super) fn output(&self, key: &str, tensor: &TensorRef) -> Result<usize> {
        let names = self.graph.outputs.iter().map(|(name, _)| name.as_str());
        position(names, tensor)
            .map_err(|what| self.fault(format!("{key}: {what} among its outputs")))
    }

    /// Position of the input that `tensor` means.
    pub(super) fn input(&self, key: &str, tensor: &TensorRef) -> Result<usize> {
        let names = self.graph.inputs.iter().map(|id| self.graph.values[*id].name.as_str());
        position(names, tensor)
            .map_err(|what| self.fault(format!("{key}: {what} among its inputs")))
    }

    /// An input error about this file.
    pub(super) fn fault(&self, what: String) -> Error {
        Error::input(what).context(self.path.display())
    }

    /// Lowers `outputs`, which may need no input but `input`.
    pub(super) fn lower_from(&self, key: &str, input: usize, outputs: &[usize]) -> Result<Plan> {
        let plan = lower(&self.graph, outputs).context(self.path.display())?;
        let own = &self.graph.values[self.graph.inputs[input]].name;
        let needed: Vec<&str> = plan.inputs.iter().map(|port| port.name.as_str()).collect();
        if needed != [own] {
            return Err(self.fault(format!(
                "{key}: these outputs are computed from {needed:?}, expected {own:?} alone; export the graph so"
            )));
        }
        Ok(plan)
    }
}

fn position<'a>(
    names: impl Iterator<Item = &'a str>,
    tensor: &TensorRef,
) -> std::result::Result<usize, String> {
    let names: Vec<&str> = names.collect();
    let found = match tensor {
        TensorRef::Index(index) => (*index < names.len()).then_some(*index),
        TensorRef::Name(name) => names.iter().position(|other| other == name),
    };
    found.ok_or_else(|| match tensor {
        TensorRef::Index(index) => format!("found no tensor {index}; expected one of {names:?}"),
        TensorRef::Name(name) => format!("found no tensor {name:?}; expected one of {names:?}"),
    })
}
