//! The threshold of an alarm, by what recordings of normal operation show.
//!
//! Windows that follow each other are not independent, which the mean run length of [`super::arl`] takes for granted:
//! scores that correlate by 0.9 have an alarm every 103 windows where 10,000 were meant. So the recordings are
//! replayed, and the threshold is the smallest one, not below that of the table, whose alarms are few enough.
//!
//! Alarms that follow each other are not independent either: a machine that wanders brings them in crowds, and the number
//! of crowds says more than that of alarms. So the threshold is chosen twice: by the bound for independent alarms, whose
//! alarms show how uneven they come ([`rate::dispersion`]), and then by the bound for such crowds. A replay without an
//! alarm shows no crowd: the bound is then one of crowds.

use super::rate::{dispersion, most_events, upper_rate_of_crowds, windows_for};
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
    /// By how much their number varies more than that of independent ones, at least 1; 1 without alarms.
    pub dispersion: f64,
    /// Largest rate of alarms per window that agrees with that, with probability [`rate::UPPER`].
    pub upper: f64,
}

impl Replay {
    /// The smallest threshold, not below that of independent windows, whose alarms in `windows` show the goal, as uneven
    /// as they come.
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
        let by_votes = |most: usize| {
            Error::input(format!(
                "score.alarm.votes alone raise {voted} alarms in {count} windows, and a mean of {} between two allows {most}; ask for more votes, or remove them",
                goal.arl
            ))
        };
        if voted > most {
            return Err(by_votes(most));
        }
        let plain = design(lowest(independent as f32, most, alarms));
        let times: Vec<usize> = raised(&plain, windows).collect();
        let uneven = dispersion(&times);
        let shows = |events: &usize| upper_rate_of_crowds(*events, count, uneven) * goal.arl <= 1.0;
        let most = (0..=most).rev().find(shows).unwrap_or(0);
        if voted > most {
            return Err(by_votes(most));
        }
        let design = design(lowest(independent as f32, most, alarms));
        let events = self::alarms(&design, windows);
        let dispersion = if events == 0 { 1.0 } else { uneven };
        let upper = upper_rate_of_crowds(events, count, dispersion);
        Ok(Self { design, independent, windows: count, events, dispersion, upper })
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

/// The smallest threshold above `independent` with at most so many alarms.
fn lowest(independent: f32, most: usize, alarms: impl Fn(f32) -> usize) -> f32 {
    // The number of alarms never rises with the threshold: between two alarms of the higher one the sum of the
    // lower one is not below, or has raised its own.
    let (mut low, mut high) = (independent.next_up().to_bits(), f32::MAX.to_bits());
    while low < high {
        let middle = low + (high - low) / 2;
        let is_enough = alarms(f32::from_bits(middle)) <= most;
        (low, high) = if is_enough { (low, middle) } else { (middle + 1, high) };
    }
    f32::from_bits(high)
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
