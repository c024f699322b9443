//! Scores of rows by the twin against closed forms of a linear Gaussian model, and measures against scikit-learn.

use elbow::detect::reference;
use elbow::manifest::ScoreKind;
use elbow::model::{Aggregate, Loaded};
use elbow::npy;
use elbow::posterior::twin_posteriors;
use elbow::rows::{Batch, Rows};
use elbow::scoring::measures::{auroc, average_precision, spearman};
use elbow::scoring::{RowScore, Settings, score_rows};
use elbow_tests::fixtures::{FLOWS, path};
use elbow_tests::tolerance;
use serde_json::Value;

/// Rows of one observation, each with noise of its own.
const ROWS: usize = 400;

fn golden(name: &str) -> Value {
    let file = path(&format!("tests/detection/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn numbers(list: &Value) -> Vec<f32> {
    list.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

fn loaded(place: &str) -> Loaded {
    Loaded::read(&path(place), None, &Default::default()).unwrap()
}

/// The scores of `rows` copies of the table's observation, by `samples` draws of each.
fn scores(kind: ScoreKind, samples: u32, rows: usize) -> Vec<RowScore> {
    let loaded = loaded("tests/detection/linear");
    let values = numbers(&golden("scores")["model"]["x"]).repeat(rows);
    let batch = Batch::from(Rows { name: "x".into(), shape: vec![1, 3], values });
    let model = &golden("scores")["model"];
    let [mean, var] = ["aggregate_mean", "aggregate_var"].map(|name| numbers(&model[name]));
    let aggregate = Some(Aggregate { mean, var });
    let settings = Settings { kind, samples, seed: 5, aggregate };
    score_rows(&loaded, &settings, &batch).unwrap()
}

#[track_caller]
fn assert_near(found: f32, expected: f64) {
    let error = (f64::from(found) - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance::GOLDEN, "{found} for {expected}: {error:e}");
}

/// Within four standard errors of the expected mean, and of `slack` more.
#[track_caller]
fn assert_mean(rows: &[RowScore], expected: f64, slack: f64) {
    let values: Vec<f64> = rows.iter().map(|row| f64::from(row.score)).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let se = (variance / count).sqrt();
    assert!(se > 0.0, "rows draw noise of their own");
    let error = (mean - expected).abs();
    assert!(error <= 4.0 * se + slack, "{mean} for {expected}, standard error {se}");
}

#[test]
fn scores_without_noise_are_those_of_the_closed_forms() {
    let golden = golden("scores");
    let exact = |name: &str| golden[name].as_f64().unwrap();
    let [reconstruction, kl] = [exact("reconstruction_at_mean"), exact("kl")];
    for (kind, expected, decodes) in [
        (ScoreKind::ElboAtMean, exact("elbo_at_mean"), true),
        (ScoreKind::Reconstruction, reconstruction, true),
        (ScoreKind::Kl, -kl, false),
        (ScoreKind::Mahalanobis, -exact("mahalanobis_aggregate"), false),
    ] {
        let [row] = &scores(kind, 1, 1)[..] else { panic!("one row") };
        assert_near(row.score, expected);
        assert_near(row.kl.unwrap(), kl);
        assert!(!row.outside, "floats have no range");
        assert_eq!(row.log_likelihood.is_some(), decodes, "{}", kind.name());
        let Some(log_likelihood) = row.log_likelihood else { continue };
        assert_near(log_likelihood, reconstruction);
        assert_eq!(row.channels.len(), 3, "without a window every value is a channel");
        assert_near(row.channels.iter().sum(), reconstruction);
    }
}

#[test]
fn scores_by_draws_have_the_exact_mean() {
    let (golden, iwae) = (golden("scores"), golden("iwae"));
    let elbo = scores(ScoreKind::Elbo, 16, ROWS);
    assert_mean(&elbo, golden["elbo_exact"].as_f64().unwrap(), 0.0);
    for row in &elbo {
        let sum = row.log_likelihood.unwrap() - row.kl.unwrap();
        assert_eq!(row.score.to_bits(), sum.to_bits(), "the terms are those of the score");
    }
    let four = |name: &str| iwae[name].as_f64().unwrap();
    let of_numpy = 4.0 * four("standard_error");
    assert_mean(&scores(ScoreKind::Iwae, 4, ROWS), four("mean"), of_numpy);
    let log_p = golden["log_p"].as_f64().unwrap();
    // The bound by K draws is below ln p(x) by about Var(w) / 2 K.
    assert_mean(&scores(ScoreKind::Iwae, 1000, 20), log_p, 1e-3);
}

/// What refinement by draws leaves of the way to the best diagonal posterior is below a hundredth of a nat.
#[test]
fn a_regret_is_what_the_best_diagonal_posterior_gains() {
    let regret = golden("scores")["likelihood_regret"].as_f64().unwrap();
    assert_mean(&scores(ScoreKind::Regret, 1, ROWS), -regret, 0.01);
}

#[test]
fn the_score_of_a_flow_is_its_density() {
    for name in FLOWS {
        let folder = format!("models/{name}");
        let loaded = loaded(&folder);
        let port = &loaded.model.graphs.parts().flow.unwrap().plan.inputs[0];
        let x = npy::read_rows(&path(&format!("{folder}/test.npy")), &port.shape).unwrap();
        let (name, shape) = (port.name.clone(), port.shape.clone());
        let batch = Batch::from(Rows { name, shape, values: x.values });
        let settings = Settings { kind: ScoreKind::LogProb, samples: 1, seed: 0, aggregate: None };
        let rows = score_rows(&loaded, &settings, &batch).unwrap();
        let bytes = std::fs::read(path(&format!("{folder}/golden/log_prob.npy"))).unwrap();
        let expected: Vec<f64> = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap();
        assert_eq!(rows.len(), expected.len());
        for (row, expected) in rows.iter().zip(expected) {
            let error = (f64::from(row.score) - expected).abs();
            let limit = tolerance::FLOW_SCORE * expected.abs().max(1.0);
            assert!(error <= limit, "{folder}: {} for {expected}: {error:e}", row.score);
            assert_eq!((row.log_likelihood, row.kl, row.channels.len()), (None, None, 0));
        }
    }
}

#[test]
fn channels_are_the_same_in_both_layouts_and_sum_to_the_likelihood() {
    let expected = golden("windows/channels");
    for layout in ["channels_first", "time_first"] {
        let folder = format!("tests/detection/windows/{layout}");
        let loaded = loaded(&format!("{folder}.toml"));
        let values = npy::read(&path(&format!("{folder}.npy"))).unwrap().values;
        let batch = Batch::from(Rows { name: "x".into(), shape: vec![1, 6], values });
        let kind = ScoreKind::Reconstruction;
        let settings = Settings { kind, samples: 1, seed: 0, aggregate: None };
        let rows = score_rows(&loaded, &settings, &batch).unwrap();
        assert_eq!(rows.len(), 5);
        for (row, expected) in rows.iter().zip(expected.as_array().unwrap()) {
            let expected: Vec<f64> =
                expected.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
            assert_near(row.channels[0], expected[0]);
            assert_near(row.channels[1], expected[1]);
            assert_near(row.log_likelihood.unwrap(), expected.iter().sum());
        }
    }
}

#[test]
fn the_aggregate_posterior_is_that_of_its_rows() {
    let loaded = loaded("tests/detection/linear");
    let values = vec![0.5; 6];
    let batch = Batch::from(Rows { name: "x".into(), shape: vec![1, 3], values });
    let posteriors = twin_posteriors(&loaded, &batch).unwrap();
    // Equal posteriors: what is left is their own variance.
    let moments = reference::moments(&posteriors[0], &[0, 1]);
    let aggregate = reference::aggregate(&moments).unwrap();
    let model = &golden("scores")["model"];
    assert_eq!(aggregate.mean, numbers(&model["q_mean"]));
    for (found, expected) in aggregate.var.iter().zip(numbers(&model["q_var"])) {
        assert_near(*found, expected.into());
    }
}

#[test]
fn areas_and_correlations_are_those_of_scikit_learn_and_scipy() {
    let table = golden("measures");
    let labels: Vec<bool> = numbers(&table["labels"]).iter().map(|label| *label == 1.0).collect();
    let scores = numbers(&table["scores"]);
    let area = |name: &str| table[name].as_f64().unwrap();
    let rounded: Vec<f32> = scores.iter().map(|score| score.round_ties_even()).collect();
    for (found, name) in [
        (spearman(&scores, &rounded), "spearman_of_rounded"),
        (auroc(&scores, &labels), "auroc"),
        (average_precision(&scores, &labels), "average_precision"),
    ] {
        let error = (found.unwrap() - area(name)).abs();
        assert!(error <= tolerance::AREA, "{name}: {found:?} for {}", area(name));
    }
    assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None, "all values of one are equal");
    assert_eq!(spearman(&[f32::NAN, 1.0], &[-5.0, 2.0]), Some(1.0), "NaN is the lowest");
}
