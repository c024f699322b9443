//! What a model says of one window after the other, as the generated `evaluate` does: by the twin.

use crate::error::{Error, Result};
use crate::infer::log_likelihood;
use crate::manifest::ScoreKind;
use crate::model::{Aggregate, Calibration, Decoder, Encoder, Flow, Latent, Model};
use crate::twin::Twin;
use elbow_core::Error as DeviceError;
use elbow_core::detect::{mahalanobis, worst_channel};
use elbow_core::distributions::{kl_to_standard, standard_log_prob};
use elbow_core::infer::{
    EncodeError, Posterior, RunError, first_infinite, first_non_finite, to_posterior,
};
use elbow_core::window::Layout;

/// The graphs that a score takes, with the memory of the last window.
#[derive(Debug)]
pub(super) struct Network<'l> {
    calibration: &'l Calibration,
    layout: Layout,
    graphs: GraphsOfScore<'l>,
    decoder: Option<(&'l Decoder, Twin<'l>)>,
    /// Posterior of the last window.
    loc: Vec<f32>,
    log_var: Vec<f32>,
    /// Outputs of the decoder for the last window.
    decoded: Vec<Vec<f32>>,
    /// States for the next window, zeros at first.
    states: Vec<Vec<f32>>,
}

/// The graph that reads the window.
#[derive(Debug)]
enum GraphsOfScore<'l> {
    Encoder(&'l Encoder, &'l Latent, Twin<'l>),
    Flow(Twin<'l>),
}

/// What a model says of a window, with what the score was made of.
#[derive(Clone, Copy, Debug)]
pub struct ScoredWindow<'n> {
    /// The observation.
    pub x: &'n [f32],
    /// The score, in nats.
    pub score: f32,
    /// Whether a value was beyond the range of the integers.
    pub outside: bool,
    /// The posterior; `None` for a flow alone.
    pub q: Option<Posterior<'n>>,
    /// The decoder and its outputs at the mean of the posterior; `None` for a score that does not decode.
    pub decoded: Option<(&'n Decoder, &'n [Vec<f32>])>,
}

/// What a model says of a window, or why it says nothing.
pub(super) type Answer = std::result::Result<(f32, bool), DeviceError>;

impl<'l> Network<'l> {
    /// The graphs of a model whose calibration it is.
    ///
    /// # Errors
    ///
    /// The model has no detector: an input error with the reason.
    pub(super) fn new(model: &'l Model, calibration: &'l Calibration) -> Result<Self> {
        calibration.obstacle(model).map_or(Ok(()), |why| Err(Error::input(why)))?;
        let parts = model.graphs.parts();
        let layout = model.window.as_ref().map(|window| window.layout().into());
        let decodes = matches!(calibration.kind, ScoreKind::ElboAtMean | ScoreKind::Reconstruction);
        let decoder = parts.decoder.filter(|_| decodes);
        let none = || Error::input("the model has neither an encoder nor a flow");
        let graphs = match (parts.encoder, parts.flow) {
            (Some(encoder), _) => {
                let latent = encoder.latents.first().ok_or_else(none)?;
                GraphsOfScore::Encoder(encoder, latent, Twin::new(&encoder.plan))
            }
            (None, flow) => {
                let flow: &Flow = flow.ok_or_else(none)?;
                GraphsOfScore::Flow(Twin::new(&flow.plan))
            }
        };
        let mut network = Self {
            calibration,
            layout: layout.unwrap_or_default(),
            graphs,
            decoder: decoder.map(|decoder| (decoder, Twin::new(&decoder.plan))),
            loc: Vec::new(),
            log_var: Vec::new(),
            decoded: Vec::new(),
            states: Vec::new(),
        };
        network.reset();
        Ok(network)
    }

    /// Zeros the states: the next window is the first of a sequence.
    pub(super) fn reset(&mut self) {
        let GraphsOfScore::Encoder(encoder, ..) = &self.graphs else { return };
        let zeros = |(input, _): (usize, usize)| vec![0.0; encoder.plan.inputs[input].len()];
        self.states = encoder.state_pairs().into_iter().map(zeros).collect();
    }

