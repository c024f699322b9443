//! Tables that only some models need: further inputs, several posteriors, a flow, state.

use super::{EncoderTable, Manifest, SpreadTable, TensorRef};
use serde::Deserialize;
use std::path::PathBuf;

/// `[[input]]`: an input of any of the graphs besides the observation and the latents.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputTable {
    /// ONNX name; graphs that share it are given the same values.
    pub name: String,
    /// Its role; left out where another table defines it.
    pub role: Option<InputRole>,
    /// What its rows may hold besides finite numbers.
    pub allow: Option<Allow>,
    /// Values of a condition that never changes; it is then no input any more.
    pub value: Option<Fixed>,
}

/// Role of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputRole {
    /// The observation.
    X,
    /// Standard normal noise.
    Eps,
    /// What the posterior is conditioned on besides the observation.
    Condition,
}

/// What rows may hold besides finite numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allow {
    /// NaN for a value that is missing: the model handles it.
    Nan,
}

/// Values that never change.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a number or a list of numbers")]
pub enum Fixed {
    /// The same everywhere.
    Number(f32),
    /// In the tensor's order.
    List(Vec<f32>),
}

/// `[[latent]]`: one posterior of a hierarchical model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatentTable {
    /// The posterior's mean.
    pub mean: TensorRef,
    /// The posterior's spread.
    pub spread: SpreadTable,
}

/// One tensor, or several in order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected an ONNX name or an index, or a list of them")]
pub enum TensorRefs {
    /// One.
    One(TensorRef),
    /// Several.
    Several(Vec<TensorRef>),
}

/// `[flow]`: an invertible map with its density.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowTable {
    /// File of the graph.
    pub onnx: PathBuf,
    /// What is mapped, or what the posterior is of.
    pub input: TensorRef,
    /// The latent.
    pub z: TensorRef,
    /// `ln |det dz/dx|`
    pub log_det: Option<TensorRef>,
    /// `ln q(z | x)`
    pub log_q: Option<TensorRef>,
    /// The noise that becomes `z`; may be left out where the graph draws it itself.
    pub eps: Option<TensorRef>,
    /// Density of `z`, which makes `log_det` the density of `x`.
    pub base: Option<Base>,
}

/// Density of a flow's latent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// `N(0, I)`
    StandardNormal,
}

/// `[state]`: what the encoder keeps between calls; it starts with zeros.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateTable {
    /// Each an input, and the output that it is at the next call.
    pub pairs: Vec<StatePair>,
}

/// A pair of `[state]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatePair {
    /// The state before the call.
    pub input: TensorRef,
    /// The state after it.
    pub output: TensorRef,
}

impl TensorRefs {
    /// All tensors, in order; a single one as a list of one.
    pub fn all(&self) -> &[TensorRef] {
        match self {
            Self::One(tensor) => std::slice::from_ref(tensor),
            Self::Several(tensors) => tensors,
        }
    }
}

/// The two numbers of `clamp`; an error where there are more or fewer. Their values are not checked here.
pub(super) fn bounds<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<[f32; 2]>, D::Error> {
    let bounds = Vec::<f32>::deserialize(deserializer)?;
    let found = bounds.len();
    bounds.try_into().map(Some).map_err(|_| {
        serde::de::Error::custom(format!("found {found} values, expected clamp = [low, high]"))
    })
}

impl Manifest {
    /// Posteriors of the encoder, in order: the one of `[encoder]` where it has mean and spread, else those
    /// of `[[latent]]`.
    pub fn latents(&self) -> Vec<LatentTable> {
        let own = self.encoder.as_ref().and_then(EncoderTable::latent);
        own.map_or_else(|| self.latent.clone(), |latent| vec![latent])
    }

