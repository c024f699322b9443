//! The picture of the gaps: every row's amortization gap by rank, and the ladder from ELBO to log p(x).

use elbow::gap::GapReport;
use elbow::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

const SIZE: (u32, u32) = (1000, 420);
const LEFT: u32 = 600;
const INK: RGBColor = RGBColor(38, 42, 51);
const FAINT: RGBColor = RGBColor(222, 225, 230);
const AMORTIZATION: RGBColor = RGBColor(200, 60, 50);
const APPROXIMATION: RGBColor = RGBColor(35, 97, 146);

/// Checks that `path` has the extension `.svg`, in letters of any case, before anything is measured.
///
/// # Errors
///
/// An input error with the cure.
pub fn check(path: &Path) -> Result<()> {
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("svg") => Ok(()),
        _ => Err(Error::input(format!(
            "--picture {}: expected the name of an .svg file",
            path.display()
        ))),
    }
}

/// The picture as the text of an SVG file; the report has at least one row.
///
/// # Errors
///
/// What the drawing library reports.
pub fn draw(report: &GapReport) -> std::result::Result<String, Box<dyn std::error::Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (gaps, ladder) = root.split_horizontally(LEFT);
        draw_gaps(&gaps, report)?;
        draw_ladder(&ladder, report)?;
        root.present()?;
    }
    Ok(svg)
}

/// Draws every row's amortization gap as a bar, the largest left, and their mean as a dashed line, which
/// shows how few rows hold most of it. The report has at least one row.
fn draw_gaps(area: &Area<'_>, report: &GapReport) -> Drawn {
    let mut gaps = report.gaps.clone();
    gaps.sort_by(|a, b| b.total_cmp(a));
    let top = 1.05 * gaps.first().copied().unwrap_or(0.0).max(1e-3);
    let low = gaps.last().copied().unwrap_or(0.0).min(0.0);
    let title = format!("{}: amortization gap of each row (nats), mean dashed", report.model);
    let mut builder = ChartBuilder::on(area);
    builder.caption(title, ("sans-serif", 14).into_font().color(&INK)).margin(14);
    builder.x_label_area_size(28).y_label_area_size(48);
    let mut chart = builder.build_cartesian_2d(0.0..gaps.len() as f64, low..top)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().bold_line_style(FAINT).light_line_style(TRANSPARENT);
    mesh.x_desc("rows, the largest gap first").axis_style(FAINT).draw()?;
    chart.draw_series(gaps.iter().enumerate().map(|(at, gap)| {
        let at = at as f64;
        Rectangle::new([(at, 0.0), (at + 0.9, *gap)], AMORTIZATION.mix(0.7).filled())
    }))?;
    let mean = report.amortization_gap.summary.mean;
    let line = [(0.0, mean), (gaps.len() as f64, mean)];
    chart.draw_series(DashedLineSeries::new(line, 6, 5, INK.stroke_width(1)))?;
    Ok(())
}

/// Draws the means of ELBO, optimized ELBO, full-rank ELBO and log p(x) as four short lines from left to
/// right, in nats.
fn draw_ladder(area: &Area<'_>, report: &GapReport) -> Drawn {
    let steps = [
        ("ELBO", report.elbo.mean),
        ("optimized", report.elbo_optimized.mean),
        ("full rank", report.elbo_full_rank.mean),
        ("log p(x)", report.log_p.summary.mean),
    ];
    let [(_, low), .., (_, high)] = steps;
    let room = 0.1 * (high - low).max(1e-3);
    let mut builder = ChartBuilder::on(area);
    let title = "Means (nats)";
    builder.caption(title, ("sans-serif", 14).into_font().color(&INK)).margin(14);
    builder.y_label_area_size(64).x_label_area_size(28);
    let range = low - room..high + 2.0 * room;
    let mut chart = builder.build_cartesian_2d(0.0..steps.len() as f64, range)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().disable_x_axis().bold_line_style(FAINT).light_line_style(TRANSPARENT);
    mesh.axis_style(FAINT).draw()?;
    for (at, (name, nats)) in steps.iter().enumerate() {
        let color = if at < 2 { AMORTIZATION } else { APPROXIMATION };
        let at = at as f64;
        let line = [(at + 0.1, *nats), (at + 0.9, *nats)];
        chart.draw_series(LineSeries::new(line, color.stroke_width(3)))?;
        let label = format!("{name} {nats:.3}");
        let font = ("sans-serif", 12).into_font().color(&INK);
        chart.draw_series([Text::new(label, (at + 0.1, nats + 0.6 * room), font)])?;
    }
    Ok(())
}
