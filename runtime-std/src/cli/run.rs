//! `elbow run`

use super::{ModelOptions, PrecisionOptions, inputs, output};
use clap::ValueEnum;
use elbow::lower::lower;
use elbow::model::{Loaded, Role, Source};
use elbow::posterior::Posteriors;
use elbow::rows::{Rows, run_twin};
use elbow::{Context, Error, Result, npy, oracle};
use serde::Serialize;
use std::collections::HashSet;
use std::path::PathBuf;

/// Most values in `z.npy`: half a GiB.
const MOST_SAMPLED: usize = 1 << 27;

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    model: ModelOptions,
    /// Rows for an input, the batch in front; NAME= may be left out for a single input
    #[arg(long, required = true, num_args = 1.., value_name = "NAME=FILE.npy")]
    input: Vec<String>,
    /// Where the outputs and index.json go
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    /// Which graph of the model
    #[arg(long, value_enum, default_value = "encoder")]
    graph: Graph,
    /// Who runs it: the device's own kernels on the desktop, or the reference
    #[arg(long, value_enum, default_value = "twin")]
    backend: Backend,
    #[command(flatten)]
    precision: PrecisionOptions,
    /// Samples per row of the posterior
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    samples: Option<u32>,
    /// Key of the noise stream
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Steps of refinement
    #[arg(long, value_name = "N")]
    refine_steps: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Graph {
    Encoder,
    Decoder,
    Flow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Backend {
    Twin,
    Tract,
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

#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    graph: Graph,
    backend: Backend,
    rows: usize,
    out_dir: &'a PathBuf,
    outputs: &'a [Entry],
    posterior: &'a [Entry],
    clamp_hits: Option<u64>,
}

/// Runs the rows and writes every output.
///
/// # Errors
///
/// Bad input; nothing is written then.
pub fn run(options: &Options) -> Result<()> {
    options.precision.check()?;
    if options.refine_steps.is_some() {
        return Err(Error::input("--refine-steps comes with a later version; leave it out"));
    }
    let loaded = options.model.load()?;
    let source = source(&loaded, options.graph)?;
    let amortized = loaded.amortized().filter(|_| options.graph == Graph::Encoder);
    if options.samples.is_some() && amortized.is_none() {
        return Err(Error::input(
            "--samples needs a posterior: give a manifest, or --mean NAME --spread NAME:HEAD, with --graph encoder",
        ));
    }
    let plan = lower(&source.graph, &Vec::from_iter(0..source.graph.outputs.len()))?;
    let all_inputs = source.graph.inputs.iter().map(|id| source.graph.values[*id].name.as_str());
    let needed: Vec<&str> = match options.backend {
        Backend::Twin => plan.inputs.iter().map(|port| port.name.as_str()).collect(),
        Backend::Tract => all_inputs.collect(),
    };
    let (inputs, rows) = inputs::read(source, &needed, &options.input)?;
    let outputs = match options.backend {
        Backend::Twin => run_twin(&plan, &inputs, rows)?,
        Backend::Tract => oracle::run(source, &inputs, rows)?,
    };
    let posteriors = match amortized {
        Some(_) => Some(posteriors(&loaded, options.backend, &inputs, &outputs, rows)?),
        None => None,
    };
    let files = Files::new(source, rows, &outputs, posteriors.as_ref(), options)?;
    output::folder(&options.out_dir, &files.bytes)?;
    output::note(&format!(
        "wrote {} files for {rows} rows to {}",
        files.bytes.len(),
        options.out_dir.display()
    ));
    if !options.json {
        return Ok(());
    }
    output::json(&Report {
        model: &loaded.model.name,
        graph: options.graph,
        backend: options.backend,
        rows,
        out_dir: &options.out_dir,
        outputs: &files.index,
        posterior: &files.posterior,
        clamp_hits: posteriors.map(|posteriors| posteriors.clamp_hits),
    })
}

/// Everything that is written, and what it is.
struct Files {
    index: Vec<Entry>,
    posterior: Vec<Entry>,
    bytes: Vec<(String, Vec<u8>)>,
}

impl Files {
    fn new(
        source: &Source,
        rows: usize,
        outputs: &[Vec<f32>],
        posteriors: Option<&Posteriors>,
        options: &Options,
    ) -> Result<Self> {
        let posterior = posteriors.map(|posteriors| posterior_files(posteriors, rows, options));
        let (posterior, values): (Vec<Entry>, Vec<Vec<u8>>) =
            posterior.transpose()?.unwrap_or_default().into_iter().unzip();
        let index = index(source, rows, posterior.iter().map(|entry| entry.file.clone()).collect());
        let raw =
            index.iter().zip(outputs).map(|(entry, values)| npy::encode(&entry.shape, values));
        let names = index.iter().chain(&posterior).map(|entry| entry.file.clone());
        let mut bytes: Vec<(String, Vec<u8>)> = names.zip(raw.chain(values)).collect();
        let json = serde_json::to_vec_pretty(&index)
            .map_err(|error| Error::environment(format!("cannot write JSON: {error}")))?;
        bytes.push(("index.json".into(), json));
        Ok(Self { index, posterior, bytes })
    }
}

fn source(loaded: &Loaded, graph: Graph) -> Result<&Source> {
    match (graph, &loaded.decoder) {
        (Graph::Encoder, _) => Ok(&loaded.encoder),
        (Graph::Decoder, Some(decoder)) => Ok(decoder),
        (Graph::Decoder, None) => Err(Error::input(
            "the model has no decoder: use --graph encoder, or add a [decoder] to its elbow.toml",
        )),
        (Graph::Flow, _) => {
            Err(Error::input("--graph flow: flows come with a later version; use --graph encoder"))
        }
    }
}

/// From the encoder's own plan on the twin, from its two outputs with tract.
fn posteriors(
    loaded: &Loaded,
    backend: Backend,
    inputs: &[Rows],
    outputs: &[Vec<f32>],
    rows: usize,
) -> Result<Posteriors> {
    let none = || Error::input("the model has no posterior").context(loaded.encoder.path.display());
    if backend == Backend::Twin {
        return elbow::parity::target::twin_posteriors(loaded, inputs, rows)?.ok_or_else(none);
    }
    let source = &loaded.encoder;
    let mean =
        source.output_roles.iter().position(|role| *role == Some(Role::Mean)).ok_or_else(none)?;
    let spread = source.spread.ok_or_else(none)?;
    let (encoder, _) = loaded.amortized().ok_or_else(none)?;
    Posteriors::of_heads(encoder, outputs[mean].clone(), outputs[spread].clone())
        .context(source.path.display())
}

/// The files that go with a posterior, and their bytes.
fn posterior_files(
    posteriors: &Posteriors,
    rows: usize,
    options: &Options,
) -> Result<Vec<(Entry, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut add = |name: &str, role, shape: Vec<usize>, values: &[f32]| {
        let bytes = npy::encode(&shape, values);
        let (index, name, file) = (files.len(), name.to_string(), format!("{name}.npy"));
        files.push((Entry { index, name, role: Some(role), file, shape }, bytes));
    };
    let latent = posteriors.latent;
    add("posterior_mean", Role::Mean, vec![rows, latent], &posteriors.mean);
    add("posterior_log_var", Role::LogVar, vec![rows, latent], &posteriors.log_var);
    if let Some(samples) = options.samples {
        if rows.saturating_mul(latent).saturating_mul(samples as usize) > MOST_SAMPLED {
            return Err(Error::input(format!(
                "--samples {samples}: {rows} rows of {latent} latents would make more than {MOST_SAMPLED} values; ask for fewer"
            )));
        }
        let drawn = posteriors.sample(options.seed, samples)?;
        let shape = vec![rows, samples as usize, latent];
        add("z", Role::Z, shape.clone(), &drawn.z);
        add("eps", Role::Eps, shape, &drawn.eps);
    }
    Ok(files)
}

/// One entry per output; a file name that is taken gets the output's index.
fn index(source: &Source, rows: usize, mut taken: HashSet<String>) -> Vec<Entry> {
    let outputs = source.graph.outputs.iter().zip(&source.output_roles).enumerate();
    let entry = |(index, ((name, id), role)): (usize, (&(String, usize), &Option<Role>))| {
        let stem: String =
            name.chars().map(|c| if "/:\\\0".contains(c) { '_' } else { c }).collect();
        let plain = format!("{stem}.npy");
        let file = if taken.insert(plain.clone()) { plain } else { format!("{stem}_{index}.npy") };
        taken.insert(file.clone());
        let shape = [&[rows], npy::row_shape(&source.graph.values[*id].shape)].concat();
        Entry { index, name: name.clone(), role: *role, file, shape }
    };
    outputs.map(entry).collect()
}
