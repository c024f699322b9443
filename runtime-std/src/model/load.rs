//! Loading: from ONNX files and a manifest to [`Loaded`].

use super::encoder::{self, Roles};
use super::signature::shared_shape;
use super::{
    Declared, Decoder, Encoder, Graphs, Model, Role, Source, decoder, flow, time, unmistakable,
    window,
};
use crate::error::{Context, Error, Result};
use crate::identifier::identifier;
use crate::import::{FrozenNoise, Options};
use crate::lower::Plan;
use crate::manifest::{self, DecoderTable, FlowTable, Manifest, Window};
use std::fs;
use std::path::{Path, PathBuf};

/// A model with the files and the manifest that it was loaded from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The lowered model.
    pub model: Model,
    /// The graph that an inference runs: the encoder's, that of a flow alone, or one without roles.
    pub main: Source,
    /// The decoder's graph.
    pub decoder: Option<Source>,
    /// The graph of a flow beside an encoder.
    pub flow: Option<Source>,
    /// The manifest; `None` for an ONNX file alone.
    pub manifest: Option<Manifest>,
    /// The folder that paths in the manifest are relative to; that of the file for an ONNX file alone.
    pub folder: PathBuf,
}

impl Loaded {
    /// The model of an `.onnx` file, a manifest, or the folder of one.
    ///
    /// `declared` names the heads of a bare file, `options` are the user's decisions about it; with a
    /// manifest both have to be empty, as the manifest declares them.
    ///
    /// # Errors
    ///
    /// An input error names the file, what was found and expected, and the cure. An environment error where a
    /// folder cannot be listed.
    pub fn read(path: &Path, declared: Option<&Declared>, options: &Options) -> Result<Self> {
        let path = Self::find(path)?;
        if path.extension().is_some_and(|extension| extension == "onnx") {
            return Self::from_onnx(&path, declared, options);
        }
        if declared.is_some() {
            return Err(Error::input(
                "--mean and --spread are for a bare .onnx file; this manifest declares the heads, edit it instead",
            )
            .context(path.display()));
        }
        if options.frozen_noise == FrozenNoise::Accept {
            return Err(Error::input(
                "--accept-frozen-noise is for a bare .onnx file; write frozen_noise = \"accept\" into this manifest instead",
            )
            .context(path.display()));
        }
        if let Some((name, length)) = options.dims.first() {
            return Err(Error::input(format!(
                "--dim is for a bare .onnx file; write {name:?} = {length} below [dims] into this manifest instead"
            ))
            .context(path.display()));
        }
        Self::from_manifest(&path)
    }

    /// The model of a bare ONNX file, called by the file's name: an encoder with the `declared` heads, else
    /// with heads whose names are [`unmistakable`], else a graph without roles. Errors as those of
    /// [`read`](Self::read).
    fn from_onnx(path: &Path, declared: Option<&Declared>, options: &Options) -> Result<Self> {
        let source = Source::read(path, options)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = identifier(&stem);
        let Some(heads) = declared.cloned().or_else(|| unmistakable(&source.graph)) else {
            let outputs: Vec<usize> = (0..source.graph.outputs.len()).collect();
            let plan = source.lower(&outputs)?;
            return Ok(Self::without_manifest(name, Graphs::Bare(plan), source));
        };
        let roles = Roles::of_declared(&heads);
        let (encoder, source) = encoder::build(source, &roles)?;
        let graphs = Graphs::Amortized { encoder, decoder: None, flow: None };
        Ok(Self::without_manifest(name, graphs, source))
    }

    /// A loaded model of this one file, whose graph is the main one; `name` is an identifier.
    fn without_manifest(name: String, graphs: Graphs, main: Source) -> Self {
        let model = Model {
            name,
            graphs,
            window: None,
            score: None,
            missing: Vec::new(),
            calibration: None,
        };
        let folder = main.path.parent().unwrap_or(Path::new("")).to_path_buf();
        Self { model, main, decoder: None, flow: None, manifest: None, folder }
    }

    /// The model of the manifest at `path`; errors name that path.
    fn from_manifest(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::of_manifest(Manifest::read(path)?, folder).context(path.display())
    }

