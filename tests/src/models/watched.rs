//! A model with a detector.

use super::{gaussian, tiny};
use elbow::manifest::ScoreKind;
use elbow::model::{Aggregate, Calibration, DriftMoments, Model, RankTables};
use elbow_core::detect::{AlarmDesign, Clock, Limits, Moment, RankEntry, Votes, ranks};
use elbow_core::window::WindowShape;

/// [`tiny`] with a calibration of this kind by hand, in which every rule is on: readings of two channels, 100 of
/// them in a second, and a drift monitor.
pub fn watched(kind: ScoreKind) -> Model {
    let shape = WindowShape { channels: 2, length: 2, hop: 1 };
    let limits = Limits {
        lo: -50.0,
        hi: 50.0,
        most_at_rails: 0,
        longest_run: 3,
        least_variance: 1e-6,
        largest_step: 60.0,
    };
    let moment = |mean, variance| Moment::new(mean, variance, 0.05);
    let calibration = Calibration {
        kind,
        shape,
        limits: vec![limits, Limits { largest_step: f32::INFINITY, ..limits }],
        most_missing: 0,
        clock: Some(Clock {
            period_ns: 10_000_000,
            max_gap_us: 25_000,
            clears: true,
            stale_us: 200_000,
        }),
        pooled: lists(-40.0, -0.5),
        modes: vec![None, Some(RankTables { high: None, ..lists(-90.0, -20.0) })],
        alpha_ppm: 100_000,
        every: 2,
        alarm: Some(AlarmDesign { k: 1.7, h: 3.5, votes: Some(Votes { needed: 3, of: 4 }) }),
        drift: Some(DriftMoments {
            lambda: 0.05,
            threshold: 40.0,
            moments: [[0.1, 0.3], [1.2, 0.4], [-0.2, 0.25], [1.1, 0.5]]
                .map(|[mean, variance]| moment(mean, variance))
                .to_vec(),
        }),
        channel_log_likelihood: vec![-9.5, -7.25],
        aggregate: (kind == ScoreKind::Mahalanobis)
            .then(|| Aggregate { mean: vec![0.1, -0.2], var: vec![1.1, 1.05] }),
    };
    Model {
        name: format!("watched {}", kind.name()),
        calibration: Some(calibration),
        ..tiny(Some(gaussian(&[-0.5])))
    }
}

/// [`watched`] by every kind of score that a detector of it has.
pub fn all_watched() -> Vec<Model> {
    let kinds =
        [ScoreKind::ElboAtMean, ScoreKind::Reconstruction, ScoreKind::Kl, ScoreKind::Mahalanobis];
    kinds.map(watched).to_vec()
}

/// Tables of 99 scores at equal distances between these two, of both tails.
fn lists(lowest: f32, highest: f32) -> RankTables {
    let calibrated = 99;
    let score = |rank: u32| lowest + (highest - lowest) * (rank - 1) as f32 / 98.0;
    let surprise = |rank: u32| -(f64::from(rank) / 100.0).ln() as f32;
    let entries = |score: &dyn Fn(u32) -> f32| {
        let entry = |rank| RankEntry { score: score(rank), surprise: surprise(rank) };
        ranks(calibrated).map(entry).collect()
    };
    let high = Some(entries(&|rank| -score(100 - rank)));
    RankTables { low: entries(&score), high, calibrated }
}
