//! Models whose rows have labels: their scores, and how well those tell normal rows from others.

use crate::fixtures::{Rows, path, rows};
use elbow::import::Options;
use elbow::manifest::{Score, Window};
use elbow::model::Loaded;
use elbow::rows::Rows as Observations;
use elbow::scoring::measures;
use elbow::scoring::{Settings, score_rows};

/// A model of `models/`, with the score of its manifest.
pub struct Scorer {
    loaded: Loaded,
}

impl Scorer {
    /// The one of that name.
    ///
    /// # Panics
    ///
    /// There is none, or it cannot be read.
    pub fn of(model: &str) -> Self {
        let loaded = Loaded::read(&path("models").join(model), None, &Options::default());
        Self { loaded: loaded.expect("a model") }
    }

    /// These observations as the encoder's input.
    pub fn observed(&self, observations: &Rows) -> Observations {
        Observations {
            name: self.loaded.main.input_name(0).into(),
            shape: self.loaded.main.input_shape(0).to_vec(),
            values: observations.values.clone(),
        }
    }

    /// The score of each of these observations, in nats.
    ///
    /// # Panics
    ///
    /// The rows do not fit.
    pub fn scores(&self, observations: &Rows) -> Vec<f32> {
        let settings =
            Settings::of(&self.loaded, self.score(), 0).expect("a score of encoder and decoder");
        let batch = self.observed(observations).into();
        let scored = score_rows(&self.loaded, &settings, &batch).expect("rows that fit");
        scored.iter().map(|row| row.score).collect()
    }

    /// The window of the manifest.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn window(&self) -> &Window {
        self.loaded.model.window.as_ref().expect("a window")
    }

    /// The score of the manifest.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn score(&self) -> &Score {
        self.loaded.model.score.as_ref().expect("a score")
    }
}

/// Rows of the file of a model whose label is 0, and the others.
///
/// # Panics
///
/// A file is missing or of another length.
pub fn by_label(model: &str, file: &str) -> [Rows; 2] {
    let folder = path("models").join(model);
    let (all, labels) = (rows(&folder.join(file)), rows(&folder.join("labels.npy")));
    assert_eq!(all.count, labels.count, "{model}");
    [false, true].map(|is_anomaly| {
        let own = (0..all.count).filter(|&row| (labels.values[row] > 0.5) == is_anomaly);
        let own: Vec<usize> = own.collect();
        let values = own.iter().flat_map(|&row| all.row(row).to_vec()).collect();
        Rows { values, count: own.len() }
    })
}

/// The share of pairs of a normal and an anomalous score in which the anomalous one is lower; ties count half.
///
/// # Panics
///
/// There are none of a kind.
pub fn auroc(normal: &[f32], anomalous: &[f32]) -> f64 {
    let is_anomaly = [vec![false; normal.len()], vec![true; anomalous.len()]].concat();
    measures::auroc(&[normal, anomalous].concat(), &is_anomaly).expect("scores of both kinds")
}

/// The share of scores that are strictly below `threshold`.
pub fn below(scores: &[f32], threshold: f32) -> f64 {
    scores.iter().filter(|&&score| score < threshold).count() as f64 / scores.len() as f64
}
