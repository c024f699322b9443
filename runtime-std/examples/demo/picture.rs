//! The demo's picture: recording, posterior and score along one time axis.

use super::dark::styled;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;

/// What is drawn.
pub struct Picture<'a> {
    /// Readings, one row of channels each.
    pub recording: &'a [Vec<f32>],
    /// Readings per second.
    pub rate: f32,
    /// Seconds of a window.
    pub length: f32,
    /// One per window, in order.
    pub windows: &'a [Inferred],
    /// Scores below this are flagged.
    pub threshold: Option<f32>,
}

/// What the device said of one window.
pub struct Inferred {
    /// Time of its last reading, in seconds.
    pub time: f32,
    /// Means of the posterior.
    pub loc: Vec<f32>,
    /// Log-variances of the posterior.
    pub log_var: Vec<f32>,
    /// ELBO at the mean, in nats.
    pub score: f32,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const WIDTH: u32 = 1120;
const RECORDING_HEIGHT: u32 = 276;
const LATENT_HEIGHT: u32 = 84;
const DEVIATION_HEIGHT: u32 = 150;
const SCORE_HEIGHT: u32 = 210;
const LABELS: u32 = 64;

const INK: RGBColor = RGBColor(38, 42, 51);
const FAINT: RGBColor = RGBColor(222, 225, 230);
const POSTERIOR: RGBColor = RGBColor(0, 114, 178);
const FLAG: RGBColor = RGBColor(213, 94, 0);
/// Ankle, leg and trunk, three shades each of orange, green and purple.
const CHANNELS: [RGBColor; 9] = [
    RGBColor(184, 127, 0),
    RGBColor(230, 159, 0),
    RGBColor(243, 190, 80),
    RGBColor(0, 118, 86),
    RGBColor(0, 158, 115),
    RGBColor(90, 190, 160),
    RGBColor(150, 80, 118),
    RGBColor(204, 121, 167),
    RGBColor(225, 170, 200),
];
/// Of the deviations of the latents.
const LATENTS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(86, 180, 233),
    RGBColor(204, 121, 167),
];
/// The colours that another takes the place of on a dark page.
const DARK: [(RGBColor, &str); 5] = [
    (INK, "#e4e7ec"),
    (FAINT, "#3a404a"),
    (WHITE, "#14171c"),
    (POSTERIOR, "#4aa8e0"),
    (FLAG, "#f0803c"),
];

/// The picture as the text of an SVG file.
pub fn draw(picture: &Picture<'_>) -> Result<String, Box<dyn Error>> {
    let latents = picture.windows.first().map_or(0, |w| w.loc.len());
    let middle = LATENT_HEIGHT * latents as u32;
    let height = RECORDING_HEIGHT + middle + DEVIATION_HEIGHT + SCORE_HEIGHT;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE)?;
        let (recording, rest) = root.split_vertically(RECORDING_HEIGHT);
        let (posterior, rest) = rest.split_vertically(middle);
        let (deviation, score) = rest.split_vertically(DEVIATION_HEIGHT);
        draw_recording(&recording, picture)?;
        for (latent, area) in posterior.split_evenly((latents, 1)).iter().enumerate() {
            draw_latent(area, picture, latent)?;
        }
        draw_deviations(&deviation, picture, latents)?;
        draw_score(&score, picture)?;
        root.present()?;
    }
    Ok(styled(&svg, &DARK))
}

/// The spans of the windows below the threshold, in seconds; those that touch are one.
fn flagged(picture: &Picture<'_>) -> Vec<(f32, f32)> {
    let is_flagged = |w: &&Inferred| picture.threshold.is_some_and(|limit| w.score < limit);
    let mut spans: Vec<(f32, f32)> = Vec::new();
    for window in picture.windows.iter().filter(is_flagged) {
        let from = window.time - picture.length;
        match spans.last_mut() {
            Some(last) if from <= last.1 => last.1 = window.time,
            _ => spans.push((from, window.time)),
        }
    }
    spans
}

/// Two standard deviations of every latent, which are thin beside the means.
fn draw_deviations(area: &Area<'_>, picture: &Picture<'_>, latents: usize) -> Drawn {
    let two = |w: &Inferred, latent: usize| 2.0 * (0.5 * w.log_var[latent]).exp();
    let all = picture.windows.iter().flat_map(|w| (0..latents).map(move |latent| two(w, latent)));
    let title =
        "Two standard deviations of each latent, z[0] to z[5] in the colours of the squares";
    let mut chart = Panel { title, range: range(all), marks: 4 }.chart(area, picture, 0)?;
    for (latent, color) in (0..latents).zip(LATENTS) {
        let line = picture.windows.iter().map(|w| (w.time, two(w, latent)));
        chart.draw_series(LineSeries::new(line, color.stroke_width(1)))?;
        let left = WIDTH as i32 - 34 - 16 * (latents - latent) as i32;
        area.draw(&Rectangle::new([(left, 6), (left + 11, 17)], color.filled()))?;
    }
    Ok(())
}

