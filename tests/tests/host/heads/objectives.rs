//! Models that maximized something else than the ELBO: the true head is never an error.

use super::{others, rows_of, survey_of};
use elbow::heads::{Scale, Verdict};
use elbow::manifest::Manifest;
use elbow::model::Loaded;
use std::path::Path;

/// As `tests/heads/train.py` lists them, with the true head.
const MODELS: [(&str, &str); 12] = [
    ("elbo", "logvar"),
    ("elbo_log_sigma", "log_sigma"),
    ("elbo_softplus", "softplus_sigma"),
    ("beta_quarter", "logvar"),
    ("beta_quarter_log_sigma", "log_sigma"),
    ("beta_tenth", "logvar"),
    ("beta_four", "logvar"),
    ("beta_four_softplus", "softplus_sigma"),
    ("bonus", "logvar"),
    ("bonus_log_sigma", "log_sigma"),
    ("malus_log_sigma", "log_sigma"),
    ("collapsed", "logvar"),
];

/// Of them, those that wrong declarations are tried on.
const FEW: [&str; 4] = ["elbo", "beta_quarter", "bonus", "malus_log_sigma"];

const HEADS: [&str; 4] = ["logvar", "log_sigma", "softplus_sigma", "softplus_var"];

fn verdict(name: &str, [mean, spread]: [&str; 2], head: &str, mean_is: &str) -> Verdict {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("heads");
    let text = format!(
        "name = \"small\"\n[encoder]\nonnx = \"{name}.encoder.onnx\"\ninput = \"x\"\nmean = \"{mean}\"\n\
         spread = {{ output = \"{spread}\", head = \"{head}\" }}\n[decoder]\n\
         onnx = \"{name}.decoder.onnx\"\nlatent = \"z\"\nmean = \"y\"\n\
         likelihood = {{ family = \"bernoulli\", mean_is = \"{mean_is}\" }}\n"
    );
    let loaded = Loaded::of_manifest(Manifest::parse(&text).expect("a manifest"), &folder);
    let loaded = loaded.expect("a model");
    let rows = rows_of(&loaded, "digits");
    let report = survey_of(&loaded, &rows, Scale::Declared).report();
    if report.verdict == Verdict::Holds {
        assert!(others(&report).iter().all(|other| other.above_declared.is_some()));
    }
    report.verdict
}

#[test]
fn the_true_head_is_never_an_error() {
    for (name, head) in MODELS {
        let found = verdict(name, ["a", "b"], head, "logit");
        println!("{name}: {head} {found:?}");
        assert_ne!(found, Verdict::Error, "{name}");
        if name.starts_with("elbo") {
            assert_eq!(found, Verdict::Holds, "{name}");
        }
    }
}

#[test]
fn what_is_still_found_of_wrong_heads_orders_and_means() {
    let few = MODELS.iter().filter(|(name, _)| FEW.contains(name));
    let (mut errors, mut said, mut all) = (0, 0, 0);
    for (name, head) in few {
        let others = HEADS.iter().filter(|other| *other != head);
        let found: Vec<Verdict> =
            others.map(|other| verdict(name, ["a", "b"], other, "logit")).collect();
        all += found.len();
        errors += found.iter().filter(|found| **found == Verdict::Error).count();
        said += found.iter().filter(|found| **found != Verdict::Holds).count();
        let swapped = verdict(name, ["b", "a"], head, "logit");
        let probability = verdict(name, ["a", "b"], head, "probability");
        println!("{name}: wrong heads {found:?}, swapped {swapped:?}, mean_is {probability:?}");
        assert_eq!([swapped, probability], [Verdict::Error; 2], "{name}");
    }
    println!("{errors} errors, {said} errors or warnings of {all} wrong heads");
    assert!(errors >= 2 && 2 * said > all);
}
