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
/// calibrated by the replay, scoring one window in `every`, and one with the table's threshold that scores them all. A
/// replay that refuses counts for neither.
fn met(scores: fn(&mut Random, usize) -> Vec<f32>, every: usize) -> [usize; 2] {
    let mut met = [0; 2];
    for run in 0..60 {
        let mut random = Random::new(900 + every as u64, run);
        let recorded = scores(&mut random, 20_000);
        let kept = recorded.iter().copied().step_by(every).collect();
        let tables = RankTables::new(&Scores::new(kept), TailName::Low);
        let Ok(replay) = Replay::new(&counted(&tables, &recorded, every), &GOAL) else { continue };
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
    let uneven = replay.dispersion.unwrap();
    let more = upper_rate_of_crowds(alarms(&lower, &windows), windows.len(), uneven);
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
    // Half as many events in half as many windows.
    let by_pairs = upper_rate_of_crowds(12, 20_000, 2.0);
    assert_near(by_pairs, upper_rate(6, 10_000), tolerance::RATE, "12 events by pairs");
    assert!(by_pairs > upper_rate(12, 20_000));
}

/// Windows of `each` events, five windows apart, from each of `starts` on.
fn crowds(starts: &[usize], each: usize) -> Vec<usize> {
    starts.iter().flat_map(|start| (0..each).map(move |event| start + 5 * event)).collect()
}

#[test]
fn a_dispersion_counts_the_events_of_a_crowd() {
    let of = |times: &[usize], windows, expected: f64, what| {
        assert_near(dispersion(times, windows).unwrap(), expected, tolerance::RATE, what);
    };
    // Every second time between two is 1, every other one 199: mean 100, variance 99^2 * 40 / 39.
    let pairs: Vec<usize> = (0..40).map(|event| 200 * (event / 2) + event % 2).collect();
    of(&pairs, 4_000, 99.0 * 99.0 / 1e4 * 40.0 / 39.0, "by pairs");
    // All in one tenth of the windows: mean 1.2, variance (144 - 14.4) / 9.
    of(&crowds(&[5_000], 12), 20_000, 12.0, "one crowd");
    // By the times, of which 11 are 5 and one 19,945, on both sides of the border of two tenths.
    let [mean, squares] = [20_000.0_f64 / 12.0, 11.0 * 25.0 + 19_945.0_f64.powi(2)];
    let by_times = (squares - 12.0 * mean * mean) / 11.0 / (mean * mean);
    of(&crowds(&[3_975], 12), 20_000, by_times, "one crowd on a border");
    let squares = 10.0 * 25.0 + 2.0 * 9_975.0_f64.powi(2);
    let by_times = (squares - 12.0 * mean * mean) / 11.0 / (mean * mean);
    of(&crowds(&[5_000, 15_000], 6), 20_000, by_times, "two crowds");
    // Two stretches of six, 300 apart: two tenths hold six each, (72 - 14.4) / 9 / 1.2.
    let slow: Vec<usize> =
        [4_100, 14_100].iter().flat_map(|s| (0..6).map(move |e| s + 300 * e)).collect();
    of(&slow, 20_000, 57.6 / 9.0 / 1.2, "two stretches");
    let regular: Vec<usize> = (0..40).map(|event| 100 * event).collect();
    assert_eq!(dispersion(&regular, 4_000), Some(1.0));
    assert_eq!([dispersion(&[3, 5], 9), dispersion(&[], 9)], [None, None]);
}

/// The larger of two estimates, at least 1, is above 1 in the mean, and seldom far.
#[test]
fn a_dispersion_of_independent_events_is_near_one() {
    let found: Vec<f64> = (0..400)
        .map(|case| {
            let uniform = Random::new(31, case).vector(20_000, 0.0, 1.0);
            let times = uniform.iter().enumerate().filter(|(_, draw)| **draw < 1e-3);
            dispersion(&times.map(|(at, _)| at).collect::<Vec<_>>(), 20_000).unwrap()
        })
        .collect();
    let mean = found.iter().sum::<f64>() / 400.0;
    let far = found.iter().filter(|found| **found > 2.5).count();
    println!("mean {mean}, {far} of 400 above 2.5");
    assert!((1.0..1.4).contains(&mean) && far <= 12, "mean {mean}, {far} of 400 above 2.5");
}

/// So many windows without surprise, but for these, each of which raises an alarm below a threshold of 48.
fn alarms_at(windows: usize, times: &[usize]) -> Vec<Counted> {
    let surprise = |at: usize| if times.contains(&at) { 50.0 } else { 0.0 };
    let window = |at| Counted { surprise: surprise(at), is_anomaly: false };
    (0..windows).map(window).collect()
}

#[test]
fn a_replay_with_all_alarms_in_one_crowd_is_refused_and_shows_what_the_refusal_says() {
    let windows = alarms_at(20_000, &crowds(&[5_000], 12));
    let error = Replay::new(&windows, &GOAL).unwrap_err().to_string();
    // chi2(0.95; 2) / 2 is 2.995732: times 12 in 20,000 windows one in 556.3, and 1,000 need 35,949 windows.
    for word in ["--arl 1000", "12.0 times", "35949 disjoint windows", "--arl 556,"] {
        assert!(error.contains(word), "no {word:?} in {error}");
    }
    let shown = Replay::new(&windows, &Goal { arl: 556.0, ..GOAL }).unwrap();
    assert_eq!((shown.events, shown.dispersion), (0, Some(12.0)));
    assert_near(shown.upper, 12.0 * 2.995_732 / 20_000.0, tolerance::RATE, "no alarm is left");
    assert_near(
        shown.largest_arl(),
        20_000.0 / (12.0 * 2.995_732),
        1e-3,
        "nor would be shown more",
    );
    assert!(Replay::new(&windows, &Goal { arl: 557.0, ..GOAL }).is_err());
    // As many at equal distances are twelve, and bounded as independent ones.
    let regular: Vec<usize> = (0..12).map(|event| 1_000 + 1_600 * event).collect();
    let replay = Replay::new(&alarms_at(20_000, &regular), &GOAL).unwrap();
    assert_eq!((replay.events, replay.dispersion), (12, Some(1.0)));
    assert_near(replay.upper, 19.442_569 / 20_000.0, tolerance::RATE, "twelve alarms");
}

#[test]
fn a_replay_with_one_or_two_alarms_bounds_crowds_of_them() {
    for (events, arl, expected) in [(1, 4_000.0, 4.743_865), (2, 3_000.0, 6.295_794)] {
        let windows = alarms_at(20_000, &crowds(&[5_000], events));
        let replay = Replay::new(&windows, &Goal { arl, ..GOAL }).unwrap();
        assert_eq!((replay.events, replay.dispersion), (events, None));
        assert_near(replay.upper, expected / 20_000.0, tolerance::RATE, "few alarms");
    }
}
