//! Rates of false alarms: p-values, run lengths and bounds against tables, then by simulation.

mod grid;
mod peer;
mod simulated;

use elbow::detect::{Asked, Fitted, Goal, NormalRow, largest_arl, most_events, windows_for};
use elbow::detect::{Cut, RankTables, Scores, arl, bounds_of_rate, cross_conformal, upper_rate};
use elbow::manifest::TailName;
use elbow_core::detect::{AlarmDesign, Cusum, ranks};
use elbow_tests::tolerance;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A table of `tests/detection`.
fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("detection").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|value| value as f32).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected}");
}

#[test]
fn p_values_are_those_of_the_table() {
    let table = golden("conformal.json");
    let scores = Scores::new(floats(&table["calibration"]));
    let weights = numbers(&table["weights"]);
    let test = floats(&table["test"]);
    let columns = ["p", "p_smoothed", "p_weighted", "u"].map(|key| numbers(&table[key]));
    let [p, smoothed, weighted, u] = &columns;
    for (at, score) in test.iter().enumerate() {
        let what = format!("score {score}");
        assert_near(scores.p(*score), p[at], tolerance::RATE, &what);
        assert_near(scores.p_smoothed(*score, u[at]), smoothed[at], tolerance::RATE, &what);
        let by_weight = scores.p_weighted(&weights, *score, number(&table["test_weight"]));
        assert_near(by_weight, weighted[at], tolerance::RATE, &what);
    }
    for (alpha, threshold) in table["thresholds"].as_object().unwrap() {
        let ppm = (alpha.parse::<f64>().unwrap() * 1e6).round() as u64;
        let found = scores.threshold(ppm).map(f64::from);
        assert_eq!(found, threshold.as_f64(), "alpha {alpha}");
    }
    let cross = &table["cross"];
    let folds = cross["folds"].as_array().unwrap();
    let folds: Vec<Scores> = folds.iter().map(|fold| Scores::new(floats(fold))).collect();
    let found = cross_conformal(&folds, &floats(&cross["test_scores"]));
    assert_near(found, number(&cross["p"]), tolerance::RATE, "cross-conformal");
}

#[test]
fn a_rank_table_has_the_ranks_scores_and_p_values_of_the_table() {
    let table = golden("conformal.json");
    let scores = Scores::new(floats(&table["calibration"]));
    let tables = RankTables::new(&scores, TailName::Low);
    let [entries, none] = tables.entries();
    assert!(none.is_empty());
    let kept: Vec<f32> = entries.iter().map(|entry| entry.score).collect();
    assert_eq!(kept, floats(&table["table"]["scores"]));
    for (score, p) in floats(&table["test"]).into_iter().zip(numbers(&table["table"]["p"])) {
        let standing = tables.standing(score, false);
        assert_near(f64::from(standing.p()), p, tolerance::RATE, &format!("score {score}"));
        let surprise = f64::from(standing.surprise);
        assert_near(surprise, -p.ln(), tolerance::RATE, &format!("surprise of {score}"));
    }
    let all: Vec<f64> = ranks(1000).map(f64::from).collect();
    assert_eq!(all, numbers(&table["ranks_1000"]));
    assert_eq!(ranks(100_000).count() as u64, table["ranks_100000_len"].as_u64().unwrap());
}

/// `p <= alpha` by the table is `score < threshold`, whatever the alpha, for one tail and for two.
#[test]
fn a_cut_is_what_the_table_says() {
    let scores = Scores::new((0..700_u16).map(|at| f32::from(at * 37 % 701)).collect());
    for tail in [TailName::Low, TailName::Both] {
        let tables = RankTables::new(&scores, tail);
        for alpha in [1_000, 1_426, 1_427, 2_853, 10_000, 123_456, 290_000, 500_000] {
            let cut = Cut::new(&scores, tail, alpha);
            let is_shown = alpha >= Cut::least_alpha_ppm(&scores, tail);
            assert_eq!(cut.is_some(), is_shown, "{tail:?} at {alpha}");
            let Some(cut) = cut else { continue };
            for score in scores.sorted() {
                let is_within = tables.standing(*score, false).is_within(alpha as u32);
                let high = scores.sorted()[scores.count() - cut.rank];
                let expected = *score < cut.threshold || tail == TailName::Both && *score > high;
                assert_eq!(is_within, expected, "{tail:?} at {alpha}: {score}");
            }
        }
    }
}

#[test]
fn nan_and_infinite_scores_are_never_normal() {
    let scores = Scores::new(vec![f32::NAN, 3.0, f32::NEG_INFINITY, 1.0, 2.0]);
    assert_eq!(scores.p(f32::NAN), 1.0 / 6.0);
    assert_eq!(scores.p(0.0), 3.0 / 6.0, "NaN among the scores is a low one");
    assert_eq!(RankTables::new(&scores, TailName::Low).standing(f32::NAN, false).rank, 1);
    assert_eq!(RankTables::new(&scores, TailName::Both).standing(f32::NAN, false).rank, 2);
}

