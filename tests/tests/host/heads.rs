//! Heads held against data, in nats.

mod models;
mod objectives;

use elbow::heads::{HeadReport, MeasuredReading, Scale, Survey};
use elbow::model::Loaded;
use elbow::npy;
use elbow::rows::{Batch, Rows};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)
}

/// The test rows of one of the models.
fn rows_of(loaded: &Loaded, model: &str) -> Batch {
    let shape = loaded.main.input_shape(0).to_vec();
    let read = npy::read_rows(&folder(model).join("test.npy"), &shape).expect("rows");
    Rows { name: loaded.main.input_name(0).into(), shape, values: read.values }.into()
}

fn survey_of<'m>(loaded: &'m Loaded, rows: &'m Batch, scale: Scale) -> Survey<'m> {
    let survey = Survey::of(loaded, rows, scale).expect("rows that fit");
    survey.expect("a model with a decoder")
}

/// Those of another posterior: what no data tell from `logvar` where variances are small left out.
fn others(report: &HeadReport) -> Vec<&MeasuredReading> {
    let twin = |measured: &&MeasuredReading| {
        measured.reading.mean == "mu" && measured.reading.head == "softplus_var"
    };
    report.readings.iter().filter(|measured| !measured.declared && !twin(measured)).collect()
}
