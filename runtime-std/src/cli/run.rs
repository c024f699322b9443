//! `elbow run`

mod refine;
mod score;

use super::inputs::{self, Inputs};
use super::{ModelOptions, PrecisionOptions, PythonOptions, output, runtime};
use clap::ValueEnum;
use elbow::lower::{Core, Plan};
use elbow::model::{Decoder, Encoder, Loaded, PartName, Role, Source};
use elbow::posterior::twin_posteriors;
use elbow::posterior::{Posteriors, sample};
use elbow::reference::{Engine, Runtime};
use elbow::rows::{Batch, run_twin_flagged};
use elbow::scoring::{Encoded, log_prob};
use elbow::{Context, Error, Precision, Result, npy};
use refine::{RefinedRows, Refinement};
use score::{ScoreFiles, Scores};
use serde::Serialize;
use std::collections::HashSet;
use std::path::PathBuf;

/// The file of `ln p(x)`, one number a row.
const LOG_PROB: &str = "log_prob.npy";
/// Most values in `z.npy`: half a GiB.
const MOST_SAMPLED: usize = 1 << 27;

#[derive(Debug, clap::Args)]
pub struct RunOptions {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    rows_of: inputs::RowOptions,
    /// Where the outputs and index.json go
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    /// Which graph of the model; the flow is the default of a model without an encoder
    #[arg(long, value_enum)]
    graph: Option<GraphChoice>,
    /// Who runs it: the device's own kernels on the desktop, or the reference
    #[arg(long, value_enum, default_value = "twin")]
    backend: Backend,
    #[command(flatten)]
    python: PythonOptions,
    #[command(flatten)]
    precision: PrecisionOptions,
    /// Samples per row of the posterior
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    samples: Option<u32>,
    /// Key of the noise stream
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Steps of refinement of every row's posterior; none are as if it were left out
    #[arg(long, value_name = "N")]
    refine_steps: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum GraphChoice {
    Encoder,
    Decoder,
    Flow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Backend {
    Twin,
    Tract,
    Onnxruntime,
}

impl RunOptions {
    /// The reference that is to run the model, in f32; `None` where the twin is. An input error where
    /// `--python` or `--precision` do not go with the backend.
    fn runtime(&self) -> Result<Option<Runtime>> {
        let runtime = match self.backend {
            Backend::Twin => None,
            Backend::Tract => Some(runtime(Engine::Tract)?),
            Backend::Onnxruntime => Some(self.python.onnxruntime()?),
        };
        if self.backend != Backend::Onnxruntime {
            self.python.unused("add --backend onnxruntime")?;
        }
        match runtime {
            Some(runtime) if self.precision.precision != Precision::F32 => {
                Err(Error::input(format!(
                    "--backend {} computes in f32; leave out --precision and --calibration, or --backend",
                    runtime.engine.name()
                )))
            }
            runtime => Ok(runtime),
        }
    }
}

/// One file of `index.json`.
#[derive(Debug, Serialize)]
struct Entry {
    index: usize,
    name: String,
    role: Option<Role>,
    file: String,
    shape: Vec<usize>,
}

/// `ln p(x)`.
#[derive(Debug, Serialize)]
struct LogProbFile {
    file: String,
    mean: f64,
}

#[derive(Serialize)]
struct RunReport<'a> {
    model: &'a str,
    graph: GraphChoice,
    backend: Backend,
    precision_used: Precision,
    rows: usize,
    out_dir: &'a PathBuf,
    outputs: &'a [Entry],
    posterior: &'a [Entry],
    clamp_hits: Option<u64>,
    /// Rows with values beyond the range of the integers; nothing in floats.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_outside: Option<usize>,
    /// Of a flow whose latent is standard normal, in nats.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_prob: Option<LogProbFile>,
    /// Where the manifest has `[score]` and the twin ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<ScoreFiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refined: Option<RefinedRows>,
}

/// Runs the rows and writes every output, the posteriors and `index.json` into `--out-dir`; with `--json`
/// prints a report of them.
///
/// # Errors
///
/// An input error where options, model or rows are wrong, an environment error where a reference or writing
/// fails. Nothing is written before all is computed.
pub fn run(options: &RunOptions) -> Result<()> {
    let runtime = options.runtime()?;
    let loaded = options.precision.apply(options.model.load()?, Core::default())?;
    let is_flow = loaded.model.graphs.main().name == PartName::Flow;
    let default = if is_flow { GraphChoice::Flow } else { GraphChoice::Encoder };
    let graph = options.graph.unwrap_or(default);
    let source = source(&loaded, graph, is_flow)?;
    let amortized = loaded.amortized().filter(|_| graph == GraphChoice::Encoder);
    needs_posterior(options, amortized.is_some())?;
    let refinement = refinement(&loaded, options, graph)?;
    let is_scored = amortized.is_some() || (is_flow && graph == GraphChoice::Flow);
    let score = loaded.model.score.as_ref().filter(|_| is_scored && runtime.is_none());
    let (plan, states) = source.whole()?;
    let decodes = refinement.is_some() || score.is_some();
    let inputs = inputs(&loaded, source, &plan, decodes, options)?;
    let (outputs, outside) = match &runtime {
        None => flagged(&plan, &states, &inputs.batch)?,
        Some(runtime) => (runtime.run(source, &inputs.batch, &[])?.outputs, Vec::new()),
    };
    let mut posteriors = match (amortized, &runtime) {
        (None, _) => Vec::new(),
        // With other outputs the graph may be lowered in another way than the encoder on a device.
        (Some(_), None) if !source.gives_heads_alone() => twin_posteriors(&loaded, &inputs.batch)?,
        (Some((encoder, _)), _) => of_outputs(&loaded.main, encoder, &outputs, &inputs.batch)?,
    };
    let scores = score
        .map(|score| {
            let encoded = encoded(&posteriors, &outside);
            Scores::of(&loaded, score, &inputs.batch, encoded, options.seed)
        })
        .transpose()?;
    let outside = outside.iter().filter(|outside| **outside).count();
    let refined = refinement
        .map(|refinement| refinement.run(&loaded, &inputs.batch, &mut posteriors, options.seed));
    let refined = refined.transpose()?;
    let log_prob = log_prob(&loaded, |at| outputs.get(at).map(Vec::as_slice));
    let mut files =
        OutputFiles::new(source, &inputs, &outputs, &posteriors, log_prob.as_deref(), options)?;
    files.bytes.extend(scores.iter().flat_map(Scores::files));
    files.write(&loaded, inputs.batch.len, options)?;
    note_outside(outside, inputs.batch.len);
    if !options.json {
        return Ok(());
    }
    let hits = posteriors.iter().map(|posterior| posterior.clamp_hits).sum();
    let report = RunReport::of(&loaded, graph, &files, inputs.batch.len, options);
    output::json(&RunReport {
        clamp_hits: amortized.map(|_| hits),
        rows_outside: source.integers.is_some().then_some(outside),
        log_prob: log_prob.as_deref().map(LogProbFile::of),
        score: scores.as_ref().map(Scores::report),
        refined,
        ..report
    })
}

/// An input error where `--samples` are asked for and there is no posterior to draw them of.
fn needs_posterior(options: &RunOptions, has_posterior: bool) -> Result<()> {
    match options.samples {
        Some(_) if !has_posterior => Err(Error::input(
            "--samples needs a posterior: give a manifest, or --mean NAME --spread NAME:HEAD, with --graph encoder",
        )),
        _ => Ok(()),
    }
}

/// [`run_twin_flagged`], with whether each row has values beyond the range of integers.
///
/// # Errors
///
/// As there.
fn flagged(
    plan: &Plan,
    states: &[(usize, usize)],
    batch: &Batch,
) -> Result<(Vec<Vec<f32>>, Vec<bool>)> {
    let (outputs, saturated) = run_twin_flagged(plan, states, batch)?;
    Ok((outputs, saturated.into_iter().map(|values| values > 0).collect()))
}

/// The posteriors of an encoder that has one for each row; `None` for several, and without an encoder.
fn encoded<'q>(posteriors: &'q [Posteriors], outside: &'q [bool]) -> Option<Encoded<'q>> {
    match posteriors {
        [q] => Some(Encoded { q, outside }),
        _ => None,
    }
}

/// Says on stderr where `outside` of the rows are beyond the range of the integers.
fn note_outside(outside: usize, rows: usize) {
    if outside > 0 {
        output::note(&format!(
            "{outside} of {rows} rows have values beyond the range of the integers: what was computed from them cannot be trusted"
        ));
    }
}

/// The rows of `--input`: of the inputs that the twin's `plan` reads, and of the decoder's conditions where it
/// `decodes`; with a reference of all inputs of both files. Errors as those of `inputs::read`.
fn inputs(
    loaded: &Loaded,
    source: &Source,
    plan: &Plan,
    decodes: bool,
    options: &RunOptions,
) -> Result<Inputs> {
    let decoder = loaded.amortized().and_then(|(_, decoder)| decoder).filter(|_| decodes);
    let needed = |name: &str| {
        let own = plan.inputs.iter().any(|port| port.name == name);
        let is_condition = |decoder: &Decoder| decoder.conditions().any(|port| port.name == name);
        own || decoder.is_some_and(is_condition) || options.backend != Backend::Twin
    };
    let decoder = loaded.decoder.as_ref().filter(|_| decodes);
    let sources: Vec<&Source> = [source].into_iter().chain(decoder).collect();
    let windows = options.rows_of.windows(loaded)?;
    inputs::read_with(&sources, needed, windows, &options.rows_of.input, options.seed)
}

impl LogProbFile {
    /// The file of these values, with their mean; NaN of none.
    fn of(values: &[f32]) -> Self {
        let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
        Self { file: LOG_PROB.into(), mean: sum / values.len() as f64 }
    }
}

impl<'a> RunReport<'a> {
    /// The report on what was written, still without clamp hits, density and refinement.
    fn of(
        loaded: &'a Loaded,
        graph: GraphChoice,
        files: &'a OutputFiles,
        rows: usize,
        options: &'a RunOptions,
    ) -> Self {
        Self {
            model: &loaded.model.name,
            graph,
            backend: options.backend,
            precision_used: loaded.precision(),
            rows,
            out_dir: &options.out_dir,
            outputs: &files.index,
            posterior: &files.posterior,
            clamp_hits: None,
            rows_outside: None,
            log_prob: None,
            score: None,
            refined: None,
        }
    }
}

/// The refinement of `--refine-steps`; `None` without it or for 0 steps. An input error for another graph
/// than the encoder, another backend than the twin, or a model that cannot be refined.
fn refinement<'l>(
    loaded: &'l Loaded,
    options: &RunOptions,
    graph: GraphChoice,
) -> Result<Option<Refinement<'l>>> {
    let Some(steps) = options.refine_steps.filter(|steps| *steps > 0) else { return Ok(None) };
    if graph != GraphChoice::Encoder {
        return Err(Error::input(
            "--refine-steps needs a posterior: leave --graph out, or give --graph encoder",
        ));
    }
    if options.backend != Backend::Twin {
        return Err(Error::input(
            "--refine-steps follows a gradient, which the twin alone has; leave --backend out",
        ));
    }
    Refinement::of(loaded, steps).map(Some)
}

