//! The trained models: the true head is best, and every wrong one is found.

use elbow::heads::{HeadReport, Measured, Scale, Survey, Verdict};
use elbow::model::Loaded;
use elbow::npy;
use elbow::rows::Rows;
use std::path::{Path, PathBuf};

const MODELS: [&str; 4] = ["imu", "digits", "digits_gaussian", "digits_conv"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)
}

fn loaded(manifest: &str, folder: &Path) -> Loaded {
    let manifest = elbow::manifest::Manifest::parse(manifest).expect("a manifest");
    Loaded::of_manifest(manifest, folder).expect("a model")
}

fn report(loaded: &Loaded, folder: &Path, scale: Scale) -> HeadReport {
    let shape = loaded.encoder.input_shape(0).to_vec();
    let read = npy::read_rows(&folder.join("test.npy"), &shape).expect("rows");
    let count = read.values.len() / shape.iter().product::<usize>();
    let rows = [Rows { name: loaded.encoder.input_name(0).into(), shape, values: read.values }];
    let survey = Survey::of(loaded, &rows, count, scale).expect("rows that fit");
    survey.expect("a model with a decoder").report()
}

/// Of `models/<name>`, its manifest with each `from` made `to`.
fn changed(name: &str, changes: &[(&str, &str)], scale: Scale) -> HeadReport {
    let folder = folder(name);
    let mut text = std::fs::read_to_string(folder.join("elbow.toml")).expect("a manifest");
    for (from, to) in changes {
        assert!(text.contains(from), "{name}: {from}");
        text = text.replace(from, to);
    }
    report(&loaded(&text, &folder), &folder, scale)
}

/// Those of another posterior: the readings that no data tell from the declared one left out.
fn others(report: &HeadReport) -> Vec<&Measured> {
    let twin = |measured: &&Measured| {
        measured.reading.mean == "mu" && measured.reading.head == "softplus_var"
    };
    report.readings.iter().filter(|measured| !measured.declared && !twin(measured)).collect()
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
            for Measured { reading, above_declared, .. } in others {
                let nats = above_declared.expect("rows with both");
                assert!(nats.mean < -5.0 * nats.se, "{name}: {reading} {nats:?}");
            }
        }
    }
}
