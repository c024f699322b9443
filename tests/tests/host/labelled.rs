//! Models that are judged by labels: what their READMEs claim, by the twin on the rows in their folders.

use elbow::detect::Calibration;
use elbow::import::Options;
use elbow::model::Loaded;
use elbow::scoring::baselines::{Baseline, baselines};
use elbow_tests::fixtures::{Rows, path, rows};
use elbow_tests::labelled::{Scorer, auroc, below, by_label};
use elbow_tests::random::Random;
use elbow_tests::tolerance::PYTORCH_SCORE;
use elbow_tests::vibration::{AXES, FAULTS, Run, WINDOW, healthy, independent};
use std::collections::BTreeMap;

/// Fails where the README of `models/<model>` lacks one of these texts.
fn claims(model: &str, texts: &[String]) {
    let readme = std::fs::read_to_string(path("models").join(model).join("README.md"));
    let readme = readme.expect("a README");
    for text in texts {
        println!("{model}: {text}");
    }
    let lacking: Vec<&String> = texts.iter().filter(|text| !readme.contains(*text)).collect();
    assert!(lacking.is_empty(), "models/{model}/README.md lacks {lacking:?}");
}

/// A share as a README writes it.
fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// The `rank`-th smallest; a score strictly below it has a p-value of at most `rank / (n + 1)`.
fn threshold(mut calibration: Vec<f32>, rank: usize) -> f32 {
    calibration.sort_by(f32::total_cmp);
    calibration[rank - 1]
}

/// AUROC of the baselines of `elbow score`, fitted to `normal`, as lines of a README.
fn baselines_of(
    scorer: &Scorer,
    normal: &Rows,
    parts: &[Rows; 2],
    latents: usize,
) -> Vec<(f64, String)> {
    let [healthy, anomalous] = parts.each_ref().map(|rows| {
        baselines(&scorer.observed(normal), &scorer.observed(rows), latents).expect("rows that fit")
    });
    let line = |(healthy, anomalous): (&Baseline, &Baseline)| {
        let auroc = auroc(&healthy.scores, &anomalous.scores);
        (auroc, format!("| `{}` | {auroc:.4} |", healthy.name))
    };
    healthy.iter().zip(&anomalous).map(line).collect()
}

#[test]
fn the_shuttle_s_anomalies_score_lower_than_by_any_baseline() {
    let scorer = Scorer::of("shuttle");
    let parts = by_label("shuttle", "test.npy");
    assert_eq!(parts.each_ref().map(|rows| rows.count), [24_586, 3_511]);
    let [normal, anomalous] = parts.each_ref().map(|rows| scorer.scores(rows));
    let own = auroc(&normal, &anomalous);
    let calibration = rows(&path("models/shuttle/normal.npy"));
    let limit = threshold(scorer.scores(&calibration), 10);
    let stated = scorer.score().threshold.expect("a threshold");
    assert!((limit - stated).abs() < PYTORCH_SCORE * stated.abs(), "{limit} {stated}");

    let flagged = [&normal, &anomalous].map(|scores| percent(below(scores, limit)));
    let mut texts = vec![
        format!("| VAE, `elbo_at_mean` | {own:.4} |"),
        format!("{} of the normal rows and {} of the anomalies", flagged[0], flagged[1]),
    ];
    for (baseline, line) in baselines_of(&scorer, &calibration, &parts, 2) {
        assert!(own >= 0.99 && own > baseline, "{own} {line}");
        texts.push(line);
    }
    claims("shuttle", &texts);
}

/// Splits of the shuttle's normal rows: with 2,000 the share of an interval of 90 % is known to 0.7 %.
const SPLITS: usize = 2_000;

#[test]
fn the_shuttle_s_stated_rate_holds_over_splits() {
    let scorer = Scorer::of("shuttle");
    let [normal, _] = by_label("shuttle", "test.npy");
    let mut scores = scorer.scores(&normal);
    scores.extend(scorer.scores(&rows(&path("models/shuttle/normal.npy"))));
    // Middle 90 % of Beta(10, 991).
    let (low, high) = (0.005_42, 0.015_68);
    let mut random = Random::new(15, 0);
    let mut rates = Vec::new();
    for _ in 0..SPLITS {
        for chosen in 0..1000 {
            let other = random.int(chosen, scores.len() - 1);
            scores.swap(chosen, other);
        }
        let (calibration, test) = scores.split_at(1000);
        rates.push(below(test, threshold(calibration.to_vec(), 10)));
    }
    let mean = rates.iter().sum::<f64>() / SPLITS as f64;
    let inside = rates.iter().filter(|rate| (low..high).contains(*rate)).count();
    let inside = inside as f64 / SPLITS as f64;
    assert!((0.85..=0.95).contains(&inside) && mean <= 0.011, "{inside} {mean}");
    let text = format!("{} on average, and inside in {:.1} %", percent(mean), 100.0 * inside);
    claims("shuttle", &[text]);
}