/// Everything that is written, and what it is.
struct OutputFiles {
    index: Vec<Entry>,
    posterior: Vec<Entry>,
    bytes: Vec<(String, Vec<u8>)>,
}

impl OutputFiles {
    /// The files of all outputs, drawn noise, `ln p(x)` and posteriors, encoded, with `index.json`; nothing
    /// is written. An input error where `--samples` asks for too many values.
    fn new(
        source: &Source,
        inputs: &Inputs,
        outputs: &[Vec<f32>],
        posteriors: &[Posteriors],
        log_prob: Option<&[f32]>,
        options: &RunOptions,
    ) -> Result<Self> {
        let rows = inputs.batch.len;
        let posterior = posterior_files(posteriors, rows, options)?;
        let (posterior, values): (Vec<Entry>, Vec<Vec<u8>>) = posterior.into_iter().unzip();
        let own = posterior.iter().map(|entry| entry.file.as_str());
        let mut names = FileNames::new(own.chain(log_prob.map(|_| LOG_PROB)).chain(score::NAMES));
        let graph = source.graph.outputs.iter().zip(&source.output_roles).zip(outputs);
        let outputs = graph.map(|(((name, id), role), values)| {
            (name.as_str(), *role, &source.graph.values[*id].shape[..], &values[..])
        });
        let noise = inputs.batch.inputs.iter().filter(|input| inputs.drawn.contains(&input.name));
        let noise = noise.map(|input| {
            (input.name.as_str(), Some(Role::Eps), &input.shape[..], &input.values[..])
        });
        let (mut index, mut bytes) = (Vec::new(), Vec::new());
        for (at, (name, role, shape, values)) in outputs.chain(noise).enumerate() {
            let shape = [&[rows], npy::row_shape(shape)].concat();
            let file = names.of(name);
            bytes.push((file.clone(), npy::encode(&shape, values)));
            index.push(Entry { index: at, name: name.into(), role, file, shape });
        }
        bytes.extend(log_prob.map(|values| (LOG_PROB.into(), npy::encode(&[rows], values))));
        bytes.extend(posterior.iter().map(|entry| entry.file.clone()).zip(values));
        let json = serde_json::to_vec_pretty(&index)
            .map_err(|error| Error::environment(format!("cannot write JSON: {error}")))?;
        bytes.push(("index.json".into(), json));
        Ok(Self { index, posterior, bytes })
    }