/// Rows beyond the range of the integers have the lowest rank, and no more of them are taken than alpha allows.
#[test]
fn rows_outside_the_range_of_integers_are_the_lowest_of_the_table() {
    let goal = Goal { kappa: 0.3, arl: 30.0, votes: None };
    let asked = Asked { tail: TailName::Low, alpha_ppm: 20_000, goal };
    let rows = |outside: usize| -> Vec<NormalRow> {
        let row = |at: usize| NormalRow {
            score: if at < outside { f32::NAN } else { at as f32 },
            outside: at < outside,
            mode: 0,
        };
        (0..199).map(row).collect()
    };
    let fitted = Fitted::new(&rows(3), &rows(3), false, &asked).unwrap();
    assert_eq!((fitted.cut.rank, fitted.cut.threshold), (4, 3.0));
    assert_eq!(fitted.scores.sorted()[..4], [f32::MIN, f32::MIN, f32::MIN, 3.0]);
    let error = Fitted::new(&rows(4), &rows(4), false, &asked).unwrap_err().to_string();
    assert!(error.contains("4 of 199") && error.contains("--calibration"), "{error}");
    let mut bad = rows(0);
    bad[7].score = f32::NAN;
    let error = Fitted::new(&bad, &rows(0), false, &asked).unwrap_err().to_string();
    assert!(error.contains("1 of the normal rows"), "{error}");
}

#[test]
fn bounds_of_a_rate_are_those_of_the_table() {
    let table = golden("null_calibration.json");
    for row in table["split_conformal_fpr"].as_array().unwrap() {
        let [n, rank] = ["n", "rank"].map(|key| row[key].as_u64().unwrap() as usize);
        let scores = Scores::new(vec![0.0; n]);
        assert_eq!(scores.rank((number(&row["alpha"]) * 1e6).round() as u64), rank, "{row}");
        match bounds_of_rate(rank, n) {
            Ok(bounds) => {
                for (bound, key) in bounds.into_iter().zip(["q05", "q95"]) {
                    assert_near(bound, number(&row[key]), tolerance::RATE, &row.to_string());
                }
            }
            Err(_) => assert_eq!(rank, 0),
        }
    }
}

#[test]
fn sums_are_those_of_the_table() {
    let table = golden("sequential.json");
    let p = numbers(&table["p"]);
    for (kappa, expected) in table["power"].as_object().unwrap() {
        let k = arl::drift(kappa.parse().unwrap());
        assert_near(k, number(&expected["k"]), tolerance::RATE, kappa);
        // The device's sum, in f32, and the same in f64.
        let (mut cusum, mut g) = (Cusum::NEW, 0.0_f64);
        let design = AlarmDesign { k: k as f32, h: f32::MAX, votes: None };
        for (p, sum) in p.iter().zip(numbers(&expected["cusum"])) {
            g = (g - p.ln() - k).max(0.0);
            assert_near(g, sum, tolerance::RATE, kappa);
            cusum.step(&design, -p.ln() as f32, false);
            assert_near(f64::from(cusum.g()), sum, tolerance::CUSUM_PATH, kappa);
        }
    }
}

#[test]
fn mean_run_lengths_are_those_of_the_integral_equation() {
    for row in golden("arl_exact.json").as_array().unwrap() {
        let [k, h, expected] = ["k", "h", "arl"].map(|key| number(&row[key]));
        if expected > arl::MOST {
            continue;
        }
        let found = arl::mean_run(k, h);
        assert_near(found, expected, tolerance::RUN_LENGTH * expected, &row.to_string());
        let threshold = arl::threshold(number(&row["kappa"]), expected);
        assert_near(threshold, h, tolerance::RATE, &format!("threshold of {row}"));
    }
}

/// Cells of the grid on which the specification's table was computed.
const CELLS: usize = 1_200;

/// The table of the specification comes from a grid, whose error is up to 3 in 10,000. So three things are compared: the
/// same grid, computed anew, with the table; the grids' limit with the closed form; and with the table the threshold that
/// holds in any case. The table's search for a threshold ended when that changed by a hundred thousandth, and at a
/// threshold above 20 the grid's own sums round: elsewhere all hold to a millionth.
#[test]
fn thresholds_are_those_of_the_table() {
    for row in golden("arl.json").as_array().unwrap() {
        let [kappa, target, h] = ["kappa", "arl", "h"].map(|key| number(&row[key]));
        let k = arl::drift(kappa);
        assert_near(k, number(&row["k"]), tolerance::RATE, &row.to_string());
        let is_sharp = target >= 1e4 && h < 20.0;
        let of_grid = if is_sharp { tolerance::RATE } else { tolerance::RUN_LENGTH_SEARCH };
        let by_grid = grid::mean_run(k, h, CELLS);
        assert_near(by_grid, target, of_grid * target, &row.to_string());
        let own = arl::mean_run(k, h);
        let rounded = if h < 20.0 { tolerance::RATE } else { tolerance::RUN_LENGTH_SEARCH };
        assert_near(own, grid::without_grid(k, h, CELLS), rounded * own, &row.to_string());
        let found = arl::guaranteed(kappa, target);
        assert_near(found, number(&row["h_guaranteed"]), tolerance::RATE, &row.to_string());
        let found = arl::mean_run(k, arl::threshold(kappa, target));
        assert_near(found, target, tolerance::RUN_LENGTH * target, &row.to_string());
    }
}

/// chi2(0.95; 2N + 2) / (2T), by quantiles of R's `qchisq(0.95, 2 * n + 2) / 2`.
#[test]
fn bounds_of_a_number_of_events_are_quantiles_of_chi_squared() {
    for (events, expected) in [(0, 2.995732), (1, 4.743865), (4, 9.153519), (12, 19.442569)] {
        assert_near(upper_rate(events, 1), expected, tolerance::RATE, "chi-squared");
    }
    let table = &golden("null_calibration.json")["replay"];
    let most = table["alarms_allowed"].as_u64().map(|most| most as usize);
    assert_eq!(most_events(20_000, 1000.0), most);
    assert_eq!(most_events(2_995, 1000.0), None);
    assert_eq!(most_events(2_996, 1000.0), Some(0));
    assert_eq!(windows_for(1000.0), 2_996);
    assert_near(largest_arl(57), 19.0271, 1e-3, "57 windows");
}
