//! The threshold of an alarm, by what recordings of normal operation show.
//!
//! Windows that follow each other are not independent, which the mean run length of [`super::arl`] takes for granted:
//! scores that correlate by 0.9 have an alarm every 103 windows where 10,000 were meant. So the recordings are
//! replayed, and the threshold is the smallest one, not below that of the table, whose alarms are few enough.
//!
//! [`Bounded`] says what few enough is where alarms come in crowds.

use super::events::{Bounded, Unbounded, too_uneven};
use super::rate::windows_for;
use super::{arl, rate};
use crate::error::{Error, Result};
use elbow_core::detect::{AlarmDesign, Cusum, Standing, Votes};

/// One window of a replay, as the alarm counts it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// `-ln p`
    pub surprise: f32,
    /// Whether `p <= alpha`.
    pub is_anomaly: bool,
}

impl Counted {
    /// A window that stands so, at this alpha in parts per million.
    pub fn new(standing: &Standing, alpha_ppm: u64) -> Self {
        let alpha = u32::try_from(alpha_ppm).unwrap_or(u32::MAX);
        Self { surprise: standing.surprise, is_anomaly: standing.is_within(alpha) }
    }
}

/// What an alarm is to hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// Exponent of the bet, in (0, 1).
    pub kappa: f64,
    /// Windows between two false alarms, at least.
    pub arl: f64,
    /// Votes that raise an alarm as well.
    pub votes: Option<Votes>,
}

/// A threshold, and what the replay showed of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replay {
    /// The alarm, as the device has it.
    pub design: AlarmDesign,
    /// The threshold for independent windows.
    pub independent: f64,
    /// Windows that were replayed.
    pub windows: usize,
    /// Alarms in them.
    pub events: usize,
    /// By how much their number varies more than that of independent ones, at least 1, at the threshold that would do
    /// for independent ones; `None` where fewer than three come there, which show no crowd.
    pub dispersion: Option<f64>,
    /// Largest rate per window that agrees with that, with probability [`rate::UPPER`]: approximately that of alarms
    /// where the dispersion is known, which is itself an estimate, otherwise that of crowds of alarms.
    pub upper: f64,
}

impl Replay {
    /// The smallest threshold, not below that of independent windows, whose alarms in `windows` show the goal, as uneven
    /// as they come.
    ///
    /// # Errors
    ///
    /// An input error with the largest number of windows that can be shown: there are too few, also for alarms that come
    /// so uneven, or the votes alone raise too many alarms.
    pub fn new(windows: &[Counted], goal: &Goal) -> Result<Self> {
        let count = windows.len();
        let bounded = |arl| bounded(windows, &Goal { arl, ..*goal });
        let found = bounded(goal.arl).map_err(|refused| match refused {
            Unbounded::TooFew => too_few(count, goal.arl),
            Unbounded::Uneven(uneven) => too_uneven("alarms", count, goal.arl, uneven, bounded),
            Unbounded::Always { events, most } => Error::input(format!(
                "score.alarm.votes alone raise {events} alarms in {count} windows, and a mean of {} between two allows {most}; ask for more votes, or remove them",
                goal.arl
            )),
        })?;
        let Bounded { threshold, events, dispersion, upper } = found;
        let design = design(goal, threshold);
        let independent = arl::threshold(goal.kappa, goal.arl);
        Ok(Self { design, independent, windows: count, events, dispersion, upper })
    }

    /// The largest number of windows between two alarms, or crowds of them, that so many windows can show where alarms
    /// come as uneven.
    pub fn largest_arl(&self) -> f64 {
        rate::upper_rate_of_crowds(0, self.windows, self.dispersion.unwrap_or(1.0)).recip()
    }

    /// Windows of the least p-value, one after the other, that raise an alarm; `None` where not even they do. `most`
    /// is the largest surprise of a window.
    pub fn shortest(&self, most: f32) -> Option<usize> {
        let mut cusum = Cusum::NEW;
        let silent = AlarmDesign { votes: None, ..self.design };
        let rises = most > self.design.k;
        rises.then(|| 1 + (0..).take_while(|_| !cusum.step(&silent, most, true)).count())
    }
}

/// The alarm of this goal with a threshold.
fn design(goal: &Goal, h: f32) -> AlarmDesign {
    AlarmDesign { k: arl::drift(goal.kappa) as f32, h, votes: goal.votes }
}

/// The smallest threshold above that of independent windows that shows the goal.
///
/// # Errors
///
/// What keeps every threshold from showing it.
fn bounded(windows: &[Counted], goal: &Goal) -> std::result::Result<Bounded, Unbounded> {
    let least = (arl::threshold(goal.kappa, goal.arl) as f32).next_up();
    // The number of alarms never rises with the threshold: between two alarms of the higher one the sum of the
    // lower one is not below, or has raised its own.
    let times = |h| raised(&design(goal, h), windows).collect();
    Bounded::new(windows.len(), goal.arl, least, times)
}

/// Number of alarms in `windows`, each acknowledged at once.
pub fn alarms(design: &AlarmDesign, windows: &[Counted]) -> usize {
    raised(design, windows).count()
}

/// The windows that raise an alarm, each acknowledged at once.
fn raised(design: &AlarmDesign, windows: &[Counted]) -> impl Iterator<Item = usize> {
    let mut cusum = Cusum::NEW;
    windows.iter().enumerate().filter_map(move |(at, window)| {
        let alarm = cusum.step(design, window.surprise, window.is_anomaly);
        cusum.acknowledge();
        alarm.then_some(at)
    })
}

/// The largest number of windows between two alarms that `windows` without one can show.
pub fn largest_arl(windows: usize) -> f64 {
    rate::upper_rate(0, windows).recip()
}

/// The input error that so few windows do not show such a mean.
fn too_few(windows: usize, arl: f64) -> Error {
    Error::input(format!(
        "--arl {arl}: {windows} windows cannot show it, even without an alarm; they show at most {:.0} ({} % confidence): record at least {} disjoint windows, or give --arl {:.0}",
        largest_arl(windows).floor(),
        100.0 * rate::UPPER,
        windows_for(arl),
        largest_arl(windows).floor()
    ))
}
