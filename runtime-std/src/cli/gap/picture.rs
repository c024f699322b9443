//! The picture of the gaps: every row's amortization gap by rank, and the ladder from ELBO to log p(x).

use crate::cli::draw::{self, BLUE, Failure, GREEN, INK, Mark, Panel, VERMILION};
use elbow::gap::GapReport;

const HEIGHT: u32 = 380;

/// The picture as the text of an SVG file; the report has at least one row.
///
/// # Errors
///
/// What the drawing library reports.
pub fn draw(report: &GapReport) -> Result<String, Failure> {
    draw::grid(&[vec![&gaps(report)], vec![&ladder(report)]], draw::WIDTH)
}

/// Every row's amortization gap as a bar, the largest left, and their mean as a dashed line, which shows how few rows
/// hold most of it.
fn gaps(report: &GapReport) -> Panel {
    let mut gaps = report.gaps.clone();
    gaps.sort_by(|a, b| b.total_cmp(a));
    let bar = |(at, gap): (usize, &f64)| [(at as f64 + 0.1, 0.0), (at as f64 + 0.9, *gap)];
    let bars = gaps.iter().enumerate().map(bar).collect();
    let panel = Panel::new("Amortization gap (nats)", "rows, the largest gap first", HEIGHT);
    panel
        .over(0.0..gaps.len().max(1) as f64)
        .of_rows()
        .named(Mark::Bars(bars, VERMILION), "a row")
        .named(Mark::Level(report.amortization_gap.summary.mean, INK), "mean")
}

/// The means of ELBO, ELBO after each refinement, optimized ELBO, full-rank ELBO and log p(x) as short lines one above the
/// other, with two standard errors by the draws, in nats.
fn ladder(report: &GapReport) -> Panel {
    let refined = report
        .refined
        .iter()
        .map(|refined| (format!("{} refinement steps", refined.steps), refined.elbo, GREEN));
    let first = ("encoder".to_string(), report.elbo, VERMILION);
    let last = [
        ("optimized".to_string(), report.elbo_optimized, BLUE),
        ("full rank".to_string(), report.elbo_full_rank, BLUE),
        (format!("log p(x), {}", report.log_p.method.name()), report.log_p.summary, INK),
    ];
    let steps: Vec<_> = [first].into_iter().chain(refined).chain(last).collect();
    let count = steps.len();
    let mut panel = Panel::new("ELBO and log p(x), means over the rows", "nats", HEIGHT);
    let values = steps.iter().map(|(_, summary, _)| summary.mean).filter(|mean| mean.is_finite());
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let span = (high - low).max(1e-3);
    panel = panel.over(low - 0.08 * span..high + 0.3 * span).within(-0.5..count as f64 - 0.3);
    for (at, (name, summary, color)) in steps.into_iter().enumerate() {
        let y = (count - 1 - at) as f64;
        let [from, to] = [-2.0, 2.0].map(|k| summary.mean + k * summary.se);
        panel = panel
            .with(Mark::Bars(vec![[(from, y - 0.09), (to, y + 0.09)]], color))
            .with(Mark::Dots(vec![(summary.mean, y)], 4, color))
            .with(Mark::Words(vec![(
                (low - 0.04 * span, y + 0.42),
                format!("{name} {:.3}", summary.mean),
            )]));
    }
    panel.without_heights()
}
