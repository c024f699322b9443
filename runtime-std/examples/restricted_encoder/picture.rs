//! The picture: posteriors in the plane of the two causes, and the bound along the steps.

use super::dark::styled;
use super::model::Model;
use super::{STEPS, Story};
use elbow_core::distributions::DiagNormal;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error;
use std::f64::consts::TAU;
use std::path::Path;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;
type Drawn = Result<(), Box<dyn Error>>;
type Point = (f64, f64);

const SIDE: u32 = 460;
const INK: RGBColor = RGBColor(38, 42, 51);
const FAINT: RGBColor = RGBColor(222, 225, 230);
const TRUTH: RGBColor = RGBColor(204, 121, 167);
const BEST: RGBColor = RGBColor(0, 158, 115);
const ENCODER: RGBColor = RGBColor(213, 94, 0);
const REFINED: RGBColor = RGBColor(0, 114, 178);
/// The colours that another takes the place of on a dark page.
const DARK: [(RGBColor, &str); 4] =
    [(INK, "#e4e7ec"), (FAINT, "#3a404a"), (WHITE, "#14171c"), (REFINED, "#4aa8e0")];

/// Draws to an SVG file.
pub fn draw(path: &Path, model: &Model, story: &Story) -> Drawn {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (2 * SIDE, SIDE)).into_drawing_area();
        root.fill(&WHITE)?;
        let (left, right) = root.split_horizontally(SIDE);
        draw_plane(&left, model, story)?;
        draw_bounds(&right, story)?;
        root.present()?;
    }
    std::fs::write(path, styled(&svg, &DARK))?;
    Ok(())
}

/// Two standard deviations of every posterior, and the way from the encoder's to the refined one.
fn draw_plane(area: &Area<'_>, model: &Model, story: &Story) -> Drawn {
    let mean = model.mean(&story.reading);
    let (loc, [way @ .., last]) = ((mean[0], mean[1]), story.path.as_slice()) else {
        return Err("no path".into());
    };
    let encoder = way.first().unwrap_or(last);
    let outlines = [
        ("true posterior", TRUTH, tilted(model, loc)),
        ("best without a tilt", BEST, upright(&story.best)),
        ("the encoder's", ENCODER, upright(encoder)),
        ("refined", REFINED, upright(last)),
    ];
    let points = || outlines.iter().flat_map(|(_, _, outline)| outline);
    let (x, y) = (ends(points().map(|at| at.0)), ends(points().map(|at| at.1)));
    let reach = 0.55 * (x.1 - x.0).max(y.1 - y.0);
    let around = |(low, high): Point| 0.5 * (low + high) - reach..0.5 * (low + high) + reach;
    let title = "Posteriors of (z[0], z[1]), two deviations";
    let mut chart = chart(area, title, around(x), around(y))?;
    for (name, color, outline) in outlines {
        let line = chart.draw_series(LineSeries::new(outline, color.stroke_width(2)))?;
        line.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    let means = story.path.iter().map(|q| (f64::from(q.loc[0]), f64::from(q.loc[1])));
    chart.draw_series(LineSeries::new(means.clone(), REFINED.mix(0.6)))?;
    chart.draw_series(means.map(|at| Circle::new(at, 2, REFINED.filled())))?;
    legend(&mut chart, SeriesLabelPosition::LowerLeft)
}

/// The bound after every step, between the encoder's and what no upright normal exceeds.
fn draw_bounds(area: &Area<'_>, story: &Story) -> Drawn {
    let steps = STEPS as f64;
    let low = story.bounds.iter().copied().fold(story.evidence, f64::min);
    let room = 0.08 * (story.evidence - low);
    let title = "The same observation along the steps (nats)";
    let mut chart = chart(area, title, 0.0..steps, low - room..story.evidence + room)?;
    let levels = [
        ("ln p(x)", TRUTH, story.evidence),
        ("best without a tilt: approximation gap above", BEST, story.best_bound),
        ("the encoder's: amortization gap above", ENCODER, story.bounds[0]),
    ];
    for (name, color, level) in levels {
        let line = LineSeries::new([(0.0, level), (steps, level)], color.stroke_width(2));
        let line = chart.draw_series(line)?;
        line.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    let bounds = (0..).zip(&story.bounds).map(|(step, bound)| (f64::from(step), *bound));
    let line = chart.draw_series(LineSeries::new(bounds.clone(), REFINED.stroke_width(2)))?;
    line.label("refined").legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], REFINED));
    chart.draw_series(bounds.map(|at| Circle::new(at, 2, REFINED.filled())))?;
    legend(&mut chart, SeriesLabelPosition::MiddleRight)
}

/// Axes and title.
fn chart<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
) -> Result<Chart<'a, 'b>, Box<dyn Error>> {
    let label = ("sans-serif", 12).into_font().color(&INK);
    let mut builder = ChartBuilder::on(area);
    builder.margin(12).margin_right(24).x_label_area_size(28).y_label_area_size(48);
    builder.caption(title, ("sans-serif", 14).into_font().color(&INK));
    let mut chart = builder.build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).bold_line_style(FAINT).axis_style(FAINT);
    mesh.label_style(label).x_labels(6).y_labels(6).draw()?;
    Ok(chart)
}

fn legend<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>, place: SeriesLabelPosition) -> Drawn {
    let label = ("sans-serif", 12).into_font().color(&INK);
    let mut legend = chart.configure_series_labels();
    legend.position(place).background_style(WHITE.mix(0.8)).label_font(label).draw()?;
    Ok(())
}

/// The least and the greatest.
fn ends(values: impl Iterator<Item = f64>) -> Point {
    values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)))
}

/// The unit circle, closed.
fn circle() -> impl Iterator<Item = Point> {
    (0..=120).map(|part| (TAU * f64::from(part) / 120.0).sin_cos())
}

/// Two deviations of a diagonal normal.
fn upright(q: &DiagNormal<2>) -> Vec<Point> {
    let [a, b] = q.loc.map(f64::from);
    let [s, t] = q.log_var.map(|rho| 2.0 * (0.5 * f64::from(rho)).exp());
    circle().map(|(sin, cos)| (a + s * sin, b + t * cos)).collect()
}

/// Two deviations of the true posterior.
fn tilted(model: &Model, centre: Point) -> Vec<Point> {
    let (a, b) = centre;
    let eigen = model.precision.clone().symmetric_eigen();
    let (vectors, scales) = (eigen.eigenvectors, eigen.eigenvalues.map(|l| 2.0 / l.sqrt()));
    let turned = |(sin, cos): Point, row| {
        vectors[(row, 0)] * scales[0] * sin + vectors[(row, 1)] * scales[1] * cos
    };
    circle().map(|at| (a + turned(at, 0), b + turned(at, 1))).collect()
}
