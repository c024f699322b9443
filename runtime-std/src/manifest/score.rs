//! `[score]`: which observations count as anomalous, how often a normal one does, and when an alarm is raised.
//!
//! A person writes the kind, the tail and alpha; `elbow calibrate` writes what it has measured.

use super::Manifest;
use super::refine::MOST as MOST_DRAWS;
use crate::precision::Precision;
use serde::Deserialize;
use std::path::PathBuf;

/// Most readings of votes that a device remembers, one bit each.
const MOST_VOTES: u8 = 32;
/// Steps of alpha in 1: it is counted in parts per million, since `0.29 * 100.0` is below 29.
pub const PARTS: f64 = 1e6;

/// `[score]`: when an observation counts as anomalous.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// What is computed.
    pub kind: ScoreKind,
    /// Draws of the kinds that are estimated; [`Score::samples`] has the default.
    pub samples: Option<u32>,
    /// Which scores are unusual.
    #[serde(default)]
    pub tail: TailName,
    /// Share of normal observations that count as anomalous.
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// Observations with a score below it count as anomalous: that of the calibration at `alpha`, or, without a
    /// calibration, one that was chosen by other means.
    pub threshold: Option<f32>,
    /// File of the sorted scores of normal observations that trained nothing, `[rows]`.
    pub calibration: Option<PathBuf>,
    /// Median log-likelihood of each channel over the calibration's rows, in nats; empty where unknown.
    #[serde(default)]
    pub channel_log_likelihood: Vec<f32>,
    /// What the calibration belongs to and shows.
    pub calibrated: Option<Calibrated>,
    /// Calibrations of single operating modes.
    #[serde(default)]
    pub mode: Vec<ModeTable>,
    /// When a sequence of scores raises an alarm.
    pub alarm: Option<AlarmTable>,
}

/// Which score; higher is more normal for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreKind {
    /// `ln p(x | z = loc) - KL(q || prior)`
    ElboAtMean,
    /// `ln p(x | z = loc)`
    Reconstruction,
    /// `E_q ln p(x | z) - KL(q || prior)`, by draws.
    Elbo,
    /// The importance-weighted bound, by draws.
    Iwae,
    /// `ln p(x)` of a flow.
    LogProb,
    /// `ELBO(q) - ELBO(refined q)`, both by the same draws.
    Regret,
    /// `-KL(q || prior)`
    Kl,
    /// `-sum (loc - m)^2 / s^2` with mean and variance of the aggregate posterior.
    Mahalanobis,
}

/// Which scores are unusual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TailName {
    /// Low ones.
    #[default]
    Low,
    /// Low and high ones: what is quieter than the training data scores better than it.
    Both,
}

/// `[score.calibrated]`: what the calibration belongs to, and the bound that it shows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrated {
    /// Fingerprint of the plans and checksum of the weights, in hexadecimal: `0123456789abcdef-01234567`.
    pub model: String,
    /// Arithmetic of the scores.
    pub precision: Precision,
    /// Number of scores in the calibration.
    pub rows: usize,
    /// Bounds of the share of normal observations that count as anomalous at `alpha`.
    pub rate: [f64; 2],
    /// Probability that the share lies within the bounds, where the rows are exchangeable.
    #[serde(default = "confidence")]
    pub confidence: f64,
    /// How the rows were made exchangeable.
    pub basis: Exchangeable,
}

/// How calibration rows were made exchangeable with those of the device, weakest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchangeable {
    /// Disjoint windows of several recordings.
    Recordings,
    /// Disjoint windows of one recording.
    Blocks,
    /// Rows as they were given, about whose origin nothing is known.
    Rows,
}

/// `[[score.mode]]`: the calibration of one operating mode.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeTable {
    /// The mode's number.
    pub index: usize,
    /// File of its sorted scores, `[rows]`.
    pub calibration: PathBuf,
}

/// `[score.alarm]`: a cumulative sum of `-ln p`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmTable {
    /// Exponent of the bet against uniform p; the smaller, the better for faults that show in few windows.
    pub kappa: f64,
    /// Mean number of scored windows between two false alarms, at least.
    pub arl: f64,
    /// Every how many windows one is scored.
    pub every: u32,
    /// An alarm is raised when the sum exceeds it, in nats / (1 - kappa).
    pub threshold: f64,
    /// So many anomalies, in so many scored windows, raise an alarm as well.
    pub votes: Option<[u8; 2]>,
    /// Scored windows of the replay by which the threshold was chosen.
    pub windows: Option<usize>,
    /// Alarms in that replay.
    pub events: Option<usize>,
    /// By how much their number varies more than that of independent ones; `None` where too few came to show it.
    pub dispersion: Option<f64>,
    /// Largest rate per scored window that agrees with that: of alarms, or of crowds of them without a dispersion.
    pub upper_rate: Option<f64>,
}

/// The default of `alpha`, 1 %.
fn alpha() -> f64 {
    0.01
}

/// The default of `confidence`, 90 %.
fn confidence() -> f64 {
    0.9
}

