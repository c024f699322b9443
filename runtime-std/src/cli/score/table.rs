//! One line per row: the score, its terms, and what they mean.

use super::sequence::Sequence;
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

    /// Whether it decides at all.
    pub fn decides(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// The calibration, where it is one.
    pub fn calibration(&self) -> Option<&Calibration> {
        match self {
            Self::Calibration(calibration) => Some(calibration),
            Self::Threshold(_) | Self::Nothing => None,
        }
    }

    /// Whether the row is anomalous, as one is whose score is NaN or was computed from values beyond the range of
    /// integers; `None` where nothing decides.
    pub fn is_anomaly(&self, row: &RowScore) -> Option<bool> {
        let RowScore { score, outside, .. } = *row;
        match self {
            Self::Calibration(own) => Some(own.standing(score, outside).is_within(own.alpha_ppm)),
            Self::Threshold(threshold) => Some(outside || score.is_nan() || score < *threshold),
            Self::Nothing => None,
        }
    }

    /// The p-value of the row; `None` without a calibration.
    pub fn p(&self, row: &RowScore) -> Option<f32> {
        self.calibration().map(|own| own.standing(row.score, row.outside).p())
    }
}

/// The scores of all rows, with labels, and with what decides on a row.
pub struct Table {
    rows: Vec<RowScore>,
    labels: Option<Vec<bool>>,
    judge: Judge,
    sequence: Option<Sequence>,
    /// Median log-likelihood of each channel over normal rows; empty where unknown.
    reference: Vec<f32>,
}

impl Table {
    /// Names of [`fields`](Self::fields).
    pub const COLUMNS: &'static str =
        "score,log_likelihood,kl,p,anomaly,outside,worst_channel,cusum,alarm,label";

    /// The table of these scores of the kind of `score`, which lie in the order of time: of the windows that were
    /// due, those that `scored` says.
    pub fn new(
        score: &Score,
        judge: Judge,
        rows: Vec<RowScore>,
        labels: Option<Vec<bool>>,
        scored: &[bool],
    ) -> Self {
        let mut in_turn = rows.iter();
        let due = scored.iter().map(|scored| if *scored { in_turn.next() } else { None });
        let sequence =
            judge.calibration().and_then(|calibration| Sequence::of(score, calibration, due));
        Self { labels, judge, sequence, reference: score.channel_log_likelihood.clone(), rows }
    }

    /// The rows, in order.
    pub fn rows(&self) -> &[RowScore] {
        &self.rows
    }

    /// The alarm over the rows; `None` without one.
    pub fn sequence(&self) -> Option<&Sequence> {
        self.sequence.as_ref()
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
        self.rows.iter().map(|row| self.judge.is_anomaly(row)).collect()
    }

    /// The channel whose log-likelihood lies furthest below its median over normal rows, of each row; below that of the
    /// other channels of the row where no medians are known. `None` where the score has no channels.
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

    /// Names and bytes of the files: `scores.csv`, which is given, and `score.npy`; `p.npy` with a calibration.
    pub fn files(&self, csv: String) -> Vec<(String, Vec<u8>)> {
        let scores: Vec<f32> = self.scores().collect();
        let shape = [scores.len()];
        let mut files = vec![
            ("scores.csv".to_string(), csv.into_bytes()),
            ("score.npy".to_string(), npy::encode(&shape, &scores)),
        ];
        let p: Option<Vec<f32>> = self.rows.iter().map(|row| self.judge.p(row)).collect();
        files.extend(p.map(|p| ("p.npy".to_string(), npy::encode(&shape, &p))));
        files
    }

    /// A header and a line per row.
    pub fn csv(&self) -> String {
        let mut text = format!("row,{}\n", Self::COLUMNS);
        for at in 0..self.rows.len() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{at},{}", self.fields(at));
        }
        text
    }

    /// The fields of row number `at` with commas between; one that does not exist is empty, and all are for a row that
    /// does not exist.
    pub fn fields(&self, at: usize) -> String {
        let flag = |value: bool| u8::from(value).to_string();
        let row = self.rows.get(at);
        let sequence = self.sequence.as_ref();
        let fields = [
            row.map(|row| row.score.to_string()),
            row.and_then(|row| row.log_likelihood).map(|value| value.to_string()),
            row.and_then(|row| row.kl).map(|value| value.to_string()),
            row.and_then(|row| self.judge.p(row)).map(|value| value.to_string()),
            row.and_then(|row| self.judge.is_anomaly(row)).map(flag),
            row.map(|row| flag(row.outside)),
            row.and_then(|row| self.worst_channel(row)).map(|value| value.to_string()),
            sequence.and_then(|own| own.cusum(at)).map(|value| value.to_string()),
            sequence.and_then(|own| own.raised().get(at).copied()).map(flag),
            self.labels().and_then(|labels| labels.get(at).copied()).map(flag),
        ];
        fields.map(Option::unwrap_or_default).join(",")
    }
}