    /// Writes all files into `--out-dir`, as [`output::folder`] does, and a note to stderr; `rows` is for the
    /// note.
    fn write(&self, loaded: &Loaded, rows: usize, options: &RunOptions) -> Result<()> {
        output::folder(&options.out_dir, &self.bytes)?;
        output::note(&format!(
            "wrote {} files for {rows} rows in {} to {}",
            self.bytes.len(),
            loaded.precision().name(),
            options.out_dir.display()
        ));
        Ok(())
    }
}

/// The file of the chosen graph; an input error where the model does not have it. `is_flow` says that the
/// main graph is a flow.
fn source(loaded: &Loaded, graph: GraphChoice, is_flow: bool) -> Result<&Source> {
    match (graph, &loaded.decoder, &loaded.flow) {
        (GraphChoice::Encoder, ..) if is_flow => {
            Err(Error::input("the model is a flow without an encoder: use --graph flow"))
        }
        (GraphChoice::Flow, ..) if is_flow => Ok(&loaded.main),
        (GraphChoice::Encoder, ..) => Ok(&loaded.main),
        (GraphChoice::Decoder, Some(source), _) | (GraphChoice::Flow, _, Some(source)) => {
            Ok(source)
        }
        (GraphChoice::Decoder, None, _) => Err(Error::input(
            "the model has no decoder: use --graph encoder, or add a [decoder] to its elbow.toml",
        )),
        (GraphChoice::Flow, _, None) => Err(Error::input(
            "the model has no flow: use --graph encoder, or add a [flow] to its elbow.toml",
        )),
    }
}

