//! Whether one reading is better than another whatever training maximized; the module's doc has the reasons.

use super::meter::{Meter, Scale, Terms};
use crate::posterior::Posteriors;
use elbow_core::distributions::Family;
use std::collections::BTreeMap;

/// A difference is clear above so many paired standard errors.
pub(super) const ERRORS: f64 = 5.0;
/// From fewer rows nothing is concluded: their standard error is not known well enough.
pub(super) const ENOUGH: usize = 16;
/// Least difference, in nats, of an error.
const NATS: f64 = 0.1;
/// Logarithms of the factors of all variances, in steps of a half.
const STEPS: std::ops::RangeInclusive<i32> = -3..=5;
/// How far the logarithm of a variance may be drawn to its latent's mean.
const DRAWN: [f64; 2] = [1.0, 0.5];
/// Weights of the KL where the rows show none.
const BETAS: [f64; 4] = [0.1, 0.25, 1.0, 4.0];
/// Relative change of the means by which beta is found.
const CHANGE: f32 = 0.05;

/// Posteriors, and the family that the decoder's mean output is read by.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    pub q: &'a Posteriors,
    pub family: Family,
}

/// A mean of paired differences, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Difference {
    pub mean: f64,
    pub se: f64,
    /// How many pairs.
    pub rows: usize,
}

impl Difference {
    /// Mean and standard error of `first - second` over the rows where both are finite; `None` below two
    /// rows.
    pub fn of(first: &[f64], second: &[f64]) -> Option<Self> {
        let pairs = first.iter().zip(second).map(|(first, second)| first - second);
        let all: Vec<f64> = pairs.filter(|difference| difference.is_finite()).collect();
        let count = all.len() as f64;
        let mean = all.iter().sum::<f64>() / count;
        let squares: f64 = all.iter().map(|value| (value - mean).powi(2)).sum();
        let se = (squares / (count - 1.0) / count).sqrt();
        (all.len() > 1).then_some(Self { mean, se, rows: all.len() })
    }

    /// Whether the mean is more than [`ERRORS`] standard errors above zero, by at least [`ENOUGH`] rows.
    pub fn is_clear(self) -> bool {
        self.rows >= ENOUGH && self.mean > ERRORS * self.se
    }
}

/// Number of values that are finite.
pub(super) fn finite(values: &[f64]) -> usize {
    values.iter().filter(|value| value.is_finite()).count()
}

/// Whether, of at least [`ENOUGH`] rows, more than half have no finite ELBO under the second reading and more
/// than half have one under the first.
pub(super) fn loses_rows(first: &[f64], second: &[f64]) -> bool {
    second.len() >= ENOUGH && 2 * finite(second) < second.len() && 2 * finite(first) > first.len()
}

/// Whether `better` is clearly better than `worse`, by more than 0.1 nats, under every objective that `worse`
/// may have been trained by, or `worse` loses most rows. What is measured of `better` on the way is kept in
/// it.
pub(super) fn outweighs(meter: &mut Meter<'_>, better: &mut Ladder, worse: Read<'_>) -> bool {
    let mut all = DRAWN.map(|share| Ladder::of(Read { q: &drawn(worse.q, share), ..worse }));
    if loses_rows(&better.at(meter, 0).objective(1.0), &all[0].at(meter, 0).objective(1.0)) {
        return true;
    }
    let betas = betas(meter, worse);
    // The posteriors as declared come first: if they are not beaten, the shrunk ones need not be measured.
    all.iter_mut().all(|worse| {
        betas.iter().all(|beta| {
            let difference = Difference::of(&better.best(meter, *beta), &worse.best(meter, *beta));
            difference.is_some_and(|difference| difference.is_clear() && difference.mean > NATS)
        })
    })
}