fn draw_recording(area: &Area<'_>, picture: &Picture<'_>) -> Drawn {
    let values = picture.recording.iter().flatten().map(|v| v / 1000.0);
    let title = "Recording: ankle, leg and trunk, three axes each (g); flagged windows shaded";
    let range = range(values);
    let mut chart = Panel { title, range: range.clone(), marks: 5 }.chart(area, picture, 30)?;
    let spans =
        flagged(picture).into_iter().map(|(from, to)| [(from, range.start), (to, range.end)]);
    chart.draw_series(spans.map(|at| Rectangle::new(at, FLAG.mix(0.18).filled())))?;
    for (channel, color) in CHANNELS.iter().enumerate() {
        let points = picture.recording.iter().enumerate().filter_map(|(row, reading)| {
            Some((row as f32 / picture.rate, reading.get(channel)? / 1000.0))
        });
        chart.draw_series(LineSeries::new(points, color.stroke_width(1)))?;
    }
    Ok(())
}

fn draw_latent(area: &Area<'_>, picture: &Picture<'_>, latent: usize) -> Drawn {
    let band = |w: &Inferred| {
        let (loc, scale) = (w.loc[latent], (0.5 * w.log_var[latent]).exp());
        (w.time, loc, 2.0 * scale)
    };
    let bands: Vec<_> = picture.windows.iter().map(band).collect();
    let title = match latent {
        0 => "Posterior on the device: mean and two standard deviations of z[0]".to_string(),
        _ => format!("z[{latent}]"),
    };
    let ends = bands.iter().flat_map(|(_, loc, two)| [loc - two, loc + two]);
    let mut chart =
        Panel { title: &title, range: range(ends), marks: 3 }.chart(area, picture, 0)?;
    let upper = bands.iter().map(|(time, loc, two)| (*time, loc + two));
    let lower = bands.iter().rev().map(|(time, loc, two)| (*time, loc - two));
    let outline: Vec<_> = upper.chain(lower).collect();
    chart.draw_series([Polygon::new(outline, POSTERIOR.mix(0.28))])?;
    let means = bands.iter().map(|(time, loc, _)| (*time, *loc));
    chart.draw_series(LineSeries::new(means, POSTERIOR.stroke_width(1)))?;
    Ok(())
}

fn draw_score(area: &Area<'_>, picture: &Picture<'_>) -> Drawn {
    let scores = picture.windows.iter().map(|w| w.score).chain(picture.threshold);
    let title = "Score: ELBO at the mean (nats), threshold dashed, flagged windows marked";
    let mut chart = Panel { title, range: range(scores), marks: 4 }.chart(area, picture, 36)?;
    let points = picture.windows.iter().map(|w| (w.time, w.score));
    chart.draw_series(LineSeries::new(points, INK.stroke_width(1)))?;
    if let Some(threshold) = picture.threshold {
        let line = [(0.0, threshold), (duration(picture), threshold)];
        chart.draw_series(DashedLineSeries::new(line, 6, 5, FLAG.stroke_width(1)))?;
        let flagged = picture.windows.iter().filter(|w| w.score < threshold);
        chart.draw_series(flagged.map(|w| Circle::new((w.time, w.score), 4, FLAG.filled())))?;
    }
    Ok(())
}

/// One panel along the common time axis.
struct Panel<'a> {
    title: &'a str,
    range: std::ops::Range<f32>,
    marks: usize,
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf32, plotters::coord::types::RangedCoordf32>,
>;

impl Panel<'_> {
    /// Axes and title; `below` leaves room for time labels where there are any.
    fn chart<'a, 'b>(
        self,
        area: &'a Area<'b>,
        picture: &Picture<'_>,
        below: u32,
    ) -> Result<Chart<'a, 'b>, Box<dyn Error>> {
        let label = ("sans-serif", 12).into_font().color(&INK);
        let title = ("sans-serif", 13).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Top));
        area.draw(&Text::new(self.title.to_string(), (LABELS as i32, 4), title))?;
        let mut builder = ChartBuilder::on(area);
        builder.margin_top(22).margin_right(18).y_label_area_size(LABELS);
        builder.x_label_area_size(below);
        let mut chart = builder.build_cartesian_2d(0.0..duration(picture), self.range)?;
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(TRANSPARENT).bold_line_style(FAINT).axis_style(FAINT);
        mesh.label_style(label).x_labels(12).y_labels(self.marks);
        mesh.x_label_formatter(&|t| format!("{t:.0} s"));
        mesh.draw()?;
        Ok(chart)
    }
}

fn duration(picture: &Picture<'_>) -> f32 {
    picture.recording.len() as f32 / picture.rate
}

/// From the least to the greatest value, with a little room.
fn range(values: impl Iterator<Item = f32>) -> std::ops::Range<f32> {
    let (low, high) = values.fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let room = 0.05 * (high - low).max(1e-3);
    low - room..high + room
}