    /// The score of the observation `x` in nats, and whether it came from values beyond the range of integers; an
    /// error of the device where that gives none, after which the states are those before.
    ///
    /// # Errors
    ///
    /// A plan is damaged, or takes no such observation.
    pub(super) fn evaluate(&mut self, x: &[f32]) -> Result<Answer> {
        let Self { graphs, states, .. } = self;
        let unfit =
            if self.calibration.most_missing > 0 { first_infinite } else { first_non_finite };
        if let Some(index) = unfit(x) {
            return Ok(Err(match graphs {
                GraphsOfScore::Encoder(..) => EncodeError::NonFiniteInput { index }.into(),
                GraphsOfScore::Flow(_) => RunError::NonFiniteInput { index }.into(),
            }));
        }
        let (encoder, latent, twin) = match graphs {
            GraphsOfScore::Encoder(encoder, latent, twin) => (encoder, latent, twin),
            GraphsOfScore::Flow(twin) => {
                let outputs = twin.run(&[x])?;
                let [z, log_det] = &outputs[..] else { return Err(damaged()) };
                let log_det = log_det.first().copied().unwrap_or(f32::NAN);
                return Ok(Ok((standard_log_prob(z) + log_det, false)));
            }
        };
        let before = twin.saturated();
        let inputs: Vec<&[f32]> =
            std::iter::once(x).chain(states.iter().map(Vec::as_slice)).collect();
        let mut outputs = twin.run(&inputs)?;
        let saturated = twin.saturated() > before;
        if outputs.len() != 2 + states.len() {
            return Err(damaged());
        }
        let next = outputs.split_off(2);
        let [loc, mut log_var] = <[Vec<f32>; 2]>::try_from(outputs).map_err(|_| damaged())?;
        if let Err(error) = to_posterior(&loc, &mut log_var, latent.head, latent.eps, latent.clamp)
        {
            return Ok(Err(error.into()));
        }
        debug_assert_eq!(encoder.states, next.len());
        if let Some(index) = next.iter().flatten().position(|value| !value.is_finite()) {
            return Ok(Err(EncodeError::NonFiniteState { index }.into()));
        }
        (self.loc, self.log_var, self.states) = (loc, log_var, next);
        let (score, in_decoder) = self.score(x)?;
        Ok(Ok((score, saturated || in_decoder)))
    }

    /// The score of the posterior of `x`, and whether the decoder met values beyond the range of its integers.
    ///
    /// # Errors
    ///
    /// As [`evaluate`](Self::evaluate).
    fn score(&mut self, x: &[f32]) -> Result<(f32, bool)> {
        let (loc, log_var) = (&self.loc, &self.log_var);
        let Some((decoder, twin)) = &mut self.decoder else {
            let score = match &self.calibration.aggregate {
                Some(Aggregate { mean, var }) => mahalanobis(loc, mean, var),
                None => -kl_to_standard(loc, log_var),
            };
            return Ok((score, false));
        };
        let before = twin.saturated();
        self.decoded = twin.run(&decoder.call(loc, []).ok_or_else(damaged)?)?;
        let saturated = twin.saturated() > before;
        let reconstruction = log_likelihood(&decoder.likelihood, x, &self.decoded);
        let score = match self.calibration.kind {
            ScoreKind::Reconstruction => reconstruction,
            _ => reconstruction - kl_to_standard(loc, log_var),
        };
        Ok((score, saturated))
    }

    /// The posterior of the last window; `None` for a flow alone.
    pub(super) fn posterior(&self) -> Option<Posterior<'_>> {
        let has_posterior = matches!(self.graphs, GraphsOfScore::Encoder(..));
        has_posterior.then_some(Posterior { loc: &self.loc, log_var: &self.log_var })
    }

    /// What was said of the last window, whose observation was `x`, with its score and whether that came from values
    /// beyond the range of integers.
    pub(super) fn scored<'n>(
        &'n self,
        x: &'n [f32],
        (score, outside): (f32, bool),
    ) -> ScoredWindow<'n> {
        let decoded = self.decoder.as_ref().map(|(decoder, _)| (*decoder, &self.decoded[..]));
        ScoredWindow { x, score, outside, q: self.posterior(), decoded }
    }

    /// The channel of the last window, whose observation was `x`, that its anomaly is in; `None` for a score without a
    /// decoder.
    pub(super) fn blame(&self, x: &[f32]) -> Option<usize> {
        let (decoder, _) = self.decoder.as_ref()?;
        let likelihood = decoder.likelihood.under(&self.decoded);
        let reference = &self.calibration.channel_log_likelihood;
        worst_channel(&likelihood, x, self.decoded.first()?, self.layout, reference)
    }
}

/// The error on a plan with other inputs or outputs than its model's.
fn damaged() -> Error {
    Error::input("a plan has other inputs or outputs than the model; load the model again")
}
