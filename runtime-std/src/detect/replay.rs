//! The threshold of an alarm, by what recordings of normal operation show.
//!
//! Windows that follow each other are not independent, which the mean run length of [`super::arl`] takes for granted:
//! scores that correlate by 0.9 have an alarm every 103 windows where 10,000 were meant. So the recordings are
//! replayed, and the threshold is the smallest one, not below that of the table, whose alarms are few enough.

use super::rate::{most_events, upper_rate, windows_for};
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
    /// Largest rate of alarms per window that agrees with that, with probability [`rate::UPPER`].
    pub upper: f64,
}

impl Replay {
    /// The smallest threshold, not below that of independent windows, whose alarms in `windows` show the goal.
    ///
    /// # Errors
    ///
    /// An input error with the largest number of windows that can be shown: there are too few, or the votes alone
    /// raise too many alarms.
    pub fn new(windows: &[Counted], goal: &Goal) -> Result<Self> {
        let count = windows.len();
        let most = most_events(count, goal.arl).ok_or_else(|| too_few(count, goal.arl))?;
        let independent = arl::threshold(goal.kappa, goal.arl);
        let k = arl::drift(goal.kappa) as f32;
        let design = |h| AlarmDesign { k, h, votes: goal.votes };
        let alarms = |h| alarms(&design(h), windows);
        let voted = alarms(f32::MAX);
        if voted > most {
            return Err(Error::input(format!(
                "score.alarm.votes alone raise {voted} alarms in {count} windows, and a mean of {} between two allows {most}; ask for more votes, or remove them",
                goal.arl
            )));
        }
        // The number of alarms never rises with the threshold: between two alarms of the higher one the sum of the
        // lower one is not below, or has raised its own.
        let (mut low, mut high) = ((independent as f32).next_up().to_bits(), f32::MAX.to_bits());
        while low < high {
            let middle = low + (high - low) / 2;
            let is_enough = alarms(f32::from_bits(middle)) <= most;
            (low, high) = if is_enough { (low, middle) } else { (middle + 1, high) };
        }
        let design = design(f32::from_bits(high));
        let events = self::alarms(&design, windows);
        Ok(Self { design, independent, windows: count, events, upper: upper_rate(events, count) })
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

/// Number of alarms in `windows`, each acknowledged at once.
pub fn alarms(design: &AlarmDesign, windows: &[Counted]) -> usize {
    let mut cusum = Cusum::NEW;
    let raises = |window: &&Counted| {
        let alarm = cusum.step(design, window.surprise, window.is_anomaly);
        cusum.acknowledge();
        alarm
    };
    windows.iter().filter(raises).count()
}

/// The largest number of windows between two alarms that `windows` without one can show.
pub fn largest_arl(windows: usize) -> f64 {
    upper_rate(0, windows).recip()
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
