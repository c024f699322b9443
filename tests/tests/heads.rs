//! Heads held against data, in nats.

#[path = "heads/models.rs"]
mod models;
#[path = "heads/objectives.rs"]
mod objectives;

use elbow::heads::{HeadReport, Measured, Scale, Survey};
use elbow::model::Loaded;
use elbow::npy;
use elbow::rows::Rows;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)
}

/// The test rows of one of the models.
fn rows_of(loaded: &Loaded, model: &str) -> Vec<Rows> {
    let shape = loaded.main.input_shape(0).to_vec();
    let read = npy::read_rows(&folder(model).join("test.npy"), &shape).expect("rows");
    vec![Rows { name: loaded.main.input_name(0).into(), shape, values: read.values }]
}

fn survey_of<'m>(loaded: &'m Loaded, rows: &'m [Rows], scale: Scale) -> Survey<'m> {
    let count = rows[0].values.len() / rows[0].shape.iter().product::<usize>();
    let survey = Survey::of(loaded, rows, count, scale).expect("rows that fit");
    survey.expect("a model with a decoder")
}

/// Those of another posterior: what no data tell from `logvar` where variances are small left out.
fn others(report: &HeadReport) -> Vec<&Measured> {
    let twin = |measured: &&Measured| {
        measured.reading.mean == "mu" && measured.reading.head == "softplus_var"
    };
    report.readings.iter().filter(|measured| !measured.declared && !twin(measured)).collect()
}