/// The weights of the KL to try: half, once and twice the one that the reading shows (at least 0.1 and, for a
/// declared scale, at most 4), or [`BETAS`] where it shows none.
fn betas(meter: &mut Meter<'_>, of: Read<'_>) -> Vec<f64> {
    // Relative to a scale that nobody declared, the weight may be any.
    let most = if meter.scale == Scale::OfRows { f64::INFINITY } else { BETAS[3] };
    match shown(meter, of) {
        Some(Difference { mean: beta, .. }) => {
            [0.5, 1.0, 2.0].map(|factor| factor * beta.clamp(BETAS[0], most)).to_vec()
        }
        None => BETAS.to_vec(),
    }
}

/// The weight of the KL that the reading shows, `E[m . d ln p(x | z) / d m] / E[m^2]` at its means, by a
/// central difference; `None` below two finite rows or where it is not finite.
pub(super) fn shown(meter: &mut Meter<'_>, of: Read<'_>) -> Option<Difference> {
    let Read { q, family } = of;
    let mut at = |change: f32| {
        let loc = q.loc.iter().map(|mean| mean * (1.0 + change)).collect();
        let moved = Posteriors { loc, ..q.clone() };
        meter.terms(&moved, &[family]).remove(0).likelihood
    };
    let (up, down) = (at(CHANGE), at(-CHANGE));
    let Difference { mean, se, rows: pairs } = Difference::of(&up, &down)?;
    let squares: f64 = q.loc.iter().map(|mean| f64::from(*mean).powi(2)).sum();
    let rows = (q.loc.len() / q.latent.max(1)) as f64;
    let scale = 1.0 / (2.0 * f64::from(CHANGE) * squares / rows);
    let beta = Difference { mean: mean * scale, se: se * scale, rows: pairs };
    beta.mean.is_finite().then_some(beta)
}

/// The posteriors with log-variances at `share` of their distance from the mean over the rows of their
/// latent.
fn drawn(q: &Posteriors, share: f64) -> Posteriors {
    let mut means = vec![0.0; q.latent];
    let rows = (q.log_var.len() / q.latent.max(1)).max(1) as f64;
    for row in q.log_var.chunks(q.latent.max(1)) {
        means.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value) / rows);
    }
    let all = q.log_var.iter().zip(means.iter().cycle());
    let log_var = all.map(|(value, mean)| (mean + share * (f64::from(*value) - mean)) as f32);
    Posteriors { log_var: log_var.collect(), ..q.clone() }
}

/// Posteriors with all variances scaled by `e^(step / 2)`, and the terms of the steps measured so far.
pub(super) struct Ladder {
    q: Posteriors,
    family: Family,
    steps: BTreeMap<i32, Terms>,
}

impl Ladder {
    /// The ladder of a reading's posteriors, nothing measured yet.
    pub fn of(read: Read<'_>) -> Self {
        Self { q: read.q.clone(), family: read.family, steps: BTreeMap::new() }
    }

    /// The terms with all variances multiplied by `e^(step / 2)`, measured at the first call with this `step`
    /// and kept.
    fn at(&mut self, meter: &mut Meter<'_>, step: i32) -> &Terms {
        let Self { q, family, steps } = self;
        steps.entry(step).or_insert_with(|| {
            let factor = step as f32 / 2.0;
            let log_var = q.log_var.iter().map(|log_var| log_var + factor).collect();
            let scaled = Posteriors { log_var, ..q.clone() };
            meter.terms(&scaled, &[*family]).remove(0)
        })
    }

    /// The objective of every row at the factor of the variances where climbing from 1, within [`STEPS`],
    /// ends: up first, then down, while the sum grows and no rows are lost.
    fn best(&mut self, meter: &mut Meter<'_>, beta: f64) -> Vec<f64> {
        let (mut step, mut best) = (0, self.at(meter, 0).objective(beta));
        for direction in [1, -1] {
            while STEPS.contains(&(step + direction)) {
                let next = self.at(meter, step + direction).objective(beta);
                let is_better = finite(&next) >= finite(&best) && sum(&next) > sum(&best);
                if !is_better {
                    break;
                }
                (step, best) = (step + direction, next);
            }
        }
        best
    }
}

/// Sum of the finite values.
fn sum(values: &[f64]) -> f64 {
    values.iter().filter(|value| value.is_finite()).sum()
}
