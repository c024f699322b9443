//! The stated rate holds: on independent scores, on scores that follow from the one before, and on windows that
//! overlap.

use super::assert_near;
use elbow::detect::{Counted, Cut, Goal, RankTables, Replay, Scores, alarms, arl};
use elbow::detect::{dispersion, upper_rate, upper_rate_of_crowds};
use elbow::manifest::TailName;
use elbow_core::detect::AlarmDesign;
use elbow_tests::random::Random;
use elbow_tests::tolerance;

const ALPHA: u64 = 10_000;
const GOAL: Goal = Goal { kappa: 0.3, arl: 1000.0, votes: None };

#[test]
fn one_normal_score_in_a_hundred_is_an_anomaly() {
    let (tables, rows, fresh) = (200, 1000, 2000);
    let mut anomalies = 0;
    for case in 0..tables {
        let mut random = Random::new(15, case);
        let scores = Scores::new(random.normal(rows));
        let table = RankTables::new(&scores, TailName::Low);
        let is_anomaly = |score: &f32| table.standing(*score, false).is_within(ALPHA as u32);
        anomalies += random.normal(fresh).iter().filter(|score| is_anomaly(score)).count();
    }
    let rate = anomalies as f64 / (tables as f64 * fresh as f64);
    assert!((0.009..=0.011).contains(&rate), "{rate}");
}

/// Width of the cells in which sums are counted, in nats.
const CELL: f64 = 0.1;

/// Mean run length of a table of `scores` that are uniform in [0, 1]: the reciprocal of the rate at which sums leave
/// [0, h], once their distribution has settled. Surprises are split between the cells beside them, which keeps means.
fn mean_run(scores: &Scores, design: &AlarmDesign) -> f64 {
    let tables = RankTables::new(scores, TailName::Low);
    let [entries, _] = tables.entries();
    let cells = (f64::from(design.h) / CELL).ceil() as usize + 1;
    let mut below = 0.0;
    let mut steps: Vec<(isize, f64)> = Vec::new();
    let mut add = |surprise: f64, share: f64| {
        let step = (surprise - f64::from(design.k)) / CELL;
        let part = step - step.floor();
        steps.push((step.floor() as isize, share * (1.0 - part)));
        steps.push((step.floor() as isize + 1, share * part));
    };
    for entry in entries {
        add(f64::from(entry.surprise), f64::from(entry.score) - below);
        below = f64::from(entry.score);
    }
    add(0.0, 1.0 - below);
    let mut sums = vec![0.0; cells];
    sums[0] = 1.0;
    let mut kept = 0.0;
    for _ in 0..60 {
        let mut next = vec![0.0; cells];
        for (at, mass) in sums.iter().enumerate() {
            for (step, share) in &steps {
                let to = (at as isize + step).max(0) as usize;
                if to < cells {
                    next[to] += mass * share;
                }
            }
        }
        kept = next.iter().sum();
        sums = next.into_iter().map(|mass| mass / kept).collect();
    }
    1.0 / (1.0 - kept)
}