impl ScoreKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::ElboAtMean,
        Self::Reconstruction,
        Self::Elbo,
        Self::Iwae,
        Self::LogProb,
        Self::Regret,
        Self::Kl,
        Self::Mahalanobis,
    ];

    /// Its name, as in `elbo_at_mean`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ElboAtMean => "elbo_at_mean",
            Self::Reconstruction => "reconstruction",
            Self::Elbo => "elbo",
            Self::Iwae => "iwae",
            Self::LogProb => "log_prob",
            Self::Regret => "regret",
            Self::Kl => "kl",
            Self::Mahalanobis => "mahalanobis",
        }
    }

    /// The kind of that name; an error lists all names.
    ///
    /// # Errors
    ///
    /// A sentence where there is no such kind.
    pub fn named(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no kind of score is called {name:?}, expected one of {names}")
        })
    }

    /// Whether it is the mean over draws.
    pub fn is_estimated(self) -> bool {
        matches!(self, Self::Elbo | Self::Iwae)
    }

    /// Whether it takes the posterior, or several posteriors would have to share one prior.
    fn takes_prior(self) -> bool {
        !matches!(self, Self::Reconstruction | Self::LogProb)
    }

    /// The table without which it cannot be computed, of those that `manifest` lacks; `None` where it lacks none.
    fn lacks(self, manifest: &Manifest) -> Option<&'static str> {
        let needs = match self {
            Self::ElboAtMean | Self::Reconstruction | Self::Elbo | Self::Iwae => {
                [("[decoder]", manifest.decoder.is_some()), ("[encoder]", true)]
            }
            Self::Regret => {
                [("[decoder]", manifest.decoder.is_some()), ("[refine]", manifest.refine.is_some())]
            }
            Self::LogProb => [("[flow]", manifest.flow.is_some()), ("[encoder]", true)],
            Self::Kl | Self::Mahalanobis => {
                [("[encoder]", manifest.encoder.is_some()), ("[encoder]", true)]
            }
        };
        needs.into_iter().find(|(_, has)| !has).map(|(table, _)| table)
    }
}

impl TailName {
    /// Its name, `low` or `both`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Both => "both",
        }
    }
}

impl Exchangeable {
    /// Its name, as in `recordings`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recordings => "recordings",
            Self::Blocks => "blocks",
            Self::Rows => "rows",
        }
    }
}

impl Score {
    /// A score with a threshold of its own and no calibration.
    pub fn by_threshold(kind: ScoreKind, threshold: f32) -> Self {
        Self { threshold: Some(threshold), ..Self::of_kind(kind) }
    }

    /// A score of this kind with neither threshold nor calibration.
    pub fn of_kind(kind: ScoreKind) -> Self {
        Self {
            kind,
            samples: None,
            tail: TailName::Low,
            alpha: alpha(),
            threshold: None,
            calibration: None,
            channel_log_likelihood: Vec::new(),
            calibrated: None,
            mode: Vec::new(),
            alarm: None,
        }
    }

    /// Draws of the kinds that are estimated: as given, or 16.
    pub fn samples(&self) -> u32 {
        self.samples.unwrap_or(16)
    }

    /// `alpha` in parts per million, rounded.
    pub fn alpha_ppm(&self) -> u64 {
        (self.alpha * PARTS).round() as u64
    }

    /// Adds to `problems` what is wrong with its values, and with those of its tables.
    fn check(&self, problems: &mut Vec<String>) {
        if !(self.alpha * PARTS >= 0.5 && self.alpha < 1.0) {
            problems.push(format!(
                "score.alpha: found {}, expected a share between 0 and 1, in steps of 0.000001",
                self.alpha
            ));
        }
        if let Some(threshold) = self.threshold.filter(|threshold| !threshold.is_finite()) {
            problems.push(format!("score.threshold: found {threshold}, expected a finite number"));
        }
        match self.samples {
            Some(_) if !self.kind.is_estimated() => problems.push(format!(
                "score.samples: {} takes no draws, only elbo and iwae do; remove it",
                self.kind.name()
            )),
            Some(samples) if !(1..=MOST_DRAWS).contains(&samples) => {
                problems.push(format!("score.samples: found {samples}, expected 1 to {MOST_DRAWS}"))
            }
            _ => {}
        }
        if let Some(bad) = self.channel_log_likelihood.iter().find(|value| !value.is_finite()) {
            problems.push(format!(
                "score.channel_log_likelihood: found {bad}, expected finite numbers"
            ));
        }
        self.check_calibration(problems);
    }