#[test]
fn the_early_heartbeat_is_found_and_nothing_else() {
    let scorer = Scorer::of("heartbeat");
    let parts = by_label("heartbeat", "test.npy");
    let [normal, event] = parts.each_ref().map(|rows| scorer.scores(rows));
    let [most, least] =
        [&normal, &event].map(|scores| scores.iter().copied().fold(f32::INFINITY, f32::min));
    let limit = scorer.score().threshold.expect("a threshold");
    let found = event.iter().filter(|&&score| score < limit).count();
    assert!(least < limit && most > limit / 10.0, "{least} {limit} {most}");
    let mut texts = vec![
        format!("| VAE, `elbo_at_mean` | {:.4} |", auroc(&normal, &event)),
        format!("from {least:.1} for the event to {most:.1} for the lowest window without it"),
        format!("{found} windows lie below"),
    ];
    let fitted = rows(&path("models/heartbeat/calibration.npy"));
    let lines = baselines_of(&scorer, &fitted, &parts, 6);
    texts.extend(lines.into_iter().map(|(_, line)| line));
    claims("heartbeat", &texts);
}

/// Raw windows of the machine as observations.
pub(super) fn observations(scorer: &Scorer, raw: &[f32]) -> Rows {
    let window = scorer.window();
    let scaled = raw.iter().enumerate().map(|(index, value)| {
        let axis = index / WINDOW % AXES;
        (value - window.mean[axis]) / window.std[axis]
    });
    Rows { values: scaled.collect(), count: raw.len() / (AXES * WINDOW) }
}

#[test]
fn the_machine_s_faults_are_found_as_published() {
    let scorer = Scorer::of("vibration");
    let score = |raw: &[f32]| scorer.scores(&observations(&scorer, raw));
    let limit = scorer.score().threshold.expect("a threshold");
    let normal = score(&independent(40_000..44_000));
    let rate = below(&normal, limit);
    assert!((0.007..0.013).contains(&rate), "two standard errors of 4,000 windows: {rate}");
    let mut texts = vec![format!("{} of 4,000 others", percent(rate))];
    for (name, fault) in FAULTS {
        let shares = [1.0, 0.3, 0.1].map(|severity| {
            let faulty = |seed| Run { fault: Some((fault, severity)), ..healthy(seed) }.windows(1);
            let scores = score(&(60_000..60_500).flat_map(faulty).collect::<Vec<f32>>());
            format!("{:.1} % ({:.3})", 100.0 * below(&scores, limit), auroc(&normal, &scores))
        });
        texts.push(format!("| {name} | {} |", shares.join(" | ")));
    }
    claims("vibration", &texts);
}

#[test]
fn the_test_windows_of_the_machine_are_those_of_the_generator() {
    let scorer = Scorer::of("vibration");
    let [normal, _] = by_label("vibration", "test.npy");
    let first = observations(&scorer, &independent(40_000..40_001));
    assert_eq!(normal.row(0), &first.values[..]);
}

/// `min(1, 2 min(p_low, p_high))` of split conformal prediction from both ends.
fn both_tails(calibration: &[f32], score: f32) -> f32 {
    let at_most = calibration.iter().filter(|&&other| other <= score).count();
    let at_least = calibration.iter().filter(|&&other| other >= score).count();
    let least = 1 + at_most.min(at_least);
    (2.0 * least as f32 / (calibration.len() + 1) as f32).min(1.0)
}

/// The scores are those that the script measured, since the data are not in the repository.
#[test]
fn an_activity_that_is_quieter_than_the_known_ones_scores_better_than_they() {
    let text = std::fs::read_to_string(path("models/motions/scores.json")).expect("scores");
    let scores: BTreeMap<String, BTreeMap<String, Vec<f32>>> =
        serde_json::from_str(&text).expect("scores by activity and part");
    let mut texts = Vec::new();
    for (activity, parts) in &scores {
        let both = |part: &str| -> Vec<f32> {
            parts[part].iter().map(|&score| both_tails(&parts["calibration"], score)).collect()
        };
        let one = auroc(&parts["known"], &parts["unknown"]);
        let two = auroc(&both("known"), &both("unknown"));
        if activity == "Standing" {
            assert!(one < 0.25 && two > 0.75, "{one} {two}");
        }
        texts.push(format!("| {activity} | {one:.3} | {two:.3} |"));
    }
    claims("motions", &texts);
}

/// The manifest's own calibration has both tails; that of the low one alone is made of the same scores.
#[test]
fn an_activity_that_scores_too_well_is_an_anomaly_by_both_tails() {
    let text = std::fs::read_to_string(path("models/motions/scores.json")).expect("scores");
    let scores: BTreeMap<String, BTreeMap<String, Vec<f32>>> =
        serde_json::from_str(&text).expect("scores by activity and part");
    let [known, standing] = ["known", "unknown"].map(|part| &scores["Standing"][part]);
    let loaded = Loaded::read(&path("models/motions"), None, &Options::default());
    let loaded = loaded.expect("a model");
    let own = Calibration::required(&loaded).expect("its own calibration");
    let kept = rows(&path("models/motions/scores.npy")).values;
    let mut sorted = known.clone();
    sorted.sort_by(f32::total_cmp);
    for (own, pytorch) in kept.iter().zip(&sorted) {
        assert!((own - pytorch).abs() <= PYTORCH_SCORE * pytorch.abs(), "{own} {pytorch}");
    }
    let both = standing.iter().filter(|score| {
        let standing = own.standing(**score, false);
        // A rank above 16 is rounded down to a kept one.
        assert!(standing.p() >= both_tails(&kept, **score) - 1e-6, "{score}");
        standing.is_within(own.alpha_ppm)
    });
    let low = standing.iter().filter(|score| **score < sorted[0]).count();
    let texts = [
        format!("{} of the 10 windows of standing are anomalies", both.count()),
        format!("{low} of the 10 are"),
    ];
    assert_eq!((kept.len(), standing.len()), (30, 10));
    claims("motions", &texts);
}
