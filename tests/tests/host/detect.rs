//! Fault gate, rank tables, alarm, drift and the detector of them, against tables of an independent
//! implementation and against plain computations over whole recordings.

mod detector;
mod gate;
mod golden;
mod monitor;

use elbow_core::detect::{RankEntry, RankTable, ranks};

/// The entries of a table of these scores, by the definition.
fn entries(scores: &[f32]) -> Vec<RankEntry> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f32::total_cmp);
    let calibrated = sorted.len() as u32;
    let entry = |rank: u32| {
        let p = f64::from(rank) / f64::from(calibrated + 1);
        RankEntry { score: sorted[rank as usize - 1], surprise: -p.ln() as f32 }
    };
    ranks(calibrated).map(entry).collect()
}

/// The table of these entries.
fn table(entries: &[RankEntry], calibrated: usize) -> RankTable<'_> {
    RankTable { entries, calibrated: calibrated as u32 }
}
