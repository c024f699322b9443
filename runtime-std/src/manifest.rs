//! `elbow.toml`: what the graphs of a model mean.
//!
//! This module reads the text and checks whatever can be checked without the graphs; `model.rs` loads
//! the graphs and holds them against it. Unknown keys are errors: nothing
//! that the user declared is ever ignored.

mod complete;
mod data;
mod drift;
mod gate;
mod likelihood;
mod optional_tables;
mod refine;
mod score;
mod window;

pub use data::{DataTable, RowSet};
pub use drift::DriftTable;
pub use gate::GateTable;
pub use likelihood::{
    Family, LikelihoodTable, Parameter, mean_is_in_words, mean_is_word, readings,
};
pub use optional_tables::{
    Allow, Base, Fixed, FlowTable, InputRole, InputTable, LatentTable, StatePair, StateTable,
    TensorRefs,
};
pub use refine::{RefineTable, RuleName};
pub use score::{
    AlarmTable, Calibrated, Exchangeable, ModeTable, PARTS, Score, ScoreKind, TailName,
};
pub use window::{Layout, OnGap, Window};

use crate::error::{Error, Result};
use crate::identifier::identifier;
use crate::import::{self, FrozenNoise};
use elbow_core::distributions::Spread;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// File name of a manifest inside a model's folder.
pub const FILE_NAME: &str = "elbow.toml";

/// A whole manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the generated module.
    pub name: String,
    /// Whether a constant that looks like noise drawn at export is a factor that was trained.
    #[serde(default)]
    pub frozen_noise: FrozenNoise,
    /// Lengths of dynamic axes, by the symbols that the graphs' inputs have for them.
    #[serde(default)]
    pub dims: BTreeMap<String, usize>,
    /// Whether the heads were looked at and are as declared, although another reading has the better ELBO.
    #[serde(default)]
    pub head_checked: bool,
    /// Observation to posterior; a model without one has a flow.
    pub encoder: Option<EncoderTable>,
    /// Latent to observation.
    pub decoder: Option<DecoderTable>,
    /// Inputs besides observation and latents.
    #[serde(default)]
    pub input: Vec<InputTable>,
    /// Several posteriors, in place of the encoder's one.
    #[serde(default)]
    pub latent: Vec<LatentTable>,
    /// An invertible map with its density.
    pub flow: Option<FlowTable>,
    /// What the encoder keeps between calls.
    pub state: Option<StateTable>,
    /// Raw readings to an observation.
    pub window: Option<Window>,
    /// Anomaly score.
    pub score: Option<Score>,
    /// Faults of sensors.
    pub gate: Option<GateTable>,
    /// Drift of posteriors.
    pub drift: Option<DriftTable>,
    /// Rows that have been seen.
    pub data: Option<DataTable>,
    /// Refinement of a posterior.
    pub refine: Option<RefineTable>,
}

/// A tensor of an ONNX graph, by name or by position.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected an ONNX name or an index")]
pub enum TensorRef {
    /// Position among the graph's inputs or outputs.
    Index(usize),
    /// ONNX name.
    Name(String),
}

/// `[encoder]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderTable {
    /// File of the graph.
    pub onnx: PathBuf,
    /// The observation; an `[[input]]` of the role x says the same.
    pub input: Option<TensorRef>,
    /// The posterior's mean.
    pub mean: Option<TensorRef>,
    /// The posterior's spread.
    pub spread: Option<SpreadTable>,
}

/// `encoder.spread`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpreadTable {
    /// Which output.
    pub output: TensorRef,
    /// Parameterization of the output, by its [name](Spread::name).
    #[serde(deserialize_with = "head")]
    pub head: Spread,
    /// Added to what the head says.
    #[serde(default)]
    pub eps: f32,
    /// Bounds of the log-variance.
    #[serde(default, deserialize_with = "optional_tables::bounds")]
    pub clamp: Option<[f32; 2]>,
}

/// The parameterization of that name; an error lists all names.
fn head<'de, D: Deserializer<'de>>(text: D) -> std::result::Result<Spread, D::Error> {
    let name = String::deserialize(text)?;
    Spread::named(&name).ok_or_else(|| {
        let names = Spread::ALL.map(|head| format!("`{}`", head.name())).join(", ");
        D::Error::custom(format!("unknown variant `{name}`, expected one of {names}"))
    })
}

