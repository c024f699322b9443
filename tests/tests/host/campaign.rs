//! Rates of false alarms of a trained model, on windows of the machine that `elbow_tests::vibration` generates.
//!
//! The ordinary test takes a few thousand windows. The long one, `cargo xtask rates`, takes 150,000.

use elbow::detect::{Counted, Goal, RankTables, Replay, Scores, alarms, arl, bounds_of_rate};
use elbow::manifest::TailName;
use elbow_core::detect::AlarmDesign;
use elbow_tests::labelled::{Scorer, below};
use elbow_tests::random::Random;
use elbow_tests::vibration::{healthy, independent};

const ALPHA: u64 = 10_000;
const KAPPA: f64 = 0.3;
/// Seeds of independent windows, of recorded and of fresh runs: none of them trained or calibrated the shipped model.
const ROWS: u64 = 300_000;
const RECORDED: u64 = 400_000;
const FRESH: u64 = 410_000;
/// Runs of each kind, half of them idle.
const RUNS: u64 = 4;
/// Windows that are scored at once.
const AT_ONCE: u64 = 2_000;

/// How many windows a campaign takes.
#[derive(Clone, Copy)]
struct Size {
    /// Independent ones, from which rates are drawn.
    rows: u64,
    /// Rows of a table, of each split.
    table: usize,
    /// Independent ones for the tables of the alarm, half of them per mode.
    calibrating: u64,
    /// Windows of each recorded run.
    recorded: usize,
    /// Windows of each fresh run.
    fresh: usize,
    /// Mean number of windows between two alarms, as designed.
    arl: f64,
}

const SHORT: Size =
    Size { rows: 3_000, table: 1_000, calibrating: 1_000, recorded: 800, fresh: 500, arl: 50.0 };
const LONG: Size = Size {
    rows: 60_000,
    table: 1_000,
    calibrating: 10_000,
    recorded: 8_000,
    fresh: 12_500,
    arl: 1_000.0,
};

/// What a campaign has found.
#[derive(Debug)]
struct Found {
    /// Mean share of anomalies among the rows that a table of the others calls so.
    rate: f64,
    /// Share of the tables whose rate lies in the bounds that are printed with them.
    inside: f64,
    /// Windows between two alarms, on independent windows by the threshold of the integral equation.
    independent: f64,
    /// The same on fresh runs, by the threshold of the replay.
    replayed: f64,
    /// On fresh runs, by the threshold of independent windows.
    bare: f64,
}

/// The scores of independent windows with these seeds.
fn scores_of_rows(scorer: &Scorer, seeds: std::ops::Range<u64>) -> Vec<f32> {
    let parts = seeds.clone().step_by(AT_ONCE as usize);
    let part = |from: u64| {
        let to = (from + AT_ONCE).min(seeds.end);
        scorer.scores(&super::labelled::observations(scorer, &independent(from..to)))
    };
    parts.flat_map(part).collect()
}

/// The scores of the first `windows` windows of each of the runs from this seed on.
fn scores_of_runs(scorer: &Scorer, seed: u64, windows: usize) -> Vec<Vec<f32>> {
    let of = |seed| {
        let raw = healthy(seed).windows(windows);
        scorer.scores(&super::labelled::observations(scorer, &raw))
    };
    (seed..seed + RUNS).map(of).collect()
}

/// Mean rate over 200 splits into a table and the rest, and the share of them inside the bounds of the table.
fn rates(mut scores: Vec<f32>, table: usize) -> (f64, f64) {
    const SPLITS: usize = 200;
    let mut random = Random::new(15, 1);
    let mut rates = Vec::new();
    for _ in 0..SPLITS {
        for chosen in 0..table {
            let other = random.int(chosen, scores.len() - 1);
            scores.swap(chosen, other);
        }
        let (calibrating, rest) = scores.split_at(table);
        let threshold = Scores::new(calibrating.to_vec()).threshold(ALPHA);
        rates.push(below(rest, threshold.expect("rows enough")));
    }
    let rank = Scores::new(vec![0.0; table]).rank(ALPHA);
    let [low, high] = bounds_of_rate(rank, table).expect("rows enough");
    let inside = rates.iter().filter(|rate| (low..high).contains(*rate)).count();
    (rates.iter().sum::<f64>() / SPLITS as f64, inside as f64 / SPLITS as f64)
}

/// Runs the campaign; every second row and run is under load, and has its own table.
fn campaign(size: Size) -> Found {
    let scorer = Scorer::of("vibration");
    let rows = scores_of_rows(&scorer, ROWS..ROWS + size.rows);
    let calibrating = size.calibrating as usize;
    let tables = [0, 1].map(|mode| {
        let own = rows[..calibrating].iter().skip(mode).step_by(2).copied();
        RankTables::new(&Scores::new(own.collect()), TailName::Low)
    });
    let counted = |scores: &[f32], mode: usize| -> Vec<Counted> {
        let of = |score: &f32| Counted::new(&tables[mode].standing(*score, false), ALPHA);
        scores.iter().map(of).collect()
    };
    let goal = Goal { kappa: KAPPA, arl: size.arl, votes: None };
    let h = arl::threshold(KAPPA, size.arl) as f32;
    let bare = AlarmDesign { k: arl::drift(KAPPA) as f32, h, votes: None };
    let between = |windows: usize, alarms: usize| windows as f64 / alarms.max(1) as f64;
    let others: Vec<Counted> = rows[calibrating..]
        .iter()
        .enumerate()
        .flat_map(|(at, score)| counted(std::slice::from_ref(score), at % 2))
        .collect();
    let independent = between(others.len(), alarms(&bare, &others));
    let runs = |seed, windows| -> Vec<Counted> {
        let runs = scores_of_runs(&scorer, seed, windows);
        runs.iter().enumerate().flat_map(|(at, scores)| counted(scores, at % 2)).collect()
    };
    let replay = Replay::new(&runs(RECORDED, size.recorded), &goal).expect("windows enough");
    let fresh = runs(FRESH, size.fresh);
    let (rate, inside) = rates(rows, size.table);
    let found = Found {
        rate,
        inside,
        independent,
        replayed: between(fresh.len(), alarms(&replay.design, &fresh)),
        bare: between(fresh.len(), alarms(&bare, &fresh)),
    };
    println!("{} rows, {} fresh windows, designed {}", size.rows, fresh.len(), size.arl);
    println!("{found:?}, {replay:?}");
    found
}

#[test]
fn rates_of_the_machine_hold_over_few_windows() {
    let found = campaign(SHORT);
    assert!((0.009..=0.011).contains(&found.rate), "{found:?}");
    assert!(found.independent >= 0.7 * SHORT.arl, "{found:?}");
    assert!(found.replayed >= 0.9 * SHORT.arl, "{found:?}");
    assert!(found.bare < found.replayed, "{found:?}");
}

#[test]
#[ignore = "the better part of half an hour: cargo xtask rates"]
fn rates_of_the_machine_hold_over_many_windows() {
    let found = campaign(LONG);
    assert!((0.009..=0.011).contains(&found.rate), "{found:?}");
    assert!((0.85..=0.95).contains(&found.inside), "{found:?}");
    assert!(found.independent >= 0.8 * LONG.arl, "{found:?}");
    assert!(found.bare < 0.9 * LONG.arl && found.replayed >= 0.9 * LONG.arl, "{found:?}");
}
