//! One line per row: the score, its terms, and what they mean.

use elbow::manifest::Score;
use elbow::model::Calibration;
use elbow::npy;
use elbow::scoring::RowScore;
use std::fmt::Write as _;

/// What decides whether a score is anomalous.
pub enum Judge {
    /// A calibration: `p <= alpha`.
    Calibration(Box<Calibration>),
    /// The threshold of the manifest, whose rate nobody has stated.
    Threshold(f32),
    /// Nothing.
    Nothing,
}

impl Judge {
    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Calibration(_) => "calibration",
            Self::Threshold(_) => "threshold",
            Self::Nothing => "nothing",
        }
    }

    /// The calibration, where it is one.
    pub fn calibration(&self) -> Option<&Calibration> {
        match self {
            Self::Calibration(calibration) => Some(calibration),
            Self::Threshold(_) | Self::Nothing => None,
        }
    }

    /// Whether the score is anomalous, which NaN is; `None` where nothing decides.
    pub fn is_anomaly(&self, score: f32) -> Option<bool> {
        match self {
            Self::Calibration(own) => Some(own.standing(score).is_within(own.alpha_ppm)),
            Self::Threshold(threshold) => Some(score.is_nan() || score < *threshold),
            Self::Nothing => None,
        }
    }

    /// The p-value of the score; `None` without a calibration.
    pub fn p(&self, score: f32) -> Option<f32> {
        self.calibration().map(|own| own.standing(score).p())
    }
}

/// The scores of all rows, with labels, and with what decides on a row.
pub struct Table {
    rows: Vec<RowScore>,
    labels: Option<Vec<bool>>,
    judge: Judge,
    /// Mean log-likelihood of each channel over normal rows; empty where unknown.
    reference: Vec<f32>,
}

impl Table {
    /// The table of these scores of the kind of `score`.
    pub fn new(
        score: &Score,
        judge: Judge,
        rows: Vec<RowScore>,
        labels: Option<Vec<bool>>,
    ) -> Self {
        Self { rows, labels, judge, reference: score.channel_log_likelihood.clone() }
    }

    /// The scores in the order of the rows.
    pub fn scores(&self) -> impl Iterator<Item = f32> + Clone + '_ {
        self.rows.iter().map(|row| row.score)
    }

    /// The labels, true for an anomaly, where they were given.
    pub fn labels(&self) -> Option<&[bool]> {
        self.labels.as_deref()
    }

    /// What decides on a row.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Which rows are anomalous; `None` where nothing decides.
    pub fn anomalies(&self) -> Option<Vec<bool>> {
        self.scores().map(|score| self.judge.is_anomaly(score)).collect()
    }

    /// The channel whose log-likelihood lies furthest below its mean over normal rows, of each row; below that of the
    /// other channels of the row where no means are known. `None` where the score has no channels.
    fn worst_channel(&self, row: &RowScore) -> Option<usize> {
        let known = self.reference.len() == row.channels.len();
        let excess = row
            .channels
            .iter()
            .enumerate()
            .map(|(at, own)| (at, if known { own - self.reference[at] } else { *own }));
        excess
            .reduce(|a, b| if b.1 < a.1 || b.1.is_nan() && !a.1.is_nan() { b } else { a })
            .map(|(at, _)| at)
    }

    /// Names and bytes of the files: `scores.csv` with a line per row, and `score.npy`; `p.npy` with a calibration.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let scores: Vec<f32> = self.scores().collect();
        let shape = [scores.len()];
        let mut files = vec![
            ("scores.csv".to_string(), self.csv().into_bytes()),
            ("score.npy".to_string(), npy::encode(&shape, &scores)),
        ];
        let p: Option<Vec<f32>> = scores.iter().map(|score| self.judge.p(*score)).collect();
        files.extend(p.map(|p| ("p.npy".to_string(), npy::encode(&shape, &p))));
        files
    }

    /// A header and a line per row; a field that does not exist is empty.
    fn csv(&self) -> String {
        let mut text = String::from("row,score,log_likelihood,kl,p,anomaly,worst_channel,label\n");
        for (at, row) in self.rows.iter().enumerate() {
            let label = self.labels().and_then(|labels| labels.get(at).copied());
            let fields = [
                row.log_likelihood.map(|value| value.to_string()),
                row.kl.map(|value| value.to_string()),
                self.judge.p(row.score).map(|value| value.to_string()),
                self.judge.is_anomaly(row.score).map(|value| u8::from(value).to_string()),
                self.worst_channel(row).map(|value| value.to_string()),
                label.map(|value| u8::from(value).to_string()),
            ];
            let fields = fields.map(Option::unwrap_or_default).join(",");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{at},{},{fields}", row.score);
        }
        text
    }
}