/// Posteriors of all rows from the raw outputs of the encoder's graph `source`, one list per output of the
/// graph. An input error names the file, row and latent where a posterior is not finite.
fn of_outputs(
    source: &Source,
    encoder: &Encoder,
    outputs: &[Vec<f32>],
    batch: &Batch,
) -> Result<Vec<Posteriors>> {
    let heads = source.heads.iter().zip(&encoder.latents);
    let posteriors = heads.map(|([mean, spread], latent)| {
        Posteriors::of_rows(latent, outputs[*mean].clone(), outputs[*spread].clone(), batch)
    });
    posteriors.collect::<Result<_>>().context(source.path.display())
}

/// The files of the posteriors (mean, log-variance, and with `--samples` samples and noise) with their bytes;
/// names end in a number where there are several posteriors. An input error where samples would be too many.
fn posterior_files(
    posteriors: &[Posteriors],
    rows: usize,
    options: &RunOptions,
) -> Result<Vec<(Entry, Vec<u8>)>> {
    let latents: usize = posteriors.iter().map(|posterior| posterior.latent).sum();
    let samples = options.samples.unwrap_or(0) as usize;
    if rows.saturating_mul(latents).saturating_mul(samples) > MOST_SAMPLED {
        return Err(Error::input(format!(
            "--samples {samples}: {rows} rows of {latents} latents would make more than {MOST_SAMPLED} values; ask for fewer"
        )));
    }
    let drawn = sample(posteriors, options.seed, options.samples.unwrap_or(0))?;
    let mut files = Vec::new();
    for (at, (posterior, drawn)) in posteriors.iter().zip(&drawn).enumerate() {
        let number = if posteriors.len() == 1 { String::new() } else { format!("_{at}") };
        let mut add = |name: &str, role, shape: &[usize], values: &[f32]| {
            let (index, name) = (files.len(), format!("{name}{number}"));
            let (file, shape) = (format!("{name}.npy"), shape.to_vec());
            let bytes = npy::encode(&shape, values);
            files.push((Entry { index, name, role: Some(role), file, shape }, bytes));
        };
        let shape = [rows, posterior.latent];
        add("posterior_mean", Role::Mean, &shape, &posterior.loc);
        add("posterior_log_var", Role::LogVar, &shape, &posterior.log_var);
        if options.samples.is_some() {
            let shape = [rows, samples, posterior.latent];
            add("z", Role::Z, &shape, &drawn.z);
            add("eps", Role::Eps, &shape, &drawn.eps);
        }
    }
    Ok(files)
}