    /// The model that `manifest` describes; its paths are relative to `folder`. The window in the result has
    /// its layout decided.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn of_manifest(mut manifest: Manifest, folder: &Path) -> Result<Self> {
        let mut window = manifest.window.take();
        let files: Vec<PathBuf> = manifest.files().map(|(_, onnx)| folder.join(onnx)).collect();
        let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let options = manifest.import_options().per_file(&paths).context("dims")?;
        let read = |onnx: &Path| {
            let path = folder.join(onnx);
            let own = files.iter().position(|file| *file == path);
            Source::read(&path, &own.map_or_else(Options::default, |at| options[at].clone()))
        };
        let build = |table: &FlowTable| flow::build(read(&table.onnx)?, table, &manifest.input);
        let flow = manifest.flow.as_ref().map(build).transpose()?;
        let (graphs, main, decoder, flow) = match (&manifest.encoder, flow) {
            (None, None) => return Err(Error::input("expected an [encoder] or a [flow]; add one")),
            (None, Some((flow, source))) => {
                window = settled(window, &flow.plan, &source)?;
                (Graphs::Flow(flow), source, None, None)
            }
            (Some(table), flow) => {
                let roles = Roles::of_manifest(&manifest, table);
                let (encoder, mut source) = encoder::build(read(&table.onnx)?, &roles)?;
                window = settled(window, &encoder.plan, &source)?;
                source.window = window.clone();
                let build = |table: &DecoderTable| {
                    let source = read(&table.onnx)?;
                    decoder::build(source, table, &encoder, window.as_ref(), &manifest)
                };
                let (decoder, decoder_source) =
                    manifest.decoder.as_ref().map(build).transpose()?.unzip();
                let (flow, flow_source) = flow.unzip();
                (Graphs::Amortized { encoder, decoder, flow }, source, decoder_source, flow_source)
            }
        };
        let model = Model {
            name: manifest.name.clone(),
            graphs,
            window: window.clone(),
            score: manifest.score.clone(),
            missing: manifest.missing().map(String::from).collect(),
            calibration: None,
        };
        manifest.window = window;
        let folder = folder.to_path_buf();
        let loaded = Self { model, main, decoder, flow, manifest: Some(manifest), folder };
        loaded.check()?;
        Ok(loaded)
    }

    /// Checks across graphs and tables of the manifest. An input error where an `[[input]]` names no graph's
    /// input or has different shapes in several, or where missing values are not handled.
    fn check(&self) -> Result<()> {
        self.check_missing()?;
        for table in self.manifest.iter().flat_map(|manifest| &manifest.input) {
            let own = self.sources().flat_map(|source| {
                let inputs = 0..source.graph.inputs.len();
                inputs
                    .filter(|input| source.input_name(*input) == table.name)
                    .map(|input| source.input_shape(input))
            });
            let shapes: Vec<&[usize]> = own.collect();
            if shared_shape(&table.name, &shapes)?.is_none() {
                let names = |source: &'_ Source| -> Vec<String> {
                    source.given().map(|input| source.input_name(input).into()).collect()
                };
                let inputs = self.sources().flat_map(names);
                return Err(Error::input(format!(
                    "[[input]] {:?}: no graph has such an input; they have {:?}",
                    table.name,
                    inputs.collect::<Vec<_>>()
                )));
            }
        }
        Ok(())
    }

    /// An input error where the window allows missing readings but the observation no NaN, or where the
    /// decoder or its likelihood would read NaN.
    fn check_missing(&self) -> Result<()> {
        let source = &self.main;
        let is_x = |input: &usize| source.input_roles[*input] == Some(Role::X);
        let Some(x) = (0..source.graph.inputs.len()).find(is_x) else { return Ok(()) };
        let (name, allowed) = (source.input_name(x), source.missing.contains(&x));
        if !allowed && self.model.window.as_ref().is_some_and(|window| window.max_missing > 0) {
            return Err(Error::input(format!(
                "window.max_missing: missing readings are NaN; write `[[input]]` `name = {name:?}` `allow = \"nan\"` if the model handles them, or remove max_missing"
            )));
        }
        let read = |name: &str| {
            let source = self.decoder.as_ref()?;
            (0..source.graph.inputs.len()).find(|input| source.input_name(*input) == name)
        };
        if let Some(name) = self.model.missing.iter().find(|name| read(name).is_some()) {
            return Err(Error::input(format!(
                "[[input]] {name:?}: allow = \"nan\" lets it hold NaN, but the decoder reads it, and its likelihood would be NaN as well; give the decoder whole values, or remove `allow`"
            )));
        }
        if allowed && self.decoder.is_some() {
            return Err(Error::input(format!(
                "[[input]] {name:?}: allow = \"nan\" lets the observation hold NaN, of which the likelihood of [decoder] is NaN as well; remove [decoder] and [score], or give whole observations"
            )));
        }
        Ok(())
    }

    /// Path of the `.onnx` file or manifest that `path` stands for: itself, or in a folder its `elbow.toml`,
    /// else its only `.onnx` file.
    ///
    /// # Errors
    ///
    /// An input error says what is there instead. An environment error where a folder cannot be listed.
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

    /// The encoder and, where there is one, the decoder; `None` for a flow alone and a graph without roles.
    pub fn amortized(&self) -> Option<(&Encoder, Option<&Decoder>)> {
        let parts = self.model.graphs.parts();
        parts.encoder.map(|encoder| (encoder, parts.decoder))
    }

    /// The files of the model: the main graph, then decoder and flow where there are any.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        [&self.main].into_iter().chain(&self.decoder).chain(&self.flow)
    }
}

/// The window with its layout decided, for a plan of `source` whose first input is the observation; `None`
/// without a window. An input error where the window does not fit that input.
fn settled(window: Option<Window>, plan: &Plan, source: &Source) -> Result<Option<Window>> {
    let x = source.input_roles.iter().position(|role| *role == Some(Role::X));
    let shown = x.and_then(|x| time::shown(&source.graph, source.graph.inputs[x]));
    window.map(|window| window::settled(&window, &plan.inputs[0], shown)).transpose()
}
