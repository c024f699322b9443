//! What a number of rows or windows can say of a rate.

use crate::error::{Error, Result};
use statrs::distribution::{Beta, ChiSquared, ContinuousCDF};

/// Probability that the real rate of anomalies lies within the bounds that are printed.
pub const CONFIDENCE: f64 = 0.9;
/// Probability that the real rate of alarms lies below the bound that is used.
pub const UPPER: f64 = 0.95;

/// Bounds of the share of normal observations with a score below the one of rank `rank` among `rows` exchangeable
/// ones: quantiles of Beta(rank, rows + 1 - rank) (Vovk, 2012), between which the share lies with probability
/// [`CONFIDENCE`].
///
/// # Errors
///
/// The rank is not between 1 and `rows`.
pub fn bounds_of_rate(rank: usize, rows: usize) -> Result<[f64; 2]> {
    let beta = (1..=rows).contains(&rank).then(|| Beta::new(rank as f64, (rows + 1 - rank) as f64));
    let Some(Ok(beta)) = beta else {
        return Err(Error::input(format!(
            "rank {rank} of {rows} scores says nothing of a rate; give more rows"
        )));
    };
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Ok([tail, 1.0 - tail].map(|share| beta.inverse_cdf(share)))
}

/// Largest rate of events per window that agrees with `events` in `windows`, with probability [`UPPER`]:
/// `chi2(0.95; 2 events + 2) / (2 windows)` (Garwood, 1936). Infinite for no window.
pub fn upper_rate(events: usize, windows: usize) -> f64 {
    upper_rate_of_crowds(events, windows, 1.0)
}

/// [`upper_rate`] of events that come in crowds: the variance of their number is `dispersion` times its mean, at least
/// once, so that they tell as much as `events / dispersion` independent ones in `windows / dispersion` windows
/// (quasi-Poisson; McCullagh and Nelder, 1989). Approximate where the dispersion is an estimate.
pub fn upper_rate_of_crowds(events: usize, windows: usize, dispersion: f64) -> f64 {
    let degrees = 2.0 * events as f64 / dispersion + 2.0;
    let quantile = ChiSquared::new(degrees).map_or(f64::INFINITY, |chi| chi.inverse_cdf(UPPER));
    dispersion * quantile / (2.0 * windows as f64)
}

/// Stretches into which a replay is cut to count events.
const BLOCKS: usize = 10;

/// By how much the number of events varies more than that of independent ones, by the windows that they come at, in
/// ascending order and below `windows`: the larger of `of_gaps`, which knows crowds of any number, and `of_blocks`, which
/// knows stretches of a tenth of the recording in which events are more frequent. At least 1; `None` for fewer than three
/// events, which show no crowd. A recording with all of its events in one crowd has about as many as the dispersion.
pub fn dispersion(times: &[usize], windows: usize) -> Option<f64> {
    (times.len() >= 3).then(|| of_gaps(times, windows).max(of_blocks(times, windows)).max(1.0))
}

/// The squared coefficient of variation of the times between events, which a long renewal process has as the ratio of
/// variance and mean of its number (Cox, 1962). The stretch after the last event and that before the first are one of the
/// times, as if the recording were a circle: one crowd is seen by it alone.
fn of_gaps(times: &[usize], windows: usize) -> f64 {
    let within = times.windows(2).map(|pair| pair[1] - pair[0]);
    let around = times.iter().take(1).zip(times.last()).map(|(first, last)| windows + first - last);
    let gaps: Vec<f64> = within.chain(around).map(|gap| gap as f64).collect();
    let [mean, variance] = mean_and_variance(&gaps);
    variance / (mean * mean)
}

/// The index of dispersion of counts: variance by mean of the number of events in [`BLOCKS`] stretches as long as each
/// other (Cox and Lewis, 1966).
fn of_blocks(times: &[usize], windows: usize) -> f64 {
    let mut counts = [0.0; BLOCKS];
    for time in times {
        counts[(time * BLOCKS / windows).min(BLOCKS - 1)] += 1.0;
    }
    let [mean, variance] = mean_and_variance(&counts);
    variance / mean
}

/// Mean and unbiased variance of at least two values.
fn mean_and_variance(values: &[f64]) -> [f64; 2] {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    [mean, squares / (count - 1.0)]
}

/// Most events in `windows` that show a mean of at least `arl` windows between two; `None` where not even none does.
pub fn most_events(windows: usize, arl: f64) -> Option<usize> {
    let shows = |events: usize| upper_rate(events, windows) * arl <= 1.0;
    shows(0).then(|| {
        // The bound is above events / windows, so that there are at most windows / arl.
        let most = (windows as f64 / arl) as usize;
        (0..=most).rev().find(|events| shows(*events)).unwrap_or(0)
    })
}

/// Least number of windows whose replay without an event shows a mean of `arl` between two: 3.0 times as many.
pub fn windows_for(arl: f64) -> usize {
    (upper_rate(0, 1) * arl).ceil() as usize
}
