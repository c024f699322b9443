//! Scores of models that are judged by labels, and how well they tell normal rows from others.

use crate::fixtures::{Rows, path, rows};
use elbow::import::Options;
use elbow::infer;
use elbow::manifest::Window;
use elbow::model::Loaded;
use elbow::posterior::Posteriors;
use elbow::twin::Twin;
use elbow_core::distributions::kl_to_standard;

/// A model of `models/`, whose score is the ELBO at the mean.
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

    /// `ln p(x | z = mean)` less the KL divergence, in nats, of each of these observations.
    ///
    /// # Panics
    ///
    /// The model has no decoder, or the rows do not fit.
    pub fn scores(&self, observations: &Rows) -> Vec<f32> {
        let (encoder, decoder) = self.loaded.amortized().expect("an encoder");
        let decoder = decoder.expect("a decoder");
        let (mut encode, mut decode) = (Twin::new(&encoder.plan), Twin::new(&decoder.plan));
        let score = |row| {
            let x = observations.row(row);
            let heads = encode.run(&[x]).expect("it fits");
            let [mean, spread] = heads.try_into().expect("two heads");
            let q = Posteriors::of_heads(&encoder.latents[0], mean, spread).expect("finite");
            let decoded = decode.run(&[&q.loc]).expect("it fits");
            let log_likelihood = infer::log_likelihood(&decoder.likelihood, x, &decoded);
            log_likelihood - kl_to_standard(&q.loc, &q.log_var)
        };
        (0..observations.count).map(score).collect()
    }

    /// The window of the manifest.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn window(&self) -> &Window {
        self.loaded.model.window.as_ref().expect("a window")
    }

    /// The threshold of the manifest.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn threshold(&self) -> f32 {
        self.loaded.model.score.as_ref().expect("a score").threshold.expect("a threshold")
    }
}

/// Test rows of a model, those of label 0 and the others.
///
/// # Panics
///
/// A file is missing or of another length.
pub fn by_label(model: &str, file: &str) -> [Rows; 2] {
    let folder = path("models").join(model);
    let (all, labels) = (rows(&folder.join(file)), rows(&folder.join("labels.npy")));
    assert_eq!(all.count, labels.count, "{model}");
    [false, true].map(|positive| {
        let own = (0..all.count).filter(|&row| (labels.values[row] > 0.5) == positive);
        let own: Vec<usize> = own.collect();
        let values = own.iter().flat_map(|&row| all.row(row).to_vec()).collect();
        Rows { values, count: own.len() }
    })
}

/// The share of pairs of a normal and an anomalous score in which the anomalous one is lower; ties count half.
pub fn auroc(normal: &[f32], anomalous: &[f32]) -> f64 {
    let mut sorted = normal.to_vec();
    sorted.sort_by(f32::total_cmp);
    let above = |score: &f32| {
        let lower = sorted.partition_point(|other| other < score);
        let equal = sorted.partition_point(|other| other <= score) - lower;
        (sorted.len() - lower - equal) as f64 + equal as f64 / 2.0
    };
    anomalous.iter().map(above).sum::<f64>() / (normal.len() * anomalous.len()) as f64
}

/// The share of scores that are strictly below `threshold`.
pub fn below(scores: &[f32], threshold: f32) -> f64 {
    scores.iter().filter(|&&score| score < threshold).count() as f64 / scores.len() as f64
}