/// `[decoder]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderTable {
    /// File of the graph.
    pub onnx: PathBuf,
    /// The latent, or one per posterior of a hierarchy.
    pub latent: TensorRefs,
    /// The observation's mean, as `likelihood.mean_is` says.
    pub mean: TensorRef,
    /// Distribution of the observation.
    pub likelihood: LikelihoodTable,
}

impl Manifest {
    /// The manifest in the file at `path`, checked as far as that needs no graph.
    ///
    /// # Errors
    ///
    /// An input error names the file, and the line or all the keys that are wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| {
            Error::input(format!("cannot read {}: {error}; check the path", path.display()))
        })?;
        Self::parse(&text).map_err(|what| Error::input(what).context(path.display()))
    }

    /// The manifest in `text`, checked as far as that needs no graph.
    ///
    /// # Errors
    ///
    /// A sentence with the line or the keys.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let syntax =
            |error: toml::de::Error| format!("{}; correct this line", error.to_string().trim_end());
        let mut problems = complete::open(text);
        match toml::from_str::<Self>(text) {
            Ok(manifest) => {
                problems.extend(manifest.problems());
                if problems.is_empty() {
                    return Ok(manifest);
                }
            }
            Err(error) if problems.is_empty() || !complete::is_told(text, &error) => {
                problems.push(syntax(error));
            }
            Err(_) => {}
        }
        Err(problems.join("; "))
    }

    /// The graphs that the manifest has: `encoder`, `decoder` or `flow`, with the path written there, which
    /// is relative to the manifest's folder unless absolute.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let files = [
            ("encoder", self.encoder.as_ref().map(|encoder| &encoder.onnx)),
            ("decoder", self.decoder.as_ref().map(|decoder| &decoder.onnx)),
            ("flow", self.flow.as_ref().map(|flow| &flow.onnx)),
        ];
        files.into_iter().filter_map(|(graph, file)| Some((graph, file?.as_path())))
    }

    /// The options for importing the graphs' files: `frozen_noise` and `[dims]`.
    pub fn import_options(&self) -> import::Options {
        let dims = self.dims.iter().map(|(name, length)| (name.clone(), *length)).collect();
        import::Options { frozen_noise: self.frozen_noise, dims }
    }

    /// What is wrong with the manifest as far as that needs no graph, one sentence each; empty where nothing
    /// is.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if identifier(&self.name) != self.name {
            problems.push(format!(
                "name: found {:?}, expected a Rust module name such as \"imu\": small letters, digits and _, no keyword, and no crate or module of the firmware",
                self.name
            ));
        }
        for (name, _) in self.dims.iter().filter(|(_, length)| **length == 0) {
            problems.push(format!("dims.{name}: found 0, expected at least 1"));
        }
        self.check_optional_tables(&mut problems);
        self.check_refine(&mut problems);
        if let Some(decoder) = &self.decoder {
            decoder.likelihood.check(&mut problems);
        }
        if let Some(window) = &self.window {
            window.check(&mut problems);
        }
        self.check_score(&mut problems);
        self.check_gate(&mut problems);
        self.check_drift(&mut problems);
        problems
    }
}

impl EncoderTable {
    /// The posterior that `[encoder]` declares itself; `None` unless it has both mean and spread.
    fn latent(&self) -> Option<LatentTable> {
        let (mean, spread) = self.mean.as_ref().zip(self.spread.as_ref())?;
        Some(LatentTable { mean: mean.clone(), spread: spread.clone() })
    }
}

impl SpreadTable {
    /// Adds to `problems` an `eps` that is negative or not finite, and a `clamp` that is not two finite
    /// ascending numbers; `key` names the table.
    fn check(&self, key: &str, problems: &mut Vec<String>) {
        if !(self.eps.is_finite() && self.eps >= 0.0) {
            problems.push(format!(
                "{key}.eps: found {}, expected a finite number, not negative",
                self.eps
            ));
        }
        if let Some([low, high]) = self.clamp
            && !(low.is_finite() && high.is_finite() && low < high)
        {
            problems.push(format!(
                "{key}.clamp: found [{low}, {high}], expected [low, high] of the log-variance with low < high"
            ));
        }
    }
}
