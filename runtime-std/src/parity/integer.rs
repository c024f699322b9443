//! What integers cost a posterior: how good it is, what the bound loses, and which layer is to blame.

use super::basis::Posterior;
use super::compare::{Kl, divergence};
use super::nats::{Grade, elbo_drop};
use super::on_device::conditions;
use super::target::{Answer, twin_posteriors};
use super::{ParityReport, Reference};
use crate::model::{Decoder, Loaded};
use crate::rows::Rows;
use crate::twin::{Twin, log_likelihood};
use crate::{Precision, Result};
use serde::Serialize;

/// Antithetic pairs of draws per row to begin with, and at most.
const PAIRS: [u32; 2] = [8, 128];
/// Where the draws' part of the standard error is below this, more of them gain nothing.
const NOISE: f64 = 2.5e-3;

/// What integers cost; serialized into the report.
#[derive(Clone, Debug, Serialize)]
pub struct IntegerReport {
    /// The precision that was chosen.
    pub precision_used: Precision,
    /// How good the posterior is; none without one.
    pub grade: Option<Grade>,
    /// ELBO(float) - ELBO(integer), with the same noise for both.
    pub elbo_drop: Drop,
    /// What integers in one layer alone cost; none where every step is listed, which then says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<LayerLoss>>,
}

/// Nats of the bound; none without a decoder.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Drop {
    /// Mean over the rows.
    pub mean: Option<f64>,
    /// Its standard error by the draws: how well the mean over these rows is known.
    pub se: Option<f64>,
    /// Its standard error by the rows: how far the mean over other rows may be. An encoder is not at the
    /// optimum of the bound, so that what rounding changes may gain on one row and lose on the next.
    pub rows_se: Option<f64>,
}

/// KL(float || integer in this layer alone).
#[derive(Clone, Debug, Serialize)]
pub struct LayerLoss {
    /// Name of the node.
    pub name: String,
    /// Mean over the rows; none without a posterior.
    pub kl_nats: Option<f64>,
}

/// The two models that are held against each other on the same rows.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'p> {
    /// Floats.
    pub float: &'p Loaded,
    /// Integers.
    pub integer: &'p Loaded,
    /// The inputs of both.
    pub inputs: &'p [Rows],
    /// Rows of each.
    pub rows: usize,
}

impl Pair<'_> {
    /// The report on what the target answered; nothing for a model without integers.
    ///
    /// # Errors
    ///
    /// A posterior that is not finite.
    pub fn report(
        &self,
        reference: &Reference,
        answer: &Answer,
        kl: Kl,
        seed: u64,
    ) -> Result<Option<IntegerReport>> {
        if self.integer.encoder.integers.is_none() {
            return Ok(None);
        }
        let elbo_drop = self.elbo_drop(reference, answer, seed)?;
        let grade = kl.mean.map(|_| Grade::of(&kl, elbo_drop.mean, None));
        Ok(Some(IntegerReport {
            precision_used: self.integer.precision(),
            grade,
            elbo_drop,
            layers: Some(self.layers()?),
        }))
    }

    /// Draws more where the draws are what makes the mean uncertain.
    fn elbo_drop(&self, reference: &Reference, answer: &Answer, seed: u64) -> Result<Drop> {
        let decoder = self.integer.amortized().and_then(|(_, decoder)| decoder);
        let (Some(decoder), [float], [integer]) =
            (decoder, &reference.posteriors[..], &answer.posteriors[..])
        else {
            return Ok(Drop::default());
        };
        let integer = Posterior::from(integer);
        let mut likelihood = LogLikelihood::of(decoder, self.inputs)?;
        let mut pairs = PAIRS[0];
        loop {
            let drop = elbo_drop(float, &integer, pairs, seed, |row, z| likelihood.at(row, z))?;
            if drop.noise_se <= NOISE || pairs >= PAIRS[1] {
                let finite = |se: f64| se.is_finite().then_some(se);
                return Ok(Drop {
                    mean: Some(drop.mean),
                    se: finite(drop.noise_se),
                    rows_se: finite(drop.se),
                });
            }
            pairs *= 2;
        }
    }

    fn layers(&self) -> Result<Vec<LayerLoss>> {
        let Some(integers) = &self.integer.encoder.integers else { return Ok(Vec::new()) };
        let float = twin_posteriors(self.float, self.inputs, self.rows)?;
        let loss = |layer| -> Result<Option<f64>> {
            if float.is_empty() {
                return Ok(None);
            }
            let alone = self.float.with_integers(Some(integers.alone(layer)))?;
            let integer = twin_posteriors(&alone, self.inputs, self.rows)?;
            Ok(Kl::of_rows(divergence(&float, &integer)).mean)
        };
        let layers = integers.layers.iter();
        layers
            .map(|layer| Ok(LayerLoss { name: layer.node.clone(), kl_nats: loss(layer)? }))
            .collect()
    }
}

/// `ln p(x | z)` by the twin's decoder.
struct LogLikelihood<'d> {
    decoder: &'d Decoder,
    twin: Twin<'d>,
    x: &'d Rows,
    conditions: Vec<&'d Rows>,
}

impl<'d> LogLikelihood<'d> {
    fn of(decoder: &'d Decoder, inputs: &'d [Rows]) -> Result<Self> {
        let conditions = conditions(decoder, inputs)?;
        Ok(Self { decoder, twin: Twin::new(&decoder.plan), x: &inputs[0], conditions })
    }

    fn at(&mut self, row: usize, z: &[f32]) -> Result<f64> {
        let conditions = self.conditions.iter().map(|rows| rows.row(row));
        let inputs: Vec<&[f32]> = [z].into_iter().chain(conditions).collect();
        let outputs = self.twin.run(&inputs)?;
        Ok(log_likelihood(&self.decoder.likelihood, self.x.row(row), &outputs).into())
    }
}

impl ParityReport {
    /// The report with what integers cost, layer by layer where it lists them.
    #[must_use]
    pub fn with_integers(mut self, integer: Option<IntegerReport>) -> Self {
        self.integer = integer;
        if let (Some(listed), Some(integer)) = (&mut self.layers, &mut self.integer) {
            for loss in integer.layers.take().into_iter().flatten() {
                let own = listed.layers.iter_mut().filter(|layer| layer.name == loss.name);
                own.for_each(|layer| layer.kl_nats = loss.kl_nats);
            }
        }
        self
    }
}