    /// Names of the `[[input]]` tables with `allow = "nan"`: inputs that may hold NaN.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        let allowed = self.input.iter().filter(|input| input.allow == Some(Allow::Nan));
        allowed.map(|input| input.name.as_str())
    }

    /// Adds to `problems` what is wrong with further inputs, posteriors, flow and state, and tables that need
    /// an `[encoder]` where there is none.
    pub(super) fn check_optional_tables(&self, problems: &mut Vec<String>) {
        match (&self.encoder, &self.flow) {
            (None, _) => {
                let tables = [
                    ("decoder", self.decoder.is_some()),
                    ("latent", !self.latent.is_empty()),
                    ("state", self.state.is_some()),
                ];
                for (table, _) in tables.iter().filter(|(_, given)| *given) {
                    problems.push(format!("[{table}] needs an [encoder]; add it or remove it"));
                }
            }
            (Some(encoder), _) => self.check_latents(encoder, problems),
        }
        self.check_inputs(problems);
        if let Some(flow) = &self.flow {
            flow.check(problems);
        }
        if let Some(state) = &self.state {
            state.check(problems);
        }
    }

    /// Adds to `problems`: heads in both `[encoder]` and `[[latent]]`, posteriors that share an output, `eps`
    /// or `clamp` out of range, and another number of decoder latents than of posteriors.
    fn check_latents(&self, encoder: &EncoderTable, problems: &mut Vec<String>) {
        let own = [("mean", encoder.mean.is_some()), ("spread", encoder.spread.is_some())];
        for (key, _) in own.iter().filter(|(_, given)| *given && !self.latent.is_empty()) {
            problems.push(format!(
                "encoder.{key}: the posteriors are listed as [[latent]]; move it there"
            ));
        }
        for (at, latent) in self.latent.iter().enumerate() {
            latent.spread.check(&format!("latent[{at}].spread"), problems);
            let same = |other: &LatentTable| {
                other.mean == latent.mean || other.spread.output == latent.spread.output
            };
            if let Some(other) = self.latent[..at].iter().position(same) {
                problems.push(format!(
                    "latent[{at}] and latent[{other}] name the same output; give each posterior its own mean and spread"
                ));
            }
        }
        if let Some(spread) = &encoder.spread {
            spread.check("encoder.spread", problems);
        }
        let latents = self.latent.len().max(1);
        if let Some(decoder) = &self.decoder
            && decoder.latent.all().len() != latents
        {
            problems.push(format!(
                "decoder.latent: found {} inputs, expected one per posterior ({latents}), in the order of [[latent]]",
                decoder.latent.all().len()
            ));
        }
    }

    /// Adds to `problems`: an `[[input]]` listed twice or with neither role nor `allow`, noise with `allow`,
    /// a fixed value of what is no condition or is not finite, several observations, and one that is not
    /// `encoder.input`.
    fn check_inputs(&self, problems: &mut Vec<String>) {
        for (at, input) in self.input.iter().enumerate() {
            let InputTable { name, role, allow, value } = input;
            if self.input[..at].iter().any(|other| other.name == *name) {
                problems.push(format!("input {name:?} is listed twice; keep one"));
            }
            let finite = match value {
                None => true,
                Some(Fixed::Number(value)) => value.is_finite(),
                Some(Fixed::List(list)) => list.iter().all(|value| value.is_finite()),
            };
            match (role, allow) {
                (None, None) => problems.push(format!(
                    "missing field `role` in [input[{at}]]: what {name:?} holds, \"x\", \"eps\" or \"condition\""
                )),
                (Some(InputRole::Eps), Some(_)) => problems.push(format!(
                    "input {name:?}: noise is never missing; remove `allow`"
                )),
                _ => {}
            }
            if value.is_some() && *role != Some(InputRole::Condition) {
                problems.push(format!(
                    "input {name:?}: only a condition can have a fixed value; remove `value`"
                ));
            }
            if !finite {
                problems.push(format!("input {name:?}: expected finite numbers in `value`"));
            }
        }
        let observed = self.input.iter().filter(|input| input.role == Some(InputRole::X));
        let observed: Vec<&str> = observed.map(|input| input.name.as_str()).collect();
        let declared = self.encoder.as_ref().map(|encoder| encoder.input.as_ref());
        match (&observed[..], declared) {
            ([x], Some(Some(TensorRef::Name(name)))) if name != x => problems.push(format!(
                "input {x:?} has the role x, encoder.input is {name:?}; the observation is one input"
            )),
            ([_, _, ..], _) => problems.push(format!(
                "the inputs {observed:?} all have the role x, expected one observation; declare the others as conditions"
            )),
            _ => {}
        }
    }
}

impl FlowTable {
    /// Adds to `problems`: both or neither of `log_det` and `log_q`, `eps` beside `log_det`, and `base`
    /// beside `log_q`.
    fn check(&self, problems: &mut Vec<String>) {
        match (&self.log_det, &self.log_q) {
            (Some(_), Some(_)) | (None, None) => problems.push(
                "flow: expected one of log_det (a density of x) and log_q (a posterior of z)"
                    .into(),
            ),
            (Some(_), None) if self.eps.is_some() => problems.push(
                "flow.eps: a flow with log_det takes no noise; declare log_q, or remove eps".into(),
            ),
            (None, Some(_)) if self.base.is_some() => problems.push(
                "flow.base: log_q is a density already; remove base, or declare log_det".into(),
            ),
            _ => {}
        }
    }
}

impl StateTable {
    /// Adds to `problems`: no pair, and each pair that names an input or output of an earlier one.
    fn check(&self, problems: &mut Vec<String>) {
        if self.pairs.is_empty() {
            problems.push(
                "state.pairs: found none, expected pairs = [{ input = \"h\", output = \"h_next\" }]; add one or remove [state]".into(),
            );
        }
        for (at, pair) in self.pairs.iter().enumerate() {
            let others = &self.pairs[..at];
            if others.iter().any(|other| other.input == pair.input || other.output == pair.output) {
                problems.push(format!(
                    "state.pairs[{at}] names an input or output of an earlier pair; give each state its own"
                ));
            }
        }
    }
}