/// File names for tensors, no two alike even where letters of both cases are one.
struct FileNames {
    taken: HashSet<String>,
}

impl FileNames {
    /// File names of which `taken` and `index.json` are in use from the start.
    fn new<'n>(taken: impl Iterator<Item = &'n str>) -> Self {
        Self { taken: taken.map(str::to_lowercase).chain(["index.json".into()]).collect() }
    }

    /// A file name for the tensor `name`, in use from then on: `/`, `:`, `\` and control characters become
    /// `_`, it is cut to 200 bytes, `_2`, `_3` and so on follow where it is in use, and `.npy` ends it.
    fn of(&mut self, name: &str) -> String {
        const LONGEST: usize = 200;
        let mut stem: String = name
            .chars()
            .map(|c| if "/:\\".contains(c) || c.is_control() { '_' } else { c })
            .collect();
        stem.truncate(stem.floor_char_boundary(LONGEST));
        let plain = std::iter::once(format!("{stem}.npy"));
        let numbered = (2..).map(|number: usize| format!("{stem}_{number}.npy"));
        let free = plain.chain(numbered).find(|file| self.taken.insert(file.to_lowercase()));
        free.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::FileNames;
    use std::collections::HashSet;

    #[test]
    fn no_two_tensors_share_a_file() {
        let names = ["a/b", "a_b", "a_b_2", "a:b", "A_b", "", "_", "z", "a\nb"];
        let mut files = FileNames::new(["z.npy"].into_iter());
        let found: Vec<String> = names.iter().map(|name| files.of(name)).collect();
        assert_eq!(found[..3], ["a_b.npy", "a_b_2.npy", "a_b_2_2.npy"]);
        let distinct: HashSet<String> = found.iter().map(|file| file.to_lowercase()).collect();
        assert_eq!(distinct.len(), names.len());
        assert!(!distinct.contains("z.npy"));
    }

    #[test]
    fn a_long_name_becomes_a_short_file() {
        let mut files = FileNames::new(std::iter::empty());
        let long = "\u{e4}".repeat(300);
        let (first, second) = (files.of(&long), files.of(&long));
        assert!(first != second && first.len() < 256 && second.len() < 256);
    }
}
