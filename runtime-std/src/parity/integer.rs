//! What integers cost a posterior: how good it is, what the bound loses, and which layer is to blame.

use super::arithmetic::{Arithmetic, IntegerLayer, Macs, layers, macs};
use super::order::ScoreOrder;
use super::outliers::OutlierReport;
use super::outputs::TargetOutputs;
use super::{ParityReport, Reference};
use crate::divergence::tolerance::ELBO_DROP;
use crate::divergence::{Grade, Kl, ScoreError, divergence};
use crate::infer::{ScoredRow, scored_rows};
use crate::integer_search::BoundDrop;
use crate::model::Loaded;
use crate::posterior::{Posteriors, twin_posteriors};
use crate::rows::Batch;
use crate::{Precision, Result};
use serde::Serialize;

/// What integers cost; serialized into the report.
#[derive(Clone, Debug, Serialize)]
pub struct IntegerReport {
    /// The precision that was chosen.
    pub precision_used: Precision,
    /// How good the posterior is; none without one, and none against a quantized file itself, which cannot
    /// tell what its own rounding costs.
    pub grade: Option<Grade>,
    /// ELBO(float) - ELBO(integer), with the same noise for both.
    pub elbo_drop: BoundDrop,
    /// What integers in encoder and decoder cost the score; none without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<ScoreReport>,
    /// What integers make of outliers, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outliers: Option<OutlierReport>,
    /// Multiply-accumulates, and how many have integer weights.
    pub macs: Macs,
    /// Every layer: what computes it, and what integers in it alone cost. None where every step is listed,
    /// which then says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<IntegerLayer>>,
}

/// The score of the integer model, by the twin, against that in floats.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ScoreReport {
    /// Its error over the rows; none of a single row.
    #[serde(flatten)]
    pub error: Option<ScoreError>,
    /// Whether rows keep their order.
    #[serde(flatten)]
    pub order: ScoreOrder,
    /// The precision of the decoder that was chosen.
    pub decoder_precision_used: Precision,
    /// Rows with values beyond the range of the integers.
    pub rows_outside: usize,
}

/// A model in floats and in integers, compared on the same rows.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'p> {
    /// Floats.
    pub float: &'p Loaded,
    /// Integers.
    pub integer: &'p Loaded,
    /// The inputs of both.
    pub batch: &'p Batch,
    /// Which rows are anomalies, true for one, where that is known.
    pub labels: Option<&'p [bool]>,
}

impl Pair<'_> {
    /// What integers cost, by the answer of the target; `None` for a model without integers. `kl` is that of
    /// the parity report, `seed` the key of the noise for the ELBO. The model is run once per integer layer.
    ///
    /// # Errors
    ///
    /// A posterior that is not finite, or an input that is missing.
    pub fn report(
        &self,
        reference: &Reference,
        answer: &TargetOutputs,
        kl: Kl,
        seed: u64,
    ) -> Result<Option<IntegerReport>> {
        if self.integer.main.integers.is_none() {
            return Ok(None);
        }
        let answered: Vec<Posteriors<f64>> =
            answer.posteriors.iter().map(Posteriors::from).collect();
        let elbo_drop =
            BoundDrop::of(self.float, self.batch, &reference.posteriors, &answered, seed)?;
        let known = kl.mean.filter(|_| !reference.basis.is_quantized());
        let grade = known.map(|_| Grade::of(&kl, elbo_drop.mean));
        Ok(Some(IntegerReport {
            precision_used: self.integer.precision(),
            grade,
            elbo_drop,
            score: self.score()?,
            outliers: None,
            macs: macs(self.integer.model.graphs.main().plan),
            layers: Some(self.layers()?),
        }))
    }

    /// What integers cost the score; `None` for a model without one. An error is a posterior that is not finite.
    fn score(&self) -> Result<Option<ScoreReport>> {
        let scored = |loaded| scored_rows(loaded, self.batch);
        let (Some(float), Some(integer)) = (scored(self.float)?, scored(self.integer)?) else {
            return Ok(None);
        };
        let scores = |rows: &[ScoredRow]| rows.iter().map(|row| row.score).collect::<Vec<_>>();
        let [float, of_integer] = [scores(&float), scores(&integer)];
        Ok(self.integer.decoder_precision().map(|decoder_precision_used| ScoreReport {
            error: ScoreError::of(&float, &of_integer),
            order: ScoreOrder::of(&float, &of_integer, self.labels),
            decoder_precision_used,
            rows_outside: integer.iter().filter(|row| row.saturated > 0).count(),
        }))
    }

    /// Every layer of the integer model; those with integer weights also with KL(float || integers in it
    /// alone), unless the file is quantized or has no posterior. Empty for a model without integers. An error
    /// is a posterior that is not finite, or an input that is missing.
    fn layers(&self) -> Result<Vec<IntegerLayer>> {
        let Some(integers) = &self.integer.main.integers else { return Ok(Vec::new()) };
        let float = match self.float.main.is_quantized() {
            true => Vec::new(),
            false => twin_posteriors(self.float, self.batch)?,
        };
        let loss = |layer| -> Result<Option<f64>> {
            if float.is_empty() {
                return Ok(None);
            }
            let alone = self.float.with_integers(Some(integers.alone(layer)))?;
            let integer = twin_posteriors(&alone, self.batch)?;
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

impl ParityReport {
    /// The report with `integer`, what integers cost, or without it, and `pass` judged again with the limit
    /// on the drop of the ELBO. Where the report lists its steps, the figures of layers are moved into those
    /// of the same name.
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
