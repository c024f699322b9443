//! What several pictures show along time or rows: posteriors, spans, long recordings.

use super::panel::{Mark, Panel};
use super::{BLUE, INK, VERMILION};
use std::ops::Range;

/// Bands thinner than this share of the panel get a panel of their own.
const THIN: f64 = 0.06;
/// Points of a line; of a longer one the least and greatest of each part are kept.
const POINTS: usize = 1400;

/// A posterior of one latent at one place.
#[derive(Clone, Copy, Debug)]
pub struct Belief {
    /// Time or row.
    pub at: f64,
    /// Mean.
    pub loc: f64,
    /// Two standard deviations.
    pub two: f64,
}

impl Belief {
    /// The posterior with this mean and log-variance at a place.
    pub fn new(at: f64, loc: f32, log_var: f32) -> Self {
        Self { at, loc: f64::from(loc), two: 2.0 * (0.5 * f64::from(log_var)).exp() }
    }
}

/// A panel of a latent with its mean and band; where the band is thin, a second one shows it about its mean.
pub fn latent(number: usize, beliefs: &[Belief], over: &Range<f64>) -> Vec<Panel> {
    let dots = dots_of_few(beliefs.iter().map(|own| (own.at, own.loc)).collect());
    let band = beliefs.iter().map(|own| (own.at, own.loc - own.two, own.loc + own.two)).collect();
    let means = thinned(beliefs.iter().map(|own| (own.at, own.loc)).collect());
    let mut panel = Panel::new(format!("z[{number}]"), "", 96).over(over.clone());
    panel = panel.without_places();
    panel = panel.named(Mark::Band(band, BLUE), "two standard deviations");
    panel = panel.named(Mark::Line(means, BLUE), "mean");
    if let Some(dots) = dots {
        panel = panel.with(dots);
    }
    let ends =
        super::axis::range(beliefs.iter().flat_map(|own| [own.loc - own.two, own.loc + own.two]));
    let mut widths: Vec<f64> = beliefs.iter().map(|own| 2.0 * own.two).collect();
    widths.sort_by(f64::total_cmp);
    let median = widths.get(widths.len() / 2).copied().unwrap_or(0.0);
    if median >= THIN * (ends.end - ends.start) || beliefs.len() < 2 {
        return vec![panel];
    }
    let own = beliefs.iter().map(|own| (own.at, -own.two, own.two)).collect();
    let zoom = Panel::new(format!("z[{number}] less its mean"), "", 72).over(over.clone());
    let zoom = zoom.without_places();
    vec![panel, zoom.with(Mark::Band(own, BLUE)).with(Mark::Level(0.0, INK))]
}

/// Dots at the points where there are so few that a line shows little.
pub fn dots_of_few(points: Vec<(f64, f64)>) -> Option<Mark> {
    (points.len() <= 40).then_some(Mark::Dots(points, 3, BLUE))
}

/// The points of a line with at most twice [`POINTS`] of them: of each part of a longer one the least and the greatest.
pub fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= 2 * POINTS {
        return points;
    }
    let part = points.len().div_ceil(POINTS);
    let ends = |part: &[(f64, f64)]| {
        let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = [part.iter().min_by(by_y), part.iter().max_by(by_y)];
        let mut ends: Vec<(f64, f64)> = ends.into_iter().flatten().copied().collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        ends
    };
    points.chunks(part).flat_map(ends).collect()
}

/// Spans of flagged places, each from its `start` to its place; those that touch are one.
pub fn spans(flagged: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut all: Vec<(f64, f64)> = Vec::new();
    for (from, to) in flagged {
        match all.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => all.push((from, to)),
        }
    }
    all
}

/// Numbers at the axis of x of the last panel, with their unit.
pub fn foot(panels: &mut [Panel], unit: &str) {
    panels.iter_mut().for_each(|panel| panel.whole = unit != "seconds");
    if let Some(last) = panels.last_mut() {
        last.x = unit.into();
        last.height += if last.across { 18 } else { 34 };
        last.across = true;
    }
}

/// A panel of scores with dots where they are flagged, and a dashed threshold where there is one. Scores far below all
/// others are drawn at the lower end, which the title says.
pub fn score(title: &str, points: &[(f64, f64, bool)], threshold: Option<f64>) -> Panel {
    let floor = floor(points.iter().map(|(_, score, _)| *score).chain(threshold));
    let below = points.iter().filter(|(_, score, _)| *score < floor).count();
    let title = match below {
        0 => title.to_string(),
        _ => format!("{title}; {below} are below the axis, and drawn at its end"),
    };
    let line = points.iter().map(|(at, score, _)| (*at, score.max(floor)));
    let line = thinned(line.collect());
    let flagged = points.iter().filter(|(.., flagged)| *flagged);
    let flagged: Vec<(f64, f64)> = flagged.map(|(at, score, _)| (*at, score.max(floor))).collect();
    let mut panel = Panel::new(title, "", 210).named(Mark::Line(line, INK), "score");
    if let Some(threshold) = threshold {
        panel = panel.named(Mark::Level(threshold, VERMILION), "threshold");
    }
    panel.named(Mark::Dots(flagged, 3, VERMILION), "flagged")
}

/// The lower end of an axis for these values: `median - 12 (p95 - median)`, where one of them lies below
/// `median - 60 (p95 - median)`; else minus infinity, also of no finite value.
fn floor(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted.get((share * sorted.len() as f64) as usize).copied();
    let (Some(least), Some(middle), Some(high)) = (sorted.first(), at(0.5), at(0.95)) else {
        return f64::NEG_INFINITY;
    };
    // The lower half may be the outliers; the upper one tells how far scores scatter.
    let floor = middle - 12.0 * (high - middle).max(1e-9);
    if *least < middle - 60.0 * (high - middle).max(1e-9) { floor } else { f64::NEG_INFINITY }
}
