//! The smallest threshold whose events in a replay are few enough: of alarms, and of reports of drift.
//!
//! Events that follow each other are not independent: a machine that wanders brings them in crowds, and the number of
//! crowds says more than that of events. So the threshold is chosen twice: by the bound for independent events, whose times
//! show how uneven they come ([`rate::dispersion`](super::rate::dispersion)), and then by the bound for such crowds. Fewer
//! than three events show no crowd: the bound is then one of crowds.

use super::rate::{UPPER, dispersion, most_events, upper_rate_of_crowds, windows_for};
use crate::error::Error;

/// A threshold, and what its events show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounded {
    /// The threshold.
    pub threshold: f32,
    /// Events at it.
    pub events: usize,
    /// By how much the number of events varies more than that of independent ones, at the threshold for independent ones;
    /// `None` where fewer than three come there.
    pub dispersion: Option<f64>,
    /// Largest rate per window that agrees with that, with probability [`UPPER`]: of events, approximately, where
    /// the dispersion is known, otherwise of crowds of them.
    pub upper: f64,
}

/// Why no threshold shows the goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unbounded {
    /// So few windows would not show it even without an event.
    TooFew,
    /// Nor would they where events come as uneven as at the threshold for independent ones, by this dispersion.
    Uneven(f64),
    /// There are more events at any threshold than the goal allows.
    Always {
        /// Events at the highest threshold.
        events: usize,
        /// Events that are allowed.
        most: usize,
    },
}

impl Bounded {
    /// The smallest threshold from `least` on whose events in so many windows show a mean of `arl` between two. `times`
    /// gives the windows of the events at a threshold, which are never more at a higher one.
    ///
    /// # Errors
    ///
    /// What keeps every threshold from showing it.
    pub fn new(
        windows: usize,
        arl: f64,
        least: f32,
        times: impl Fn(f32) -> Vec<usize>,
    ) -> Result<Self, Unbounded> {
        let most = most_events(windows, arl).ok_or(Unbounded::TooFew)?;
        let plain = lowest(least, most, &times)?;
        let dispersion = dispersion(&times(plain), windows);
        let uneven = dispersion.unwrap_or(1.0);
        let shows = |events: &usize| upper_rate_of_crowds(*events, windows, uneven) * arl <= 1.0;
        let most = (0..=most).rev().find(shows).ok_or(Unbounded::Uneven(uneven))?;
        let threshold = lowest(plain, most, &times)?;
        let events = times(threshold).len();
        let upper = upper_rate_of_crowds(events, windows, uneven);
        Ok(Self { threshold, events, dispersion, upper })
    }
}

/// The smallest threshold from `least` on with at most so many events; [`Unbounded::Always`] where there is none.
fn lowest(least: f32, most: usize, times: impl Fn(f32) -> Vec<usize>) -> Result<f32, Unbounded> {
    let events = times(f32::MAX).len();
    if events > most {
        return Err(Unbounded::Always { events, most });
    }
    let (mut low, mut high) = (least.to_bits(), f32::MAX.to_bits());
    while low < high {
        let middle = low + (high - low) / 2;
        let is_enough = times(f32::from_bits(middle)).len() <= most;
        (low, high) = if is_enough { (low, middle) } else { (middle + 1, high) };
    }
    Ok(f32::from_bits(high))
}

/// The input error that events, called `events`, come so uneven that the windows do not show `arl`. `bounded` gives
/// what another mean would have, by which one that is shown is looked for.
pub fn too_uneven(
    events: &str,
    windows: usize,
    arl: f64,
    dispersion: f64,
    bounded: impl Fn(f64) -> Result<Bounded, Unbounded>,
) -> Error {
    let largest = |dispersion| upper_rate_of_crowds(0, windows, dispersion).recip().floor();
    let cure = match shown(arl, dispersion, largest, bounded) {
        Some(arl) => format!(", or give --arl {arl}, which they show"),
        None => String::new(),
    };
    Error::input(format!(
        "--arl {arl}: {events} come in crowds, their number varies {dispersion:.1} times as much as that of independent ones, and {windows} windows as uneven show at most a mean of {:.0} between two, even without one ({} % confidence, approximately): record at least {} disjoint windows in order{cure}",
        largest(dispersion),
        100.0 * UPPER,
        windows_for(dispersion * arl)
    ))
}

/// A mean below `arl` that `bounded` shows, at most `largest` of the dispersion that each larger one has met; `None` where
/// there is none above 1.
fn shown(
    arl: f64,
    dispersion: f64,
    largest: impl Fn(f64) -> f64,
    bounded: impl Fn(f64) -> Result<Bounded, Unbounded>,
) -> Option<f64> {
    let (mut arl, mut dispersion) = (arl, dispersion);
    loop {
        arl = largest(dispersion).min((arl - 1.0).floor());
        if arl <= 1.0 {
            return None;
        }
        match bounded(arl) {
            Ok(_) => return Some(arl),
            Err(Unbounded::Uneven(found)) => dispersion = found,
            Err(Unbounded::TooFew | Unbounded::Always { .. }) => return None,
        }
    }
}
