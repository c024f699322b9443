//! Rank tables of calibration scores, as a device has them.

use super::conformal::Scores;
use crate::manifest::{PARTS, TailName};
use crate::model::RankTables;
use elbow_core::detect::{RankEntry, ranks};

impl RankTables {
    /// The tables of these scores; of their first 2^32 - 1 where there are more.
    pub fn new(scores: &Scores, tail: TailName) -> Self {
        let calibrated = u32::try_from(scores.count()).unwrap_or(u32::MAX);
        let high = (tail == TailName::Both).then(|| entries(&scores.negated(), calibrated));
        Self { low: entries(scores, calibrated), high, calibrated }
    }
}

/// The entries of a table: `-ln p` is computed in f64 and rounded once.
fn entries(scores: &Scores, calibrated: u32) -> Vec<RankEntry> {
    let past = f64::from(calibrated) + 1.0;
    let entry = |rank: u32| {
        let score = scores.sorted().get(rank as usize - 1).copied()?;
        Some(RankEntry { score, surprise: -(f64::from(rank) / past).ln() as f32 })
    };
    ranks(calibrated).filter_map(entry).collect()
}

/// What `p <= alpha` means by a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// The largest rank that the table keeps and that has `p <= alpha`; of each of two tails.
    pub rank: usize,
    /// Tails that are looked at, 1 or 2: the share of anomalies is that of `tails * rank` of `n + 1` ranks.
    pub tails: usize,
    /// The score of that rank: a lower one is an anomaly.
    pub threshold: f32,
}

impl Cut {
    /// The cut at `alpha_ppm` parts per million; `None` where so few scores cannot show such a rate.
    pub fn new(scores: &Scores, tail: TailName, alpha_ppm: u64) -> Option<Self> {
        let tails = if tail == TailName::Both { 2 } else { 1 };
        let calibrated = u32::try_from(scores.count()).unwrap_or(u32::MAX);
        let most = u128::from(alpha_ppm) * (u128::from(calibrated) + 1);
        let is_within = |rank: &u32| u128::from(*rank) * tails * PARTS as u128 <= most;
        let rank = ranks(calibrated).take_while(is_within).last()? as usize;
        let threshold = *scores.sorted().get(rank - 1)?;
        Some(Self { rank, tails: tails as usize, threshold })
    }

    /// The smallest alpha that so many scores can show, in parts per million, rounded up.
    pub fn least_alpha_ppm(scores: &Scores, tail: TailName) -> u64 {
        let tails = if tail == TailName::Both { 2 } else { 1 };
        (tails * PARTS as u64).div_ceil(scores.count() as u64 + 1)
    }
}
