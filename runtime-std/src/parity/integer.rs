//! What integers cost a posterior: how good it is, what the bound loses, and which layer is to blame.

use super::arithmetic::{Arithmetic, IntegerLayer, Macs, layers, macs};
use super::basis::Posterior;
use super::compare::{Kl, divergence};
use super::nats::{Grade, elbo_drop};
use super::on_device::conditions;
use super::target::{Answer, twin_posteriors};
use super::tolerance::{ELBO_DROP, ELBO_DROP_ERRORS};
use super::{ParityReport, Reference};
use crate::infer::log_likelihood;
use crate::model::{Decoder, Loaded};
use crate::rows::Rows;
use crate::twin::Twin;
use crate::{Precision, Result};
use serde::Serialize;

/// Antithetic pairs of draws per row to begin with, and at most: they are doubled until the standard error
/// by the draws is at most [`NOISE`].
const PAIRS: [u32; 2] = [8, 128];
/// An eighth of the limit on the drop, which two standard errors then blur by a quarter.
const NOISE: f64 = ELBO_DROP / 8.0;

/// What integers cost; serialized into the report.
#[derive(Clone, Debug, Serialize)]
pub struct IntegerReport {
    /// The precision that was chosen.
    pub precision_used: Precision,
    /// How good the posterior is; none without one, and none against a quantized file itself, which cannot
    /// tell what its own rounding costs.
    pub grade: Option<Grade>,
    /// ELBO(float) - ELBO(integer), with the same noise for both.
    pub elbo_drop: Drop,
    /// Multiply-accumulates, and how many have integer weights.
    pub macs: Macs,
    /// Every layer: what computes it, and what integers in it alone cost. None where every step is listed,
    /// which then says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<IntegerLayer>>,
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
    /// 99th percentile of the rows, nearest rank.
    pub p99: Option<f64>,
}

impl Drop {
    /// Mean, both standard errors and limit; nothing without a decoder.
    pub(super) fn told(&self, limit: Option<f64>) -> Option<String> {
        let (mean, se, limit) = (self.mean?, self.se?, limit?);
        let limit = format!("limit {limit:.0e} and {ELBO_DROP_ERRORS} standard errors");
        let rows = self.rows_se.map_or(String::new(), |se| format!(", +- {se:.1e} by the rows"));
        Some(format!("{mean:.2e} +- {se:.1e} by the draws{rows} ({limit})"))
    }
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
        if self.integer.main.integers.is_none() {
            return Ok(None);
        }
        let answered: Vec<Posterior> = answer.posteriors.iter().map(Posterior::from).collect();
        let elbo_drop = self.elbo_drop(&reference.posteriors, &answered, seed)?;
        let known = kl.mean.filter(|_| !reference.basis.is_quantized());
        let grade = known.map(|_| Grade::of(&kl, elbo_drop.mean));
        Ok(Some(IntegerReport {
            precision_used: self.integer.precision(),
            grade,
            elbo_drop,
            macs: macs(self.integer.model.graphs.main().plan),
            layers: Some(self.layers()?),
        }))
    }

    /// What the bound loses from the posterior of floats to that of integers; nothing without a decoder, or
    /// of a hierarchy. Draws more where the draws are what makes the mean uncertain.
    ///
    /// # Errors
    ///
    /// A condition of the decoder is missing.
    pub fn elbo_drop(&self, float: &[Posterior], integer: &[Posterior], seed: u64) -> Result<Drop> {
        let decoder = self.integer.amortized().and_then(|(_, decoder)| decoder);
        let (Some(decoder), [float], [integer]) = (decoder, float, integer) else {
            return Ok(Drop::default());
        };
        let mut likelihood = LogLikelihood::of(decoder, self.inputs)?;
        let mut pairs = PAIRS[0];
        loop {
            let drop = elbo_drop(float, integer, pairs, seed, |row, z| likelihood.at(row, z))?;
            if drop.noise_se <= NOISE || pairs >= PAIRS[1] {
                let finite = |se: f64| se.is_finite().then_some(se);
                return Ok(Drop {
                    mean: Some(drop.mean),
                    se: finite(drop.noise_se),
                    rows_se: finite(drop.se),
                    p99: Some(drop.p99),
                });
            }
            pairs *= 2;
        }
    }

    fn layers(&self) -> Result<Vec<IntegerLayer>> {
        let Some(integers) = &self.integer.main.integers else { return Ok(Vec::new()) };
        let float = match self.float.main.is_quantized() {
            true => Vec::new(),
            false => twin_posteriors(self.float, self.inputs, self.rows)?,
        };
        let loss = |layer| -> Result<Option<f64>> {
            if float.is_empty() {
                return Ok(None);
            }
            let alone = self.float.with_integers(Some(integers.alone(layer)))?;
            let integer = twin_posteriors(&alone, self.inputs, self.rows)?;
            Ok(Kl::of_rows(divergence(&float, &integer)).mean)
        };
        let mut all = layers(self.integer.model.graphs.main().plan);
        for layer in all.iter_mut().filter(|layer| layer.arithmetic == Arithmetic::Int8) {
            if let Some(own) = integers.layers.iter().find(|own| own.node == layer.name) {
                layer.kl_nats = loss(own)?;
            }
        }
        Ok(all)
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
    /// The report with what integers cost, layer by layer where it lists them; what the bound loses is
    /// judged as well.
    #[must_use]
    pub fn with_integers(mut self, integer: Option<IntegerReport>) -> Self {
        self.integer = integer;
        let drop = self.integer.as_ref().and_then(|integer| integer.elbo_drop.mean);
        self.limits.elbo_drop = drop.map(|_| ELBO_DROP);
        self.pass = self.failures().is_empty();
        if let (Some(listed), Some(integer)) = (&mut self.layers, &mut self.integer) {
            for known in integer.layers.take().into_iter().flatten() {
                let own = listed.layers.iter_mut().filter(|layer| layer.name == known.name);
                own.for_each(|layer| {
                    layer.arithmetic = Some(known.arithmetic);
                    layer.reason.clone_from(&known.reason);
                    layer.kl_nats = known.kl_nats;
                });
            }
        }
        self
    }
}