    /// Adds to `problems`: a calibration without the table that says what it belongs to, or the other way
    /// round; modes or an alarm without a calibration; modes listed twice; and wrong values of the tables.
    fn check_calibration(&self, problems: &mut Vec<String>) {
        let again = "run `elbow calibrate` again, which writes both";
        match (&self.calibration, &self.calibrated) {
            (Some(_), None) => problems.push(format!(
                "score.calibration: [score.calibrated] does not say which model and precision it belongs to; {again}"
            )),
            (None, Some(_)) => problems.push(format!(
                "[score.calibrated] belongs to scores, and score.calibration names none; {again}"
            )),
            (None, None) => {
                let tables = [("[score.alarm]", self.alarm.is_some()), ("[[score.mode]]", !self.mode.is_empty())];
                for (table, _) in tables.iter().filter(|(_, given)| *given) {
                    problems.push(format!(
                        "{table} needs score.calibration; run `elbow calibrate`, or remove the table"
                    ));
                }
            }
            (Some(_), Some(_)) => {}
        }
        for (at, mode) in self.mode.iter().enumerate() {
            if self.mode[..at].iter().any(|other| other.index == mode.index) {
                problems.push(format!(
                    "score.mode[{at}].index: {} is listed twice; give each mode one calibration",
                    mode.index
                ));
            }
        }
        if let Some(calibrated) = &self.calibrated {
            calibrated.check(problems);
        }
        if let Some(alarm) = &self.alarm {
            alarm.check(problems);
        }
    }
}

impl Calibrated {
    /// Adds to `problems`: a name of a model that is not two hexadecimal numbers, no row, and bounds or a
    /// confidence that are no probabilities.
    fn check(&self, problems: &mut Vec<String>) {
        let is_hex = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let parts = self.model.split_once('-');
        if !parts.is_some_and(|(plan, weights)| is_hex(plan, 16) && is_hex(weights, 8)) {
            problems.push(format!(
                "score.calibrated.model: found {:?}, expected the plan's fingerprint and the weights' checksum (16 and 8 hexadecimal digits with - between); run `elbow calibrate` again",
                self.model
            ));
        }
        if self.rows == 0 {
            problems.push("score.calibrated.rows: found 0, expected at least 1".into());
        }
        let [low, high] = self.rate;
        if !(0.0 <= low && low <= high && high <= 1.0) {
            problems.push(format!(
                "score.calibrated.rate: found [{low}, {high}], expected [low, high] with shares between 0 and 1"
            ));
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            problems.push(format!(
                "score.calibrated.confidence: found {}, expected a probability between 0 and 1",
                self.confidence
            ));
        }
    }
}

impl AlarmTable {
    /// Whether its rate is that of crowds of alarms: the replay had too few to show how uneven they come. False for a
    /// manifest of an older version, which does not say.
    pub fn is_of_crowds(&self) -> bool {
        self.upper_rate.is_some() && self.dispersion.is_none()
    }

    /// Adds to `problems`: a kappa outside (0, 1), an ARL that is not finite or at most 1, no window in `every`,
    /// a threshold that is not positive, a dispersion below 1, a rate that is not positive, and votes that are not `[k, n]` with `1 <= k <= n <= 32`.
    fn check(&self, problems: &mut Vec<String>) {
        if !(self.kappa > 0.0 && self.kappa < 1.0) {
            problems.push(format!(
                "score.alarm.kappa: found {}, expected a number between 0 and 1, such as 0.3",
                self.kappa
            ));
        }
        if !(self.arl.is_finite() && self.arl > 1.0) {
            problems.push(format!(
                "score.alarm.arl: found {}, expected a number of windows above 1",
                self.arl
            ));
        }
        if self.every == 0 {
            problems.push("score.alarm.every: found 0, expected at least 1".into());
        }
        if !(self.threshold.is_finite() && self.threshold > 0.0) {
            problems.push(format!(
                "score.alarm.threshold: found {}, expected a finite number above 0",
                self.threshold
            ));
        }
        if let Some(dispersion) =
            self.dispersion.filter(|value| !(value.is_finite() && *value >= 1.0))
        {
            problems.push(format!(
                "score.alarm.dispersion: found {dispersion}, expected a finite number from 1 on"
            ));
        }
        if let Some(rate) = self.upper_rate.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
            problems.push(format!(
                "score.alarm.upper_rate: found {rate}, expected a finite number above 0"
            ));
        }
        if let Some([k, n]) = self.votes
            && !(1 <= k && k <= n && n <= MOST_VOTES)
        {
            problems.push(format!(
                "score.alarm.votes: found [{k}, {n}], expected [k, n]: k anomalies in n windows, 1 <= k <= n <= {MOST_VOTES}"
            ));
        }
    }
}

impl Manifest {
    /// Adds to `problems` what is wrong with `[score]`, where there is one: its values, a table that its kind
    /// needs, several posteriors, and another number of channels than the window's.
    pub(super) fn check_score(&self, problems: &mut Vec<String>) {
        let Some(score) = &self.score else { return };
        score.check(problems);
        let kind = score.kind.name();
        if let Some(table) = score.kind.lacks(self) {
            problems.push(format!("score: {kind} needs a {table}; add it or remove [score]"));
        }
        if score.kind.takes_prior() && self.latent.len() > 1 {
            problems.push(format!(
                "score: {kind} takes one posterior and the prior N(0, I), which the posteriors of a hierarchy do not share; remove [score]"
            ));
        }
        let found = score.channel_log_likelihood.len();
        let channels = self.window.as_ref().map_or(found, |window| window.channels);
        if found != 0 && found != channels {
            problems.push(format!(
                "score.channel_log_likelihood: found {found} values, expected one per channel ({channels})"
            ));
        }
    }
}
