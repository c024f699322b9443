//! The trained models: the true head is best, and every wrong one is found.

use super::{folder, others, rows_of, survey_of};
use elbow::heads::{HeadReport, MeasuredReading, Scale, Verdict};
use elbow::manifest::Manifest;
use elbow::model::Loaded;

const MODELS: [&str; 5] = ["imu", "digits", "digits_gaussian", "digits_conv", "motion3"];

/// Of `models/<name>`, its manifest with each `from` made `to`.
fn changed(name: &str, changes: &[(&str, &str)], scale: Scale) -> HeadReport {
    let folder = folder(name);
    let mut text = std::fs::read_to_string(folder.join("elbow.toml")).expect("a manifest");
    for (from, to) in changes {
        assert!(text.contains(from), "{name}: {from}");
        text = text.replace(from, to);
    }
    let manifest = Manifest::parse(&text).expect("a manifest");
    let loaded = Loaded::of_manifest(manifest, &folder).expect("a model");
    survey_of(&loaded, &rows_of(&loaded, name), scale).report()
}

#[test]
fn the_true_head_and_order_are_best_by_more_than_five_errors() {
    for name in MODELS {
        for scale in [Scale::Declared, Scale::OfRows] {
            let report = changed(name, &[], scale);
            println!("{name}, scale {scale:?}: {report}\n");
            assert_eq!(report.verdict, Verdict::Holds, "{name}");
            // Variances and standard deviations are never negative, which both outputs are.
            assert!(report.impossible.len() >= 4, "{name}");
            let others = others(&report);
            assert!(others.len() >= 6, "{name}");
            for MeasuredReading { reading, above_declared, .. } in others {
                let nats = above_declared.expect("rows with both");
                assert!(nats.mean < -5.0 * nats.se, "{name}: {reading} {nats:?}");
            }
        }
    }
}

/// Each wrong declaration, and the reading that the rows have instead.
const WRONG: [(&str, &str, &str, [&str; 2]); 6] = [
    ("imu", "head = \"logvar\"", "head = \"log_sigma\"", ["mu", "logvar"]),
    ("digits", "head = \"logvar\"", "head = \"log_sigma\"", ["mu", "logvar"]),
    ("digits_gaussian", "head = \"logvar\"", "head = \"log_sigma\"", ["mu", "logvar"]),
    ("digits_conv", "head = \"logvar\"", "head = \"softplus_sigma\"", ["mu", "logvar"]),
    ("digits", "mean_is = \"logit\"", "mean_is = \"probability\"", ["mu", "logvar"]),
    ("digits", SWAP[0], SWAP[1], ["mu", "logvar"]),
];

const SWAP: [&str; 2] = [
    "mean = \"mu\"\nspread = { output = \"logvar\"",
    "mean = \"logvar\"\nspread = { output = \"mu\"",
];

#[test]
fn a_wrong_head_order_or_mean_is_an_error() {
    for (name, from, to, right) in WRONG {
        let found = changed(name, &[(from, to)], Scale::Declared);
        assert_eq!(found.verdict, Verdict::Error, "{name} {to}: {found}");
        let message = found.message.as_deref().expect("a message");
        println!("{name}: {message}");
        let read = format!("; as mean {:?}, spread {:?} (logvar", right[0], right[1]);
        let twin = format!("; as mean {:?}, spread {:?} (softplus_var", right[0], right[1]);
        assert!(message.contains(&read) || message.contains(&twin), "{message}");
    }
}

#[test]
fn the_bound_is_the_published_one() {
    // ELBO of the test rows in models/README.md, by 400 samples of each posterior, and of the first rows
    // here: the standard error of a mean over 208 rows and 4 draws is below half a nat.
    let report = changed("imu", &[], Scale::Declared);
    let own = report.readings.iter().find(|measured| measured.declared).expect("the declared one");
    assert!((own.elbo + 794.48).abs() < 0.5, "{}", own.elbo);
}
