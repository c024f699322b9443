//! `elbow gap`

pub mod picture;

use super::draw;
use super::heads::{self, WithHeads};
use super::inputs;
use super::{ModelOptions, output};
use clap::ValueEnum;
use elbow::gap::{Method, Settings, measure};
use elbow::model::Loaded;
use elbow::{Error, Result};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct GapOptions {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    rows_of: inputs::RowOptions,
    /// Use the first N rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rows: Option<u64>,
    /// Key of all noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Also refine by the manifest's [refine] or the default, and look at it after these numbers of steps;
    /// the manifest's own number where left out
    #[arg(long, value_name = "N,N,..", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    refine_steps: Vec<u32>,
    /// Also refine from the prior, by so many steps in all, from several starts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    prior_steps: Option<u32>,
    /// How log p(x) is found; the most exact way that there is where left out
    #[arg(long, value_enum, value_name = "METHOD")]
    log_p: Option<LogP>,
    /// Draw the gaps into an .svg file
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogP {
    /// A closed form: affine decoder, gaussian likelihood of fixed scale
    Exact,
    /// An integral over one or two latents
    Quadrature,
    /// Importance samples of the best posterior
    Iwae,
    /// Annealing from the best posterior
    Ais,
}

impl From<LogP> for Method {
    /// The method of the same name.
    fn from(log_p: LogP) -> Self {
        match log_p {
            LogP::Exact => Self::Exact,
            LogP::Quadrature => Self::Quadrature,
            LogP::Iwae => Self::Iwae,
            LogP::Ais => Self::Ais,
        }
    }
}

/// Measures the rows and prints the report; writes the picture before that, where one is asked for.
///
/// # Errors
///
/// Bad input, a picture that cannot be written, or, after the report, heads that the rows speak against.
pub fn run(options: &GapOptions) -> Result<()> {
    if let Some(path) = &options.picture {
        draw::check(path)?;
    }
    let loaded = options.model.load()?;
    let batch = inputs::of_rows(&loaded, &options.rows_of, options.seed)?.batch;
    let rows = inputs::limited(options.rows, batch.len)?;
    let settings = settings(options, &loaded)?;
    let heads = heads::read(&loaded, &batch)?;
    let report = measure(&loaded, &batch.first(rows), &settings)?;
    if let Some(path) = &options.picture {
        let drawn = picture::draw(&report).map_err(|error| draw::failed(&error))?;
        output::file(path, drawn.as_bytes())?;
        output::note(&format!("wrote {}", path.display()));
    }
    match options.json {
        true => output::json(&WithHeads { report: &report, heads: heads.as_ref() })?,
        false => output::text(&report.to_string())?,
    }
    heads::hold(heads.as_ref())
}

/// The settings of the model with the options applied; an input error where `--refine-steps` or
/// `--prior-steps` asks for more steps than there is noise for.
fn settings(options: &GapOptions, loaded: &Loaded) -> Result<Settings> {
    let mut settings = Settings::of_model(loaded);
    settings.seed = options.seed;
    settings.method = options.log_p.map(Method::from);
    settings.prior_steps = options.prior_steps;
    if !options.refine_steps.is_empty() {
        settings.refine_steps.clone_from(&options.refine_steps);
    }
    let named = options.refine_steps.iter().map(|steps| ("--refine-steps", steps));
    for (name, steps) in
        named.chain(options.prior_steps.iter().map(|steps| ("--prior-steps", steps)))
    {
        let checked = settings.refine.check_steps(*steps);
        checked.map_err(|what| Error::input(format!("{name} {steps}: {what}")))?;
    }
    Ok(settings)
}
