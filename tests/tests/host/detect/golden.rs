//! Tables of `tests/detection`, which numpy and scipy made.

use super::{entries, table};
use elbow_core::detect::{
    Aggregate, AlarmDesign, Cusum, DriftDesign, Moment, RankTable, Ranks, Tables, ranks,
};
use elbow_core::infer::Posterior;
use elbow_tests::fixtures::path;
use elbow_tests::random::Random;
use elbow_tests::tolerance;
use serde_json::Value;

/// The table of this name.
fn golden(name: &str) -> Value {
    let file = path(&format!("tests/detection/{name}.json"));
    let text = std::fs::read_to_string(&file).expect("the table is there");
    serde_json::from_str(&text).expect("JSON")
}

/// The numbers of a list.
fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

/// The same, rounded.
fn floats(list: &Value) -> Vec<f32> {
    numbers(list).into_iter().map(|v| v as f32).collect()
}

#[test]
fn p_values_are_those_of_split_conformal_prediction() {
    let golden = golden("conformal");
    let scores = floats(&golden["calibration"]);
    let entries = entries(&scores);
    let table = table(&entries, scores.len());
    let kept: Vec<f32> = entries.iter().map(|entry| entry.score).collect();
    assert_eq!(kept, floats(&golden["table"]["scores"]));
    let kept: Vec<f64> = ranks(19).map(f64::from).collect();
    assert_eq!(kept, numbers(&golden["table"]["ranks"]));
    let p = numbers(&golden["p"]);
    for (score, p) in floats(&golden["test"]).into_iter().zip(p) {
        let index = table.index(score);
        let error = (f64::from(table.p(index)) - p).abs();
        assert!(error <= tolerance::GOLDEN, "{score}: {error}");
        let error = (f64::from(table.surprise(index)) + p.ln()).abs();
        assert!(error <= tolerance::GOLDEN, "{score}: {error}");
        for (alpha, ppm) in [("0.01", 10_000), ("0.05", 50_000), ("0.1", 100_000), ("0.2", 200_000)]
        {
            let below =
                golden["thresholds"][alpha].as_f64().is_some_and(|at| f64::from(score) < at);
            let standing = Ranks::Low(table).standing(score, false);
            assert_eq!(standing.is_within(ppm), below, "{score} at {alpha}");
        }
    }
}

#[test]
fn a_table_keeps_the_ranks_that_it_says() {
    let golden = golden("conformal");
    let kept: Vec<f64> = ranks(1000).map(f64::from).collect();
    assert_eq!(kept, numbers(&golden["ranks_1000"]));
    assert_eq!(ranks(1000).count() as u64, golden["ranks_1000_len"]);
    assert_eq!(ranks(100_000).count() as u64, golden["ranks_100000_len"]);
    assert_eq!((ranks(0).count(), ranks(1).count()), (0, 1));
    assert!(ranks(u32::MAX).last() > Some(u32::MAX / 9 * 8));
}

#[test]
fn table_and_alarm_have_the_bits_of_the_golden_path() {
    let golden = golden("detector_f32");
    let scores: Vec<f32> = (0..1000).map(|i| (i - 999) as f32).collect();
    let entries = entries(&scores);
    let table = table(&entries, scores.len());
    let k = golden["k"].as_f64().expect("a number") as f32;
    let design = AlarmDesign { k, h: f32::INFINITY, votes: None };
    let mut cusum = Cusum::NEW;
    for step in golden["steps"].as_array().expect("a list") {
        let score = step["score"].as_f64().map_or(f32::NAN, |score| score as f32);
        let index = table.index(score);
        assert_eq!(index as u64, step["index"], "{step}");
        let expected = |name: &str| (step[name].as_f64().expect("a number") as f32).to_bits();
        assert_eq!(table.p(index).to_bits(), expected("p"), "{step}");
        assert_eq!(table.surprise(index).to_bits(), expected("surprise"), "{step}");
        assert!(!cusum.step(&design, table.surprise(index), false));
        assert_eq!(cusum.g().to_bits(), expected("cusum"), "{step}");
    }
}

#[test]
fn the_alarm_is_the_cusum_of_e_values() {
    let golden = golden("sequential");
    for (kappa, expected) in golden["power"].as_object().expect("by kappa") {
        let k = expected["k"].as_f64().expect("a number");
        let kappa: f64 = kappa.parse().expect("a number");
        assert!((-kappa.ln() / (1.0 - kappa) - k).abs() < 1e-12);
        let design = AlarmDesign { k: k as f32, h: f32::INFINITY, votes: None };
        let mut cusum = Cusum::NEW;
        for (p, g) in numbers(&golden["p"]).iter().zip(numbers(&expected["cusum"])) {
            cusum.step(&design, -p.ln() as f32, false);
            let error = (f64::from(cusum.g()) - g).abs();
            assert!(error <= tolerance::CUSUM * g.max(1.0), "{kappa}, {p}: {error}");
        }
    }
}

