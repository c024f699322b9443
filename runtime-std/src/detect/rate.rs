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
/// (quasi-Poisson; McCullagh and Nelder, 1989).
pub fn upper_rate_of_crowds(events: usize, windows: usize, dispersion: f64) -> f64 {
    let degrees = 2.0 * events as f64 / dispersion + 2.0;
    let quantile = ChiSquared::new(degrees).map_or(f64::INFINITY, |chi| chi.inverse_cdf(UPPER));
    dispersion * quantile / (2.0 * windows as f64)
}

/// By how much the number of events varies more than that of independent ones, by the times of the events: the squared
/// coefficient of variation of the times between them, which a long renewal process has as the ratio of variance and mean
/// of its number (Cox, 1962). At least 1, and 1 for fewer than three events, which show no crowd.
pub fn dispersion(times: &[usize]) -> f64 {
    let between: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    if between.len() < 2 {
        return 1.0;
    }
    let count = between.len() as f64;
    let mean = between.iter().sum::<f64>() / count;
    let squares: f64 = between.iter().map(|time| (time - mean) * (time - mean)).sum();
    (squares / (count - 1.0) / (mean * mean)).max(1.0)
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
