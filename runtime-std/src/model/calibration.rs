//! What a detector of a model needs besides its graphs, in the form that the device has.

use super::Model;
use crate::manifest::ScoreKind;
use elbow_core::detect::{
    AlarmDesign, Clock, DriftDesign, Limits, Moment, MonitorDesign, RankEntry, RankTable, Ranks,
    Standing, Tables,
};
use elbow_core::window::WindowShape;

/// Limits, rank tables, alarm and drift of one model in one precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Which score the tables are of.
    pub kind: ScoreKind,
    /// Size of the window.
    pub shape: WindowShape,
    /// Limits of the fault gate, one for each channel.
    pub limits: Vec<Limits>,
    /// So many values of a channel may be NaN in a window.
    pub most_missing: usize,
    /// When readings are expected; `None` without a rate, then no time is looked at.
    pub clock: Option<Clock>,
    /// Of all calibration rows.
    pub pooled: RankTables,
    /// Of the rows of each operating mode, by its number; `None` where a mode has no table of its own.
    pub modes: Vec<Option<RankTables>>,
    /// A window with a p-value of at most so many millionths is an anomaly.
    pub alpha_ppm: u32,
    /// One due window of so many is counted by alarm and drift.
    pub every: u32,
    /// The alarm; `None` for none.
    pub alarm: Option<AlarmDesign>,
    /// The drift monitor; `None` for none.
    pub drift: Option<DriftMoments>,
    /// Median log-likelihood of each channel over the calibration's rows, in nats; empty where unknown.
    pub channel_log_likelihood: Vec<f32>,
    /// Mean and variance of each latent over the calibration's rows, for the Mahalanobis score; `None` for any
    /// other.
    pub aggregate: Option<Aggregate>,
}

/// The rank table of one set of scores, or the two of `tail = "both"`.
#[derive(Clone, Debug, PartialEq)]
pub struct RankTables {
    /// Of the scores.
    pub low: Vec<RankEntry>,
    /// Of the negative scores, where high scores are unusual too.
    pub high: Option<Vec<RankEntry>>,
    /// Number of scores.
    pub calibrated: u32,
}

/// What [`DriftDesign`] says, with moments of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftMoments {
    /// How fast the average forgets.
    pub lambda: f32,
    /// A statistic above it is a drift.
    pub threshold: f32,
    /// `loc` and `loc^2 + exp(log_var)` of each latent in turn.
    pub moments: Vec<Moment>,
}

/// Mean and variance of each latent over many rows: the posterior of a row that is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Mean of `loc`.
    pub mean: Vec<f32>,
    /// Variance of `loc`, plus the mean of `exp(log_var)`; positive.
    pub var: Vec<f32>,
}

impl RankTables {
    /// Entries of the low tail, and of the high one.
    pub fn entries(&self) -> [&[RankEntry]; 2] {
        [&self.low, self.high.as_deref().unwrap_or_default()]
    }

    /// The tables as the device reads them.
    pub fn ranks(&self) -> Ranks<'_> {
        let table = |entries| RankTable { entries, calibrated: self.calibrated };
        match &self.high {
            None => Ranks::Low(table(&self.low)),
            Some(high) => Ranks::Both { low: table(&self.low), high: table(high) },
        }
    }

    /// Where a score stands; see [`Ranks::standing`].
    pub fn standing(&self, score: f32, outside: bool) -> Standing {
        self.ranks().standing(score, outside)
    }
}

impl Calibration {
    /// Where a score stands in the pooled table; see [`Ranks::standing`].
    pub fn standing(&self, score: f32, outside: bool) -> Standing {
        self.pooled.standing(score, outside)
    }

    /// The tables of the modes as the device reads them, for [`design`](Self::design).
    pub fn ranks_of_modes(&self) -> Vec<Option<Ranks<'_>>> {
        self.modes.iter().map(|tables| tables.as_ref().map(RankTables::ranks)).collect()
    }

    /// The design of a monitor, with the tables of the modes from [`ranks_of_modes`](Self::ranks_of_modes).
    pub fn design<'a>(&'a self, modes: &'a [Option<Ranks<'a>>]) -> MonitorDesign<'a> {
        let drift = self.drift.as_ref().map(|drift| DriftDesign {
            lambda: drift.lambda,
            threshold: drift.threshold,
            moments: &drift.moments,
        });
        MonitorDesign {
            shape: self.shape,
            limits: &self.limits,
            most_missing: self.most_missing,
            clock: self.clock,
            tables: Tables { pooled: self.pooled.ranks(), modes },
            alpha_ppm: self.alpha_ppm,
            every: self.every,
            alarm: self.alarm,
            drift,
        }
    }

    /// Why `model` has no detector all the same; `None` where it has one.
    pub fn obstacle(&self, model: &Model) -> Option<String> {
        let kind = self.kind.name();
        if model.window.is_none() {
            return Some("a detector takes readings, of which elbow.toml says nothing; add a [window] and calibrate again".into());
        }
        if matches!(self.kind, ScoreKind::Elbo | ScoreKind::Iwae | ScoreKind::Regret) {
            return Some(format!(
                "the score {kind} draws noise, which a detector does not; use elbo_at_mean and calibrate that"
            ));
        }
        let signature = model.signature();
        let others: Vec<&str> = signature.call().skip(1).map(|input| input.name.as_str()).collect();
        if !others.is_empty() {
            return Some(format!(
                "the model reads {} besides the observation, which readings of a sensor do not give; call `encode` and `score` yourself",
                others.join(", ")
            ));
        }
        let posteriors = model.graphs.parts().encoder.map_or(1, |encoder| encoder.latents.len());
        (posteriors > 1).then(|| {
            format!("the model has {posteriors} posteriors, and {kind} is of one; call `encode` yourself")
        })
    }
}