#[test]
fn the_aggregate_of_posteriors_has_its_moments_and_divergences() {
    let golden = golden("drift");
    let rows = |name: &str| -> Vec<Vec<f64>> {
        golden[name].as_array().expect("rows").iter().map(numbers).collect()
    };
    let (mean, var) = (rows("mean"), rows("var"));
    let of = |name: &str| numbers(&golden[name]);
    for latent in 0..3 {
        let mut aggregate = Aggregate::NEW;
        for (mean, var) in mean.iter().zip(&var) {
            aggregate.push(mean[latent] as f32, var[latent].ln() as f32);
        }
        let (m, v) = (of("reference_mean")[latent] as f32, of("reference_var")[latent] as f32);
        let found = [
            (aggregate.mean(), of("aggregate_mean")),
            (aggregate.variance_of_means(), of("var_of_means")),
            (aggregate.variance(), of("aggregate_var")),
            (aggregate.kl(m, v), of("kl_aggregate_reference")),
            (aggregate.kl(0.0, 1.0), of("kl_aggregate_prior")),
        ];
        for (value, expected) in found {
            let error = (f64::from(value) - expected[latent]).abs();
            assert!(error <= tolerance::GOLDEN, "latent {latent}: {error}");
        }
        assert_eq!(golden["active"][latent], aggregate.is_active());
    }
}

/// The statistic against its formula in f64, over a change of the mean that it has to find.
#[test]
fn drift_is_a_moving_average_of_two_moments() {
    const LATENTS: usize = 6;
    let lambda = 0.02;
    let mut random = Random::new(15, 0);
    let references: Vec<[f64; 2]> = (0..2 * LATENTS)
        .map(|_| [random.uniform(-1.0, 1.0), random.uniform(0.2, 3.0)].map(f64::from))
        .collect();
    let moment = |[m, v]: &[f64; 2]| Moment::new(*m as f32, *v as f32, lambda as f32);
    let moments: Vec<Moment> = references.iter().map(moment).collect();
    let design = DriftDesign { lambda: lambda as f32, threshold: 30.0, moments: &moments };
    let (mut w, mut plain) = ([0.0; 2 * LATENTS], [0.0f64; 2 * LATENTS]);
    for _ in 0..500 {
        let (loc, log_var) = (random.normal(LATENTS), random.vector(LATENTS, -4.0, 0.5));
        let statistic = design.step(&mut w, Posterior { loc: &loc, log_var: &log_var });
        let mut expected = 0.0;
        for (at, (w, [mean, variance])) in plain.iter_mut().zip(&references).enumerate() {
            let (loc, log_var) = (f64::from(loc[at / 2]), f64::from(log_var[at / 2]));
            let value = if at % 2 == 0 { loc } else { loc * loc + log_var.exp() };
            *w += lambda * (value - mean - *w);
            expected += (2.0 - lambda) / lambda * w.powi(2) / variance;
        }
        let error = (f64::from(statistic) - expected).abs();
        assert!(error <= tolerance::DRIFT * expected.max(1.0), "{error} of {expected}");
    }
    assert!(design.is_drift(f32::NAN) && design.is_drift(30.5) && !design.is_drift(30.0));
    assert_eq!(Moment::new(0.5, 0.0, 0.02).weight, 0.0, "what never varies is not followed");
}

#[test]
fn both_tails_take_twice_the_smaller_p() {
    let scores: Vec<f32> = Random::new(15, 1).normal(200);
    let negative: Vec<f32> = scores.iter().map(|score| -score).collect();
    let (low, high) = (entries(&scores), entries(&negative));
    let both = Ranks::Both { low: table(&low, 200), high: table(&high, 200) };
    let ranked = |rank: usize| ranks(200).find(|kept| *kept as usize >= rank).unwrap_or(201);
    for score in Random::new(15, 2).vector(500, -5.0, 5.0).into_iter().chain(scores.clone()) {
        let count = |is_so: &dyn Fn(&f32) -> bool| scores.iter().filter(|s| is_so(s)).count();
        let low = ranked(1 + count(&|s| *s <= score));
        let high = ranked(1 + count(&|s| *s >= score));
        let expected = (2 * low.min(high)).min(201);
        let standing = both.standing(score, false);
        assert_eq!((standing.rank, standing.of), (expected, 201), "{score}");
        let surprise = -(f64::from(expected) / 201.0).ln();
        let error = (f64::from(standing.surprise) - surprise).abs();
        assert!(error <= tolerance::GOLDEN, "{score}: {error}");
        assert_eq!(both.standing(score, true).rank, 2, "beyond the calibrated range");
    }
    assert_eq!(both.standing(f32::NAN, false).rank, 2);
    assert_eq!(both.standing(f32::INFINITY, false).rank, 2);
    assert_eq!(both.standing(f32::NEG_INFINITY, false).rank, 2);
}

/// No score, however odd, and no table, however small, gives a p-value that is not in (0, 1].
#[test]
fn odd_scores_have_their_places() {
    let own = entries(&[-3.0, -2.0, -1.0]);
    let low = table(&own, 3);
    let p = |score| low.p(low.index(score));
    assert_eq!([f32::NAN, f32::NEG_INFINITY, -3.5, -f32::MAX].map(p), [0.25; 4]);
    assert_eq!([f32::INFINITY, -1.0, f32::MAX].map(p), [1.0; 3]);
    assert_eq!((low.p(usize::MAX), low.surprise(usize::MAX)), (1.0, 0.0));
    let empty = RankTable { entries: &[], calibrated: 0 };
    assert_eq!((empty.p(empty.index(f32::NAN)), empty.p(empty.index(0.0))), (1.0, 1.0));
    let pooled = Ranks::Low(low);
    let other = entries(&[5.0]);
    let modes = [None, Some(Ranks::Low(table(&other, 1)))];
    let tables = Tables { pooled, modes: &modes };
    assert_eq!(
        [0, 1, 2, usize::MAX].map(|mode| tables.of(mode).standing(0.0, false).rank),
        [4, 1, 4, 4]
    );
}
