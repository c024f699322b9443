//! The picture of what a board found: posterior bands and score along its time.

use crate::cli::output;
use elbow::device::WindowFinding;
use elbow::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Sketched = std::result::Result<(), Box<dyn std::error::Error>>;

const WIDTH: u32 = 1120;
const LATENT_HEIGHT: u32 = 84;
const SCORE_HEIGHT: u32 = 210;
const INK: RGBColor = RGBColor(38, 42, 51);
const FAINT: RGBColor = RGBColor(222, 225, 230);
const POSTERIOR: RGBColor = RGBColor(35, 97, 146);
const FLAG: RGBColor = RGBColor(200, 60, 50);
/// From one drawing to the next.
const PAUSE: Duration = Duration::from_secs(2);
/// Windows that are drawn: the last.
const WINDOWS: usize = 2000;

/// A picture that is drawn anew every two seconds.
pub struct Picture {
    path: PathBuf,
    windows: Vec<WindowFinding>,
    drawn_at: Instant,
}

impl Picture {
    /// The picture of no window yet, which is not drawn. An input error unless `path` ends in `.svg`.
    pub fn new(path: &Path) -> Result<Self> {
        if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("svg")) {
            return Err(Error::input(format!(
                "--picture {}: expected the name of an .svg file",
                path.display()
            )));
        }
        Ok(Self { path: path.into(), windows: Vec::new(), drawn_at: Instant::now() })
    }

    /// Adds a window, and draws where the time has come. An environment error where the file cannot be written.
    pub fn window(&mut self, window: WindowFinding) -> Result<()> {
        // A board that began anew begins a new picture: its time is another.
        if self.windows.last().is_some_and(|last| window.seconds < last.seconds) {
            self.windows.clear();
        }
        if self.windows.len() == WINDOWS {
            self.windows.remove(0);
        }
        self.windows.push(window);
        if self.drawn_at.elapsed() < PAUSE { Ok(()) } else { self.finish() }
    }

    /// Draws. An environment error where the file cannot be written.
    pub fn finish(&mut self) -> Result<()> {
        self.drawn_at = Instant::now();
        if self.windows.is_empty() {
            return Ok(());
        }
        let svg = draw(&self.windows);
        let svg = svg.map_err(|error| Error::environment(format!("the picture: {error}")))?;
        output::file(&self.path, svg.as_bytes())
    }
}

/// The picture of windows, of which there is one, as the text of an SVG file.
fn draw(windows: &[WindowFinding]) -> std::result::Result<String, Box<dyn std::error::Error>> {
    let latents = windows.iter().map(|window| window.mean.len()).max().unwrap_or(0);
    let height = LATENT_HEIGHT * latents as u32;
    let mut svg = String::new();
    {
        let size = (WIDTH, height + SCORE_HEIGHT);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        let (posterior, score) = root.split_vertically(height);
        for (latent, area) in posterior.split_evenly((latents, 1)).iter().enumerate() {
            draw_latent(area, windows, latent)?;
        }
        draw_score(&score, windows)?;
        root.present()?;
    }
    Ok(svg)
}

/// Draws mean and two standard deviations of a latent along time.
fn draw_latent(area: &Area<'_>, windows: &[WindowFinding], latent: usize) -> Sketched {
    let bands = windows.iter().filter_map(|window| {
        let (mean, log_var) = (window.mean.get(latent)?, window.log_var.get(latent)?);
        Some((window.seconds, *mean, 2.0 * (0.5 * log_var).exp()))
    });
    let bands: Vec<(f64, f32, f32)> = bands.collect();
    let ends = bands.iter().flat_map(|(_, mean, two)| [mean - two, mean + two]);
    let title = match latent {
        0 => "Posterior on the board: mean and two standard deviations of z[0]".into(),
        _ => format!("z[{latent}]"),
    };
    let mut chart = ChartBuilder::on(area);
    chart.caption(title, ("sans-serif", 12).into_font().color(&INK)).y_label_area_size(64);
    let mut chart = chart.margin_right(18).build_cartesian_2d(time(windows), range(ends))?;
    let mut mesh = chart.configure_mesh();
    mesh.bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(FAINT)
        .y_labels(3)
        .draw()?;
    let upper = bands.iter().map(|(time, mean, two)| (*time, mean + two));
    let lower = bands.iter().rev().map(|(time, mean, two)| (*time, mean - two));
    let outline: Vec<(f64, f32)> = upper.chain(lower).collect();
    chart.draw_series([Polygon::new(outline, POSTERIOR.mix(0.28))])?;
    let means = bands.iter().map(|(time, mean, _)| (*time, *mean));
    chart.draw_series(LineSeries::new(means, POSTERIOR.stroke_width(1)))?;
    Ok(())
}

/// Draws the score along time, with a mark at every window that is not normal.
fn draw_score(area: &Area<'_>, windows: &[WindowFinding]) -> Sketched {
    let points = windows.iter().filter_map(|window| {
        let score = window.score().filter(|score| score.is_finite())?;
        Some((window.seconds, score, !matches!(&window.verdict()[..], "scored" | "encoded")))
    });
    let points: Vec<(f64, f32, bool)> = points.collect();
    let mut chart = ChartBuilder::on(area);
    let title = "Score in nats, with a mark where the verdict is not normal";
    chart.caption(title, ("sans-serif", 12).into_font().color(&INK)).y_label_area_size(64);
    let range = range(points.iter().map(|(_, score, _)| *score));
    let mut chart =
        chart.margin_right(18).x_label_area_size(28).build_cartesian_2d(time(windows), range)?;
    let mut mesh = chart.configure_mesh();
    mesh.bold_line_style(FAINT).light_line_style(TRANSPARENT).axis_style(FAINT).y_labels(4);
    mesh.x_label_formatter(&|seconds| format!("{seconds:.0} s")).draw()?;
    let line = points.iter().map(|(time, score, _)| (*time, *score));
    chart.draw_series(LineSeries::new(line, INK.stroke_width(1)))?;
    let marks = points.iter().filter(|(.., marked)| *marked);
    chart.draw_series(
        marks.map(|(time, score, _)| Circle::new((*time, *score), 4, FLAG.filled())),
    )?;
    Ok(())
}

/// From the first to the last window.
fn time(windows: &[WindowFinding]) -> Range<f64> {
    let [first, last] = [windows.first(), windows.last()].map(|w| w.map_or(0.0, |w| w.seconds));
    first..last.max(first + 1e-3)
}

/// From the least to the greatest value, with a little room; around 0 without a value.
fn range(values: impl Iterator<Item = f32>) -> Range<f32> {
    let ends = values.fold(None, |ends: Option<(f32, f32)>, value| {
        Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    let (low, high) = ends.unwrap_or((-1.0, 1.0));
    let room = 0.05 * (high - low).max(1e-3);
    low - room..high + room
}
