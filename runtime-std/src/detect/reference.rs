//! Moments of the posteriors of normal windows, and when moving averages have left them.

use super::events::{Bounded, Unbounded, too_uneven};
use crate::error::{Context, Error, Result};
use crate::model::{Aggregate, Loaded};
use crate::npy;
use crate::posterior::Posteriors;
use elbow_core::detect::{DriftDesign, Moment};
use elbow_core::infer::Posterior;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Rows of the file of a reference: mean and variance of `loc`, then of `loc^2 + exp(log_var)`.
pub const ROWS: usize = 4;

/// What a reference that is missing or damaged needs.
const CURE: &str = "run `elbow calibrate` again";

/// The values of the reference that the manifest's `[drift]` names, `[4, latents]`; `None` without that table.
///
/// # Errors
///
/// An input error where the file cannot be read or has another shape.
pub fn read(loaded: &Loaded) -> Result<Option<Vec<f32>>> {
    let drift = loaded.manifest.as_ref().and_then(|manifest| manifest.drift.as_ref());
    let Some(drift) = drift else { return Ok(None) };
    let path = loaded.folder.join(&drift.reference);
    let latents = loaded.amortized().map(|(encoder, _)| encoder.latent()).unwrap_or_default();
    let array = npy::read(&path).context("drift.reference")?;
    if array.shape != [ROWS, latents] {
        return Err(Error::input(format!(
            "{}: found shape {:?}, expected [{ROWS}, {latents}]; {CURE}",
            path.display(),
            array.shape
        )));
    }
    Ok(Some(array.values))
}

/// The error on `mahalanobis` without a reference.
pub fn missing() -> Error {
    Error::input(format!(
        "score: mahalanobis needs mean and variance of the latents, which [drift] reference has; {CURE}"
    ))
}

/// The aggregate posterior of a reference `[4, latents]`: its variance is the mean of `loc^2 + exp(log_var)` less the
/// squared mean of `loc`, in f64, rounded once.
///
/// # Errors
///
/// An input error where a variance is not above 0 or not finite.
pub fn aggregate(reference: &[f32]) -> Result<Aggregate> {
    let latents = reference.len() / ROWS;
    let (mean, second) = (&reference[..latents], &reference[2 * latents..3 * latents]);
    let variance = |(mean, second): (&f32, &f32)| {
        (f64::from(*second) - f64::from(*mean) * f64::from(*mean)) as f32
    };
    let var: Vec<f32> = mean.iter().zip(second).map(variance).collect();
    if let Some(latent) = var.iter().position(|var| !(*var > 0.0 && var.is_finite())) {
        return Err(Error::input(format!(
            "drift.reference: latent {latent} has the variance {}, of which mahalanobis is no number; use another score, or {CURE}",
            var[latent]
        )));
    }
    Ok(Aggregate { mean: mean.to_vec(), var })
}

/// Mean and variance over `rows` of `loc`, and mean and variance of `loc^2 + exp(log_var)`, each for all latents in
/// turn: `[4, latents]`. NaN without a row.
pub fn moments(posteriors: &Posteriors, rows: &[usize]) -> Vec<f32> {
    let first = |row: usize, at: usize| f64::from(posteriors.row(row).0[at]);
    let second =
        |row: usize, at: usize| first(row, at).powi(2) + f64::from(posteriors.row(row).1[at]).exp();
    let mut all = Vec::with_capacity(ROWS * posteriors.latent);
    for moment in [&first as &dyn Fn(usize, usize) -> f64, &second] {
        let of = |at: usize| mean_and_variance(rows.iter().map(move |row| moment(*row, at)));
        let both: Vec<[f64; 2]> = (0..posteriors.latent).map(of).collect();
        all.extend(both.iter().map(|[mean, _]| *mean as f32));
        all.extend(both.iter().map(|[_, variance]| *variance as f32));
    }
    all
}

/// Mean and mean squared deviation; NaN of nothing.
fn mean_and_variance(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    [mean, values.map(|value| (value - mean).powi(2)).sum::<f64>() / count]
}

/// The moments as the device has them, for latent after latent, from a reference `[4, latents]`.
pub fn of_device(reference: &[f32], lambda: f64) -> Vec<Moment> {
    let latents = reference.len() / ROWS;
    let row = |row: usize, latent: usize| reference[row * latents + latent];
    let moment = |latent: usize, first: usize| {
        Moment::new(row(first, latent), row(first + 1, latent), lambda as f32)
    };
    (0..latents).flat_map(|latent| [moment(latent, 0), moment(latent, 2)]).collect()
}

/// A threshold of drift, and what the replay showed of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriftReplay {
    /// Windows that were replayed.
    pub windows: usize,
    /// Drift is reported above the threshold; the averages begin anew after each report, an event.
    pub bounded: Bounded,
}

impl DriftReplay {
    /// A threshold whose reports in `rows` show a mean of `arl` windows between two, as uneven as they come, and that a
    /// chi-squared variable with as many degrees of freedom as there are moments exceeds with probability
    /// `1 / arl` at most. `design` is the weight of the newest window, and `arl`. `None` where so few windows show no such
    /// mean, or nothing varies.
    ///
    /// # Errors
    ///
    /// An input error where the reports come so uneven that more windows are needed, or the statistic is infinite
    /// too often.
    pub fn new(
        posteriors: &Posteriors,
        rows: &[usize],
        moments: &[Moment],
        design: (f64, f64),
    ) -> Result<Option<Self>> {
        let (lambda, arl) = design;
        let windows = rows.len();
        let degrees = moments.iter().filter(|moment| moment.weight > 0.0).count();
        let Ok(chi) = ChiSquared::new(degrees as f64) else { return Ok(None) };
        let bounded = |arl: f64| {
            let least = chi.inverse_cdf(1.0 - 1.0 / arl) as f32;
            Bounded::new(windows, arl, least, |threshold| {
                let design = DriftDesign { lambda: lambda as f32, threshold, moments };
                reports(posteriors, rows, &design)
            })
        };
        match bounded(arl) {
            Ok(bounded) => Ok(Some(Self { windows, bounded })),
            Err(Unbounded::TooFew) => Ok(None),
            Err(Unbounded::Uneven(uneven)) => {
                Err(too_uneven("reports of drift", windows, arl, uneven, bounded))
            }
            Err(Unbounded::Always { events, most }) => Err(Error::input(format!(
                "drift: the distance is infinite in {events} of {windows} windows, and --arl {arl} allows {most}; leave these windows out, or correct the encoder"
            ))),
        }
    }
}

/// The places in `rows` of the windows at which the statistic exceeds the threshold; the averages begin anew after each.
fn reports(posteriors: &Posteriors, rows: &[usize], design: &DriftDesign<'_>) -> Vec<usize> {
    let mut w = vec![0.0; design.moments.len()];
    let mut reports = |row: usize| {
        let (loc, log_var) = posteriors.row(row);
        let above = design.step(&mut w, Posterior { loc, log_var }) > design.threshold;
        if above {
            w.fill(0.0);
        }
        above
    };
    rows.iter().enumerate().filter_map(|(at, row)| reports(*row).then_some(at)).collect()
}