#[test]
fn nineteen_of_twenty_tables_have_four_fifths_of_the_windows_between_alarms() {
    let target = 1e4;
    let [k, h] = [arl::drift(0.3), arl::threshold(0.3, target)].map(|value| value as f32);
    let design = AlarmDesign { k, h, votes: None };
    let mut runs: Vec<f64> = (0..400)
        .map(|case| {
            let scores = Random::new(4, case).vector(1000, 0.0, 1.0);
            mean_run(&Scores::new(scores), &design)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    let least = runs[20];
    assert!(least >= 8e3, "{least}");
    // Many scores leave no doubt: the rate is that of uniform p, but for rounding p up.
    let many = Scores::new(Random::new(4, 1000).vector(200_000, 0.0, 1.0));
    let run = mean_run(&many, &design);
    assert!((target..1.5 * target).contains(&run), "{run}");
}

/// Scores of which each is 0.9 times the one before and noise.
fn autoregressive(random: &mut Random, len: usize) -> Vec<f32> {
    let mut last = 0.0;
    let noise = random.normal(len);
    noise
        .into_iter()
        .map(|noise| {
            last = 0.9 * last + 0.435_889_9 * noise;
            last
        })
        .collect()
}

/// Scores of windows of four parts that share three with the one before.
fn overlapping(random: &mut Random, len: usize) -> Vec<f32> {
    random.normal(len + 3).windows(4).map(|parts| 0.5 * parts.iter().sum::<f32>()).collect()
}

/// Windows with the standing that `tables` give them, one in `every`.
fn counted(tables: &RankTables, scores: &[f32], every: usize) -> Vec<Counted> {
    let of = |score: &f32| Counted::new(&tables.standing(*score, false), ALPHA);
    scores.iter().step_by(every).map(of).collect()
}

/// In how many of 60 runs a detector has 0.9 of the stated windows between two alarms on fresh scores: one that was
/// calibrated by the replay, scoring one window in `every`, and one with the table's threshold that scores them all.
fn met(scores: fn(&mut Random, usize) -> Vec<f32>, every: usize) -> [usize; 2] {
    let mut met = [0; 2];
    for run in 0..60 {
        let mut random = Random::new(900 + every as u64, run);
        let recorded = scores(&mut random, 20_000);
        let kept = recorded.iter().copied().step_by(every).collect();
        let tables = RankTables::new(&Scores::new(kept), TailName::Low);
        let replay = Replay::new(&counted(&tables, &recorded, every), &GOAL).unwrap();
        let h = arl::threshold(GOAL.kappa, GOAL.arl) as f32;
        let fresh = scores(&mut random, 100_000 * every);
        let designs = [(replay.design, every), (AlarmDesign { h, ..replay.design }, 1)];
        for (met, (design, every)) in met.iter_mut().zip(designs) {
            let windows = counted(&tables, &fresh, every);
            let run = windows.len() as f64 / alarms(&design, &windows).max(1) as f64;
            *met += usize::from(run >= 0.9 * GOAL.arl);
        }
    }
    met
}

#[test]
fn a_replay_holds_the_rate_where_scores_depend_on_the_one_before() {
    let [calibrated, bare] = met(autoregressive, 1);
    assert!(calibrated >= 57, "{calibrated} of 60");
    assert_eq!(bare, 0, "the threshold of independent windows holds here as well");
}

#[test]
fn a_replay_holds_the_rate_where_windows_overlap() {
    let [calibrated, bare] = met(overlapping, 4);
    assert!(calibrated >= 57, "{calibrated} of 60");
    assert_eq!(bare, 0, "overlapping windows do as well as disjoint ones here");
}

#[test]
fn a_replay_finds_the_smallest_threshold_that_shows_the_goal() {
    let mut random = Random::new(7, 7);
    let recorded = autoregressive(&mut random, 20_000);
    let tables = RankTables::new(&Scores::new(recorded.clone()), TailName::Low);
    let windows = counted(&tables, &recorded, 1);
    let replay = Replay::new(&windows, &GOAL).unwrap();
    assert_eq!(replay.events, alarms(&replay.design, &windows));
    assert!(replay.upper <= 1e-3 && replay.events <= 12, "{replay:?}");
    let lower = AlarmDesign { h: replay.design.h.next_down(), ..replay.design };
    let more = upper_rate_of_crowds(alarms(&lower, &windows), windows.len(), replay.dispersion);
    assert!(more > 1e-3, "{replay:?}");
    let cut = Cut::new(&Scores::new(recorded), TailName::Low, ALPHA).unwrap();
    assert!(cut.rank <= 200, "{cut:?}");
}

/// Independent scores, but for storms: one window in 2,000 begins one, in which 60 scores lie two deviations lower.
fn stormy(random: &mut Random, len: usize) -> Vec<f32> {
    let mut left = 0;
    let mut score = |noise: f32, starts: f32| {
        left = if starts < -3.290_527 { 60 } else { i32::max(left - 1, 0) };
        if left > 0 { noise - 2.0 } else { noise }
    };
    let noise = random.normal(2 * len);
    noise.chunks(2).map(|pair| score(pair[0], pair[1])).collect()
}

#[test]
fn a_replay_holds_the_rate_where_alarms_come_in_crowds() {
    let [calibrated, bare] = met(stormy, 1);
    assert!(calibrated >= 57, "{calibrated} of 60");
    assert_eq!(bare, 0, "crowds do no harm here");
}

#[test]
fn events_in_crowds_tell_as_much_as_fewer_independent_ones() {
    // Every second time between two is 1, every other one 199: mean 100, variance 99^2 * 40 / 39.
    let times: Vec<usize> = (0..41).map(|event| 200 * (event / 2) + event % 2).collect();
    assert_near(dispersion(&times), 99.0 * 99.0 / 1e4 * 40.0 / 39.0, tolerance::RATE, "by pairs");
    let regular: Vec<usize> = (0..41).map(|event| 100 * event).collect();
    assert_eq!((dispersion(&regular), dispersion(&[3, 5]), dispersion(&[])), (1.0, 1.0, 1.0));
    // Half as many events in half as many windows.
    let by_pairs = upper_rate_of_crowds(12, 20_000, 2.0);
    assert_near(by_pairs, upper_rate(6, 10_000), tolerance::RATE, "12 events by pairs");
    assert!(by_pairs > upper_rate(12, 20_000));
}
